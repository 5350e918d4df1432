"""Write the result tables of a study: tidy CSV, Markdown and LaTeX."""

import argparse
import sys

from _command import run

from uplift_upsample.report.manifest import read_manifest
from uplift_upsample.report.tables.tables import write_tables


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, help="name of the study, as in the manifest")
    parser.add_argument(
        "--manifest",
        required=True,
        metavar="JSON",
        help="what was planned, and the paths of the scores",
    )
    parser.add_argument("--out_dir", required=True, metavar="DIR", help="folder for the tables")
    options = parser.parse_args(argv)
    write_tables(read_manifest(options.manifest, options.study), options.out_dir)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
