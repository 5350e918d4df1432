"""Arrays of ``.npz`` and ``.npy`` files from outside: nothing is unpickled, and nothing larger than expected is made."""

import io
import json
import lzma
import math
import os
import struct
import sys
import zipfile
import zlib
from typing import IO, Any

import numpy as np

Shape = tuple[int | str, ...]  # a length for each axis, or a name for one that may have any length: ("frames", 3)

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, KeyError, TypeError, SyntaxError, OverflowError, MemoryError),
)
_MAX_BYTES = 1 << 31  # 2 GB unpacked; chosen: hours of motion, and a memory that any machine has
_MAX_HEADER = 64 << 20  # 64 MB; chosen: a description of files of our own has some KB


class UnreadableError(ValueError):
    """A file or a field that cannot be used. The message is the reason, to be put behind the name of the file."""


class PlainNpz:
    """The fields of an ``.npz`` file. Raises ``UnreadableError`` when the bytes are not such a file."""

    def __init__(self, content: bytes | str | os.PathLike[str]) -> None:
        """content: the bytes of the file, or its path, from which each field is then read when it is asked for."""
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)
        except DAMAGE as error:
            raise UnreadableError(f"it is not an .npz file, or it is damaged ({error})") from None
        self.fields = frozenset(name.removesuffix(".npy") for name in self._archive.namelist())

    def read(self, field: str, max_bytes: int = _MAX_BYTES) -> np.ndarray:
        """One field, of any plain type. Raises ``UnreadableError`` for one that is missing, pickled, damaged or larger."""
        what = f"the field {field!r}"
        if field not in self.fields:
            raise UnreadableError(f"{what} is missing")
        try:
            with self._archive.open(f"{field}.npy") as file:
                return _array(what, file, max_bytes)
        except UnreadableError:
            raise
        except DAMAGE as error:
            raise UnreadableError(f"{what} is damaged ({error})") from None

    def numbers(self, field: str, shape: Shape, max_bytes: int = _MAX_BYTES) -> np.ndarray:
        """A field of finite real numbers. Raises ``UnreadableError`` as ``read``, and for another shape or content."""
        return _numbers(f"the field {field!r}", self.read(field, max_bytes), shape)

    def header(self, field: str, key: str) -> dict[str, Any]:
        """A field with the JSON text of a dictionary that has a list of dictionaries under ``key``, as files of our own begin."""
        text = self.read(field, _MAX_HEADER)
        if text.dtype.kind != "U" or text.shape != ():
            raise UnreadableError(f"the field {field!r} is not text")
        try:
            header = json.loads(text.item())
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"the field {field!r} is not JSON ({error})") from None
        entries = header.get(key) if isinstance(header, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UnreadableError(f"the field {field!r} has no list {key!r}")
        return header


def npy_numbers(content: bytes, shape: Shape, max_bytes: int = _MAX_BYTES) -> np.ndarray:
    """The array of finite real numbers that a bare ``.npy`` file holds. Raises ``UnreadableError`` as ``PlainNpz.numbers``."""
    return _numbers("the array", npy_array(content, max_bytes), shape)


def npy_array(content: bytes, max_bytes: int = _MAX_BYTES) -> np.ndarray:
    """The array of any plain type that a bare ``.npy`` file holds. Raises ``UnreadableError`` as ``PlainNpz.read``."""
    try:
        return _array("the array", io.BytesIO(content), max_bytes)
    except UnreadableError:
        raise
    except DAMAGE as error:
        raise UnreadableError(f"the array is damaged ({error})") from None


def text_of(array: np.ndarray) -> str | None:
    """The one text, or bytes, that an array holds; None where it holds something else."""
    if array.size != 1 or array.dtype.kind not in "US":
        return None
    text: Any = array.reshape(()).item()
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def fits_shape(found: tuple[int, ...], asked: Shape) -> bool:
    """Whether an array has the axes that are asked for."""
    return len(found) == len(asked) and all(
        isinstance(length, str) or length == there for length, there in zip(asked, found, strict=True)
    )


def shape_text(shape: Shape) -> str:
    """A shape in a message: ``(frames, 3)``."""
    return str(shape).replace("'", "")


def _array(what: str, file: IO[bytes], max_bytes: int) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, is_fortran, dtype = read_header(file)
    except DAMAGE:
        raise
    except Exception as error:  # NumPy has Python read the header
        raise UnreadableError(f"{what} has no readable header ({error})") from None
    if dtype.hasobject:
        raise UnreadableError(f"{what} is a pickled object, which is not loaded")
    size = math.prod(shape) * dtype.itemsize
    if not 0 <= size <= max_bytes:
        raise UnreadableError(f"{what} is {dtype} of the shape {shape}, more than belongs there")
    content = file.read(size + 1)  # beyond the end, where zipfile compares the checksum
    if len(content) != size:
        raise UnreadableError(f"{what} is damaged (its length does not fit the shape {shape})")
    if (
        dtype.kind == "U"
        and np.frombuffer(content, np.dtype(np.uint32).newbyteorder(dtype.byteorder)).max(initial=0) > sys.maxunicode
    ):
        raise UnreadableError(f"{what} holds characters that do not exist")  # Python would fail with an error of its own
    array = np.frombuffer(content, dtype) if size else np.empty(math.prod(shape), dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")


def _numbers(what: str, array: np.ndarray, shape: Shape) -> np.ndarray:
    if not fits_shape(array.shape, shape):
        raise UnreadableError(f"{what} has the shape {array.shape}, not {shape_text(shape)}")
    if array.dtype.kind not in "fiu":
        raise UnreadableError(f"{what} holds {array.dtype}, not numbers")
    if not np.isfinite(array).all():
        raise UnreadableError(f"{what} has values that are NaN or infinite")
    return array
