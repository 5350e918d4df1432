"""The frames table: every frame of a data set in a few concatenated arrays, memory-mapped from one HDF5 file.

A *sequence* is one recording of one subject: 3D poses in world coordinates, stored once. A *video* is a sequence
seen by one camera; only videos have 2D poses. A data set without 2D poses (motion capture) has one video
for each sequence, without a camera: 2D poses are made by projection when they are needed.

Layout of the file (joints in ``MODEL_17`` order):

===========================  ================  ==========================================================
``poses_3d``                 (F, 17, 3) f4     world coordinates, metres, z up
``poses_2d``                 (G, 17, 2) f4     normalised screen coordinates; absent for motion capture
``is_scored``                (F,) i4           1 for frames that scores are made of; absent: all are
``sequences/start, length``  (S,) i8           the rows of ``poses_3d``
``sequences/frame_rate``     (S,) f8           Hz
``sequences/subject``        (S,) str          ``S9``; for AMASS the subset
``sequences/name``           (S,) str          ``Walking 1``; for AMASS ``01/01_01_poses``
``sequences/action``         (S,) str          ``Walking``: what per-action scores group by
``videos/sequence, camera``  (V,) i8           indices of the sequence and of the camera (-1: none)
``videos/start_2d``          (V,) i8           first row of ``poses_2d`` (-1: none); the length is the sequence's
``cameras/...``              (C, ...)          see ``cameras.Cameras``
attribute ``metadata``       JSON              data set, 2D source, units, sources
attribute ``sha256``         str               of all arrays: equal content, equal sum
===========================  ================  ==========================================================
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from uplift_upsample.base.cameras import NUM_INTRINSICS, Cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.data.frames_checks import LAYOUT, table_fault
from uplift_upsample.data.hdf5_writing import writing_hdf5
from uplift_upsample.data.plain_hdf5 import PlainHdf5, plain_hdf5
from uplift_upsample.data.plain_npz import UnreadableError
from uplift_upsample.data.recordings import FramesIndex, SequenceRecord
from uplift_upsample.plan.amass_subsets import subset_name

FORMAT = "uplift_upsample frames table, version 1"


@dataclass(frozen=True)
class FramesTable:
    """A data set in memory or, once ``read_frames_table`` opened it, mapped from its file.

    The arrays are those of the module's table. ``metadata`` holds plain JSON values.
    """

    poses_3d: np.ndarray
    poses_2d: np.ndarray | None
    sequence_start: np.ndarray
    sequence_length: np.ndarray
    sequence_frame_rate: np.ndarray
    sequence_subject: np.ndarray
    sequence_name: np.ndarray
    sequence_action: np.ndarray
    video_sequence: np.ndarray
    video_camera: np.ndarray
    video_start_2d: np.ndarray
    cameras: Cameras
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_scored: np.ndarray | None = None

    @property
    def num_videos(self) -> int:
        return len(self.video_sequence)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all arrays: equal content, equal sum."""
        return self.metadata.get("sha256") or _content_sha256(self)

    @cached_property
    def video_length(self) -> np.ndarray:
        """Frames of each video, ``(V,)``."""
        return self.sequence_length[self.video_sequence]

    @cached_property
    def video_start_3d(self) -> np.ndarray:
        """First row of ``poses_3d`` of each video, ``(V,)``."""
        return self.sequence_start[self.video_sequence]

    @cached_property
    def video_frame_rate(self) -> np.ndarray:
        """Hz, ``(V,)``."""
        return self.sequence_frame_rate[self.video_sequence]

    @cached_property
    def video_subject(self) -> np.ndarray:
        """Subject of each video, ``(V,)`` str."""
        return self.sequence_subject[self.video_sequence]

    @cached_property
    def video_action(self) -> np.ndarray:
        """Action of each video, ``(V,)`` str."""
        return self.sequence_action[self.video_sequence]

    @cached_property
    def subjects(self) -> list[str]:
        """The subjects in file order."""
        return list(dict.fromkeys(self.sequence_subject.tolist()))

    @cached_property
    def actions(self) -> list[str]:
        """The actions: in the order of the metadata where it gives one, else in file order."""
        found = dict.fromkeys(self.sequence_action.tolist())
        ordered = [action for action in self.metadata.get("actions", []) if action in found]
        return ordered + [action for action in found if action not in ordered]

    def videos_of(self, subjects: Iterable[str]) -> np.ndarray:
        """Indices of the videos of some subjects, in the order of ``subjects``, then in file order.

        Raises ``InputError`` for a subject that the data set does not have.
        """
        subjects = list(subjects)
        unknown = [subject for subject in subjects if subject not in self.subjects]
        if unknown:
            raise InputError(
                f"{self.metadata.get('dataset', 'data set')}: no subject {', '.join(unknown)}; it has {', '.join(self.subjects)}"
            )
        if not subjects:
            return np.zeros(0, np.int64)
        return np.concatenate([np.flatnonzero(self.video_subject == subject) for subject in subjects])

    def video_name(self, video: int) -> str:
        """A readable name of a video for messages and titles: ``S9 Walking 1, camera 0``."""
        sequence = self.video_sequence[video]
        subject, name = self.sequence_subject[sequence], self.sequence_name[sequence]
        name = name if name.startswith(f"{subject}_") else f"{subject} {name}"  # 02_01 names its subject
        if self.video_camera[video] < 0:
            return name
        first = np.flatnonzero(self.video_sequence == sequence)[0]
        return f"{name}, camera {video - first}"


def build_frames_table(records: Iterable[SequenceRecord], cameras: Cameras, metadata: Mapping[str, Any]) -> FramesTable:
    """Concatenate recordings into one table. Raises ``InputError`` for shapes that do not fit or values that are not finite.

    The whole table is in memory then; ``frames_stream.write_frames`` makes the file of one without.
    """
    index = FramesIndex(metadata)
    poses_3d: list[np.ndarray] = []
    poses_2d: list[np.ndarray] = []
    for record in records:
        index.add(record)
        poses_3d.append(np.asarray(record.poses_3d, np.float32))
        poses_2d += [np.asarray(view, np.float32) for view in record.poses_2d]
    columns = index.columns()
    return FramesTable(
        poses_3d=np.concatenate(poses_3d),
        poses_2d=np.concatenate(poses_2d) if index.has_2d else None,
        cameras=cameras,
        metadata=index.metadata,
        **columns,
    )


_ARRAYS = {
    "poses_3d": "poses_3d",
    "poses_2d": "poses_2d",
    "sequences/start": "sequence_start",
    "sequences/length": "sequence_length",
    "sequences/frame_rate": "sequence_frame_rate",
    "sequences/subject": "sequence_subject",
    "sequences/name": "sequence_name",
    "sequences/action": "sequence_action",
    "videos/sequence": "video_sequence",
    "videos/camera": "video_camera",
    "videos/start_2d": "video_start_2d",
    "is_scored": "is_scored",
}


_TEXTS = ("sequences/subject", "sequences/name", "sequences/action")


def named_arrays(values: Mapping[str, Any], cameras: Cameras) -> Iterator[tuple[str, Any]]:
    """The arrays of a table under their names in the file. values: the attributes of a ``FramesTable`` by name."""
    for name, attribute in _ARRAYS.items():
        if values[attribute] is not None:
            yield name, values[attribute]
    yield "cameras/name", np.array(cameras.names)
    yield "cameras/orientation", cameras.orientation
    yield "cameras/translation", cameras.translation
    yield "cameras/intrinsics", cameras.intrinsics


def _content_sha256(table: FramesTable) -> str:
    checksum = hashlib.sha256()
    for name, array in named_arrays(vars(table), table.cameras):
        add_to_checksum(checksum, name, array.shape, [array])
    return checksum.hexdigest()


def add_to_checksum(checksum: Any, name: str, shape: Sequence[int], blocks: Iterable[np.ndarray]) -> None:
    """Let an array count in the checksum of a table's content. blocks: the array, along its first axis."""
    checksum.update(f"{name} {shape} ".encode())
    for block in blocks:
        checksum.update(json.dumps(block.tolist()).encode() if block.dtype.kind == "U" else np.ascontiguousarray(block).data)


def write_frames_table(path: str | os.PathLike[str], table: FramesTable) -> None:
    """Write a table to an HDF5 file, whole or not at all; equal tables give equal bytes."""
    with writing_hdf5(path) as file:
        for name, array in named_arrays(vars(table), table.cameras):
            add_array(file, name, array)
        add_attributes(file, table.metadata, table.sha256)


def add_array(file: h5py.File, name: str, array: np.ndarray) -> None:
    """Put an array into the file of a table."""
    is_text = array.dtype.kind == "U"
    data = np.array([text.encode() for text in array.tolist()], object) if is_text else np.ascontiguousarray(array)
    file.create_dataset(name, data=data, dtype=h5py.string_dtype() if is_text else array.dtype, track_times=False)


def add_attributes(file: h5py.File, metadata: Mapping[str, Any], sha256: str) -> None:
    """Put what is not an array into the file of a table."""
    file.attrs["format"] = FORMAT
    file.attrs["metadata"] = json.dumps(LAYOUT | dict(metadata))
    file.attrs["sha256"] = sha256


def read_frames_table(path: str | os.PathLike[str]) -> FramesTable:
    """Open a table; the pose arrays are read-only memory maps, so only the frames that are used are read.

    Raises ``InputError`` when the file is missing, is not a frames table, or is damaged.
    """
    path = Path(path)
    try:
        with plain_hdf5(path, ("poses_3d", "poses_2d")) as file:
            if file.text_attribute("format") != FORMAT:
                raise InputError(f"{path}: not a frames table of this version; make it again with the data target")
            values = {attribute: _read(file, name) for name, attribute in _ARRAYS.items()}
            cameras = Cameras(
                names=tuple(file.texts("cameras/name").tolist()),
                orientation=file.numbers("cameras/orientation", "f", ("cameras", 4)),
                translation=file.numbers("cameras/translation", "f", ("cameras", 3)),
                intrinsics=file.numbers("cameras/intrinsics", "f", ("cameras", NUM_INTRINSICS)),
            )
            metadata = file.json_attribute("metadata") | {"sha256": file.text_attribute("sha256")}
            if fault := table_fault(values, cameras, metadata):
                raise UnreadableError(fault)
    except FileNotFoundError:
        raise InputError(f"{path}: no such frames table; the data target of the workflow makes it") from None
    except UnreadableError as error:
        raise InputError(f"{path}: not a complete frames table ({error}); delete it and run the data target again") from None
    return FramesTable(cameras=cameras, metadata=metadata, **values)


def _read(file: PlainHdf5, name: str) -> Any:
    if name.startswith("poses"):
        shape = ("frames", NUM_JOINTS, 3 if name == "poses_3d" else 2)
        return file.numbers(name, "f", shape, is_mapped=True) if name == "poses_3d" or file.has(name) else None
    if name in _TEXTS:
        return file.texts(name)
    if name == "is_scored":
        return file.numbers(name, "i", ("frames",)) if file.has(name) else None
    return file.numbers(name, "f" if name == "sequences/frame_rate" else "i", (name.partition("/")[0],))


def subjects_of(table: FramesTable, subset: str) -> list[str]:
    """The subjects of a subset: the name of a split (``trainval``), or subjects joined by commas (``S9,S11``).

    Raises ``InputError`` for an unknown subset, which lists the choices, for a split without a subject in this data set,
    and for a subject named twice.
    """
    dataset = table.metadata.get("dataset", "data set")
    splits = table.metadata.get("splits", {})
    if subset in splits:
        found = [subject for subject in dict.fromkeys(splits[subset]) if subject in table.subjects]  # a list may have one twice
        if not found:
            wanted, there = ", ".join(splits[subset]), ", ".join(table.subjects)
            raise InputError(f"{dataset}: the subset {subset!r} ({wanted}) has no data here; there are {there}")
        return found
    names = [name.strip() for name in subset.split(",")]
    if dataset == "amass":
        names = [subset_name(name) for name in names]
    if not all(name in table.subjects for name in names):
        choices = ", ".join([*splits, *table.subjects])
        raise InputError(f"{dataset}: no subset {subset!r}; choose a split or subjects: {choices}")
    if len(set(names)) < len(names):
        raise InputError(f"{dataset}: the subset {subset!r} names a subject twice; name each once")
    return names
