"""Generate the demo's synthetic people in the public file formats of Human3.6M and AMASS."""

import argparse
import sys

from _command import run

from uplift_upsample.data.demo.synthetic import generate_demo


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out_dir", required=True, metavar="DIR", help="folder for data_*_h36m*.npz, amass/*.npz and SYNTHETIC.txt"
    )
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give byte-identical files (default: %(default)s)")
    options = parser.parse_args(argv)
    generate_demo(options.out_dir, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
