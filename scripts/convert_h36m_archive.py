"""Convert the official archive of one subject of Human3.6M to an .npz file of our own."""

import argparse
import sys

from _command import run

from uplift_upsample.data.download.source_files import read_source
from uplift_upsample.data.h36m.archives import read_archive, write_subject
from uplift_upsample.plan.h36m_subjects import SUBJECTS


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="manifest of the archive Poses_D3_Positions_{subject}.tgz")
    parser.add_argument("--subject", required=True, choices=SUBJECTS)
    parser.add_argument("--output", required=True, help="poses of the subject to write (.npz)")
    args = parser.parse_args(argv)
    source = read_source(args.source)
    write_subject(args.output, read_archive(source.path, args.subject, source.sha256))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
