"""Merge the clips of CMU subjects into one frames table, seen by the Human3.6M cameras with simulated detections."""

import argparse
import json
import sys

from _command import run

from uplift_upsample.data.cmu_table import cmu_table
from uplift_upsample.data.frames import write_frames_table
from uplift_upsample.errors import InputError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", nargs="+", required=True, help="clips of each subject, from convert_cmu.py")
    parser.add_argument("--splits", required=True, help='subjects of each split as JSON: {"train": ["01", "02"], "test": ["03"]}')
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulated detections (default: %(default)s)")
    parser.add_argument("--output", required=True, help="frames table to write (.h5)")
    args = parser.parse_args(argv)
    write_frames_table(args.output, cmu_table(args.subjects, _splits(args.splits), args.seed))
    return 0


def _splits(text: str) -> dict[str, list[str]]:
    try:
        splits = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"--splits is no JSON: {error}") from None
    is_valid = isinstance(splits, dict) and all(
        isinstance(members, list) and all(isinstance(member, str) for member in members) for members in splits.values()
    )
    if not is_valid:
        raise InputError('--splits must give lists of subjects as text: {"train": ["01", "02"], "test": ["03"]}')
    return splits


if __name__ == "__main__":
    sys.exit(run(main))
