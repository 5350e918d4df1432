"""Files that mean harm, or are damaged so that inner libraries do not survive them: one error, at once, and no code is run."""

import json
import math
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from world.amass_archives import npz_bytes, recording
from world.h36m_archives import cdf_bytes
from world.mocap_files import fields, walker

from uplift_upsample.cameras import h36m_cameras
from uplift_upsample.config import ModelConfig
from uplift_upsample.data import public_npz
from uplift_upsample.data.amass.body_model import read_body_model
from uplift_upsample.data.amass.recording import UnusableError, read_recording
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table, read_frames_table, write_frames_table
from uplift_upsample.data.h36m import cdf_guard
from uplift_upsample.data.h36m.archives import SubjectPoses, read_subject, write_subject
from uplift_upsample.data.h36m.cdf import read_poses
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.data.mocap.cmu_clips import read_clips
from uplift_upsample.data.mocap.own import read_recording as read_own
from uplift_upsample.data.public_npz import read_positions_3d, write_amass_subset, write_positions_2d, write_positions_3d
from uplift_upsample.data.sampler import Rows
from uplift_upsample.errors import InputError, WriteError
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.scores import ground_truth, scores
from uplift_upsample.runs import Run, read_run, write_run
from uplift_upsample.strict import shown
from uplift_upsample.train.checkpoint import CheckpointFolder


class RunsCode:
    """Writes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.mark)!r}, 'w').close()",)


def read_bytes_of_amass(path: Path) -> None:
    try:
        read_recording(path.read_bytes())
    except UnusableError as error:
        raise InputError(f"{path}: {error}") from None


def read_checkpoint(path: Path) -> None:
    if CheckpointFolder(path.parent).newest() is None:
        raise InputError(f"{path}: passed over")


@pytest.mark.parametrize(
    "read", [read_positions_3d, read_subject, read_clips, read_body_model, read_own, read_bytes_of_amass, read_checkpoint]
)
def test_no_reader_runs_the_code_of_a_pickle(read: Callable[[Path], object], tmp_path: Path) -> None:
    mark, path = tmp_path / "code_was_run", tmp_path / "step_000000001.npz"
    evil = np.array([RunsCode(mark)], object)
    np.savez(path, **dict.fromkeys(["positions_3d", "poses_3d", "header", "poses", "state", "positions", "male_bones"], evil))
    assert pickle.loads(pickle.dumps(RunsCode(mark))) is None and mark.exists()  # it does mean harm
    mark.unlink()
    with pytest.raises(InputError, match=path.name):
        read(path)
    assert not mark.exists()


# ---- HDF5


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
        (link("poses_3d", h5py.ExternalLink("other.h5", "/poses_3d")), "poses_3d lies in another file"),
        (link("poses_3d", h5py.SoftLink("/nowhere")), "poses_3d is missing"),
        (link("poses_3d", h5py.SoftLink("/videos")), "poses_3d is no array"),
        (put("sequences/frame_rate", data=np.array([50.0, 0.0])), "a frame rate of 0 Hz"),
        (put("sequences/frame_rate", data=np.array([24.0, 50.0])), "a frame rate of 24 Hz is no multiple of 50 Hz"),
        (put("sequences/frame_rate", data=np.array([29.97, 50.0])), "29.97 Hz"),
        (put("sequences/frame_rate", data=np.array([50.0, 240.0])), "240 Hz"),
        (put("sequences/frame_rate", data=np.array([math.inf, 50.0])), "inf Hz"),
        (put("sequences/length", data=np.array([12, 0])), "a sequence lies outside"),
        (put("sequences/length", data=np.array([12, 2**63 - 1])), "a sequence lies outside"),
        (put("sequences/subject", data=np.array([b"\xff", b"x"], object), dtype=h5py.string_dtype()), "frames table"),
        (put("sequences/name", data=["a", "b", "c"]), "there are 2 or 3 sequences"),
        (put("videos/camera", data=np.array([0, 1, 20, 28])), "a video is of the camera 28 of 28"),
        (put("videos/camera", data=np.array([0, -1, 20, 21])), "a video is of the camera -1"),
        (put("videos/sequence", data=np.array([0, 0, 1, 2])), "a video is of the sequence 2 of 2"),
        (put("cameras/translation", data=np.full((28, 3), np.nan, np.float32)), "the translation of a camera"),
        (put("cameras/orientation", data=np.ones((28, 4), np.float32)), "no unit quaternion"),
        (put("cameras/intrinsics", data=np.zeros((27, 11))), "the intrinsics of a camera"),
        (put("cameras/intrinsics", data=np.zeros((28, 11))), "a picture without size"),
        (set_metadata([]), "the attribute 'metadata' is no JSON object"),
        (set_metadata({"x": math.nan}), "NaN is no JSON number"),
        (set_metadata({"splits": {"train": "S1"}}), "its splits are no lists"),
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
    with pytest.raises(InputError, match="h36m: 3D poses of the frames table have a coordinate that is no finite number"):
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
    document = scores(Predictions(poses, video, frame, {"s_in": 5, "s_out": 5, "subjects": ["S9"]}), table)
    assert document["5"]["key_frames"]["per_action"]["歩く"]["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert document["protocol"]["num_frames"] == {"all_frames": 4, "key_frames": 2}
    assert table.video_name(0) == table.video_name(1) == "S9 歩く, camera 0"


# ---- CDF


def cdf(**options: Any) -> bytes:
    rng = np.random.default_rng(0)
    return cdf_bytes(rng.normal(0, 300, (9, 32, 3)).astype(np.float32), **options)


def changed_cdf(at: int, value: bytes, **options: Any) -> bytes:
    content = bytearray(cdf(**options))
    content[at : at + len(value)] = value
    return bytes(content)


DAMAGED = r"the record at byte \d+ is cut off, overlaps others or comes twice"
GDR = 8 + 312  # behind the first record of the files of the tests


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x00\x00\xff\xff" * 9, "it is not a CDF file"),
        (cdf()[:400], DAMAGED),
        (changed_cdf(GDR + 8 + 52, b"\x7f\xff\xff\xff"), DAMAGED),  # variables
        (changed_cdf(GDR + 8 + 48, b"\x00\x00\x00\x0b"), "a variable of 11 dimensions"),
        (changed_cdf(GDR + 8 + 36, b"\xff\xff\xff\xff"), "a count of -1"),
    ],
)
def test_cdf_files_that_would_keep_a_reader_busy(content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=rf"S1\.tgz: x\.cdf: the variable 'Pose' cannot be read \({told}") as caught:
        read_poses(content, "S1.tgz: x.cdf")
    assert "\n" not in str(caught.value)


def variable_at(content: bytes) -> int:
    """Where the record of the variable starts."""
    return content.index(b"Pose\0") - 84


@pytest.mark.parametrize(
    ("offset", "value", "told"),
    [
        (8 + 16, b"\x7f\xff\xff\xff", "its variable claims"),  # records
        (8 + 56, b"\x7f\xff\xff\xff", "its variable claims"),  # elements
        (8 + 336, b"\x7f\xff\xff\xff", "its variable claims"),  # length of a dimension
        (8 + 332, b"\x00\x00\x00\x7f", "a variable of 127 dimensions"),
        (8 + 12, b"\x00\x00\x00\x33", "its variable holds no numbers"),
        (8 + 40, b"\x00\x00\x00\x01", "its variable leaves records out"),
        (
            8 + 20,
            b"\x00\x00\x00\x00\x00\x00\x00\x08",
            DAMAGED,
        ),  # its index is the first record
    ],
)
def test_cdf_variables_that_claim_too_much(offset: int, value: bytes, told: str) -> None:
    at = variable_at(cdf()) + offset
    with pytest.raises(InputError, match=rf"\({told}"):
        read_poses(changed_cdf(at, value), "x.cdf")


@pytest.mark.parametrize("options", [{"compressed_file": True}, {"compressed_variable": True}])
def test_cdf_bombs(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdf_guard, "MAX_BYTES", 3000)
    with pytest.raises(InputError, match=r"its (packed data have more than|variable claims)"):
        read_poses(cdf(**options), "x.cdf")


# ---- npz


def test_a_bomb_in_a_public_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_npz, "_SMALL", 1 << 16)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("positions_3d.npy", bytes(1 << 22))
    with pytest.raises(InputError, match=r"a\.npz: 'positions_3d' has 4194304 bytes in \d+, as no recorded poses have"):
        read_positions_3d(tmp_path / "a.npz")


@pytest.mark.parametrize("value", [1e30, -1e6, 3e38, 1e300])
def test_huge_coordinates_of_public_files(value: float, tmp_path: Path) -> None:
    poses_3d = np.random.default_rng(0).normal(size=(3, 32, 3))
    views = [np.random.default_rng(0).uniform(0, 1000, (3, 17, 2))] * 4
    write_positions_3d(tmp_path / "3d.npz", {"S1": {"Walking": poses_3d}})
    write_positions_2d(tmp_path / "2d.npz", {"S1": {"Walking": views}})
    assert h36m_table(tmp_path / "3d.npz", tmp_path / "2d.npz", "gt").num_videos == 4
    spoilt_3d, spoilt_2d = poses_3d.copy(), views[0].copy()
    spoilt_3d[1, 3, 0] = spoilt_2d[1, 3, 0] = value
    with np.errstate(over="ignore"):
        write_positions_3d(tmp_path / "huge_3d.npz", {"S1": {"Walking": spoilt_3d}})
        write_positions_2d(tmp_path / "huge_2d.npz", {"S1": {"Walking": [*views[:3], spoilt_2d]}})
    told = "has a coordinate that is no finite number" if value > 1e39 else "has the coordinate .*, where no person is"
    with pytest.raises(InputError, match=rf"huge_3d\.npz: S1 Walking, frame 1 {told}"):
        h36m_table(tmp_path / "huge_3d.npz", tmp_path / "2d.npz", "gt")
    with pytest.raises(InputError, match=rf"huge_2d\.npz: S1 Walking, camera 3, frame 1 {told}"):
        h36m_table(tmp_path / "3d.npz", tmp_path / "huge_2d.npz", "gt")


@pytest.mark.parametrize("rate", [0.0, 24.0, 29.97, 59.94, 240.0, math.nan, math.inf, 1e18])
def test_frame_rates_of_amass_subsets(rate: float, tmp_path: Path) -> None:
    poses = np.random.default_rng(0).normal(size=(3, 17, 3))
    write_amass_subset(tmp_path / "CMU.npz", {"01": {"a": {"positions_3d": poses, "frame_rate": rate}}})
    with pytest.raises(InputError, match=r"CMU\.npz: 01/a has .* Hz, which is no multiple of 50 Hz"):
        amass_table([tmp_path / "CMU.npz"])


@pytest.mark.parametrize("rate", [0.0, 24.0, 29.97, math.nan, -1.0])
def test_frame_rates_of_amass_recordings(rate: float) -> None:
    fields = recording(9, 120.0, np.random.default_rng(0)) | {"mocap_framerate": np.array(rate)}
    with pytest.raises(UnusableError, match=r"frame rate is below 50 Hz|no finite numbers"):
        read_recording(npz_bytes(fields))
    assert read_recording(npz_bytes(fields | {"mocap_framerate": np.array(240.0)})).frame_rate == 240


@pytest.mark.parametrize(
    "header",
    ["[]", "{}", "null", "[" * 100_000, '{"recordings": 3}', '{"recordings": [3]}', '{"recordings": [{"name": 3, "frames": -1}]}'],
)
def test_headers_of_converted_files(header: str, tmp_path: Path) -> None:
    write_subject(tmp_path / "S1.npz", SubjectPoses("S1", {"Walking": np.zeros((3, 32, 3), np.float32)}, [], {}))
    assert read_subject(tmp_path / "S1.npz").subject == "S1"
    np.savez(tmp_path / "S1.npz", header=np.array(header), poses_3d=np.zeros((3, 32, 3), np.float32))
    for read in (read_subject, read_clips):
        with pytest.raises(InputError, match=r"S1\.npz: not "):
            read(tmp_path / "S1.npz")


@pytest.mark.parametrize("order", ["<", ">"])
def test_letters_that_there_are_not(order: str, tmp_path: Path) -> None:
    codes = np.array([0x61, 0x110000], f"{order}u4")
    np.savez(tmp_path / "a.npz", **fields(walker(9)) | {"joints": codes.view(f"{order}U2")})
    with pytest.raises(InputError, match=r"a\.npz: the field 'joints' holds letters that there are not"):
        read_own(tmp_path / "a.npz")


# ---- configurations


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\n"
        + "".join(f"{chr(99 + k)}: &{chr(99 + k)} [*{chr(98 + k)}, *{chr(98 + k)}]\n" for k in range(20)),
        "model: &m\n  num_tokens: *m\n",
        "model: &m {num_tokens: 9, s_out: 5, strides: [3, 3], s_in: &s [*s]}\n",
        "model: 2001-99-99\n",
        "model: " + "[" * 500,
        "model: {num_tokens: " + "9" * 5000 + "}\n",
        "model: {num_tokens: 9, s_out: 5, strides: [3, " + "9" * 400 + "]}\n",
        "model: !!python/object/apply:os.system ['touch x']\n",
        "? [a, {b: c}]\n: d\n",
        "\x00",
    ],
)
def test_configurations_that_never_end_or_run_code(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(InputError, match=r"run\.yaml") as caught:
        read_run(tmp_path / "run.yaml")
    assert len(str(caught.value)) < 25_000 and not (tmp_path / "x").exists()


def test_parameters_of_a_schedule_are_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "run.yaml", Run(ModelConfig(9, 5, strides=(3, 3))))
    values = yaml.safe_load((tmp_path / "run.yaml").read_text())
    for bad in ({"a": 1}, math.nan, [[1]], None, 10**400):
        values["train"]["schedule_params"] = {"decay_rate": bad}
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(values))
        with pytest.raises(InputError, match=r"run\.yaml\.train: schedule_params\.decay_rate is .*; it must be a number"):
            read_run(tmp_path / "run.yaml")


# ---- messages


def test_messages_hold_nothing_that_a_terminal_obeys_and_come_to_an_end() -> None:
    assert str(InputError("x\x1b[2Jy\r\0\ud800\u202e日本\nz")) == "x\\x1b[2Jy\\r\\x00\\ud800\\u202e日本\nz"
    assert str(InputError("plain")) == "plain" and isinstance(InputError("x"), ValueError)
    assert str(WriteError("no\x07 room")) == "no\\x07 room"
    long = str(InputError("x" * 10**6))
    assert len(long) < 20_100 and long.endswith("further letters)")
    deep: Any = []
    for _ in range(60):
        deep = [deep, deep]
    assert len(shown(deep)) < 1000 and len(shown(10**5000)) < 100 and shown("x") == "'x'"
