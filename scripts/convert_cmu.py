"""Convert the original files of one CMU subject to clips of 17 joints at 50 Hz, without glitches."""

import argparse
import sys

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mocap.cmu_clips import convert_subject, write_clips, write_glitches
from uplift_upsample.data.mocap.cmu_trials import read_manifest, read_trials


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", required=True, help="manifest of the subject's files, from fetch_cmu.py")
    parser.add_argument("--trials", required=True, help="CSV list of trials")
    parser.add_argument("--output", required=True, help="clips to write (.npz)")
    parser.add_argument("--glitches", required=True, help="list of the frames that were dropped to write (CSV)")
    args = parser.parse_args(argv)
    files = read_manifest(args.manifest)
    trials = [trial for trial in read_trials(args.trials) if trial.amc in files]
    if len({trial.subject for trial in trials}) != 1:
        raise InputError(f"{args.manifest}: it must list trials of exactly one subject of {args.trials}; fetch the subject again")
    subject, glitches = convert_subject(trials, files)
    write_clips(args.output, subject)
    write_glitches(args.glitches, glitches)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
