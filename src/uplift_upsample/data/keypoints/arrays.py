"""Keypoints as arrays: of a program, of ``.npy`` and of ``.npz`` files. ``docs/own_video.md`` has the fields of the latter."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing
from uplift_upsample.base.strict import suggestion
from uplift_upsample.data.keypoints.found import MAX_FRAMES, MAX_PIXELS, NO_TRACK, Found
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError, npy_array

FIELDS = ("keypoints", "confidence", "layout", "frame_rate", "times", "size", "frames", "track", "detector")
_MOST_PEOPLE = 30  # in a clip of fewer frames than people; more are frames in the place of people, as in the arrays of MHFormer
_SHAPES = "(frames, joints, 2 or 3), or (frames, people, joints, 2 or 3)"


def found_in_array(keypoints: Any, confidence: Any = None, place: str = "keypoints", *, has_frames: bool = False) -> Found:
    """People of an array ``(T, K, 2)``, ``(T, K, 3)`` with confidence, or ``(T, P, K, 2 or 3)`` of P people in each frame.

    Pixels; NaN where a joint, a person or a frame is missing. has_frames: whether it is known that the first axis is that of
    frames; without, a crowd in few frames is refused. Raises ``InputError`` for anything else, too.
    """
    points = _numbers(keypoints, place)
    points = points[:, None] if points.ndim == 3 else points
    if points.ndim != 4 or points.shape[-1] not in (2, 3) or 0 in points.shape:
        raise InputError(f"{place}: the shape is {np.shape(keypoints)}; it must be {_SHAPES}")
    num_frames, num_people = points.shape[:2]
    if num_frames > MAX_FRAMES:
        raise InputError(f"{place}: {num_frames} frames; cut it into clips of at most {MAX_FRAMES}")
    if num_people > max(_MOST_PEOPLE, num_frames) and not has_frames:
        raise InputError(
            f"{place}: {num_frames} frames with {num_people} people each, by the shape {np.shape(keypoints)}; frames come first, "
            "then people, so exchange the two axes. If there truly are as many, keep those of interest"
        )
    if confidence is None:
        sure = points[..., 2] if points.shape[-1] == 3 else np.ones(points.shape[:-1])
    else:
        sure = _numbers(confidence, f"{place}: confidence")
        if not _is_shaped(sure, points.shape[:-1]) or points.shape[-1] == 3:
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
    found = found_in_array(fields["keypoints"], fields.get("confidence"), str(path), has_frames="frames" in fields)
    facts: dict[str, Any] = {}
    for name in ("layout", "detector"):
        if name in fields:
            word = fields[name].reshape(-1)[0] if fields[name].size == 1 else "?"
            facts[name] = word.decode(errors="replace") if isinstance(word, bytes) else str(word)
    for name, size in (("frame_rate", 1), ("size", 2)):
        if name in fields:
            value = _numbers_of(fields, name, size, path)
            facts[name] = float(value[0]) if name == "frame_rate" else tuple(value.tolist())
    if "track" in fields:
        facts["track"] = _tracks(fields, found, path)
    if "frames" in fields:
        facts |= _own_frames(fields, found, path)
    elif "times" in fields:
        facts["times"] = _numbers_of(fields, "times", found.num_frames, path)
    return Found(**{**vars(found), **facts})


def write_found(path: str | os.PathLike[str], found: Found) -> None:
    """Write people as an ``.npz`` file that ``found_in_npz`` reads as they are, if their points are pixels.

    Frames at which no detector looked take no room.
    """
    frames = np.arange(found.first, found.last + 1) if found.looked is None else found.looked
    rows = np.searchsorted(frames, found.frame)
    place = np.arange(len(rows)) - np.searchsorted(found.frame, found.frame)  # of each one in its frame; frames ascend
    shape = (len(frames), int(place.max()) + 1)
    points = np.full((*shape, *found.points.shape[1:]), np.nan)
    confidence = np.zeros((*shape, found.points.shape[1]))
    track = np.full(shape, NO_TRACK)
    points[rows, place], confidence[rows, place], track[rows, place] = found.points, found.confidence, found.track
    facts = {name: getattr(found, name) for name in ("layout", "frame_rate", "times", "size", "detector")}
    known: dict[str, Any] = {name: np.asarray(value) for name, value in facts.items() if value is not None}
    with replacing(path) as aside, aside.open("wb") as file:  # to a name that does not end in .npz, NumPy would append it
        np.savez_compressed(
            file,
            keypoints=points,
            confidence=confidence,
            frames=frames,
            track=track,
            **known,
        )


def found_in_npy(path: Path) -> Found:
    """People of a bare ``.npy`` file."""
    try:
        return found_in_array(npy_array(path.read_bytes()), None, str(path))
    except UnreadableError as error:
        raise InputError(f"{path}: {error}") from None


def _own_frames(fields: Mapping[str, np.ndarray], found: Found, path: Path) -> dict[str, Any]:
    """What changes if ``frames`` lists the frames of the rows. ``times`` then has one number for each frame of the clip."""
    frames = _whole_numbers(fields, "frames", (found.num_frames,), path)
    if frames[0] < 0 or frames[-1] >= MAX_FRAMES or (np.diff(frames) <= 0).any():
        raise InputError(f"{path}: frames must be numbers of frames, from 0 to {MAX_FRAMES - 1}, each larger than the one before")
    facts: dict[str, Any] = {"frame": frames[found.frame], "first": int(frames[0]), "last": int(frames[-1]), "looked": frames}
    if "times" in fields:
        times = _numbers(fields["times"], f"{path}: times").reshape(-1)
        if len(times) <= frames[-1]:
            raise InputError(f"{path}: times has {len(times)} numbers, one for each frame of the clip, but frames has {frames[-1]}")
        facts |= {"times": times, "first": 0, "last": len(times) - 1}
    return facts


def _tracks(fields: Mapping[str, np.ndarray], found: Found, path: Path) -> np.ndarray:
    """The identity of each of the found people, of ``track (frames, people)``."""
    keypoints = fields["keypoints"]
    track = _whole_numbers(fields, "track", (len(keypoints), keypoints.shape[1] if keypoints.ndim == 4 else 1), path)
    is_there = np.isfinite(keypoints[..., :2]).all(axis=-1).any(axis=-1).reshape(track.shape)
    ordered = np.sort(np.where(is_there, track, NO_TRACK), axis=1)
    twice = (np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] > NO_TRACK)
    if twice.any():
        raise InputError(f"{path}: track: row {int(np.argmax(twice.any(axis=1)))} has one identity twice")
    return np.maximum(track[is_there], NO_TRACK)


def _numbers_of(fields: Mapping[str, np.ndarray], name: str, size: int, path: Path) -> np.ndarray:
    value = _numbers(fields[name], f"{path}: {name}").reshape(-1)
    if len(value) != size:
        raise InputError(f"{path}: {name} has {len(value)} numbers; it must have {size}")
    return value


def _whole_numbers(fields: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    value = fields[name]
    if value.dtype.kind not in "iu" or not _is_shaped(value, shape):
        raise InputError(
            f"{path}: {name} is {value.dtype} of the shape {value.shape}; it must be whole numbers of the shape {shape}"
        )
    return value.reshape(shape).astype(np.int64)


def _is_shaped(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether an array has a shape but for axes of one: as many numbers in another order are something else."""
    return [side for side in array.shape if side != 1] == [side for side in shape if side != 1]


def _numbers(value: Any, place: str) -> np.ndarray:
    try:
        array = np.ma.asarray(value)
    except ValueError:
        raise InputError(f"{place}: not an array; its rows have different lengths (a frame without a person is NaN)") from None
    except (TypeError, RuntimeError) as error:  # of a tensor on a GPU, or with gradients
        raise InputError(f"{place}: it cannot be made an array of NumPy ({error})") from None
    if array.dtype.kind not in "fiu":
        raise InputError(f"{place}: it holds {array.dtype}, not numbers (what is missing is NaN)")
    return np.ma.filled(array.astype(np.float64), np.nan)  # what is masked is missing
