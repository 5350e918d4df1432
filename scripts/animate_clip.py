"""Draw a clip that was lifted as an animation: 2D poses that the network saw, on the video where there is one, and 3D poses."""

import argparse
import sys
from pathlib import Path

from _command import run

from uplift_upsample.lift.exports.plain import read_npz
from uplift_upsample.report.animation.lifted_clips import animate_clip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", required=True, metavar="NPZ", help="poses of lift.py or lift_clip.py")
    parser.add_argument("--video", metavar="FILE", help="the video that they are of")
    parser.add_argument("--seconds", type=float, default=20.0, help="how much of it from its start (%(default)g)")
    parser.add_argument("--output", required=True, metavar="FILE", help=".gif, or .mp4 if ffmpeg is installed")
    options = parser.parse_args(argv)
    note = animate_clip(options.output, read_npz(options.poses), Path(options.poses).stem, options.seconds, options.video)
    print(f"{options.output}{': ' if note else ''}{note}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
