"""Convert a folder of your own motion capture into one more subset for pre-training, in the layout of the AMASS subsets."""

import argparse
import sys

from _command import run

from uplift_upsample.data.mocap.own_folder import mocap_subset
from uplift_upsample.data.public_npz import write_amass_subset


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, metavar="DIR", help="recordings, {subject}/{recording}.npz")
    parser.add_argument("--output", required=True, metavar="NPZ", help="subset to write")
    args = parser.parse_args(argv)
    write_amass_subset(args.output, mocap_subset(args.folder))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
