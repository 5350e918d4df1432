"""Convert the official archive of one AMASS subset to 17 joints at 50 Hz, and list what became of each recording."""

import argparse
import sys

from _command import run

from uplift_upsample.base.progress import ConversionProgress
from uplift_upsample.data.amass.archives import convert_archive, write_report
from uplift_upsample.data.amass.body_model import read_body_model
from uplift_upsample.data.download.source_files import read_source
from uplift_upsample.data.public_npz import write_amass_subset


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, metavar="MANIFEST", help="manifest of the archive, from fetch_source.py")
    parser.add_argument("--subset", required=True, help="name of the subset: CMU")
    parser.add_argument("--body_model", required=True, metavar="NPZ", help="reduced body model, from prepare_body_model.py")
    parser.add_argument("--output", required=True, metavar="NPZ", help="converted subset to write")
    parser.add_argument("--report", required=True, metavar="CSV", help="list of all recordings to write")
    args = parser.parse_args(argv)
    model = read_body_model(args.body_model)
    with ConversionProgress(args.subset) as progress:
        converted = convert_archive(read_source(args.source).path, args.subset, model, progress.step)
    write_amass_subset(args.output, converted.people)
    write_report(args.report, converted.report)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
