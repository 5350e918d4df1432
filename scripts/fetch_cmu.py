"""Fetch the original files of one subject of the CMU motion capture database, and list them in a manifest."""

import argparse
import sys

from _command import run

from uplift_upsample.data.download.fetch import local_path
from uplift_upsample.data.download.source_files import read_source
from uplift_upsample.data.mocap.cmu_archive import unpack_subject
from uplift_upsample.data.mocap.cmu_trials import PAUSE, fetch_subject, read_trials, trials_of, write_manifest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    places = parser.add_mutually_exclusive_group(required=True)
    places.add_argument(
        "--source", help="URL of the database or a mirror with single files, a folder with the same layout, or the zip file of all"
    )
    places.add_argument(
        "--archive", metavar="MANIFEST", help="manifest of the zip file of the whole database, from fetch_source.py"
    )
    parser.add_argument("--trials", required=True, help="CSV list of trials with their checksums")
    parser.add_argument("--subject", required=True, help="number of the subject, as in the list: 01")
    parser.add_argument(
        "--cache", required=True, help="folder that keeps what is fetched or unpacked; a local folder is used in place"
    )
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between two requests (default: %(default)s)")
    parser.add_argument("--output", required=True, help="manifest to write: file, origin, path, SHA-256, bytes (CSV)")
    args = parser.parse_args(argv)
    trials = trials_of(read_trials(args.trials), args.subject)
    if args.archive:
        archive = read_source(args.archive)
        fetched = unpack_subject(archive.path, trials, args.cache, archive.origin)
    elif (place := local_path(args.source)) is not None and (place.is_file() or place.suffix == ".zip"):
        fetched = unpack_subject(place, trials, args.cache)
    else:
        fetched = fetch_subject(args.source, trials, args.cache, args.pause)
    write_manifest(args.output, fetched)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
