"""HDF5 files that lie about their arrays, point elsewhere or do not hold together; and numbers that cannot be scored."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table, read_frames_table, write_frames_table
from uplift_upsample.data.sampler import Rows
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.scores import ground_truth, scores


def example(length: int = 12, **changes: Any) -> FramesTable:
    """Two videos of each of two recordings, one of them of one frame."""
    rng = np.random.default_rng(0)
    records = [
        SequenceRecord("S1", "Walking é", "Walking", rng.normal(size=(length, 17, 3)).astype(np.float32),
                       [rng.normal(size=(length, 17, 2)).astype(np.float32)] * 2, [0, 1]),
        SequenceRecord("S9", "歩く", "歩く", rng.normal(size=(1, 17, 3)).astype(np.float32),
                       [rng.normal(size=(1, 17, 2)).astype(np.float32)] * 2, [20, 21]),
    ]  # fmt: skip
    table = build_frames_table(records, h36m_cameras(), {"dataset": "h36m", "splits": {"train": ["S1"], "test": ["S9"]}})
    return replace(table, **changes)


def remade(change: Callable[[h5py.File], None], path: Path) -> Path:
    write_frames_table(path, example())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def put(name: str, **options: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **options)

    return change


def without_2d(*cameras: int) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        put("videos/camera", data=np.array(cameras))(file)
        put("videos/start_2d", data=np.full(len(cameras), -1))(file)
        del file["poses_2d"]

    return change


def link(name: str, to: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = to

    return change


def set_metadata(values: Any) -> Callable[[h5py.File], None]:
    return lambda file: file.attrs.__setitem__("metadata", json.dumps(values))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("poses_3d", shape=(10**9, 17, 3), dtype="f4"), "poses_3d claims 204000000000 bytes where the file has 0"),
        (put("poses_3d", shape=(10**6, 17, 3), dtype="f4", chunks=(10**4, 17, 3), compression="gzip"), "poses_3d claims"),
        (put("poses_3d", data=np.zeros((13, 16, 3), np.float32)), r"poses_3d has the shape \(13, 16, 3\), not \(frames, 17, 3\)"),
        (put("poses_3d", data=np.zeros((5, 17, 3), np.float32)), "a sequence lies outside of the 5 3D poses"),
        (put("poses_2d", data=np.zeros((5, 17, 2), np.float32)), "a video lies outside of the 5 2D poses"),
        (put("poses_2d", data=np.zeros((26, 17, 2), "S4")), "poses_2d holds"),
        (link("poses_3d", h5py.ExternalLink("other.h5", "/poses_3d")), "poses_3d is in another file"),
        (link("poses_3d", h5py.SoftLink("/nowhere")), "poses_3d is missing"),
        (link("poses_3d", h5py.SoftLink("/videos")), "poses_3d is not an array"),
        (put("sequences/frame_rate", data=np.array([50.0, 0.0])), "a frame rate of 0 Hz"),
        (put("sequences/frame_rate", data=np.array([24.0, 50.0])), "a frame rate of 24 Hz is not a multiple of 50 Hz"),
        (put("sequences/frame_rate", data=np.array([29.97, 50.0])), "29.97 Hz"),
        (put("sequences/frame_rate", data=np.array([50.0, 240.0])), "240 Hz"),
        (put("sequences/frame_rate", data=np.array([math.inf, 50.0])), "inf Hz"),
        (put("sequences/length", data=np.array([12, 0])), "a sequence lies outside"),
        (put("sequences/length", data=np.array([12, 2**63 - 1])), "a sequence lies outside"),
        (put("sequences/subject", data=np.array([b"\xff", b"x"], object), dtype=h5py.string_dtype()), "frames table"),
        (put("sequences/name", data=["a", "b", "c"]), "there are 2 or 3 sequences"),
        (put("videos/camera", data=np.array([0, 1, 20, 28])), "a video refers to camera 28; there are 28, counted from 0"),
        (put("videos/camera", data=np.array([0, -1, 20, 21])), "a video refers to camera -1; there are 28"),
        (put("videos/sequence", data=np.array([0, 0, 1, 2])), "a video refers to sequence 2; there are 2, counted from 0"),
        (put("videos/sequence", data=np.array([0, 0, 1, -1])), "a video refers to sequence -1; there are 2"),
        (without_2d(-1, -1, -1, 99), "a video refers to camera 99; there are 28"),
        (put("cameras/translation", data=np.full((28, 3), np.nan, np.float32)), "the translation of a camera"),
        (put("cameras/orientation", data=np.ones((28, 4), np.float32)), "not a unit quaternion"),
        (put("cameras/intrinsics", data=np.zeros((27, 11))), "the intrinsics of a camera"),
        (put("cameras/intrinsics", data=np.zeros((28, 11))), "a picture without size"),
        (set_metadata([]), "the attribute 'metadata' is not a JSON object"),
        (set_metadata({"x": math.nan}), "NaN is not a JSON number"),
        (set_metadata({"splits": {"train": "S1"}}), "its splits are not lists"),
        (lambda file: file.attrs.__setitem__("metadata", "[" * 100_000), "nested too deeply"),
        (lambda file: file.attrs.__setitem__("format", np.arange(3)), "not a frames table of this version"),
    ],
)
def test_frames_tables_that_do_not_hold_together(change: Callable[[h5py.File], None], told: str, tmp_path: Path) -> None:
    write_frames_table(tmp_path / "other.h5", example())
    path = remade(change, tmp_path / "h36m.h5")
    with pytest.raises(InputError, match=rf"h36m\.h5: .*{told}") as caught:
        read_frames_table(path)
    assert "\n" not in str(caught.value)


def test_a_heap_that_has_no_end(tmp_path: Path) -> None:
    """HDF5 itself reads such a file for ever."""
    write_frames_table(tmp_path / "h36m.h5", example())
    content = bytearray((tmp_path / "h36m.h5").read_bytes())
    content[content.index(b"GCOL") + 16 :][:16] = bytes(16)
    start = content.index(b"GCOL") + 16
    content[start : start + 16] = bytes(16)
    (tmp_path / "h36m.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"h36m\.h5: .*a heap of texts is damaged"):
        read_frames_table(tmp_path / "h36m.h5")


def test_numbers_that_were_spoilt_later_are_found_when_they_are_used(tmp_path: Path) -> None:
    write_frames_table(tmp_path / "h36m.h5", example())
    with h5py.File(tmp_path / "h36m.h5", "r+") as file:
        file["poses_3d"][3, 2, 1] = np.nan
    table = read_frames_table(tmp_path / "h36m.h5")
    zero = np.zeros(1, np.int64)
    rows = Rows(zero, zero, zero.astype(bool), zero + 5, zero, zero)
    with pytest.raises(InputError, match="h36m: 3D poses of the frames table have a coordinate that is NaN or infinite"):
        ExampleReader(table, 27, 1).read(rows)
    with pytest.raises(InputError, match="h36m: 3D poses of the frames table"):
        ground_truth(table, zero, zero + 3)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"s_in": True, "s_out": 5}, "s_in"),
        ({"s_in": 10, "s_out": 5, "test_step": 0}, "test_step"),
        ({"s_in": 10, "s_out": 5, "test_step": "1"}, "test_step"),
        ({"s_in": 10, "s_out": 5, "subjects": "S9"}, "subjects"),
        ({"s_in": 10, "s_out": 5, "subjects": [["S9"]]}, "subjects"),
        ({"s_in": 10**30, "s_out": 5}, "s_in"),
    ],
)
def test_metadata_of_predictions(metadata: dict[str, Any], told: str) -> None:
    predictions = Predictions(np.zeros((1, 17, 3), np.float32), np.array([2]), np.array([0]), metadata)
    with pytest.raises(InputError, match=f"predictions: .*{told}"):
        scores(predictions, example())


def test_other_letters_and_two_videos_of_one_name_are_scored(tmp_path: Path) -> None:
    records = [
        SequenceRecord("S9", "歩く", "歩く", np.random.default_rng(k).normal(size=(k, 17, 3)).astype(np.float32),
                       [np.zeros((k, 17, 2), np.float32)], [20])
        for k in (1, 3)
    ]  # fmt: skip
    table = build_frames_table(records, h36m_cameras(), {"dataset": "h36m"})
    video, frame = np.array([0, 1]), np.array([0, 0])
    poses = ground_truth(table, video, frame).astype(np.float32)
    document = scores(Predictions(poses, video, frame, {"s_in": 5, "s_out": 5, "subjects": ["S9"]}), table).document()
    assert document["5"]["key_frames"]["per_action"]["歩く"]["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert document["protocol"]["num_frames"] == {"all_frames": 4, "key_frames": 2}
    assert table.video_name(0) == table.video_name(1) == "S9 歩く, camera 0"
