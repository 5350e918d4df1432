"""Check that a login opens all files that are to be downloaded with it, before the first of them is."""

import argparse
import json
import os
import sys

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text
from uplift_upsample.data.download.site_logins import LOGINS, check_login, credentials_for
from uplift_upsample.data.download.source_downloads import absent
from uplift_upsample.data.download.source_files import read_sources, source_named


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog="The login is taken from the environment: see the README, 'Data'.")
    parser.add_argument("--login", required=True, choices=LOGINS, help="which login")
    parser.add_argument("--sources", required=True, help="table of sources (CSV)")
    parser.add_argument("--names", required=True, nargs="*", help="names in the table; those whose file exists are not asked for")
    parser.add_argument("--folder", required=True, help="folder of original files")
    parser.add_argument("--output", required=True, help="what to write when all is well (JSON)")
    args = parser.parse_args(argv)
    table = read_sources(args.sources)
    sources = [source_named(table, name) for name in args.names]
    others = [source.name for source in sources if source.access != args.login]
    if others:
        raise InputError(f"{', '.join(others)}: not behind the login {args.login}")
    wanted = absent(sources, args.folder)
    if wanted:
        credentials = credentials_for(args.login, os.environ)
        assert credentials is not None
        check_login(args.login, credentials, wanted)
    write_text(args.output, json.dumps({"login": args.login, "sources": args.names}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
