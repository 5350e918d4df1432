"""Reduce AMASS's body model (SMPL+H with DMPLs) to what 17 joints need, from the three official archives."""

import argparse
import sys

from _command import run

from uplift_upsample.data.amass.body_model import prepare_body_model, write_body_model
from uplift_upsample.data.download.source_files import read_source


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smplh", required=True, metavar="MANIFEST", help="manifest of smplh.tar.xz, from fetch_source.py")
    parser.add_argument("--dmpls", required=True, metavar="MANIFEST", help="manifest of dmpls.tar.xz")
    parser.add_argument("--regressor", required=True, metavar="MANIFEST", help="manifest of data.tar.gz, with J_regressor_h36m.npy")
    parser.add_argument("--output", required=True, metavar="NPZ", help="reduced body model to write")
    args = parser.parse_args(argv)
    archives = [read_source(manifest).path for manifest in (args.smplh, args.dmpls, args.regressor)]
    write_body_model(args.output, prepare_body_model(*archives))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
