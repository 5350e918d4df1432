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
    if not os.path.exists(path):
        return None
    import h5py  # the workflow asks at each start, mostly for missing tables

    try:
        with h5py.File(path, "r") as file:
            metadata = json.loads(file.attrs["metadata"])
    except (OSError, KeyError, ValueError, TypeError):
        return None
    return metadata if isinstance(metadata, dict) else None
