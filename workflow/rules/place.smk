# Where Snakemake has to run, and how it ends where it cannot go on.
import os
import shlex
import sys
from pathlib import Path

from snakemake.logging import logger

from snakemake.cli import get_argument_parser

ROOT = Path(workflow.basedir)


def refuse(message):
    """End with a message for the user. An exception would be shown with a traceback around it."""
    logger.error(message)
    raise SystemExit(1)


if not os.path.samefile(ROOT, "."):
    folder = shlex.quote(str(ROOT))
    refuse(f"paths count from the project's folder, not from {Path.cwd()}: cd {folder}, or add -d {folder} to the command")


def targets_of_command(*others):
    """The targets of this command, and what other flags name. (To build Snakemake's parser takes a fifth of a second.)"""
    options, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    groups = (getattr(options, name) for name in ("targets", *others))
    return list(dict.fromkeys(word for words in groups if words for word in words))
