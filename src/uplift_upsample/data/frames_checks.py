"""Whether the arrays of a frames table belong together: faults are found when a table is opened, not while it is used."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from uplift_upsample.base.cameras import Cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.windows import frame_rate_factor

# What the poses of a table are, by its metadata.
LAYOUT: dict[str, Any] = {"joints": MODEL_17, "unit_3d": "m", "axes_3d": "world, z up"}


def table_fault(values: Mapping[str, Any], cameras: Cameras, metadata: Mapping[str, Any]) -> str | None:
    """The first fault, None where there is none. values: the arrays of a ``FramesTable`` by attribute, of the right types and axes.

    The poses themselves, which may be larger than the memory, are not looked at.
    """
    start, length = values["sequence_start"], values["sequence_length"]
    sequence, camera, start_2d = values["video_sequence"], values["video_camera"], values["video_start_2d"]
    poses_2d = values["poses_2d"]
    lengths = {len(values[f"sequence_{name}"]) for name in ("start", "length", "frame_rate", "subject", "name", "action")}
    if lengths != {len(start)} or not len(start):
        return f"there are {' or '.join(map(str, sorted(lengths)))} sequences"
    if not len(sequence) == len(camera) == len(start_2d) or not len(sequence):
        return f"there are {len(sequence)} videos with {len(camera)} cameras and {len(start_2d)} starts"
    scored = values["is_scored"]
    if scored is not None and (len(scored) != len(values["poses_3d"]) or not np.isin(scored, (0, 1)).all()):
        return "is_scored is not a 0 or 1 for each frame"
    if not _lie_in(start, length, len(values["poses_3d"])):
        return f"a sequence lies outside of the {len(values['poses_3d'])} 3D poses"
    has_none = (camera == -1) & (poses_2d is None)  # motion capture has no camera
    if fault := _index_fault("sequence", sequence, len(start)) or _index_fault("camera", camera[~has_none], len(cameras)):
        return fault
    if poses_2d is not None and not _lie_in(start_2d, length[sequence], len(poses_2d)):
        return f"a video lies outside of the {len(poses_2d)} 2D poses"
    return _camera_fault(cameras) or _metadata_fault(metadata) or _frame_rate_fault(values["sequence_frame_rate"])


def _index_fault(what: str, indices: np.ndarray, count: int) -> str | None:
    wrong = indices[(indices < 0) | (indices >= count)]
    return f"a video refers to {what} {wrong[0]}; there are {count}, counted from 0" if len(wrong) else None


def _lie_in(start: np.ndarray, length: np.ndarray, total: int) -> bool:
    is_possible = (start >= 0) & (start <= total) & (length >= 1) & (length <= total)
    return bool(is_possible.all() and (start + length <= total).all())


def _camera_fault(cameras: Cameras) -> str | None:
    for name in ("orientation", "translation", "intrinsics"):
        array = getattr(cameras, name)
        if len(array) != len(cameras) or not np.isfinite(array).all() or np.abs(array).max(initial=0) > 1e6:
            return f"the {name} of a camera is missing, NaN, infinite or too large"
    norms = np.linalg.norm(cameras.orientation, axis=1)
    if len(norms) and np.abs(norms - 1).max() > 1e-3:
        return "the orientation of a camera is not a unit quaternion"
    return "a camera has a picture without size" if (cameras.intrinsics[:, :2] <= 0).any() else None


def _metadata_fault(metadata: Mapping[str, Any]) -> str | None:
    splits, actions = metadata.get("splits", {}), metadata.get("actions", [])
    if not isinstance(splits, dict) or not all(_are_texts(names) for names in splits.values()):
        return "its splits are not lists of subjects"
    if not _are_texts(actions) or not isinstance(metadata.get("dataset", ""), str):
        return "its metadata name no data set or no actions"
    left_out = metadata.get("left_out", {})
    if not isinstance(left_out, dict) or not all(_are_texts(videos) for videos in left_out.values()):
        return "its left out videos are not lists of names"
    for name, layout in LAYOUT.items():
        if metadata.get(name, layout) not in (layout, list(layout)):
            return f"{name} is {metadata[name]!r}, not {layout!r}"
    return None


def _are_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _frame_rate_fault(frame_rates: np.ndarray) -> str | None:
    try:
        frame_rate_factor(frame_rates)
    except InputError as error:
        return str(error)
    return None


def check_finite(dataset: str, what: str, poses: np.ndarray) -> None:
    """Raise ``InputError`` for poses of a table that are NaN or infinite: the file was damaged after it was made."""
    if not np.isfinite(poses).all():
        raise InputError(f"{dataset}: {what} of the frames table have a coordinate that is NaN or infinite; make the table again")
