"""MPI-INF-3DHP: its public files and its original annotations into a frames table, and what is refused."""

import io
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from world.mpi_inf_3dhp import OFF_CENTRE, UNIVERSAL, person, public_files, write_originals, write_public

from uplift_upsample.base.cameras import denormalise_points, intrinsics_px, project, world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MODEL_17
from uplift_upsample.data.frames import FramesTable, read_frames_table, subjects_of
from uplift_upsample.data.mpi_inf_3dhp.originals import test_data as of_test_sequences
from uplift_upsample.data.mpi_inf_3dhp.originals import train_data as of_train_sequences
from uplift_upsample.data.mpi_inf_3dhp.public_files import read_train, write_public_file
from uplift_upsample.data.mpi_inf_3dhp.table import write_mpi_inf_3dhp_table
from uplift_upsample.data.mpi_inf_3dhp.views import MPI_17, MPI_17_TO_MODEL
from uplift_upsample.plan.mpi_inf_3dhp_sequences import CAMERAS, TEST, TRAIN

TO_H36M = [MPI_17.index(name) for name in H36M_17]


def table_of(folder: Path, train: Any, test: Any, annotations: str = "universal", rate: float = 25) -> FramesTable:
    write_mpi_inf_3dhp_table(folder / "table.h5", *write_public(folder, train, test), annotations, rate)
    return read_frames_table(folder / "table.h5")


@pytest.fixture(scope="module")
def data() -> tuple[dict, dict]:
    return public_files()


@pytest.fixture(scope="module")
def table(data: tuple[dict, dict], tmp_path_factory: pytest.TempPathFactory) -> FramesTable:
    return table_of(tmp_path_factory.mktemp("table"), *data)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    write_originals(folder)
    return folder


@pytest.fixture
def few(data: tuple[dict, dict]) -> tuple[dict, dict]:
    """One training sequence at 50 Hz and one test sequence, which a test may change."""
    return pickle.loads(pickle.dumps(({"S1 Seq2": data[0]["S1 Seq2"]}, {"TS5": data[1]["TS5"]})))


def test_who_is_in_the_table(table: FramesTable) -> None:
    assert subjects_of(table, "trainval") == [f"S{number}" for number in range(1, 9)]
    assert subjects_of(table, "val") == ["S8"]
    assert subjects_of(table, "test") == list(TEST)
    assert table.actions == ["Seq1", "Seq2", *TEST]
    assert table.num_videos == 2 * len(TRAIN) + len(TEST)
    assert (table.metadata["annotations"], table.metadata["test_frame_rate"]) == ("universal", 25)
    assert table.metadata["input_2d"] == "gt"


def test_poses_are_those_of_the_camera(data: tuple[dict, dict], table: FramesTable) -> None:
    """At 50 and at 25 frames a second; the latter get poses in between."""
    for sequence, step in (("S1 Seq2", 1), ("S1 Seq1", 2)):
        subject, name = sequence.split()
        video = next(v for v in table.videos_of([subject]) if table.video_name(int(v)).startswith(f"{subject} {name} view 4"))
        start, length = table.video_start_3d[video], table.video_length[video]
        camera = table.video_camera[[video]]
        world = table.poses_3d[start : start + length][None].astype(np.float64)
        seen = world_to_camera(world, table.cameras.rotations[camera].astype(np.float64), table.cameras.translation[camera])[0]
        entry = data[0][sequence][0]["4"]
        recorded = entry["data_3d"][:, MPI_17_TO_MODEL] / 1000
        np.testing.assert_allclose(seen[::step], recorded, atol=1e-5)
        if step == 2:
            np.testing.assert_allclose(seen[1::2], (recorded[:-1] + recorded[1:]) / 2, atol=1e-5)
        first = table.video_start_2d[video]
        assert table.poses_2d is not None
        points = denormalise_points(table.poses_2d[first : first + length].astype(np.float64), 2048, 2048)
        np.testing.assert_allclose(points[::step], entry["data_2d"][:, MPI_17_TO_MODEL], atol=1e-2)


def test_what_is_scored(data: tuple[dict, dict], table: FramesTable) -> None:
    assert table.is_scored is not None
    [video] = table.videos_of(["TS3"])
    rows = table.is_scored[table.video_start_3d[video] :][: table.video_length[video]]
    assert len(rows) == 2 * 30 - 1
    np.testing.assert_array_equal(rows[::2], data[1]["TS3"]["valid"])
    assert not rows[1::2].any()


def test_metric_poses_project_through_the_cameras_of_the_table(tmp_path: Path, few: tuple[dict, dict]) -> None:
    train, test = few
    train["S1 Seq2"][0] = {"0": {name: person(24, "S1", 7)[key] for name, key in (("data_3d", "annot3"), ("data_2d", "annot2"))}}
    test["TS5"] |= {name: person(30, "TS5", 8)[key] for name, key in (("data_3d", "annot3"), ("data_2d", "annot2"))}
    for path, content in zip((tmp_path / "a.npz", tmp_path / "b.npz"), few, strict=True):
        write_public_file(path, content, "metric")
    write_mpi_inf_3dhp_table(tmp_path / "table.h5", tmp_path / "a.npz", tmp_path / "b.npz", "metric", 50)
    table = read_frames_table(tmp_path / "table.h5")
    for video in range(2):
        camera, rows = table.video_camera[[video]], slice(table.video_start_3d[video], None)
        world = table.poses_3d[rows][: table.video_length[video]][None]
        seen = project(
            world_to_camera(world, table.cameras.rotations[camera], table.cameras.translation[camera]),
            intrinsics_px(table.cameras.intrinsics[camera]),
        )[0]
        width, height = table.cameras.intrinsics[camera[0], :2]
        assert table.poses_2d is not None
        points = denormalise_points(table.poses_2d[table.video_start_2d[video] :][: len(seen)], width, height)
        np.testing.assert_allclose(points - seen, np.broadcast_to(OFF_CENTRE, seen.shape), atol=0.1)


@pytest.mark.parametrize("annotations", ["universal", "metric"])
def test_originals_become_the_public_files(originals: Path, annotations: str) -> None:
    train, test = of_train_sequences(originals, annotations), of_test_sequences(originals, annotations)
    assert list(train) == list(TRAIN)
    assert list(train["S3 Seq1"][0]) == [str(camera) for camera in CAMERAS]
    assert train["S3 Seq1"][1] == 50
    one = person(20, "S3", 1, list(TRAIN).index("S3 Seq1"), 5)
    field = {"universal": "univ_annot3", "metric": "annot3"}[annotations]
    np.testing.assert_allclose(train["S3 Seq1"][0]["5"]["data_3d"], one[field], rtol=1e-6)
    np.testing.assert_allclose(train["S3 Seq1"][0]["5"]["data_2d"], one["annot2"], rtol=1e-6)
    np.testing.assert_allclose(test["TS2"]["data_3d"], person(20, "TS2", 2, 1)[field], rtol=1e-6)
    np.testing.assert_array_equal(test["TS2"]["valid"], np.arange(20) % 5 != 4)


def test_frames_without_a_picture_are_left_out(originals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAIN, "S1 Seq1", TRAIN["S1 Seq1"]._replace(frames=13))
    assert len(of_train_sequences(originals, "metric")["S1 Seq1"][0]["0"]["data_2d"]) == 13


def test_the_commands(project: Path, originals: Path, tmp_path: Path) -> None:
    """From the annotations to the table."""
    commands: list[list[Any]] = [
        ["merge_mpi_inf_3dhp.py", "--folder", originals, "--annotations", "metric", "--train", "train.npz", "--test", "test.npz"],
        [
            "convert_mpi_inf_3dhp.py",
            "--train",
            "train.npz",
            "--test",
            "test.npz",
            "--annotations",
            "metric",
            "--output",
            "table.h5",
        ],
    ]
    for script, *options in commands:
        done = subprocess.run(
            [sys.executable, project / "scripts" / script, *options], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "px away from the 2D poses (median of 134 views" in done.stderr
    assert read_frames_table(tmp_path / "table.h5").metadata["annotations"] == "metric"


def change(part: int, name: str, make: Callable[[np.ndarray], Any]) -> Callable[[tuple[dict, dict]], None]:
    """Of the training (0) or test (1) poses of a name."""

    def apply(few: tuple[dict, dict]) -> None:
        entry = few[0]["S1 Seq2"][0]["4"] if part == 0 else few[1]["TS5"]
        entry[name] = make(entry[name])

    return apply


def in_another_order(few: tuple[dict, dict]) -> None:
    for name in ("data_3d", "data_2d"):
        few[1]["TS5"][name] = few[1]["TS5"][name][:, TO_H36M]


def nan_at(frame: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda poses: np.where(np.arange(len(poses))[:, None, None] == frame, np.nan, poses)


SIDES = [MPI_17.index({"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]) for name in MPI_17]
FAULTS: dict[str, tuple[Callable[[tuple[dict, dict]], Any], str]] = {
    "metres": (
        change(0, "data_3d", lambda poses: poses / 1000),
        r"S1 Seq2, camera 4: the person measures .* they are likely metres",
    ),
    "relative": (change(1, "data_3d", lambda p: p - p[:, 14:15]), "TS5 video, camera 0: the 3D poses are relative to the pelvis"),
    "sides": (change(0, "data_2d", lambda poses: poses[:, SIDES]), r"camera 4: .* px away .* px if left and right are exchanged"),
    "joints of both": (in_another_order, r"TS5 video, camera 0: its joints are in the order of Human3\.6M"),
    "joints of 2D": (
        change(1, "data_2d", lambda p: p[:, TO_H36M]),
        r"px if the joints of the 2D poses are in the order of Human3\.6M",
    ),
    "y up": (change(1, "data_2d", lambda poses: [0, 1080] + poses * [1, -1]), "px if y of the 2D poses points up"),
    "normalised": (
        change(0, "data_2d", lambda poses: poses / 1024 - 1),
        "must be pixels of such pictures, and are likely normalised",
    ),
    "small picture": (change(0, "data_2d", lambda poses: poses / 2), "are likely of another size"),
    "another clip": (
        change(0, "data_2d", lambda p: person(len(p), "S1", 99)["annot2"]),
        "px away from the 2D poses, which should be exact",
    ),
    "NaN": (change(1, "data_3d", nan_at(3)), "TS5, frame 3: its 3D pose has a number that is NaN, infinite or too large"),
    "lengths": (change(0, "data_2d", lambda poses: poses[:-1]), "S1 Seq2, camera 4 has 24 3D and 23 2D poses"),
    "28 joints": (change(0, "data_3d", lambda p: np.zeros((len(p), 28, 3))), r"not numbers with the shape \(frames, 17, 3\)"),
    "no valid": (lambda few: few[1]["TS5"].pop("valid"), "TS5 has no 'valid', .* is it the training file"),
    "none valid": (change(1, "valid", np.zeros_like), "TS5 has no valid frame at all"),
    "odd valid": (change(1, "valid", lambda valid: valid * 2), "'valid', not a 0 or 1 for each of 30 frames"),
    "rate": (lambda few: few[0]["S1 Seq2"].__setitem__(1, 25), "S1 Seq2 has 25 frames a second; it was recorded with 50"),
    "camera": (lambda few: few[0]["S1 Seq2"][0].__setitem__("3", few[0]["S1 Seq2"][0]["0"]), "S1 Seq2 has the camera '3'"),
    "name": (lambda few: few[0].__setitem__("S1 Seq 2", few[0]["S1 Seq2"]), "no sequence 'S1 Seq 2' .*, did you mean 'S1 Seq2'"),
    "layout": (lambda few: few[0].__setitem__("S1 Seq2", np.zeros(3)), "S1 Seq2 holds .*, not a list of its cameras"),
    "number": (lambda few: few[0].__setitem__("S1 Seq2", np.array(3.0)), "S1 Seq2 holds .*, not a list of its cameras"),
    "uneven valid": (change(1, "valid", lambda valid: [[1, 0], [1]]), "'valid', not a 0 or 1 for each of 30 frames"),
    "keys": (change(1, "data_2d", lambda poses: [1]), "TS5, data_2d, holds a list, not numbers"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said(tmp_path: Path, few: tuple[dict, dict], fault: str) -> None:
    break_it, message = FAULTS[fault]
    break_it(few)
    with pytest.raises(InputError, match=message) as raised:
        table_of(tmp_path, *few, rate=50)
    assert str(tmp_path) in str(raised.value)
    assert not (tmp_path / "table.h5").exists()


def test_a_training_file_may_leave_its_frame_rates_out(tmp_path: Path, few: tuple[dict, dict]) -> None:
    """What is known of each sequence counts then, and the table is the same."""
    with_rates = table_of(tmp_path, *few, rate=50)
    few[0]["S1 Seq2"] = few[0]["S1 Seq2"][:1]
    without = table_of(tmp_path, *few, rate=50)
    np.testing.assert_array_equal(without.poses_3d, with_rates.poses_3d)
    np.testing.assert_array_equal(without.video_frame_rate, with_rates.video_frame_rate)


@pytest.mark.parametrize("rate", [np.int64(50), np.float32(50), np.array(50)])
def test_frame_rates_that_are_numbers_of_numpy(tmp_path: Path, few: tuple[dict, dict], rate: Any) -> None:
    few[0]["S1 Seq2"][1] = rate
    views = list(read_train(write_public(tmp_path, *few)[0], "universal"))
    assert [view.frame_rate for view in views] == [50.0] * len(few[0]["S1 Seq2"][0])


def test_universal_poses_are_not_taken_for_metric_ones(tmp_path: Path, few: tuple[dict, dict]) -> None:
    paths = write_public(tmp_path, *few)
    with pytest.raises(InputError, match="it holds 'universal' annotations, and the data set is to have metric ones"):
        write_mpi_inf_3dhp_table(tmp_path / "table.h5", *paths, "metric", 50)
    for path, content in zip(paths, few, strict=True):
        write_public_file(path, content, "metric")
    with pytest.raises(InputError, match=rf"{UNIVERSAL:.2f} times as far away .* these are universal annotations"):
        write_mpi_inf_3dhp_table(tmp_path / "table.h5", *paths, "metric", 50)


def test_a_file_that_would_run_code_is_not_loaded(tmp_path: Path, few: tuple[dict, dict]) -> None:
    train, test = write_public(tmp_path, *few)
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|O", "fortran_order": False, "shape": ()})
    content.write(pickle.dumps(np.array(shutil.rmtree, object), protocol=3))
    with zipfile.ZipFile(train, "w") as archive:
        archive.writestr("data.npy", content.getvalue())
    with pytest.raises(InputError, match=r"'data' asks for shutil\.rmtree"):
        write_mpi_inf_3dhp_table(tmp_path / "table.h5", train, test, "universal", 50)


@pytest.mark.parametrize(
    ("place", "damage", "message"),
    [
        ("S1/Seq1/annot.mat", lambda path: path.unlink(), r"S1/Seq1/annot\.mat: no such annotations"),
        (
            "S1/Seq1/annot.mat",
            lambda path: path.write_bytes(path.read_bytes()[:900]),
            r"annot\.mat: not a file of MATLAB 5, or damaged",
        ),
        ("S1/Seq1/annot.mat", lambda path: path.write_bytes(b"<html>"), r"annot\.mat: not a file of MATLAB 5, or damaged"),
        ("mpi_inf_3dhp_test_set/TS4/annot_data.mat", lambda path: path.unlink(), r"TS4/annot_data\.mat: no such annotations"),
        (
            "mpi_inf_3dhp_test_set/TS4/annot_data.mat",
            lambda path: path.write_bytes(path.read_bytes()[:3000]),
            "not annotations of a",
        ),
        ("mpi_inf_3dhp_test_set/TS4/annot_data.mat", lambda path: without(path, "annot2"), r"annot2 is missing"),
        (
            "mpi_inf_3dhp_test_set/TS4/annot_data.mat",
            lambda path: with_one(path, "univ_annot3", -1e300),
            r"TS4/annot_data\.mat: univ_annot3 has the coordinate 1e\+300, in pixels or millimetres; get the file again",
        ),
    ],
)
def test_damaged_originals(originals: Path, tmp_path: Path, place: str, damage: Callable[[Path], Any], message: str) -> None:
    folder = shutil.copytree(originals, tmp_path / "copy")
    damage(folder / place)
    with pytest.raises(InputError, match=message):
        (of_train_sequences if "Seq" in place else of_test_sequences)(folder, "universal")


def test_a_bomb_in_the_originals(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros are packed a thousand times smaller; it is found before there are arrays of them, whatever the field."""
    folder = shutil.copytree(originals, tmp_path / "copy")
    savemat(folder / "S1/Seq1/annot.mat", {"annot2": np.zeros((1, 3 << 20)), "cameras": np.arange(14)[None]}, do_compression=True)
    monkeypatch.setattr("scipy.io.loadmat", pytest.fail)
    with pytest.raises(InputError, match=r"annot\.mat: its \d+ bytes unpack to more than 100 times as many; get the file again"):
        of_train_sequences(folder, "universal")


def without(path: Path, field: str) -> None:
    with h5py.File(path, "a") as file:
        del file[field]


def with_one(path: Path, field: str, value: float) -> None:
    with h5py.File(path, "a") as file:
        poses = file[field][()].astype(np.float64)
        poses[2, 0, 3, 1] = value
        del file[field]
        file[field] = poses


def test_joints() -> None:
    assert sorted(MPI_17) == sorted(MODEL_17)
    assert [MPI_17[index] for index in MPI_17_TO_MODEL] == list(MODEL_17)
