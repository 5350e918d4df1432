"""Files in the formats of PyTorch, written without it."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


class Storage:
    """What a tensor is a view of. key: its name in the file. size: numbers, as the file says."""

    def __init__(self, array: np.ndarray, key: str, size: int | None = None) -> None:
        self.array, self.key, self.size = array, key, array.size if size is None else size


class Tensor:
    """A tensor as PyTorch pickles it. changes: of offset, shape and strides as the file says."""

    def __init__(self, storage: Storage, **changes: Any) -> None:
        array = storage.array
        strides = tuple(stride // array.itemsize for stride in array.strides)
        self.storage = storage
        self.said = {"offset": 0, "shape": array.shape, "strides": strides, **changes}

    def __reduce__(self) -> Any:
        said = self.said
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, said["offset"], said["shape"], said["strides"], False, OrderedDict())


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Storage):
            return None
        kind = getattr(sys.modules["torch"], STORAGES[value.array.dtype.name])
        return ("storage", kind, value.key, "cuda:0", value.size)


@contextmanager
def _named_as_torch() -> Iterator[None]:
    """Modules under the names that the pickles say; nothing else sees them."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2() -> None:
        pass

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules |= {"torch": torch, "torch._utils": utils}
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def pickled(value: Any) -> bytes:
    """A value as PyTorch pickles it; with tensors in it."""
    buffer = io.BytesIO()
    with _named_as_torch():
        _Pickler(buffer, 2).dump(value)
    return buffer.getvalue()


def tensors(state: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """A state whose storages have the numbers of its entries as keys."""
    return OrderedDict((name, Tensor(Storage(np.asarray(array), str(i)))) for i, (name, array) in enumerate(state.items()))


def old_format(value: Any, storages: list[Storage]) -> bytes:
    """A file of the format before 1.6."""
    heads = [pickle.dumps(MAGIC, 2), pickle.dumps(PROTOCOL, 2), pickle.dumps(SYSTEM, 2)]
    parts = [*heads, pickled(value), pickle.dumps([storage.key for storage in storages], 2)]
    for storage in storages:
        parts += [struct.pack("<q", storage.size), storage.array.tobytes()]
    return b"".join(parts)


def zip_format(value: Any, storages: list[Storage], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A file of the format since 1.6."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("weights/data.pkl", pickled(value))
        for storage in storages:
            archive.writestr(f"weights/data/{storage.key}", storage.array.tobytes())
        archive.writestr("weights/version", "3\n")
    return buffer.getvalue()


def write_checkpoint(path: Path, state: Mapping[str, np.ndarray], *, is_zip: bool = True, around: str | None = None) -> None:
    """A checkpoint of a network. around: the key under which a training saved it, None for the state alone."""
    found = tensors(state)
    value: Any = found if around is None else {"epoch": 3, "lr": 1e-3, "random_state": np.random.RandomState(0), around: found}
    write = zip_format if is_zip else old_format
    path.write_bytes(write(value, [tensor.storage for tensor in found.values()]))
