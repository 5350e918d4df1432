"""Checkpoints of PyTorch, read without it and without running code: the zip format, and the one before version 1.6.

Both are a pickle whose tensors point into storages, arrays of one type: a member of the zip each, or the bytes behind the pickles.
Whatever else the pickle asks for is refused, but for the state of NumPy's random generator, which becomes nothing.
Source: docs/method.md, "Weight files".
"""

import contextlib
import functools
import io
import math
import mmap
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import shown
from uplift_upsample.data.plain_npz import DAMAGE, UnreadableError
from uplift_upsample.data.plain_pickle import Admitted, ForbiddenError, PlainUnpickler

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how PyTorch begins files of its old format
_START = pickle.dumps(_MAGIC, 2)[:-1]  # of a file of the old format
_STATES = ("model_pos", "state_dict")  # where a checkpoint of a training has the weights
_TYPES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
_MOST_VIEWS = 2  # times as much as the storages hold; networks may use a weight under two names
_MOST_PICKLE = 64 << 20  # bytes; chosen: names and shapes of a network have some KB, tensors are not in it


def is_torch_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a checkpoint of PyTorch, whole or cut off, by its beginning and, of a zip, its members.

    Raises ``InputError`` for a file that cannot be opened.
    """
    path = Path(path)
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(len(_START))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith("data.pkl") for name in archive.namelist())
        except DAMAGE:
            return True
    return start == _START


def read_torch_checkpoint(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors of a network by name, in the order of the file, without the ``module.`` that training on several GPUs adds.

    Raises ``InputError`` for a file that is damaged, would run code, or holds no network.
    """
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(path, "rb"))
            if file.read(2) == b"PK":
                document, content_of = _zipped(stack.enter_context(zipfile.ZipFile(file)), os.fstat(file.fileno()).st_size)
            else:
                content = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
                document, content_of = _in_a_row(content)
            tensors = _network_of(document)
            _check_sizes(tensors.values())
            content_of = functools.lru_cache(maxsize=1)(content_of)  # neighbours may be views of one storage
            arrays = {name: tensor.array(content_of) for name, tensor in tensors.items()}
    except ForbiddenError as error:
        reason = f"it asks for {error}, which could run code; nothing of it was run"
    except UnreadableError as error:
        reason = str(error)
    except pickle.UnpicklingError as error:
        reason = str(error) or "it is damaged"
    except (*DAMAGE, AttributeError, IndexError, RecursionError) as error:
        reason = f"it is damaged or cut off ({error})"
    else:
        prefix = "module." if all(name.startswith("module.") for name in arrays) else ""
        return {name.removeprefix(prefix): array for name, array in arrays.items()}
    raise InputError(f"{path}: not a checkpoint of PyTorch that can be read: {reason}") from None


Bytes = Callable[["_Storage"], bytes]  # of a storage


@dataclass(frozen=True)
class _Storage:
    """An array of one type that tensors are views of. key: its name in the file. size: numbers in it."""

    dtype: np.dtype
    key: str
    size: int

    @property
    def num_bytes(self) -> int:
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, content_of: Bytes) -> np.ndarray:
        flat = np.frombuffer(content_of(self.storage), self.storage.dtype)
        steps = tuple(stride * flat.itemsize for stride in self.strides)
        if not math.prod(self.shape):
            return np.empty(self.shape, flat.dtype)
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps, writeable=False).copy()


class _Nothing:
    """Stands for the state of a random generator, which is not restored."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _TorchUnpickler(PlainUnpickler):
    """storages: those that it has met, by key."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, _OF_TORCH)
        self.storages: dict[str, _Storage] = {}

    def persistent_load(self, pid: Any) -> _Storage:
        """The storage of ``("storage", type, key, device, numbers)``, in the old format with None behind it."""
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage" or pid[5:] not in ((), (None,)):
            raise pickle.UnpicklingError(f"it refers to {shown(pid)}, not to a storage")
        _, dtype, key, _, size = pid[:5]
        if not isinstance(dtype, np.dtype) or not isinstance(key, str) or not _is_size(size):
            raise pickle.UnpicklingError(f"it has a storage that is not described as one: {shown(pid)}")
        storage = _Storage(dtype, key, size)
        if self.storages.setdefault(key, storage) != storage:
            raise pickle.UnpicklingError(f"it describes the storage {shown(key)} in two ways")
        return storage


def _rebuilt(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    is_view = isinstance(storage, _Storage) and _is_size(offset) and isinstance(shape, tuple) and isinstance(strides, tuple)
    if not is_view or len(shape) != len(strides) or not all(map(_is_size, (*shape, *strides))):
        raise pickle.UnpicklingError("it has a tensor that is not described as one")
    last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and (last >= storage.size or math.prod(shape) > storage.size):
        raise pickle.UnpicklingError(f"it has a tensor of the shape {shown(shape)} in a storage of {storage.size} numbers")
    return _Tensor(storage, offset, shape, strides)


def _of_parameter(tensor: Any, *_: Any) -> _Tensor:
    if not isinstance(tensor, _Tensor):
        raise pickle.UnpicklingError("it has a parameter that is not a tensor")
    return tensor


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


_OF_TORCH: Mapping[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): Admitted(_rebuilt),
    ("torch._utils", "_rebuild_parameter"): Admitted(_of_parameter),
    **{("torch", f"{name}Storage"): np.dtype(code).newbyteorder("<") for name, code in _TYPES.items()},
    ("numpy.random", "__RandomState_ctor"): Admitted(_Nothing),  # before NumPy 1.17
    ("numpy.random._pickle", "__randomstate_ctor"): Admitted(_Nothing),
    ("numpy.random._pickle", "__bit_generator_ctor"): Admitted(_Nothing),
    ("numpy.random._mt19937", "MT19937"): Admitted(_Nothing),  # since NumPy 1.24
}


def _loaded(file: Any) -> tuple[Any, dict[str, _Storage]]:
    """The next object of a file with pickles, and its storages.

    Its instructions are looked through first: with five bytes, one can ask for 30 GB of memory.
    """
    begin = file.tell()
    for instruction, argument, place in pickletools.genops(file):
        if "PUT" in instruction.name and argument > place - begin:
            raise pickle.UnpicklingError("it asks for more memory than belongs there")
        if place - begin > _MOST_PICKLE:
            raise pickle.UnpicklingError("its pickle is larger than one of tensors can be")
    file.seek(begin)
    unpickler = _TorchUnpickler(file)
    return unpickler.load(), unpickler.storages


def _network_of(document: Any) -> dict[str, _Tensor]:
    """The tensors of the network in what a training saved: all of it, or what stands under a known name."""
    for name in _STATES:
        if isinstance(document, dict) and isinstance(document.get(name), dict):
            document = document[name]
    if not isinstance(document, dict) or not document:
        raise UnreadableError("it holds no tensors by name")
    for name, tensor in document.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            what = f"{shown(name)} is a {type(tensor).__name__.lstrip('_')}, not a tensor"
            raise UnreadableError(f"{what}; weights are a dictionary of tensors, alone or under {' or '.join(_STATES)}")
    return document


def _check_sizes(tensors: Iterable[_Tensor]) -> None:
    """Raise ``UnreadableError`` where tensors are the same storage over and over: each becomes an array of its own."""
    tensors = list(tensors)
    asked = sum(math.prod(tensor.shape) * tensor.storage.dtype.itemsize for tensor in tensors)
    stored = sum(storage.num_bytes for storage in {tensor.storage for tensor in tensors})
    if asked > _MOST_VIEWS * stored:
        raise UnreadableError(f"its tensors have {asked} bytes, and its storages {stored}")


def _in_a_row(content: mmap.mmap) -> tuple[Any, Bytes]:
    """The old format: magic number, protocol, system, the object, the keys of the storages; then length and numbers of each."""
    magic, protocol, system = (_loaded(content)[0] for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise UnreadableError(f"protocol {shown(protocol)} is not known")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise UnreadableError("it was written on a big-endian machine")
    document, storages = _loaded(content)
    keys, _ = _loaded(content)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise UnreadableError("its list of storages is not that of its tensors")
    begins: dict[str, int] = {}
    place = content.tell()
    for key in keys:
        size = int.from_bytes(content[place : place + 8], "little")
        begins[key], place = place + 8, place + 8 + storages[key].num_bytes
        if place > len(content):
            raise UnreadableError(f"it is cut off: {place - len(content)} bytes are missing in the storage {shown(key)}")
        if size != storages[key].size:
            raise UnreadableError(f"the storage {shown(key)} has {size} numbers, not {storages[key].size}")
    if place != len(content):
        raise UnreadableError(f"{len(content) - place} bytes stand behind its end")
    return document, lambda storage: content[begins[storage.key] : begins[storage.key] + storage.num_bytes]


def _zipped(archive: zipfile.ZipFile, size: int) -> tuple[Any, Bytes]:
    """The zip format: ``{name}/data.pkl``, and a member ``{name}/data/{key}`` for each storage. size: of the file."""
    members = {member.filename: member.file_size for member in archive.infolist()}
    pickles = [name for name in members if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1 or len(members) < len(archive.infolist()):
        raise UnreadableError("it has members twice, or more than one data.pkl")
    if sum(members.values()) > size:
        raise UnreadableError("its members are larger than the file; PyTorch compresses nothing")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") != b"little":
        raise UnreadableError("it was written on a big-endian machine")
    document, storages = _loaded(io.BytesIO(archive.read(pickles[0])))
    for key, storage in storages.items():
        found = members.get(f"{folder}data/{key}")
        if found != storage.num_bytes:
            there = "is missing" if found is None else f"has {found} bytes, not {storage.num_bytes}"
            raise UnreadableError(f"the storage {shown(key)} {there}")
    return document, lambda storage: archive.read(f"{folder}data/{storage.key}")
