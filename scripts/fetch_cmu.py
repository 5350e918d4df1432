"""Fetch the original files of one subject of the CMU motion capture database, and list them in a manifest."""

import argparse
import sys

from _command import run

from uplift_upsample.data.cmu_trials import PAUSE, fetch_subject, read_trials, trials_of, write_manifest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="URL of the database or a mirror, or a folder with the same layout")
    parser.add_argument("--trials", required=True, help="CSV list of trials with their checksums")
    parser.add_argument("--subject", required=True, help="number of the subject, as in the list: 01")
    parser.add_argument("--cache", required=True, help="folder that keeps downloads; a local source is used in place")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between two requests (default: %(default)s)")
    parser.add_argument("--output", required=True, help="manifest to write: file, origin, path, SHA-256, bytes (CSV)")
    args = parser.parse_args(argv)
    trials = trials_of(read_trials(args.trials), args.subject)
    write_manifest(args.output, fetch_subject(args.source, trials, args.cache, args.pause))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
