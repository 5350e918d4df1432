"""Pickled dictionaries of arrays into ``.npz`` files as ``np.savez_compressed`` makes them, one array at a time.

``pickle`` keeps a copy of every array until the whole object is written. Here it writes an outline, in which a mark stands
for the content of each array; the outline is then written with the contents in the places of the marks. The bytes are the same.
"""

import io
import os
import pickle
import secrets
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from uplift_upsample.base.files import replacing

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can state
# Protocol 3 has no frames, which would count the bytes, and NumPy before 2 knows its module by the old name only.
_PROTOCOL = 3
_NEW_NAME, _OLD_NAME = (b"cnumpy%s.multiarray\n_reconstruct\n" % module for module in (b"._core", b".core"))
_MARK_LENGTH = 24  # random bytes that stand for an array; so many do not occur anywhere by chance


def write_objects(path: str | os.PathLike[str], objects: Mapping[str, Any]) -> None:
    """Write plain containers of arrays, each as the pickled object of a key, without the time of day.

    Equal objects give equal bytes if they are built in the same way: an object that occurs twice is written as a reference.
    """
    with replacing(path) as aside, zipfile.ZipFile(aside, "w") as archive:
        for key, value in objects.items():
            outline = _Outline(value)
            entry = zipfile.ZipInfo(f"{key}.npy", _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = outline.size
            with archive.open(entry, "w") as file:
                for part in outline.parts():
                    file.write(part)


class _Outline(pickle.Pickler):
    """The pickle of one object in the ``.npy`` format, with marks for the contents of its arrays.

    size: bytes of the whole file, contents included.
    """

    def __init__(self, value: Any) -> None:
        self._contents: dict[bytes, np.ndarray] = {}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
        super().__init__(buffer, _PROTOCOL)
        array = np.empty((), object)
        array[()] = value
        self.dump(array)
        self._text = buffer.getvalue().replace(_NEW_NAME, _OLD_NAME, 1)
        self.size = sum(memoryview(part).nbytes for part in self.parts())

    def reducer_override(self, obj: Any) -> Any:
        """What ``pickle`` asks about every object: an array is pickled as it is, but for its content."""
        if not isinstance(obj, np.ndarray) or obj.dtype.hasobject or obj.nbytes < 2 or not obj.flags.c_contiguous:
            return NotImplemented  # shorter bytes are shared, and written as references
        mark = secrets.token_bytes(_MARK_LENGTH)
        self._contents[mark] = obj
        reduced: tuple[Any, ...] = np.empty(0, obj.dtype).__reduce__()  # type: ignore[assignment]
        return *reduced[:2], (1, obj.shape, obj.dtype, False, mark)

    def parts(self) -> Iterator[bytes | memoryview]:
        """The bytes of the file, in order."""
        start = 0
        for mark, array in self._contents.items():
            place = self._text.index(_counted(mark), start)
            yield self._text[start:place]
            yield _count(array.nbytes)
            yield array.reshape(-1).view(np.uint8).data
            start = place + len(_counted(mark))
        yield self._text[start:]


def _counted(content: bytes) -> bytes:
    return _count(len(content)) + content


def _count(length: int) -> bytes:
    """The opcode for bytes of a length: ``SHORT_BINBYTES`` or ``BINBYTES``."""
    return b"C%c" % length if length < 256 else b"B" + struct.pack("<I", length)
