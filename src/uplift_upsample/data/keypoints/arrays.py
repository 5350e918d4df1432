"""Keypoints as arrays: of a program, of ``.npy`` and of ``.npz`` files. ``docs/own_video.md`` has the fields of the latter."""

from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import suggestion
from uplift_upsample.data.keypoints.found import MAX_FRAMES, MAX_PIXELS, NO_TRACK, Found
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError, npy_array

FIELDS = ("keypoints", "confidence", "layout", "frame_rate", "times", "size")
_SHAPES = "(frames, joints, 2 or 3), or (frames, people, joints, 2 or 3)"


def found_in_array(keypoints: Any, confidence: Any = None, place: str = "keypoints") -> Found:
    """People of an array ``(T, K, 2)``, ``(T, K, 3)`` with confidence, or ``(T, P, K, 2 or 3)`` of P people in each frame.

    Pixels; NaN where a joint, a person or a frame is missing. Raises ``InputError`` for anything else.
    """
    points = _numbers(keypoints, place)
    points = points[:, None] if points.ndim == 3 else points
    if points.ndim != 4 or points.shape[-1] not in (2, 3) or 0 in points.shape:
        raise InputError(f"{place}: the shape is {np.shape(keypoints)}; it must be {_SHAPES}")
    num_frames, num_people = points.shape[:2]
    if num_frames > MAX_FRAMES:
        raise InputError(f"{place}: {num_frames} frames; cut it into clips of at most {MAX_FRAMES}")
    if confidence is None:
        sure = points[..., 2] if points.shape[-1] == 3 else np.ones(points.shape[:-1])
    else:
        sure = _numbers(confidence, f"{place}: confidence")
        if sure.size != np.prod(points.shape[:-1]) or points.shape[-1] == 3:
            raise InputError(
                f"{place}: confidence has the shape {sure.shape}; it must have one number for each joint, beside keypoints "
                "that have none"
            )
        sure = sure.reshape(points.shape[:-1])
    xy = points[..., :2]
    if np.abs(np.nan_to_num(xy[sure > 0], posinf=0, neginf=0)).max(initial=0) > MAX_PIXELS:
        raise InputError(f"{place}: a coordinate beyond {MAX_PIXELS:g} pixels")
    is_there = np.isfinite(xy).all(axis=-1).any(axis=-1)  # (T, P)
    if not is_there.any():
        raise InputError(f"{place}: there is nobody in any frame; every joint is NaN")
    frame, person = np.nonzero(is_there)
    # one person is one person; several of them are in the order of the detector, which need not be the same in all frames
    track = np.full(len(frame), 0 if num_people == 1 else NO_TRACK)
    return Found(frame, xy[frame, person], sure[frame, person], track, 0, num_frames - 1)


def found_in_npz(path: Path) -> Found:
    """People of an ``.npz`` file. Raises ``InputError`` for a field that is missing, unknown or of another shape."""
    try:
        archive = PlainNpz(path)
        unknown = sorted(archive.fields - set(FIELDS))
        if unknown:
            raise UnreadableError(f"unknown field {unknown[0]!r}{suggestion(unknown[0], FIELDS)}; known are {', '.join(FIELDS)}")
        fields = {name: archive.read(name) for name in FIELDS if name in archive.fields or name == "keypoints"}
    except UnreadableError as error:
        raise InputError(f"{path}: {error}") from None
    found = found_in_array(fields["keypoints"], fields.get("confidence"), str(path))
    facts: dict[str, Any] = {}
    if "layout" in fields:
        facts["layout"] = str(fields["layout"].reshape(-1)[0]) if fields["layout"].size == 1 else "?"
    for name, size in (("frame_rate", 1), ("size", 2), ("times", found.num_frames)):
        if name not in fields:
            continue
        value = _numbers(fields[name], f"{path}: {name}").reshape(-1)
        if len(value) != size:
            raise InputError(f"{path}: {name} has {len(value)} numbers; it must have {size}")
        facts[name] = float(value[0]) if name == "frame_rate" else value if name == "times" else tuple(value.tolist())
    return Found(**{**vars(found), **facts})


def found_in_npy(path: Path) -> Found:
    """People of a bare ``.npy`` file."""
    try:
        return found_in_array(npy_array(path.read_bytes()), None, str(path))
    except UnreadableError as error:
        raise InputError(f"{path}: {error}") from None


def _numbers(value: Any, place: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{place}: not an array; its rows have different lengths") from None
    if array.dtype.kind not in "fiu":
        raise InputError(f"{place}: it holds {array.dtype}, not numbers")
    return array.astype(np.float64)
