"""Draw the figures of a study: error over stride, action, cost, joint and distance, and learning curves, as PNG and SVG."""

import argparse
import sys

from _command import run

from uplift_upsample.report.figures.figures import write_figures
from uplift_upsample.report.figures.material import gathered
from uplift_upsample.report.manifest import read_manifest
from uplift_upsample.report.results import collected


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, help="name of the study, as in the manifest")
    parser.add_argument("--manifest", required=True, metavar="JSON", help="what was planned, and the paths of the scores")
    parser.add_argument(
        "--histories", nargs="*", default=[], metavar="CSV", help="learning curves, .../EXPERIMENT/seed_NUMBER/history.csv"
    )
    parser.add_argument("--out_dir", required=True, metavar="DIR", help="folder for the figures")
    options = parser.parse_args(argv)
    manifest = read_manifest(options.manifest, options.study)
    write_figures(gathered(collected(manifest), options.histories), options.out_dir)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
