"""The original annotations of MPI-INF-3DHP: ``S1/Seq1/annot.mat`` (MATLAB 5) and ``TS1/annot_data.mat`` (HDF5), millimetres.

``universal`` poses (``univ_annot3``) have bodies of one size, ``metric`` ones (``annot3``) their own; only the latter project to
the 2D poses (``annot2``). Source: the data set's README.
"""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mpi_inf_3dhp.views import MPI_17, OF_28
from uplift_upsample.data.plain_hdf5 import plain_hdf5
from uplift_upsample.data.plain_npz import UnreadableError
from uplift_upsample.plan.mpi_inf_3dhp_sequences import ANNOTATIONS_OF_TEST, ANNOTATIONS_OF_TRAIN, CAMERAS, TEST, TRAIN

FIELDS = {"universal": "univ_annot3", "metric": "annot3"}
_JOINTS = 28  # of the training annotations
_MOST = 1e6  # pixels or millimetres: no picture is as wide, no studio has a kilometre
_MAX_RATIO, _SMALL = 100, 16 << 20  # a file may be so many times as large as it is packed, a small one always
_HEADER, _COMPRESSED = 128, 15
_ORDERS: Mapping[bytes, Literal["little", "big"]] = {b"IM": "little", b"MI": "big"}
_AGAIN = "get the file again with the data set's own script"


def train_data(folder: str | os.PathLike[str], annotations: str) -> dict[str, Any]:
    """What ``data_train_3dhp.npz`` holds, from all training sequences below a folder. Raises ``InputError`` naming a file."""
    found = {}
    for name, place in zip(TRAIN, ANNOTATIONS_OF_TRAIN, strict=True):
        known = TRAIN[name]
        views = read_sequence(Path(folder) / place, FIELDS[annotations], known.frames)
        found[name] = [views, int(known.frame_rate)]
    return found


def test_data(folder: str | os.PathLike[str], annotations: str) -> dict[str, Any]:
    """What ``data_test_3dhp.npz`` holds, from all test sequences below a folder. Raises ``InputError`` naming a file."""
    return {
        name: read_test_sequence(Path(folder) / place, FIELDS[annotations])
        for name, place in zip(TEST, ANNOTATIONS_OF_TEST, strict=True)
    }


def read_sequence(path: Path, field: str, num_frames: int) -> dict[str, dict[str, np.ndarray]]:
    """Camera -> its poses, of the first frames of an ``annot.mat``. Raises ``InputError`` naming the file."""
    content = _matlab(path, ("annot2", field, "cameras"))
    cameras = np.asarray(content["cameras"]).ravel().tolist()
    if cameras != list(range(len(cameras))):
        raise InputError(f"{path}: its cameras are {cameras}, not numbered from 0 on; {_AGAIN}")
    views = {}
    for camera in CAMERAS:
        poses_2d = _cell(path, content["annot2"], "annot2", camera, 2)
        poses_3d = _cell(path, content[field], field, camera, 3)
        if len(poses_2d) != len(poses_3d):
            raise InputError(f"{path}: camera {camera} has {len(poses_2d)} 2D and {len(poses_3d)} 3D poses; {_AGAIN}")
        views[str(camera)] = {"data_3d": poses_3d[:num_frames], "data_2d": poses_2d[:num_frames]}
    return views


def _matlab(path: Path, fields: tuple[str, ...]) -> Mapping[str, Any]:
    """Fields of a file of MATLAB 5."""
    from scipy.io import loadmat  # for this alone

    if not path.is_file():
        raise InputError(f"{path}: no such annotations; {_AGAIN}")
    try:
        _check_unpacked(path)
        content = loadmat(path, variable_names=fields)
    except UnreadableError as error:
        raise InputError(f"{path}: {error}; {_AGAIN}") from None
    except Exception as error:  # a damaged file can fail in any way
        raise InputError(f"{path}: not a file of MATLAB 5, or damaged ({type(error).__name__}: {error}); {_AGAIN}") from None
    absent = [field for field in fields if field not in content]
    if absent:
        raise InputError(f"{path}: it lacks {', '.join(absent)}; {_AGAIN}")
    return content


def _check_unpacked(path: Path) -> None:
    """Raise ``UnreadableError`` where a file of MATLAB 5 unpacks to more than annotations do. Packed elements are zlib streams."""
    size = path.stat().st_size
    room = max(_SMALL, _MAX_RATIO * size)
    with path.open("rb") as file:
        order = _ORDERS.get(file.read(_HEADER)[-2:])
        while order is not None and len(tag := file.read(8)) == 8:
            kind, length = (int.from_bytes(word, order) for word in (tag[:4], tag[4:]))
            end = file.tell() + length
            if kind == _COMPRESSED:
                stream = zlib.decompressobj()
                while not stream.eof and (part := file.read(min(1 << 16, end - file.tell()))):
                    while part:
                        room -= len(stream.decompress(part, 1 << 20))
                        part = stream.unconsumed_tail
                        if room < 0:
                            raise UnreadableError(f"its {size} bytes unpack to more than {_MAX_RATIO} times as many")
            file.seek(end)


def _cell(path: Path, cells: Any, field: str, camera: int, num_coordinates: int) -> np.ndarray:
    """The poses of a camera ``(T, 17, 2 or 3)`` float32 out of rows x1, y1, (z1,) x2, … of 28 joints."""
    cells = list(np.ravel(cells)) if np.asarray(cells).dtype.hasobject else []
    rows: np.ndarray = np.asarray(cells[camera]) if camera < len(cells) else np.empty(0)
    if rows.ndim != 2 or rows.shape[1] != _JOINTS * num_coordinates or rows.dtype.kind not in "fiu" or not len(rows):
        raise InputError(
            f"{path}: {field} of camera {camera} is {rows.dtype} of the shape {rows.shape}, not numbers of the shape (frames, "
            f"{_JOINTS * num_coordinates}), {_JOINTS} joints in a row; {_AGAIN}"
        )
    return _plausible(path, f"{field} of camera {camera}", rows.reshape(len(rows), _JOINTS, num_coordinates)[:, OF_28])


def _plausible(path: Path, name: str, poses: np.ndarray) -> np.ndarray:
    """Poses as float32. Raises ``InputError`` for coordinates that no picture and no studio has; NaN stays for later checks."""
    largest = np.nanmax(np.abs(poses), initial=0)
    if largest > _MOST:
        raise InputError(f"{path}: {name} has the coordinate {largest:g}, in pixels or millimetres; {_AGAIN}")
    return poses.astype(np.float32)


def read_test_sequence(path: Path, field: str) -> dict[str, np.ndarray]:
    """The poses of an ``annot_data.mat``, and which are valid. Raises ``InputError`` naming the file."""
    shape = ("frames", 1, len(MPI_17))
    try:
        with plain_hdf5(path) as file:
            poses_2d = file.numbers("annot2", "f", (*shape, 2))[:, 0]
            poses_3d = file.numbers(field, "f", (*shape, 3))[:, 0]
            is_valid = file.weights("valid_frame").ravel()
    except FileNotFoundError:
        raise InputError(f"{path}: no such annotations; {_AGAIN}") from None
    except UnreadableError as error:
        raise InputError(f"{path}: not annotations of a test sequence ({error}); {_AGAIN}") from None
    if not len(poses_2d) == len(poses_3d) == len(is_valid):
        raise InputError(
            f"{path}: {len(poses_2d)} 2D poses, {len(poses_3d)} 3D poses and {len(is_valid)} in valid_frame; there must be one of "
            f"each for a frame; {_AGAIN}"
        )
    return {"data_2d": _plausible(path, "annot2", poses_2d), "data_3d": _plausible(path, field, poses_3d), "valid": is_valid}
