"""Merge the clips of CMU subjects into one frames table, seen by the Human3.6M cameras with simulated detections."""

import argparse
import sys

from _command import SPLITS, read_splits, run

from uplift_upsample.data.frames import write_frames_table
from uplift_upsample.data.mocap.cmu_table import cmu_table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", nargs="+", required=True, help="clips of each subject, from convert_cmu.py")
    parser.add_argument("--splits", required=True, help=SPLITS)
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulated detections (default: %(default)s)")
    parser.add_argument("--output", required=True, help="frames table to write (.h5)")
    args = parser.parse_args(argv)
    write_frames_table(args.output, cmu_table(args.subjects, read_splits(args.splits), args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
