"""What a frames table was made from, without reading its poses."""

import json
import os
from typing import Any

from uplift_upsample.plan.datasets import DataSet


def holds_data_of(path: str | os.PathLike[str], source: DataSet) -> bool:
    """Whether a frames table that exists holds what a data set of the configuration describes.

    The data set defines what has to be the same (``DataSet.is_held_by``). A table that cannot be read counts as right; the job that
    reads its poses reports what is wrong with it.
    """
    metadata = table_metadata(path)
    if metadata is None:
        return True
    try:
        return source.is_held_by(metadata)
    except (LookupError, ValueError, TypeError):
        return True


def table_metadata(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The metadata of a frames table; None where there is no table, or none that can be read."""
    try:
        metadata = json.loads(_attribute(path, "metadata") or "")
    except (ValueError, TypeError):
        return None
    return metadata if isinstance(metadata, dict) else None


def table_sum(path: str | os.PathLike[str]) -> str | None:
    """The sum of a frames table's content, as records have it; None where there is no table, or none that can be read."""
    found = _attribute(path, "sha256")
    return found if isinstance(found, str) else None


def _attribute(path: str | os.PathLike[str], name: str) -> Any:
    """None where there is no such file, or it has no such attribute."""
    if not os.path.exists(path):
        return None
    import h5py  # the workflow asks at each start, mostly for missing tables

    try:
        with h5py.File(path, "r") as file:
            return file.attrs[name]
    except (OSError, KeyError, ValueError, TypeError):
        return None
