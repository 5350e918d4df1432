"""Human3.6M from archives in the true format to the public files, and what is said about archives that are not right."""

import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from world import killing
from world.h36m_archives import (
    Recordings,
    cdf_bytes,
    h36m_archives,
    public_recordings,
    recordings,
    write_archive,
    write_members,
)

from uplift_upsample.base.cameras import h36m_cameras, intrinsics_px, normalise_points, project, world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import H36M_17_TO_MODEL, H36M_32_TO_17, H36M_32_TO_MODEL
from uplift_upsample.data.download.source_files import SourceFile, write_source_manifest
from uplift_upsample.data.h36m.archives import SubjectPoses, join_subjects, read_archive, read_subject, write_subject
from uplift_upsample.data.h36m.cdf import read_poses
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.data.public_npz import read_positions_2d, read_positions_3d
from uplift_upsample.plan.h36m_subjects import SUBJECTS

LENGTHS = (20, 30)
FOLDER = "S1/MyPoseFeatures/D3_Positions"


@pytest.fixture(scope="module")
def poses() -> Recordings:
    """The 30 recordings of S1, millimetres."""
    return recordings("S1", 0, LENGTHS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the seven archives, their manifests and the files of the subjects, made by the script."""
    folder = tmp_path_factory.mktemp("h36m")
    for name, path in h36m_archives(folder / "raw", lengths=LENGTHS).items():
        relative = str(path.relative_to(folder))
        file = SourceFile(name, relative, sha256_of_file(path), path.stat().st_size, "https://example.org/" + path.name)
        write_source_manifest(folder / f"{name}.json", file)
    for subject in SUBJECTS:
        killing.finish(convert_command(subject), folder)
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def convert_command(subject: str, output: str | None = None) -> list[str]:
    options = ["--source", f"h36m_{subject}.json", "--subject", subject, "--output", output or f"{subject}.npz"]
    return ["convert_h36m_archive.py", *options]


def merge_command(folder: str = ".", subjects: tuple[str, ...] = SUBJECTS) -> list[str]:
    outputs = ["--poses_3d", f"{folder}/data_3d_h36m.npz", "--poses_2d", f"{folder}/data_2d_h36m_gt.npz"]
    return ["merge_h36m.py", "--subjects", *(f"{subject}.npz" for subject in subjects), *outputs]


def test_from_archives_to_the_frames_table(world: Path) -> None:
    killing.finish(merge_command("merged", SUBJECTS[::-1]), world)
    paths = world / "merged" / "data_3d_h36m.npz", world / "merged" / "data_2d_h36m_gt.npz"
    expected = {subject: public_recordings(subject, recordings(subject, 0, LENGTHS)) for subject in SUBJECTS}
    positions_3d = read_positions_3d(paths[0])
    np.testing.assert_equal(positions_3d, expected)
    assert list(positions_3d) == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    assert [list(actions) for actions in positions_3d.values()] == [list(actions) for actions in expected.values()]
    assert "Photo 1" in positions_3d["S7"] and "WalkDog" in positions_3d["S1"]
    assert [len(actions) for actions in positions_3d.values()] == [30, 30, 30, 30, 30, 30, 29]
    assert "Directions" not in positions_3d["S11"] and "Directions 1" in positions_3d["S11"]

    positions_2d, metadata = read_positions_2d(paths[1])
    assert metadata == {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
    cameras = h36m_cameras()
    table = h36m_table(*paths, "gt")
    assert len(table.video_length) == 4 * 209
    video = 0
    for subject, actions in positions_3d.items():
        indices = [index for index, name in enumerate(cameras.names) if name.startswith(subject + "/")]
        for name, world_poses in actions.items():
            for view, index in zip(positions_2d[subject][name], indices, strict=True):
                batch = world_poses[None].astype(np.float64)
                in_camera = world_to_camera(batch, cameras.rotations[[index]], cameras.translation[[index]])
                assert in_camera[..., 2].min() > 1, "the people are before the cameras"
                pixels = project(in_camera, intrinsics_px(cameras.intrinsics[[index]]))[0]
                np.testing.assert_array_equal(view, pixels[:, H36M_32_TO_17].astype(np.float32))
                start, frames = table.video_start_2d[video], table.video_length[video]
                width, height = cameras.intrinsics[index, :2]
                direct = normalise_points(pixels[:, H36M_32_TO_MODEL], width, height)
                np.testing.assert_allclose(table.poses_2d[start : start + frames], direct, rtol=0, atol=3e-7)
                video += 1
    assert video == 4 * 209
    np.testing.assert_array_equal(H36M_32_TO_17[H36M_17_TO_MODEL], H36M_32_TO_MODEL)


def test_the_header_tells_where_the_poses_come_from(world: Path) -> None:
    subject = read_subject(world / "S11.npz")
    archive = world / "raw" / "Poses_D3_Positions_S11.tgz"
    assert (subject.subject, subject.left_out) == ("S11", ["Directions.cdf"])
    assert subject.source == {"file": archive.name, "sha256": sha256_of_file(archive)}
    with np.load(world / "S11.npz", allow_pickle=False) as file:
        assert json.loads(str(file["header"]))["unit"] == "m"
    assert str(world).encode() not in (world / "S11.npz").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kind": "rVariable"},
        {"compressed_variable": True},
        {"compressed_file": True},
        {"compressed_file": True, "kind": "rVariable"},
        {"column_major": True},
        {"frame_records": True},
        {"frame_records": True, "kind": "rVariable"},
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_kinds_of_cdf_files(options: dict, dtype: type, poses: Recordings, temporary: Path) -> None:
    expected = poses["Sitting"] / np.float32(1000)
    found = read_poses(cdf_bytes(poses["Sitting"].astype(dtype), **options), "x")
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)
    assert list(temporary.iterdir()) == []


def test_prefixes_and_what_else_lies_in_an_archive(poses: Recordings, tmp_path: Path) -> None:
    extra = [("./S1/MyPoseFeatures/D3_Positions/._Walking.cdf", b"Mac OS X"), ("./S1/readme.txt", b"hello")]
    write_archive(tmp_path / "x.tgz", "S1", poses, prefix="./", extra=extra)
    subject = read_archive(tmp_path / "x.tgz", "S1", "0" * 64)
    np.testing.assert_equal(dict(subject.recordings), public_recordings("S1", poses))


def test_the_order_does_not_depend_on_the_archive(poses: Recordings, tmp_path: Path) -> None:
    for name, order in (("a", poses), ("b", dict(reversed(poses.items())))):
        write_archive(tmp_path / f"{name}.tgz", "S1", order)
        subject = read_archive(tmp_path / f"{name}.tgz", "S1", "")
        write_subject(tmp_path / f"{name}.npz", SubjectPoses("S1", subject.recordings, [], {}))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def without(name: str) -> Callable[[Recordings], Recordings]:
    return lambda poses: {key: values for key, values in poses.items() if key != name}


def renamed(old: str, new: str) -> Callable[[Recordings], Recordings]:
    return lambda poses: {new if key == old else key: values for key, values in poses.items()}


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Recordings], Recordings]:
    return lambda poses: {**poses, name: change(poses[name].copy())}


def with_value(value: float) -> Callable[[Recordings], Recordings]:
    def change(values: np.ndarray) -> np.ndarray:
        values[7, 3, 1] = value
        return values

    return changed("Sitting", change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("Sitting"), "29 CDF files of S1 instead of 30"),
        (lambda poses: {**poses, "Walking 7": poses["Sitting"]}, "31 CDF files of S1 instead of 30"),
        (lambda poses: {}, "0 CDF files of S1 instead of 30"),
        (renamed("Walking 1", "Wlaking"), r"Wlaking\.cdf: unknown action 'Wlaking', did you mean 'Walking'"),
        (renamed("Walking 1", "Walking copy"), r"Walking copy\.cdf: expected the name of an action"),
        (renamed("Walking 1", "Photo 1"), r"two recordings that are called 'Photo 1', one of them in TakingPhoto 1\.cdf"),
        (with_value(np.nan), r"Sitting\.cdf: frame 7, r_ankle, has a coordinate that is NaN or infinite"),
        (with_value(-np.inf), "frame 7, r_ankle, has a coordinate that is NaN or infinite"),
        (with_value(3e38), "frame 7 has a joint .* m from the origin; are these world positions in millimetres"),
        (with_value(2e5), "frame 7 has a joint 200.* m from the origin"),
        (with_value(9e3), "frame 7 has a body of .* m; are these world positions in millimetres"),
        (changed("Eating", lambda values: values / np.float32(1000)), r"Eating\.cdf: frame 0 has a body of 0\.00.* m"),
        (changed("Eating", lambda values: values * 0), r"frame 0 has a body of 0 m"),
        (changed("Eating", lambda values: values[:1].repeat(9, 0)), r"Eating\.cdf: all 9 frames are the same"),
        (
            changed("Eating", lambda values: values[:, :17]),
            r"Eating\.cdf: the variable 'Pose' has the shape \(1, \d+, 51\) of float32",
        ),
        (changed("Eating", lambda values: values.astype(np.float64) * 1e300), "NaN or infinite"),
    ],
)
def test_archives_that_are_not_right(
    change: Callable[[Recordings], Recordings], message: str, poses: Recordings, tmp_path: Path
) -> None:
    path = tmp_path / "Poses_D3_Positions_S1.tgz"
    write_archive(path, "S1", change(poses), level=1)
    with pytest.raises(InputError, match=rf"{path}: .*{message}") as caught:
        read_archive(path, "S1", "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"not a CDF file" * 100, "cannot be read .*it is not a CDF file"),
        ("cut", "cannot be read"),
        ("compressed and cut", "cannot be read"),
        ("variable", "cannot be read .*'Pose' not found"),
    ],
)
def test_cdf_files_that_cannot_be_read(
    content: bytes | str, message: str, poses: Recordings, tmp_path: Path, temporary: Path
) -> None:
    if content == "variable":
        content = cdf_bytes(poses["Sitting"], variable="Angles")
    elif isinstance(content, str):
        whole = cdf_bytes(poses["Sitting"], compressed_file="compressed" in content)
        content = whole[: len(whole) * 2 // 3]
    path = tmp_path / "x.tgz"
    write_members(path, [(f"{FOLDER}/Walking.cdf", content)])
    with pytest.raises(InputError, match=rf"{path}: {FOLDER}/Walking.cdf: the variable 'Pose' {message}") as caught:
        read_archive(path, "S1", "")
    assert "\n" not in str(caught.value)
    assert list(temporary.iterdir()) == []


def test_corrupt_files_of_s11_may_be_there_or_not(tmp_path: Path) -> None:
    poses = recordings("S11", 0, LENGTHS)
    for name, change, left_out in (("a", dict, ["Directions.cdf"]), ("b", without("Directions"), [])):
        write_archive(tmp_path / name, "S11", change(poses), level=1)
        subject = read_archive(tmp_path / name, "S11", "")
        assert (len(subject.recordings), list(subject.left_out)) == (29, left_out)
    write_archive(tmp_path / "c", "S11", without("Directions 1")(poses), level=1)
    with pytest.raises(InputError, match=r"28 CDF files of S11 instead of 29 \(Directions\.cdf, which is corrupt, does not count"):
        read_archive(tmp_path / "c", "S11", "")


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("S5/MyPoseFeatures/D3_Positions/Walking.cdf", r"it holds S5 \(S5/.*Walking.cdf\) in place of S1; the site's file numbers"),
        ("S1/MyPoseFeatures/D3_Angles/Walking.cdf", "is not in S1/MyPoseFeatures/D3_Positions; this is another archive"),
        ("S1/MyPoseFeatures/D3_Positions_mono/Walking.54138969.cdf", "this is another archive"),
        ("Walking.cdf", "this is another archive, get Poses_D3_Positions_S1.tgz"),
    ],
)
def test_archives_of_something_else(member: str, message: str, poses: Recordings, tmp_path: Path) -> None:
    write_members(tmp_path / "x.tgz", [(member, cdf_bytes(poses["Sitting"]))])
    with pytest.raises(InputError, match=message):
        read_archive(tmp_path / "x.tgz", "S1", "")


def test_no_archive_and_an_unknown_subject(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_text("<!DOCTYPE html><title>Login</title>")
    with pytest.raises(InputError, match="a web page, not an archive"):
        read_archive(tmp_path / "x.tgz", "S1", "")
    with pytest.raises(InputError, match="unknown subject 'S2'"):
        read_archive(tmp_path / "x.tgz", "S2", "")


def test_files_of_subjects(world: Path, tmp_path: Path) -> None:
    subject = read_subject(world / "S5.npz")
    write_subject(tmp_path / "S5.npz", subject)
    assert (tmp_path / "S5.npz").read_bytes() == (world / "S5.npz").read_bytes()
    np.savez(tmp_path / "other.npz", header=np.array('{"recordings": []}'), poses_3d=np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    cut = (world / "S5.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(cut[: len(cut) // 2])
    for name in ("other", "text", "cut", "missing"):
        with pytest.raises(InputError, match=rf"{name}\.npz: not a converted subject of Human3.6M .*convert its archive again"):
            read_subject(tmp_path / f"{name}.npz")
    paths = [world / f"{name}.npz" for name in SUBJECTS]
    with pytest.raises(InputError, match=r"no file of S8, S11 among"):
        join_subjects([path for path in paths if path.stem not in ("S8", "S11")])
    with pytest.raises(InputError, match=r"S5\.npz: subject S5 occurs twice"):
        join_subjects([*paths, tmp_path / "S5.npz"])


def says(command: list[str], folder: Path) -> tuple[int, str]:
    process = killing.start(command, folder)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def test_bad_input_is_one_line_and_no_output(world: Path) -> None:
    wrong = ["convert_h36m_archive.py", "--source", "h36m_S5.json", "--subject", "S1", "--output", "wrong.npz"]
    status, said = says(wrong, world)
    assert status == 2
    assert "error: raw/Poses_D3_Positions_S5.tgz: it holds S5" in said and "Traceback" not in said
    status, said = says(merge_command("incomplete", SUBJECTS[1:]), world)
    assert (status, said.strip().splitlines()[-1].startswith("error: no file of S1 among S5.npz")) == (2, True)
    assert not (world / "wrong.npz").exists() and not (world / "incomplete").exists()


@pytest.mark.long
def test_both_public_files_appear_or_none(world: Path) -> None:
    folder = world / "half"
    (folder / "data_2d_h36m_gt.npz").mkdir(parents=True)
    status, _ = says(merge_command("half"), world)
    assert status != 0
    assert [path.name for path in folder.iterdir()] == ["data_2d_h36m_gt.npz"], "the first without the second"
    (folder / "data_2d_h36m_gt.npz").rmdir()
    killing.finish(merge_command("half"), world)
    killing.finish(merge_command("again"), world)
    names = ["data_3d_h36m.npz", "data_2d_h36m_gt.npz"]
    assert killing.sums(folder, names) == killing.sums(world / "again", names)


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "folder", "outputs"),
    [
        (convert_command("S1", "killed/S1.npz"), "killed", ["S1.npz"]),
        (merge_command("killed"), "killed", ["data_3d_h36m.npz", "data_2d_h36m_gt.npz"]),
    ],
    ids=["convert", "merge"],
)
def test_a_kill_in_the_middle_changes_nothing(command: list[str], folder: str, outputs: list[str], world: Path) -> None:
    place = world / folder
    seconds = killing.finish(command, world)
    expected = killing.sums(place, outputs)
    assert sorted(expected) == sorted(outputs)

    def is_writing() -> bool:
        return any(place.glob(".*.npz"))

    rng = random.Random(0)
    moments: list[float | killing.Moment] = [is_writing, *(rng.uniform(0.3, 0.95) * seconds for _ in range(2))]
    hits = 0
    for moment in moments:
        for path in place.iterdir():
            path.unlink()
        is_killed = killing.kill_at(moment, command, world)
        hits += is_killed and killing.sums(place, outputs) != expected
        assert killing.sums(place, outputs).items() <= expected.items(), "what is there is whole"
        killing.finish(command, world)
        assert killing.sums(place, outputs) == expected
    assert hits >= 1
