"""Merge a folder of your own motion capture into one frames table, with simulated detections or without 2D poses."""

import argparse
import sys

from _command import SPLITS, read_splits, run

from uplift_upsample.data.frames import write_frames_table
from uplift_upsample.data.mocap.own_folder import mocap_table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, metavar="DIR", help="recordings, {subject}/{recording}.npz")
    parser.add_argument("--splits", required=True, help=SPLITS)
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulated detections (default: %(default)s)")
    parser.add_argument(
        "--detections", choices=["simulated", "none"], default="simulated", help="none: for pre-training (default: %(default)s)"
    )
    parser.add_argument("--output", required=True, metavar="H5", help="frames table to write")
    args = parser.parse_args(argv)
    table = mocap_table(args.folder, read_splits(args.splits), args.seed, has_detections=args.detections == "simulated")
    write_frames_table(args.output, table)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
