"""The public ``.npz`` files of this field: Human3.6M in VideoPose3D's layout, and AMASS subsets as 17 joints.

They hold pickled dictionaries, read here by an unpickler that makes arrays and containers and runs nothing (``plain_pickle``).
Source: docs/method.md, "Human3.6M" and "AMASS".
"""

import lzma
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import found_instead
from uplift_upsample.base.skeleton import H36M_17, H36M_32, NUM_JOINTS
from uplift_upsample.base.strict import shown
from uplift_upsample.data.plain_pickle import ForbiddenError, PlainUnpickler
from uplift_upsample.data.plain_pickle_writer import write_objects

_LAYOUT = "h36m"  # what ``layout_name`` of the metadata may be
_SYMMETRY = [[index for index, name in enumerate(H36M_17) if name.startswith(side)] for side in ("l_", "r_")]
_MAX_RATIO, _SMALL = 100, 256 << 20  # a file may be so many times as large as it is packed, a small one always


class AmassSequence(TypedDict):
    """One motion: ``(T, 17, 3)`` float32 world metres in ``AMASS_17`` order, and its frame rate in Hz."""

    positions_3d: np.ndarray
    frame_rate: float


def read_positions_3d(path: str | os.PathLike[str], subjects: Collection[str] | None = None) -> dict[str, dict[str, np.ndarray]]:
    """Subject -> action -> ``(T, 32, 3)`` float32 world metres in ``H36M_32`` order, both in file order.

    subjects: leave out all others, unchecked. Raises ``InputError`` when the file is missing, damaged,
    would run code, or is laid out otherwise.
    """
    recordings = _two_levels(path, read_object(path, "positions_3d"), "action", subjects)
    return {
        subject: {action: checked_poses(path, f"{subject} {action}", poses, len(H36M_32), 3) for action, poses in actions.items()}
        for subject, actions in recordings.items()
    }


def read_positions_2d(
    path: str | os.PathLike[str], subjects: Collection[str] | None = None
) -> tuple[dict[str, dict[str, list[np.ndarray]]], dict[str, Any]]:
    """Subject -> action -> for each camera ``(T', 17, 2)`` float32 pixels in ``H36M_17`` order; and the file's metadata.

    subjects: leave out all others, unchecked. Raises ``InputError`` as ``read_positions_3d``, and when the metadata
    contradict the layout.
    """
    metadata = read_object(path, "metadata", default={})
    if not isinstance(metadata, Mapping):
        raise InputError(f"{path}: 'metadata' holds a {type(metadata).__name__}, not a dictionary")
    _check_layout(path, metadata)
    videos: dict[str, dict[str, list[np.ndarray]]] = {}
    for subject, actions in _two_levels(path, read_object(path, "positions_2d"), "action", subjects).items():
        videos[subject] = {}
        for action, views in actions.items():
            where = f"{subject} {action}"
            if not is_list(views):
                raise InputError(f"{path}: {where} holds {described(views)}, not a list with one array for each camera")
            videos[subject][action] = [
                checked_poses(path, f"{where}, camera {camera}", view, len(H36M_17), 2) for camera, view in enumerate(views)
            ]
    return videos, dict(metadata)


def _check_layout(path: str | os.PathLike[str], metadata: Mapping[str, Any]) -> None:
    """The joints in the metadata of a 2D file have to be the layout of Human3.6M."""
    needed = f"the joints must be those of Human3.6M in its order (h36m_17: {', '.join(H36M_17[:3])}, ...)"
    layout = metadata.get("layout_name", _LAYOUT)
    if not isinstance(layout, str) or layout.strip().lower() != _LAYOUT:
        raise InputError(f"{path}: the metadata name the layout {shown(layout)} (layout_name), not {_LAYOUT!r}; {needed}")
    num_joints = metadata.get("num_joints", NUM_JOINTS)
    if not isinstance(num_joints, int | np.integer) or num_joints != NUM_JOINTS:
        raise InputError(f"{path}: the metadata have {shown(num_joints)} joints (num_joints), not {NUM_JOINTS}; {needed}")
    if "keypoints_symmetry" not in metadata:
        return
    try:
        left, right = ([int(joint) for joint in side] for side in metadata["keypoints_symmetry"])
        pairs = set(zip(left, right, strict=True))
    except (TypeError, ValueError, OverflowError):
        pairs = set()
    if pairs != set(zip(*_SYMMETRY, strict=True)):
        exchanged = " (left and right exchanged)" if pairs == set(zip(*_SYMMETRY[::-1], strict=True)) else ""
        raise InputError(
            f"{path}: the metadata pair the left and right joints {shown(metadata['keypoints_symmetry'])} (keypoints_symmetry)"
            f"{exchanged}, not {_SYMMETRY}: that is another layout; {needed}"
        )


def read_amass_subset(path: str | os.PathLike[str]) -> dict[str, dict[str, AmassSequence]]:
    """Subject -> sequence -> ``AmassSequence``, both in file order. Raises ``InputError`` as ``read_positions_3d``.

    A sequence may have no frames: conversions write such ones for recordings that are shorter than a frame.
    """
    subset: dict[str, dict[str, AmassSequence]] = {}
    for subject, sequences in _two_levels(path, read_object(path, "positions_3d"), "sequence").items():
        subset[subject] = {}
        for name, sequence in sequences.items():
            where = f"{subject}/{name}"
            if not isinstance(sequence, Mapping) or not {"positions_3d", "frame_rate"} <= set(sequence):
                raise InputError(f"{path}: {where} lacks 'positions_3d' or 'frame_rate'; convert the subset again")
            subset[subject][name] = {
                "positions_3d": checked_poses(path, where, sequence["positions_3d"], NUM_JOINTS, 3, may_be_empty=True),
                "frame_rate": _number(path, where, sequence["frame_rate"]),
            }
    return subset


def write_positions_3d(path: str | os.PathLike[str], positions_3d: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write a ``data_3d_h36m.npz``; equal content gives equal bytes. Arguments as ``read_positions_3d`` returns them."""
    content = {
        _text(subject): {_text(action): _as_float32(poses) for action, poses in actions.items()}
        for subject, actions in positions_3d.items()
    }
    write_objects(path, {"positions_3d": content})


def write_positions_2d(
    path: str | os.PathLike[str],
    positions_2d: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a ``data_2d_h36m_*.npz``; equal content gives equal bytes. ``metadata`` is added to the usual two entries."""
    content = {
        _text(subject): {_text(action): [_as_float32(view) for view in views] for action, views in actions.items()}
        for subject, actions in positions_2d.items()
    }
    usual = {"num_joints": NUM_JOINTS, "keypoints_symmetry": [list(side) for side in _SYMMETRY]}
    write_objects(path, {"positions_2d": content, "metadata": usual | dict(metadata or {})})


def write_amass_subset(path: str | os.PathLike[str], subset: Mapping[str, Mapping[str, AmassSequence]]) -> None:
    """Write an AMASS ``{subset}.npz``; equal content gives equal bytes. Arguments as ``read_amass_subset`` returns them."""
    content = {
        _text(subject): {
            _text(name): {
                "positions_3d": _as_float32(sequence["positions_3d"]),
                "frame_rate": float(sequence["frame_rate"]),
            }
            for name, sequence in sequences.items()
        }
        for subject, sequences in subset.items()
    }
    write_objects(path, {"positions_3d": content})


def read_object(path: str | os.PathLike[str], key: str, default: Any = None) -> Any:
    """The object that ``np.savez`` stored under a key, or the default where there is no such key and a default is given."""
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                if default is not None:
                    return default
                keys = ", ".join(name.removesuffix(".npy") for name in archive.namelist())
                raise InputError(f"{path}: it has no {key!r}, only {keys or 'nothing'}; this is another kind of file")
            member = archive.getinfo(f"{key}.npy")
            if member.file_size > max(_SMALL, _MAX_RATIO * member.compress_size):
                raise InputError(
                    f"{path}: {key!r} has {member.file_size} bytes in {member.compress_size}, as no recorded poses have; get the "
                    "file from its publisher"
                )
            with archive.open(member) as file:
                return _unpickle(path, key, file)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError, struct.error) as error:
        raise InputError(f"{path}: {_damage(path)} ({error})") from None


def _unpickle(path: str | os.PathLike[str], key: str, file: Any) -> Any:
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise
    except Exception as error:  # NumPy has Python read the header
        raise InputError(f"{path}: {key!r} is not a NumPy array ({error})") from None
    if not dtype.hasobject or shape != ():
        raise InputError(f"{path}: {key!r} is an array of {dtype} with the shape {shape}, not a dictionary")
    try:
        return PlainUnpickler(file).load()[()]
    except ForbiddenError as error:
        raise InputError(
            f"{path}: {key!r} asks for {error}, which is neither an array nor a container. Loading it could run code of "
            "whoever made the file, so it is not loaded; get the file from its publisher"
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise InputError(f"{path}: {key!r} cannot be unpickled ({type(error).__name__}: {error}); get the file again") from None


def _damage(path: str | os.PathLike[str]) -> str:
    """What is likely wrong with a file that does not open as a zip archive."""
    if not Path(path).is_dir():
        try:
            with open(path, "rb") as file:
                start = file.read(2)
        except OSError:  # no right to read it, or a disk that fails
            return "the file cannot be read"
        if start == b"PK":
            return "the file is cut off or damaged; get it again"
    return found_instead(path, "an .npz file") or "not an .npz file"


def _two_levels(
    path: str | os.PathLike[str], content: Any, second: str, subjects: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Check that an object is a dictionary of dictionaries with text as keys, and select subjects."""
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{path}: expected a dictionary of subjects, found {described(content)}")
    for subject, recordings in content.items():
        if not isinstance(recordings, Mapping):
            raise InputError(f"{path}: {subject} holds {described(recordings)}, not a dictionary, one entry for each {second}")
        odd = [key for key in (subject, *recordings) if not isinstance(key, str)]
        if odd:
            raise InputError(f"{path}: {subject} has the key {shown(odd[0])}; keys are text, the name of a subject or {second}")
    selected = {subject: dict(content[subject]) for subject in content if subjects is None or subject in subjects}
    if selected and not any(selected.values()):
        raise InputError(f"{path}: there is not one {second} of {', '.join(selected)} in it")
    return selected


def is_list(content: Any) -> bool:
    """Whether what was unpickled has entries one behind the other; an array of no axis has none."""
    return isinstance(content, list | tuple) or (isinstance(content, np.ndarray) and content.ndim > 0)


def described(content: Any) -> str:
    """What something is that stands in the place of something else, for messages."""
    if isinstance(content, Mapping):
        return "an empty dictionary"
    return f"an array with the shape {content.shape}" if isinstance(content, np.ndarray) else f"a {type(content).__name__}"


def checked_poses(
    path: str | os.PathLike[str], where: str, poses: Any, num_joints: int, num_coordinates: int, *, may_be_empty: bool = False
) -> np.ndarray:
    """Poses as float32. Raises ``InputError`` for anything but numbers of the shape ``(frames, num_joints, num_coordinates)``."""
    if may_be_empty and isinstance(poses, np.ndarray | list) and np.shape(poses)[:1] == (0,):
        return np.zeros((0, num_joints, num_coordinates), np.float32)  # np.array([]) has no joints either
    is_numeric = isinstance(poses, np.ndarray) and poses.dtype.kind in "fiu"
    if not is_numeric or poses.ndim != 3 or poses.shape[1:] != (num_joints, num_coordinates) or len(poses) == 0:
        found = described(poses) + (f" of {poses.dtype}" if isinstance(poses, np.ndarray) else "")
        raise InputError(f"{path}: {where} holds {found}, not numbers with the shape (frames, {num_joints}, {num_coordinates})")
    return _float32(poses)


def _number(path: str | os.PathLike[str], where: str, value: Any) -> float:
    try:
        return float(np.asarray(value).reshape(()))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise InputError(f"{path}: {where} has the frame rate {shown(value)}, which is not a number") from None


def _float32(poses: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # too large numbers become infinite, which the conversions refuse
        return np.asarray(poses, np.float32, order="C")


def _as_float32(poses: np.ndarray) -> np.ndarray:
    # a view of its own for each entry, because a pickle writes a repeated object as a reference
    return np.asarray(poses, np.float32, order="C").view()


def _text(name: str) -> str:
    # one object for each text, because a pickle writes a repeated object as a reference
    return sys.intern(str(name))
