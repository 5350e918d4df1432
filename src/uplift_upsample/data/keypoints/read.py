"""Keypoint files of any known format, told apart by what is in them and not by their names."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.arrays import found_in_npy, found_in_npz
from uplift_upsample.data.keypoints.found import NO_TRACK, Collection, Found, frame_number, whole_number
from uplift_upsample.data.keypoints.json_formats import add_frame, found_in
from uplift_upsample.data.keypoints.layouts import LAYOUTS

KNOWN = (
    "known are JSON of MMPose, AlphaPose, COCO and YOLO, a folder with a JSON file of OpenPose or a text file of YOLO for each "
    "frame, .npz and .npy (docs/own_video.md)"
)
_MAX_BYTES = 2 << 30  # of a file: an hour of several people in the most wordy format
_OF_FRAMES = (".json", ".txt")  # suffixes of files for each frame; where there are both, the first ones count
_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"


def read_keypoints(path: str | os.PathLike[str]) -> Found:
    """The people in a file, or in a folder with a file for each frame. Raises ``InputError`` for anything else, and for faults."""
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    content = _content(path)
    if content.startswith(_ZIP):
        return found_in_npz(path)
    if content.startswith(_NPY):
        return found_in_npy(path)
    document = _json(content, path)
    found = found_in(document, str(path))
    if found is not None:
        return found
    collection = Collection(str(path))
    if add_frame(document, frame_number(path.name) or 0, collection):
        return collection.found()
    raise InputError(f"{path}: no keypoints of a known format; {KNOWN}")


def folder_of_files(folder: Path) -> Path:
    """Where the keypoint files of a folder lie: in it, or in ``labels`` below, as YOLO writes next to the pictures that it drew."""
    has_files = any(_visible(folder, suffix) for suffix in _OF_FRAMES)
    return folder / "labels" if not has_files and (folder / "labels").is_dir() else folder


def _read_folder(folder: Path) -> Found:
    folder = folder_of_files(folder)
    files = next(filter(None, (_visible(folder, suffix) for suffix in _OF_FRAMES)), [])
    if not files:
        raise InputError(f"{folder}: no JSON and no text file in it; {KNOWN}")
    if len(files) == 1 and files[0].suffix == ".json":
        return read_keypoints(files[0])
    collection = Collection(str(folder))
    names: dict[int, Path] = {}
    for file in files:
        frame = collection.numbered(file.name)
        if frame is None:
            raise InputError(f"{file}: its name has no frame number; the folder must hold the files of one clip alone")
        if frame in names:
            raise InputError(f"{file}: frame {frame} again, after {names[frame].name}; the folder must hold the files of one clip")
        names[frame] = file
        collection.place = str(file)
        if file.suffix == ".txt":
            _add_yolo(file, frame, collection)
        elif not add_frame(_json(_content(file), file), frame, collection):
            raise InputError(f"{file}: no people of one frame; {KNOWN}")
    collection.place = str(folder)
    return collection.found(is_normalised=files[0].suffix == ".txt")


def _visible(folder: Path, suffix: str) -> list[Path]:
    """The files of a suffix; on disks of others, macOS puts a hidden one beside each that is no JSON."""
    return sorted(path for path in folder.glob(f"*{suffix}") if not path.name.startswith("."))


def _add_yolo(path: Path, frame: int, collection: Collection) -> None:
    """A text file of YOLO: a line for each person: class, box, keypoints, and perhaps confidence and identity of the person."""
    collection.seen.add(frame)
    for number, line in enumerate(_text(_content(path), path).splitlines(), start=1):
        where = f"line {number}"
        try:
            values = np.array(line.split(), np.float64)
        except ValueError:
            raise collection.error(where, "not numbers") from None
        person = _yolo_person(values)
        if not len(values):
            continue
        if person is None:
            raise collection.error(where, f"{len(values)} numbers; expected class, box and x, y, confidence of each joint")
        collection.add(frame, *person, where)


def _yolo_person(values: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Keypoints and identity of a person from the numbers of a line, of which class and box are five."""
    counts = sorted({layout.num_joints for layout in LAYOUTS.values()})
    shapes = [(count, width) for width in (3, 2) for count in counts if 0 <= len(values) - 5 - count * width <= 2]
    if not shapes:
        return None
    # 57 numbers may be 17 joints with confidence, 26 without, or 25: the box (values 1 to 4) is around them, and few are behind

    def fit(shape: tuple[int, int]) -> tuple[float, int]:
        end = 5 + shape[0] * shape[1]
        return _outside_of_box(values[1:5], values[5:end].reshape(shape)), len(values) - end

    count, width = min(shapes, key=fit)
    points = values[5 : 5 + count * width].reshape(count, width)
    person = points if width == 3 else np.concatenate([points, np.ones((count, 1))], axis=1)
    # the identity comes last and is a whole number from 1 on; a confidence is a share
    behind = values[5 + count * width :]
    track = whole_number(float(behind[-1])) if len(behind) else None
    return person, NO_TRACK if track is None or track < 1 else track


def _outside_of_box(box: np.ndarray, points: np.ndarray) -> float:
    """The share of points ``(K, 2 or 3)`` outside of a box: its middle, width and height, half as large again.

    (0, 0) is not a point.
    """
    is_there = (points[:, :2] != 0).any(axis=1)
    is_outside = (np.abs(points[:, :2] - box[:2]) > 0.75 * box[2:]).any(axis=1)
    return float(is_outside[is_there].mean()) if is_there.any() else 0.0


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: more than {_MAX_BYTES >> 30} GiB; cut the clip into several")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: neither text nor an array; {KNOWN}") from None


def _json(content: bytes, path: Path) -> Any:
    text = _text(content, path)
    if not text.strip():
        raise InputError(f"{path}: the file is empty; write it again")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if not re.match(r"\s*[\[{]", text):
            raise InputError(f"{path}: no keypoints of a known format; {KNOWN}") from None
        raise InputError(f"{path}: not a JSON file, or a damaged one ({error}); write it again") from None
