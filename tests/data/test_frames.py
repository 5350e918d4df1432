"""Frames tables: there and back, damaged, and with impossible content."""

import dataclasses

import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import SequenceRecord, build_frames_table, read_frames_table, subjects_of, write_frames_table


def _record(subject: str = "S1", name: str = "Walking 1", length: int = 6, **changes) -> SequenceRecord:
    generator = np.random.default_rng(length)
    poses_3d = generator.normal(size=(length, 17, 3)).astype(np.float32)
    views = [generator.normal(size=(length, 17, 2)).astype(np.float32) for _ in range(2)]
    return dataclasses.replace(SequenceRecord(subject, name, name.split()[0], poses_3d, views, [0, 1]), **changes)


@pytest.fixture
def table():
    metadata = {
        "dataset": "test",
        "splits": {"train": ["S1", "S7"], "val": ["S8"], "test": ["S9"]},
        "actions": ["Eating", "Walking"],
    }
    return build_frames_table([_record(), _record(name="Eating"), _record("S9", "Fußgänger", 3)], h36m_cameras(), metadata)


def test_round_trip(table, tmp_path) -> None:
    write_frames_table(tmp_path / "table.h5", table)
    again = read_frames_table(tmp_path / "table.h5")
    for field in dataclasses.fields(table):
        if field.name not in ("cameras", "metadata"):
            np.testing.assert_array_equal(getattr(again, field.name), getattr(table, field.name))
    assert again.cameras.names == table.cameras.names
    assert again.sha256 == table.sha256
    assert again.metadata["splits"] == table.metadata["splits"]
    assert again.video_name(5) == "S9 Fußgänger, camera 1"
    assert again.actions == ["Eating", "Walking", "Fußgänger"]
    with pytest.raises(ValueError, match="read-only"):
        again.poses_3d[0] = 0


def test_equal_tables_are_equal_files(table, tmp_path) -> None:
    write_frames_table(tmp_path / "a.h5", table)
    write_frames_table(tmp_path / "b.h5", table)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_poses_are_stored_once_and_videos_point_at_them(table) -> None:
    assert table.poses_3d.shape == (15, 17, 3)
    assert table.poses_2d.shape == (30, 17, 2)
    np.testing.assert_array_equal(table.video_start_3d, [0, 0, 6, 6, 12, 12])
    np.testing.assert_array_equal(table.video_start_2d, [0, 6, 12, 18, 24, 27])


def test_a_split_that_names_a_subject_twice_has_it_once(table) -> None:
    doubled = dataclasses.replace(table, metadata={**table.metadata, "splits": {"test": ["S9", "S1", "S9"]}})
    assert subjects_of(doubled, "test") == ["S9", "S1"]


def test_subsets(table) -> None:
    assert subjects_of(table, "train") == ["S1"]
    assert subjects_of(table, "S9,S1") == ["S9", "S1"]
    np.testing.assert_array_equal(table.videos_of(["S9", "S1"]), [4, 5, 0, 1, 2, 3])
    with pytest.raises(InputError, match="train, val, test, S1, S9"):
        subjects_of(table, "S2")
    with pytest.raises(InputError, match="'S1,S9, S1' names a subject twice"):
        subjects_of(table, "S1,S9, S1")
    with pytest.raises(InputError, match=r"'val' \(S8\) has no data here; there are S1, S9"):
        subjects_of(table, "val")
    with pytest.raises(InputError, match="no subject S2"):
        table.videos_of(["S2"])


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_damaged_file(table, tmp_path, keep) -> None:
    path = tmp_path / "table.h5"
    write_frames_table(path, table)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"table\.h5"):
        read_frames_table(path)


def test_missing_file(tmp_path) -> None:
    with pytest.raises(InputError, match="data target"):
        read_frames_table(tmp_path / "none.h5")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (_record(poses_3d=np.zeros((6, 16, 3), np.float32)), "3D poses have shape"),
        (_record(poses_3d=np.zeros((0, 17, 3), np.float32)), "3D poses have shape"),
        (_record(cameras=[0]), "2 2D videos for 1 cameras"),
        (_record(poses_2d=[np.zeros((5, 17, 2), np.float32)] * 2), "2D poses have shape"),
        (_record(poses_3d=np.full((6, 17, 3), np.nan, np.float32)), "frame 0 has a coordinate that is NaN or infinite"),
        (_record(poses_2d=[np.full((6, 17, 2), np.inf, np.float32)] * 2), "NaN or infinite"),
    ],
)
def test_impossible_records(record, message) -> None:
    with pytest.raises(InputError, match=message):
        build_frames_table([record], h36m_cameras(), {"dataset": "test"})


def test_nothing_usable() -> None:
    with pytest.raises(InputError, match="not one usable sequence"):
        build_frames_table([], h36m_cameras(), {"dataset": "test"})
