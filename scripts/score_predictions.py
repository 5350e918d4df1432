"""Score saved predictions against the ground truth: all frames, key frames, and without learned upsampling."""

import argparse
import sys

from _command import run

from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.predictions import read_predictions
from uplift_upsample.evaluate.scores import scores, write_scores


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, metavar="H5", help="predictions of predict_poses.py")
    parser.add_argument("--frames", required=True, metavar="H5", help="the frames table that was predicted from")
    parser.add_argument(
        "--no_learned_upsampling",
        action="store_true",
        help="report as the result what interpolation between the predictions at multiples of s_in alone gives",
    )
    parser.add_argument("--output", required=True, metavar="JSON", help="scores and their protocol, millimetres")
    options = parser.parse_args(argv)
    predictions = read_predictions(options.predictions)
    table = read_frames_table(options.frames)
    write_scores(options.output, scores(predictions, table, learned_upsampling=not options.no_learned_upsampling))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
