"""Score the baseline that knows nothing: the mean training pose, predicted for every test frame."""

import argparse
import sys

from _command import run

from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.scores import mean_pose_scores, write_scores


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", required=True, metavar="H5", help="frames table with ground truth and cameras")
    parser.add_argument("--train_subset", required=True, help="split or subjects whose poses are averaged, such as trainval")
    parser.add_argument("--test_subset", required=True, help="split or subjects to score on, such as test or S9,S11")
    parser.add_argument("--output", required=True, metavar="JSON", help="scores and their protocol, millimetres")
    options = parser.parse_args(argv)
    table = read_frames_table(options.frames)
    write_scores(options.output, mean_pose_scores(table, options.train_subset, options.test_subset))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
