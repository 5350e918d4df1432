"""Find the people in the key frames of a video, and write their keypoints as an .npz file."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from _command import run

from uplift_upsample.base.progress import CountProgress
from uplift_upsample.data.download.source_files import read_source
from uplift_upsample.data.keypoints.arrays import write_found
from uplift_upsample.lift.video.detected import detected, key_frames_of
from uplift_upsample.lift.video.detectors import detector_named
from uplift_upsample.lift.video.video_file import VideoFile
from uplift_upsample.plan.people import DetectorName


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--video", required=True, metavar="FILE")
    add("--s_in", type=int, required=True, help="the network will see every s_in-th frame at 50 Hz, and no other is looked at")
    add("--s_out", type=int, required=True, help="frames at 50 Hz between two 3D poses of the network")
    add("--detector", choices=get_args(DetectorName), required=True, help="MediaPipe's model, or rtmlib")
    add("--models", metavar="JSON", help="manifest of MediaPipe's models, from fetch_source.py; rtmlib needs none")
    add("--output", required=True, metavar="NPZ", help="keypoints to write, a file that lift.py and lift_clip.py read")
    options = parser.parse_args(argv)
    if options.models is None and options.detector != "rtmlib":
        parser.error(f"the detector {options.detector} needs --models")
    video = VideoFile(options.video)
    keys = key_frames_of(video, options.s_in, options.s_out)
    detector = detector_named(options.detector, lambda: Path(read_source(options.models).path))
    print(f"detector: {detector.name}, on {keys.described()}", flush=True)
    with CountProgress("detection", "frame") as progress:
        write_found(options.output, detected(video, keys, detector, progress))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
