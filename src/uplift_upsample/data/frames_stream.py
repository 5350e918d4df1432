"""Frames tables written one recording at a time: in the memory of one recording, whatever the size of the data set.

HDF5 has to know the size of an array before its content, so the poses wait in unnamed files beside the output, which vanish
with the process.
"""

import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from uplift_upsample.base.cameras import Cameras
from uplift_upsample.base.files import replacing, require_room
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.data.frames import add_array, add_attributes, add_to_checksum, named_arrays
from uplift_upsample.data.recordings import FramesIndex, SequenceRecord

_REST = 1 << 20  # bytes; more than what a table holds beside its poses
_BLOCK = 1 << 16  # poses on their way from one file to the other: 13 MB


def write_frames(
    path: str | os.PathLike[str],
    records: Iterable[SequenceRecord],
    cameras: Cameras,
    metadata: Mapping[str, Any],
    progress: Callable[[int], object] = lambda frames: None,
) -> None:
    """Write recordings as a frames table, whole or not at all.

    The file has the bytes of ``write_frames_table(path, build_frames_table(records, cameras, metadata))``, which would have the
    whole table in memory. On the disk there is room for it twice until the end.
    progress: called after each recording with its frames. Raises ``InputError`` as ``build_frames_table``.
    """
    index = FramesIndex(metadata)
    with (
        replacing(path) as aside,
        closing(_Waiting(aside.parent, 3)) as poses_3d,
        closing(_Waiting(aside.parent, 2)) as poses_2d,
    ):
        for record in records:
            index.add(record)
            poses_3d.add(record.poses_3d)
            for view in record.poses_2d:
                poses_2d.add(view)
            progress(len(record.poses_3d))
        columns = {**index.columns(), "poses_3d": poses_3d, "poses_2d": poses_2d if index.has_2d else None}
        _write(aside, columns, cameras, index.metadata)


def _write(path: Path, columns: Mapping[str, Any], cameras: Cameras, metadata: Mapping[str, Any]) -> None:
    require_room(path, _REST + sum(column.nbytes for column in columns.values() if column is not None))
    checksum = hashlib.sha256()
    with h5py.File(path, "w", track_order=False) as file:
        for name, column in named_arrays(columns, cameras):
            if isinstance(column, _Waiting):
                dataset = file.create_dataset(name, column.shape, np.float32, track_times=False)
                add_to_checksum(checksum, name, column.shape, column.moved_to(dataset))
            else:
                add_array(file, name, column)
                add_to_checksum(checksum, name, column.shape, [column])
        add_attributes(file, metadata, checksum.hexdigest())


class _Waiting:
    """Poses in an unnamed file. shape: ``(poses, 17, coordinates)``."""

    def __init__(self, folder: Path, num_coordinates: int) -> None:
        self.shape = (0, NUM_JOINTS, num_coordinates)
        self.nbytes = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by ``close``)

    def add(self, poses: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(poses, np.float32).data)
        self.shape = (self.shape[0] + len(poses), *self.shape[1:])
        self.nbytes = 4 * math.prod(self.shape)

    def moved_to(self, dataset: h5py.Dataset) -> Iterator[np.ndarray]:
        """Write the poses into a data set of their shape, and yield them block by block."""
        self._file.seek(0)
        for start in range(0, self.shape[0], _BLOCK):
            block = np.empty((min(_BLOCK, self.shape[0] - start), *self.shape[1:]), np.float32)
            self._file.readinto(block.data.cast("B"))
            dataset[start : start + len(block)] = block
            yield block

    def close(self) -> None:
        self._file.close()
