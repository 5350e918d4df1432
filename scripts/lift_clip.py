"""Lift the keypoints of a clip to 3D poses, as lift.py does, and draw nothing: one job of the workflow."""

import argparse
import os
import sys

from _command import add_clip_flags, clip_settings, readout_changes, run

from uplift_upsample.data.keypoints.read import read_keypoints
from uplift_upsample.lift.clip_job import lift_clip
from uplift_upsample.lift.exports.writers import WRITERS
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.model.device import Wish


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keypoints", required=True, metavar="FILE", help="keypoint file, or folder with one for each frame")
    parser.add_argument("--output", nargs="+", required=True, metavar="FILE", help=f"files to write: {', '.join(WRITERS)}")
    add_clip_flags(parser)
    options = parser.parse_args(argv)
    known = weights_named(options.weights, options.config, options.skeleton)
    poses = lift_clip(
        Uplifter(known, mirror=not options.no_mirror, **readout_changes(options)),
        lambda: read_keypoints(options.keypoints),
        clip_settings(options),
        Wish(options.device, options.gpu_id),
        os.environ,
        lambda lines: print(*lines, sep="\n", flush=True),
    )
    for path in options.output:
        note = poses.save(path)
        print(f"{path}{': ' if note else ''}{note}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
