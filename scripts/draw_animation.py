"""Draw a test sequence as an animation: 2D input, prediction and ground truth in 3D, and the error over time."""

import argparse
import sys

from _command import run

from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.predictions import read_predictions
from uplift_upsample.report.animation.clips import clip
from uplift_upsample.report.animation.encode import write_animation
from uplift_upsample.report.animation.frames import SHOWN_RATE, Scene


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, metavar="H5", help="predictions of predict_poses.py")
    parser.add_argument("--frames", required=True, metavar="H5", help="the frames table that was predicted from")
    parser.add_argument(
        "--sequence", required=True, help="SUBJECT_SEQUENCE_camNUMBER or SUBJECT_ACTION_camNUMBER, e.g. S9_Walking_cam0"
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="how much of it from its start (%(default)g)")
    parser.add_argument(
        "--no_learned_upsampling", action="store_true", help="interpolate between the predictions at multiples of s_in alone"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help=".gif, or .mp4 if ffmpeg is installed")
    options = parser.parse_args(argv)
    predictions, table = read_predictions(options.predictions), read_frames_table(options.frames)
    shown = clip(predictions, table, options.sequence, options.seconds, learned_upsampling=not options.no_learned_upsampling)
    write_animation(options.output, Scene(shown).pictures(), SHOWN_RATE)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
