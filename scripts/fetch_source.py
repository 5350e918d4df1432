"""Fetch one original file of the table of sources, or check the existing one, and write a manifest of it."""

import argparse
import os
import sys

from _command import run

from uplift_upsample.base.progress import DownloadProgress
from uplift_upsample.data.download.site_logins import credentials_for
from uplift_upsample.data.download.source_downloads import absent, fetch_source
from uplift_upsample.data.download.source_files import ChecksumLock, read_sources, source_named, write_source_manifest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Logins are taken from the environment: see the README, 'Data'. An interrupted download resumes.",
    )
    parser.add_argument("--source", required=True, help="name in the table")
    parser.add_argument("--sources", required=True, help="table of sources (CSV)")
    parser.add_argument("--folder", required=True, help="folder of original files; existing files are checked, never replaced")
    parser.add_argument("--lock", required=True, help="text file that keeps checksums of files whose publishers give none")
    parser.add_argument("--output", required=True, help="manifest to write: source, path, SHA-256, bytes, origin (JSON)")
    args = parser.parse_args(argv)
    source = source_named(read_sources(args.sources), args.source)
    credentials = credentials_for(source.access, os.environ) if absent([source], args.folder) else None
    with DownloadProgress(source.name) as progress:
        file = fetch_source(source, args.folder, ChecksumLock(args.lock), credentials, progress=progress)
    write_source_manifest(args.output, file)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
