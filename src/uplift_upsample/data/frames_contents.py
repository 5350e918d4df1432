"""What a frames table was made from, without reading its poses."""

import json
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from uplift_upsample.plan.amass_subsets import subset_name
from uplift_upsample.plan.study_subjects import has_2d_poses


def holds_data_of(path: str | os.PathLike[str], source: Mapping[str, Any]) -> bool:
    """Whether a frames table that exists holds what a data set of the configuration describes.

    That is its source of 2D poses (kind ``h36m``), its subsets (kind ``amass``), or whether it has 2D poses (kind ``mocap``);
    nothing else is asked for. A table that cannot be read counts as right; the job that reads its poses reports what is wrong
    with it.
    """
    metadata = table_metadata(path)
    if metadata is None:
        return True
    try:
        if source["kind"] == "h36m":
            return bool(metadata["input_2d"] == source["input_2d"])
        if source["kind"] == "amass":
            subsets = {subset_name(PurePath(entry["file"]).stem) for entry in metadata["sources"]}
            return subsets == {*map(subset_name, source["subsets"]), *source.get("own", {})}
        if source["kind"] == "mocap":
            return (metadata["input_2d"] is not None) == has_2d_poses(source)
    except (KeyError, ValueError, TypeError):
        return True
    return True


def table_metadata(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The metadata of a frames table; None where there is no table, or none that can be read."""
    if not os.path.exists(path):
        return None
    import h5py  # the workflow asks at each start, mostly for tables that are not there

    try:
        with h5py.File(path, "r") as file:
            metadata = json.loads(file.attrs["metadata"])
    except (OSError, KeyError, ValueError, TypeError):
        return None
    return metadata if isinstance(metadata, dict) else None
