"""Checkpoints of PyTorch: both formats, and files that would run code, ask for too much or do not hold together."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from world.torch_files import Storage, Tensor, old_format, pickled, tensors, write_checkpoint, zip_format

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.torch_checkpoints import is_torch_checkpoint, read_torch_checkpoint
from uplift_upsample.data.weight_files import read_weight_file

STATE = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.bias": np.array([1.5, -2], np.float64),
    "a.num_batches_tracked": np.array(7),
}


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("around", [None, "model_pos", "state_dict"])
def test_both_formats(tmp_path: Path, is_zip: bool, around: str | None) -> None:
    path = tmp_path / "weights.bin"
    write_checkpoint(path, {f"module.{name}": array for name, array in STATE.items()}, is_zip=is_zip, around=around)
    assert is_torch_checkpoint(path)
    read = read_torch_checkpoint(path)
    assert list(read) == list(STATE)
    for name, array in STATE.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
    assert {name: arrays[0].shape for name, arrays in read_weight_file(path).items()} == {n: a.shape for n, a in STATE.items()}


def test_views_of_one_storage(tmp_path: Path) -> None:
    storage = Storage(np.arange(12, dtype=np.float32), "0")
    state = {
        "transposed": Tensor(storage, shape=(3, 4), strides=(1, 3)),
        "end": Tensor(storage, offset=8, shape=(2, 2), strides=(2, 1)),
        "empty": Tensor(storage, shape=(0, 5), strides=(5, 1)),
    }
    path = tmp_path / "weights.pth"
    path.write_bytes(old_format(state, [storage]))
    read = read_torch_checkpoint(path)
    twice = tmp_path / "twice.bin"
    twice.write_bytes(zip_format(*_shared(2)))  # as networks do that share a weight
    assert [array.shape for array in read_torch_checkpoint(twice).values()] == [(1 << 18,)] * 2
    np.testing.assert_array_equal(read["transposed"], np.arange(12).reshape(4, 3).T)
    np.testing.assert_array_equal(read["end"], [[8, 9], [10, 11]])
    assert read["empty"].shape == (0, 5)


class Runs:
    """What a hostile file would run."""

    def __reduce__(self):
        return os.system, ("touch run",)


def _both(value, storages) -> dict[str, bytes]:
    return {"zip": zip_format(value, storages), "old": old_format(value, storages)}


def _state(**changes):
    found = tensors(STATE)
    return {**found, **changes}, [tensor.storage for tensor in found.values()]


def _said(**said):
    """A state whose first tensor is described otherwise."""
    state, storages = _state()
    return state | {"a.weight": Tensor(storages[0], **said)}, storages


def _larger(size: int):
    state, storages = _state()
    storages[0].size = size
    return state, storages


def _shared(count: int):
    """A storage under many names."""
    storage = Storage(np.zeros(1 << 18, np.float32), "0")
    return {f"name_{index}": Tensor(storage) for index in range(count)}, [storage]


VALUES = {
    "one storage over and over": (_shared(300), "its tensors have 314572800 bytes, and its storages 1048576"),
    "code": (_state(evil=Runs()), r"it asks for (posix|nt)\.system, which could run code; nothing of it was run"),
    "a huge tensor": (_said(shape=(2**40, 3)), "a tensor of the shape .* in a storage of 6 numbers"),
    "a repeated number": (_said(shape=(10**9,), strides=(0,)), "a tensor of the shape .* in a storage of 6 numbers"),
    "beyond its storage": (_said(offset=1), "in a storage of 6 numbers"),
    "a negative stride": (_said(strides=(-3, 1)), "a tensor that is not described as one"),
    "too few strides": (_said(strides=(1,)), "a tensor that is not described as one"),
    "a huge storage": (_larger(2**40), "is cut off|has 24 bytes, not"),
    "no size": (_larger(-1), "a storage that is not described as one"),
    "a list": (([1, 2], []), "it holds no tensors by name"),
    "nothing": (({}, []), "it holds no tensors by name"),
    "a number": (_state(b=3), "'b' is a int, not a tensor"),
    "names": ((dict(enumerate(tensors(STATE).values())), [t.storage for t in tensors(STATE).values()]), "not a tensor"),
}


@pytest.mark.parametrize("form", ["zip", "old"])
@pytest.mark.parametrize("what", VALUES)
def test_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, form: str) -> None:
    monkeypatch.chdir(tmp_path)
    (value, storages), message = VALUES[what]
    _refused(tmp_path, _both(value, storages)[form], message)
    assert not (tmp_path / "run").exists()


def _refused(folder: Path, content: bytes, message: str) -> None:
    path = folder / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_weight_file(path)
    assert str(error.value).startswith(f"{path}: not a ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["zip", "old"])
def test_cut_off_anywhere(tmp_path: Path, form: str) -> None:
    content = _both(*_state())[form]
    for length in range(20, len(content) - 1, 7):
        _refused(tmp_path, content[:length], "it is (damaged|cut off|damaged or cut off)|not a")


def test_wrong_ends(tmp_path: Path) -> None:
    state, storages = _state()
    content = old_format(state, storages)
    _refused(tmp_path, content + b"more", "4 bytes stand behind its end")
    _refused(tmp_path, old_format(state, storages[1:]), "its list of storages is not that of its tensors")
    _refused(tmp_path, content.replace(struct.pack("<q", 6), struct.pack("<q", 5)), "the storage '0' has 5 numbers, not 6")
    _refused(tmp_path, zip_format(state, storages[1:]), "the storage '0' is missing")
    _refused(tmp_path, content.replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2)), "protocol 1002 is not known")


def test_large_memo_is_refused_before_it_is_made(tmp_path: Path) -> None:
    """``LONG_BINPUT`` with a place of two thousand millions makes the unpickler reserve as many."""
    content = old_format(*_state())
    evil = b"\x80\x02]r\xff\xff\xff\x7f."
    start = len(content) - len(content.split(pickled(_state()[0]), 1)[1])
    begin = content.index(pickled(_state()[0]))
    _refused(tmp_path, content[:begin] + evil + content[start:], "it asks for more memory than belongs there")


def test_zip_bombs(tmp_path: Path) -> None:
    storage = Storage(np.zeros(1 << 20, np.float32), "0")
    content = zip_format({"a": Tensor(storage)}, [storage], zipfile.ZIP_DEFLATED)
    assert len(content) < 1 << 16
    _refused(tmp_path, content, "its members are larger than the file; PyTorch compresses nothing")
    buffer = io.BytesIO(zip_format(*_state()))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("weights/data/0", b"")
    _refused(tmp_path, buffer.getvalue(), "it has members twice")


def test_random_state_is_not_made(tmp_path: Path) -> None:
    """Its seed may be anything, of any NumPy."""
    path = tmp_path / "weights.bin"
    write_checkpoint(path, STATE, is_zip=False, around="model_pos")
    content = path.read_bytes()
    assert b"RandomState" in content or b"randomstate" in content
    assert list(read_torch_checkpoint(path)) == list(STATE)


def test_other_files_are_none(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    assert not is_torch_checkpoint(path)
    for content in (b"", b"\x89HDF\r\n\x1a\n", pickle.dumps({"kernel": 1})):
        path.write_bytes(content)
        assert not is_torch_checkpoint(path)
