"""What there is around the studies: the table of sources, the logins in the environment, and what lies in the project's folder."""

import csv
import os
from collections.abc import Callable, Mapping
from typing import Any

from uplift_upsample.plan.ways import LOGIN_VARIABLES, Surroundings


def rows_of_sources(path: str | os.PathLike[str]) -> dict[str, dict[str, str]]:
    """The rows of the table of sources by name, as they are; ``data.download.source_files`` checks them."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def surroundings_here(
    sources: Mapping[str, Mapping[str, str]], environ: Mapping[str, str], holds: Callable[[str, Any], bool]
) -> Surroundings:
    """Those of the working folder. Of the logins, only whether there are any. holds: as ``Surroundings`` has it."""
    logins = {login for login, names in LOGIN_VARIABLES.items() if all(environ.get(name) for name in names)}
    return Surroundings(sources, logins, os.path.exists, holds)
