"""The streamed pickle is the pickle."""

import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uplift_upsample.data.plain_pickle_writer import write_objects
from uplift_upsample.data.public_npz import read_positions_3d, write_positions_3d

OLD_NAME, NEW_NAME = b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy._core.multiarray\n_reconstruct\n"


def pickled(value: Any) -> bytes:
    array = np.empty((), object)
    array[()] = value
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
    return buffer.getvalue() + pickle.dumps(array, protocol=3).replace(NEW_NAME, OLD_NAME, 1)


def poses(num_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num_frames, 32, 3)).astype(np.float32)


TWICE = poses(4)
SAME_NAME = "Walking"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"S1": {SAME_NAME: poses(1), "Eating": poses(700)}, "S5": {SAME_NAME: poses(5)}},
        {"S1": {SAME_NAME: [poses(3, seed) for seed in range(300)]}, "metadata": {"num_joints": 17, "pairs": [[4, 5], [1, 2]]}},
        {"tiny": np.ones(1, np.float32), "bytes": [np.zeros(n, np.int8) for n in (1, 1, 255, 256)]},
        {"empty": poses(0), "again": poses(0)},
        {"a": TWICE, "b": TWICE, "view": TWICE[:]},
        {
            "fortran": np.asfortranarray(poses(5)),
            "strided": poses(9)[::2],
            "doubles": np.arange(3.0),
            "big": np.arange(4, dtype=">i2"),
        },
        {"one": {"positions_3d": poses(9), "frame_rate": 50.0}},
        {"scalar": np.float32(3), "array of objects": np.array([None, "x"], object), "no axes": np.array(3.0)},
        [poses(2), b"C\x18", (1, "text")],
    ],
)
def test_bytes_are_those_of_pickle(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_objects(path, {"positions_3d": value, "metadata": {"value": value}})
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["positions_3d.npy", "metadata.npy"]
        assert archive.read("positions_3d.npy") == pickled(value)
        assert archive.read("metadata.npy") == pickled({"value": value})


def test_the_archive_is_the_one_of_a_single_write(tmp_path: Path) -> None:
    """Also behind its compression, which must not depend on the pieces in which it was fed."""
    value = {"S1": {str(seed): poses(10 * seed**2, seed) for seed in range(1, 12)}}
    write_objects(tmp_path / "ours.npz", {"positions_3d": value})
    entry = zipfile.ZipInfo("positions_3d.npy", (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(tmp_path / "straightforward.npz", "w") as archive:
        archive.writestr(entry, pickled(value))
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "straightforward.npz").read_bytes()


def test_memory_is_that_of_one_recording(tmp_path: Path) -> None:
    content = {"S1": {str(seed): poses(1000, seed) for seed in range(24)}}  # 384 kB each
    tracemalloc.start()
    write_positions_3d(tmp_path / "data_3d_h36m.npz", content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6, f"{peak / 1e6:.1f} MB"
    np.testing.assert_equal(read_positions_3d(tmp_path / "data_3d_h36m.npz"), content)
