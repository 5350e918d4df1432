"""Frames tables written one recording at a time: the bytes of those that were in memory, in less of it."""

import dataclasses
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data import frames_stream
from uplift_upsample.data.frames import FramesTable, build_frames_table, read_frames_table, write_frames_table
from uplift_upsample.data.frames_stream import write_frames
from uplift_upsample.data.recordings import SequenceRecord
from uplift_upsample.data.sampler import RowStream, Sampler, SamplerSettings

METADATA = {"dataset": "test", "actions": ["Eating"]}


def _records(count: int, length: int, has_2d: bool = True) -> Iterator[SequenceRecord]:
    rng = np.random.default_rng(0)
    for number in range(count):
        poses_3d = rng.normal(size=(length + number, 17, 3)).astype(np.float32)
        views = [rng.normal(size=(length + number, 17, 2)) for _ in range(2 * has_2d)]
        yield SequenceRecord(f"S{number // 3}", f"Eating {number}", "Eating", poses_3d, views, range(2 * has_2d), 50.0)


@pytest.mark.parametrize("has_2d", [True, False])
def test_same_bytes_as_a_table_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_2d: bool) -> None:
    monkeypatch.setattr(frames_stream, "_BLOCK", 7)
    cameras = h36m_cameras()
    write_frames(tmp_path / "streamed.h5", _records(5, 9, has_2d), cameras, METADATA)
    table = build_frames_table(_records(5, 9, has_2d), cameras, METADATA)
    write_frames_table(tmp_path / "whole.h5", table)
    assert (tmp_path / "streamed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert read_frames_table(tmp_path / "streamed.h5").sha256 == table.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["streamed.h5", "whole.h5"]


def test_memory_is_that_of_a_recording(tmp_path: Path) -> None:
    """40 MB of poses; a recording has one."""
    tracemalloc.start()
    try:
        write_frames(tmp_path / "table.h5", _records(40, 2000), h36m_cameras(), METADATA)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "table.h5").stat().st_size > 35e6
    assert peak < 22e6, f"{peak / 1e6:.0f} MB"


def test_a_fault_leaves_nothing(tmp_path: Path) -> None:
    """Not even what was there of the recordings before it."""

    def records() -> Iterator[SequenceRecord]:
        yield from _records(2, 9)
        yield dataclasses.replace(next(_records(1, 9)), poses_3d=np.full((9, 17, 3), np.nan, np.float32))

    with pytest.raises(InputError, match="frame 0 has a coordinate that is NaN or infinite"):
        write_frames(tmp_path / "table.h5", records(), h36m_cameras(), METADATA)
    with pytest.raises(InputError, match="not one usable sequence"):
        write_frames(tmp_path / "table.h5", [], h36m_cameras(), METADATA)
    assert not list(tmp_path.iterdir())


def test_2d_poses_for_all_or_none(tmp_path: Path) -> None:
    records = [*_records(1, 9, True), *_records(1, 9, False)]
    for mixed in (records, records[::-1]):
        with pytest.raises(InputError, match="either all recordings have 2D poses or none"):
            build_frames_table(mixed, h36m_cameras(), METADATA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("has_2d", [True, False])
def test_a_pass_takes_few_bytes_a_row(has_2d: bool) -> None:
    """The rows of a pass are made when they are taken: a million examples do not cost tens of megabytes."""
    [record] = _records(1, 10, has_2d)
    table = build_frames_table([record], h36m_cameras(), METADATA)
    long = np.array([1_000_000])
    table = FramesTable(**{f.name: getattr(table, f.name) for f in dataclasses.fields(table)} | {"sequence_length": long})
    settings = SamplerSettings((5, 10, 20), 5, random_shift=True, shuffle=True)
    tracemalloc.start()
    try:
        stream = RowStream(Sampler(table, np.array([0]), settings), 512)
        stream.next_rows()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 * 1_000_000
