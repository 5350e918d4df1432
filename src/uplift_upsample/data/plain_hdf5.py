"""HDF5 files from outside: what is read has the type and shape that is asked for, is in the file itself, and is not larger.

An HDF5 file may claim arrays of any size that were never written, and may point into other files; damaged ones fail in any way.
"""

import json
import math
import mmap
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import found_instead
from uplift_upsample.data.plain_npz import Shape, UnreadableError, fits_shape, shape_text

_MAX_RATIO, _SMALL = 200, 1 << 20  # packed arrays may be so many times as large as they are in the file, small ones always


_SIGNATURE, _SMALLEST = b"\x89HDF\r\n\x1a\n", 96  # what a file begins with; bytes of its first header
_HEAP = b"GCOL\x01"  # what a heap of texts begins with
_HEAP_HEADER = 16  # bytes, of a heap and of each entry


@contextmanager
def plain_hdf5(path: str | os.PathLike[str], large: Sequence[str] = ()) -> Iterator["PlainHdf5"]:
    """Open a file. large: names of arrays that take nearly all of it. Raises ``FileNotFoundError``, and ``UnreadableError`` for
    anything else that fails in the block.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with h5py.File(path, "r") as file:
            plain = PlainHdf5(path, file)
            plain.check_heaps(large)
            yield plain
    except (UnreadableError, InputError):
        raise
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except MemoryError:
        raise UnreadableError("it is too large for the memory") from None
    except Exception as error:  # h5py turns the faults of the library behind it into exceptions of all kinds
        with suppress(OSError):
            if fault := found_instead(path, "an HDF5 file"):
                raise UnreadableError(fault) from None
            if fault := _cut_off(path, str(error)):
                raise CutOffError(fault) from None
        raise UnreadableError(f"{error}" or type(error).__name__) from None


class CutOffError(UnreadableError):
    """A file whose end is missing."""


def _cut_off(path: Path, said: str) -> str | None:
    """How much of a file is there, where its end is missing. said: what HDF5 says of it."""
    size = path.stat().st_size
    if found := re.search(r"truncated file: eof = \d+, .*stored_eof = (\d+)", said):
        return f"cut off, {size} of its {found[1]} bytes are there"
    with path.open("rb") as file:
        is_start = _SIGNATURE.startswith(file.read(len(_SIGNATURE))) and size < _SMALLEST
    return f"cut off, {size} bytes are there" if is_start else None


class PlainHdf5:
    """An open file. All methods raise ``UnreadableError`` where something is missing or is otherwise than asked for."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self._bytes = path.stat().st_size

    def check_heaps(self, large: Sequence[str]) -> None:
        """Look at the heaps of texts everywhere but in large arrays: HDF5 never comes back from one with an entry of no length."""
        extents = [(0, 0), (self._bytes, self._bytes)]
        for name in large:
            offset = self._dataset(name).id.get_offset() if self.has(name) else None
            if offset is not None:
                extents.append((offset, offset + self._file[name].id.get_storage_size()))
        extents.sort()
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for (_, start), (end, _) in pairwise(extents):
                while 0 <= (start := content.find(_HEAP, start, max(start, end))) < end:
                    _check_heap(content[start : start + int.from_bytes(content[start + 8 : start + 16], "little")])
                    start += len(_HEAP)

    def has(self, name: str) -> bool:
        """Whether there is an object of a name."""
        return name in self._file

    def numbers(self, name: str, kind: str, shape: Shape, *, is_mapped: bool = False) -> np.ndarray:
        """An array. kind: of its dtype, ``f`` or ``i``. is_mapped: as a read-only memory map where the file allows it."""
        dataset = self._dataset(name)
        if dataset.dtype.kind != kind or dataset.dtype.itemsize not in (4, 8):
            raise UnreadableError(f"{name} holds {dataset.dtype}, not {'numbers' if kind == 'f' else 'whole numbers'}")
        if not fits_shape(dataset.shape, shape):
            raise UnreadableError(f"{name} has the shape {dataset.shape}, not {shape_text(shape)}")
        self._check_size(name, dataset, math.prod(dataset.shape) * dataset.dtype.itemsize)
        offset = dataset.id.get_offset()
        if is_mapped and offset is not None:
            if self._bytes < offset + dataset.id.get_storage_size():
                raise UnreadableError(f"{name} is cut off")
            return np.memmap(self.path, dataset.dtype, "r", offset, dataset.shape)
        return dataset[()]

    def weights(self, name: str) -> np.ndarray:
        """An array of numbers of any shape."""
        dataset = self._dataset(name)
        if dataset.dtype.kind not in "fiu":
            raise UnreadableError(f"{name} holds {dataset.dtype}, not numbers")
        self._check_size(name, dataset, math.prod(dataset.shape) * dataset.dtype.itemsize)
        return dataset[()]

    def texts(self, name: str) -> np.ndarray:
        """A list of texts, ``(N,)`` str."""
        dataset = self._dataset(name)
        if not h5py.check_string_dtype(dataset.dtype) or len(dataset.shape) != 1:
            raise UnreadableError(f"{name} is not a list of texts")
        self._check_size(name, dataset, dataset.shape[0] * dataset.dtype.itemsize)
        return np.array(dataset.asstr("utf-8", "strict")[()].tolist(), dtype=str)

    def text_attribute(self, name: str) -> str | None:
        """An attribute of the file, None where there is no text of that name."""
        value = self._file.attrs.get(name)
        return value if isinstance(value, str) else None

    def json_attribute(self, name: str) -> dict[str, Any]:
        """A dictionary of JSON values in an attribute; numbers are finite."""
        values = json.loads(self.text_attribute(name) or "null", parse_constant=_refuse)
        if not isinstance(values, dict):
            raise UnreadableError(f"the attribute {name!r} is not a JSON object")
        return values

    def group(self, name: str) -> Any:
        """The attributes of a group, or of the file itself for an empty name."""
        found = self._file[name] if name else self._file
        if not isinstance(found, h5py.Group) or found.file.filename != self._file.filename:
            raise UnreadableError(f"{name} is not a group of the file")
        return found.attrs

    def _dataset(self, name: str) -> h5py.Dataset:
        found = self._file.get(name)
        if found is None:
            raise UnreadableError(f"{name} is missing")
        if not isinstance(found, h5py.Dataset) or found.shape is None:
            raise UnreadableError(f"{name} is not an array")
        if found.file.filename != self._file.filename or found.is_virtual or found.external:
            raise UnreadableError(f"{name} is in another file")
        return found

    def _check_size(self, name: str, dataset: h5py.Dataset, claimed: int) -> None:
        stored = min(dataset.id.get_storage_size(), self._bytes)
        if claimed > stored and (dataset.chunks is None or claimed > max(_MAX_RATIO * stored, _SMALL)):
            raise UnreadableError(f"{name} claims {claimed} bytes where the file has {stored}")


def _check_heap(heap: bytes) -> None:
    place = _HEAP_HEADER
    while place + _HEAP_HEADER <= len(heap):
        number, size = int.from_bytes(heap[place : place + 2], "little"), int.from_bytes(heap[place + 8 : place + 16], "little")
        step = _HEAP_HEADER + -(-size // 8) * 8 if number else size  # entry 0 is the free space, header and all
        if step == 0:
            raise UnreadableError("a heap of texts is damaged")
        place += step


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")
