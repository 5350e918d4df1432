"""Convert AMASS subsets (17 joints each) into one frames table."""

import argparse
import sys

from _command import add_checks_flags, checks_of, run

from uplift_upsample.base.progress import ConversionProgress
from uplift_upsample.data.amass.table import write_amass_table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", required=True, nargs="+", metavar="NPZ", help="converted subsets, named SFU.npz and so on")
    parser.add_argument("--output", required=True, metavar="H5", help="frames table to write")
    add_checks_flags(parser, has_2d=False)
    options = parser.parse_args(argv)
    with ConversionProgress("amass") as progress:
        write_amass_table(options.output, options.files, progress.step, checks_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
