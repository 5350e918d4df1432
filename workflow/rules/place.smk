# Where Snakemake has to run, and how it ends where it cannot go on.
import os
import shlex
from pathlib import Path

from snakemake.logging import logger

ROOT = Path(workflow.basedir)


def refuse(message):
    """End with a message for the user. An exception would be shown with a traceback around it."""
    logger.error(message)
    raise SystemExit(1)


if not os.path.samefile(ROOT, "."):
    folder = shlex.quote(str(ROOT))
    refuse(f"paths count from the project's folder, not from {Path.cwd()}: cd {folder}, or add -d {folder} to the command")
