"""What the tests ask of documents."""

import io
from pathlib import Path
from typing import Any

import pandas as pd

from uplift_upsample.base.strict import to_mapping
from uplift_upsample.report.manifest import Manifest
from uplift_upsample.report.tables.tables import write_tables
from uplift_upsample.report.view import Section


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), na_values=["NOT RUN"], keep_default_na=True)


def rows_of(section: Section) -> list[dict[str, str]]:
    return [dict(zip(section.header, row, strict=True)) for row in section.rows]


def find(rows: list[dict[str, str]], **wanted: str) -> dict[str, str]:
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, f"{len(found)} rows with {wanted}"
    return found[0]


def written(manifest: Manifest, folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in write_tables(manifest, folder)}


def plain(manifest: Manifest, **changes: Any) -> dict[str, Any]:
    """A manifest as it stands in its file, with changes."""
    return {**to_mapping(manifest), **changes}
