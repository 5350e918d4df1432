"""The files of lifted poses, read back by libraries of others or by a few lines of another kind."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from world.lifted import lifted_poses

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, PARENTS, ROOT, root_relative
from uplift_upsample.lift.exports.bvh import fitted, resting_offsets, zxy_degrees
from uplift_upsample.lift.exports.plain import read_npz
from uplift_upsample.lift.lifted import LiftedPoses

pybvh = pytest.importorskip("pybvh")
LENGTHS = {"hip": 0.13, "knee": 0.45, "ankle": 0.42, "torso": 0.22, "neck": 0.26, "head": 0.12, "head_top": 0.13,
           "shoulder": 0.17, "elbow": 0.29, "wrist": 0.25}  # fmt: skip
Y_UP = np.array([1, -1, -1])


def moving(num_frames: int = 40, shaking: float = 0.0) -> np.ndarray:
    """Somebody of constant bones ``(T, 17, 3)`` whose joints all turn, camera axes. shaking: metres by which joints are off."""
    rng = np.random.default_rng(4)
    turns = np.cumsum(rng.normal(0, 0.08, (num_frames, 17, 3)), axis=0) + rng.normal(0, 0.3, (17, 3))
    positions, turned = np.zeros((num_frames, 17, 3)), np.zeros((num_frames, 17, 3, 3))
    for joint in [ROOT, 8, 7, 9, 10, 2, 1, 0, 3, 4, 5, 13, 12, 11, 14, 15, 16]:
        angle = np.linalg.norm(turns[:, joint], axis=-1)[:, None, None]
        x, y, z = (turns[:, joint] / angle[:, 0]).T
        cross = np.array([[0 * x, -z, y], [z, 0 * x, -x], [-y, x, 0 * x]]).transpose(2, 0, 1)
        own = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        parent = PARENTS[joint]
        turned[:, joint] = own if parent < 0 else turned[:, parent] @ own
        if parent >= 0:
            name = MODEL_17[joint]
            sideways = {"l_": [1.0, 0, 0], "r_": [-1.0, 0, 0]}.get(name[:2], [0.0, -1, 0])
            direction = np.array([0.0, 1, 0] if name.endswith(("knee", "ankle")) else sideways)
            positions[:, joint] = positions[:, parent] + turned[:, parent] @ (
                LENGTHS[name.removeprefix("l_").removeprefix("r_")] * direction
            )
    return positions + rng.normal(0, shaking, positions.shape) if shaking else positions


@pytest.fixture
def poses() -> LiftedPoses:
    positions = moving().astype(np.float32)
    is_key = np.arange(40) % 12 == 0
    flat = np.where(is_key[:, None, None], 100 * positions[..., :2] + 300, np.nan)
    metadata = {"units": "m", "weights": "tiny"}
    return LiftedPoses(positions, MODEL_17, np.arange(40) / 30, 7 + np.arange(40), 30.0, is_key, flat, (640.0, 480.0), metadata)


def test_npz(poses: LiftedPoses, tmp_path: Path) -> None:
    assert poses.save(tmp_path / "a.npz") == ""
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert np.array_equal(file["positions"], poses.positions)
        assert file["joints"].tolist() == list(MODEL_17)
        assert (file["frame_rate"].item(), file["frames"][0], file["times"][-1]) == (30, 7, 1.3)
        assert np.array_equal(file["is_key"], poses.is_key)
        assert np.array_equal(np.isfinite(file["poses_2d"]).all(axis=(1, 2)), poses.is_key)
        metadata = json.loads(file["metadata"].item())
    assert metadata == {"format_version": 1, "units": "m", "weights": "tiny", "joints": list(MODEL_17)}


def test_npz_is_read_again(tmp_path: Path) -> None:
    poses = lifted_poses()
    poses.save(tmp_path / "a.npz")
    again = read_npz(tmp_path / "a.npz")
    for name in ("positions", "times", "frames", "is_key"):
        assert np.array_equal(getattr(again, name), getattr(poses, name)), name
    assert again.poses_2d == pytest.approx(poses.poses_2d, abs=1e-4, nan_ok=True)
    assert (again.joints, again.size, again.frame_rate) == (poses.joints, poses.size, poses.frame_rate)
    assert again.metadata.items() >= poses.metadata.items()
    again.save(tmp_path / "b.npz")
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metadata": np.array("no JSON")}, "not the poses of a clip, or damaged"),
        ({"metadata": np.array("{}")}, "not the poses of a clip, or damaged"),
        ({"is_key": np.ones(3, bool)}, r"is_key has the shape \(3,\), not \(40,\); lift the clip again"),
    ],
)
def test_npz_of_something_else(changes: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    lifted_poses().save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        np.savez(tmp_path / "a.npz", **{**file, **changes})
    with pytest.raises(InputError, match=message):
        read_npz(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not the poses of a clip, or damaged"):
        read_npz(tmp_path / "a.npz")


def test_csv_and_json_with_a_gap(poses: LiftedPoses, tmp_path: Path) -> None:
    positions = poses.positions.copy()
    positions[3] = np.nan
    broken = replace(poses, positions=positions)
    broken.save(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[5]["frame"], rows[5]["time"], rows[12]["is_key"], rows[13]["is_key"]) == (
        40,
        "12",
        "0.166667",
        "1",
        "0",
    )
    assert float(rows[5]["l_wrist_y"]) == pytest.approx(positions[5, MODEL_17.index("l_wrist"), 1], abs=1e-6)
    assert {value for key, value in rows[3].items() if key.endswith(("_x", "_y", "_z"))} == {""}
    broken.save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert document["frames"][3]["positions"] == [None] * 17
    assert np.allclose(document["frames"][5]["positions"], positions[5], atol=1e-6)
    assert document["frame_rate"] == 30
    assert document["joints"] == document["metadata"]["joints"] == list(MODEL_17)


def test_the_neck_of_a_detector_is_the_middle_of_the_shoulders(poses: LiftedPoses) -> None:
    """Human3.6M's is a third of the way to the nose, that of CMU motion capture is where a detector has it."""
    neck = MODEL_17.index("neck")
    shoulders = (poses.positions[:, MODEL_17.index("l_shoulder")] + poses.positions[:, MODEL_17.index("r_shoulder")]) / 2
    for skeleton, layout, expected in (
        ("h36m", "body_25", shoulders),
        ("h36m", "h36m_17", poses.positions[:, neck]),
        ("cmu", "body_25", poses.positions[:, neck]),
    ):
        given = replace(poses, metadata={**poses.metadata, "skeleton": skeleton}).in_layout(layout)
        assert np.allclose(given.positions[:, given.joints.index("neck")], expected, atol=1e-6)


def test_joints_in_another_layout(poses: LiftedPoses, tmp_path: Path) -> None:
    coco = poses.in_layout("coco")
    assert coco.joints[9] == "l_wrist"
    assert np.array_equal(coco.positions[:, 9], poses.positions[:, MODEL_17.index("l_wrist")])
    assert np.isnan(coco.positions[:, :5]).all()  # networks put out no eyes
    assert np.isfinite(coco.positions[:, 5:]).all()
    coco.save(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().startswith("frame,time,is_key,nose_x,nose_y,nose_z,l_eye_x")
    with pytest.raises(InputError, match="BVH needs the project's 17 joints"):
        coco.save(tmp_path / "a.bvh")
    assert not (tmp_path / "a.bvh").exists()


def read_bvh(path: Path) -> np.ndarray:
    """Positions ``(T, 17, 3)`` that pybvh computes from hierarchy and angles, metres, y up."""
    motion = pybvh.read_bvh_file(str(path))
    nodes = {node.name: index for index, node in enumerate(motion.nodes)}
    assert set(MODEL_17) <= nodes.keys()
    return np.asarray(motion.node_positions())[:, [nodes[name] for name in MODEL_17]] / 100


def test_bvh_of_constant_bones_is_read_back(poses: LiftedPoses, tmp_path: Path) -> None:
    """Every joint of somebody whose bones are constant, up to what the shoulders' and hips' best rotation leaves: nothing here."""
    said = poses.save(tmp_path / "a.bvh")
    assert np.abs(read_bvh(tmp_path / "a.bvh") - poses.positions * Y_UP).max() < 1e-5
    assert said == "constant bones move joints by 0.0 mm in the mean"
    motion = pybvh.read_bvh_file(str(tmp_path / "a.bvh"))
    assert (motion.frame_count, motion.fps) == (40, pytest.approx(30))


def test_bvh_of_bones_that_are_not(poses: LiftedPoses, tmp_path: Path) -> None:
    shaken = root_relative(moving(shaking=0.02)).astype(np.float32)
    place = np.stack([np.arange(40) * 0.02, np.zeros(40), np.full(40, 3.0)], axis=1)[:, None].astype(np.float32)
    said = replace(poses, positions=shaken + place).save(tmp_path / "a.bvh")
    read = read_bvh(tmp_path / "a.bvh")
    off = np.linalg.norm(read - (shaken + place) * Y_UP, axis=-1).mean() * 1000
    assert said == f"constant bones move joints by {off:.1f} mm in the mean"
    assert 10 < off < 40
    assert np.abs(read[:, ROOT] - place[:, 0] * Y_UP).max() < 1e-5  # the root's way is kept
    lengths = np.linalg.norm(read - read[:, PARENTS], axis=-1)
    assert np.delete(np.ptp(lengths, axis=0), ROOT).max() < 1e-5


def test_bvh_holds_what_is_missing_and_spreads_uneven_frames(poses: LiftedPoses, tmp_path: Path) -> None:
    positions = poses.positions.copy()
    positions[10:13] = positions[:2] = np.nan
    assert replace(poses, positions=positions).save(tmp_path / "a.bvh").endswith("; 5 frames without a pose hold the one before")
    read = read_bvh(tmp_path / "a.bvh")
    assert np.abs(np.diff(read[9:13], axis=0)).max() < 1e-5
    assert np.abs(np.diff(read[:3], axis=0)).max() < 1e-5
    still = np.repeat(poses.positions[:1], 3, axis=0) + np.array([0, 0.1, 0.4])[:, None, None].astype(np.float32) * [1, 0, 0]
    uneven = replace(poses, positions=still.astype(np.float32), times=np.array([0, 0.1, 0.4]), frame_rate=5.0, frames=np.arange(3),
                     is_key=np.ones(3, bool), poses_2d=poses.poses_2d[:3])  # fmt: skip
    uneven.save(tmp_path / "a.bvh")
    assert read_bvh(tmp_path / "a.bvh")[:, ROOT, 0] - still[0, ROOT, 0] == pytest.approx([0, 0.2, 0.4], abs=1e-5)
    with pytest.raises(InputError, match="there is no pose in any frame"):
        replace(poses, positions=np.full_like(poses.positions, np.nan)).save(tmp_path / "b.bvh")
    assert not (tmp_path / "b.bvh").exists()


def test_rotations_are_rotations_also_at_their_limits() -> None:
    straight = root_relative(moving(3)) * Y_UP
    straight[1] = straight[0] * [-1, 1, -1]  # half a turn
    straight[2] = 0  # no bone has a direction
    rotations, reached = fitted(straight, resting_offsets(straight))
    assert np.isfinite(reached).all()
    assert rotations @ np.swapaxes(rotations, -1, -2) == pytest.approx(np.broadcast_to(np.eye(3), rotations.shape), abs=1e-9)
    assert np.linalg.det(rotations) == pytest.approx(np.ones(rotations.shape[:2]))
    up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # 90 degrees about x, where z and y cannot be told apart
    assert zxy_degrees(up[None, None])[0, 0].tolist() == pytest.approx([0, 90, 0])


def test_trc(poses: LiftedPoses, tmp_path: Path) -> None:
    positions = poses.positions.copy()
    positions[3] = np.nan
    replace(poses, positions=positions).save(tmp_path / "a.trc")
    lines = (tmp_path / "a.trc").read_text().split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\ta.trc"
    assert dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True)) == {
        "DataRate": "30", "CameraRate": "30", "NumFrames": "40", "NumMarkers": "17", "Units": "m", "OrigDataRate": "30",
        "OrigDataStartFrame": "1", "OrigNumFrames": "40",
    }  # fmt: skip
    names = [name for name in lines[3].split("\t")[2:] if name]
    assert names == list(MODEL_17)
    assert lines[4].split("\t")[2:5] == ["X1", "Y1", "Z1"]
    assert lines[5] == ""
    rows = np.genfromtxt(lines[6:-1], delimiter="\t")
    assert rows.shape == (40, 2 + 51)
    assert rows[:, 0].tolist() == [*range(1, 41)]
    assert np.allclose(rows[:, 1], poses.times, atol=1e-6)
    assert np.allclose(rows[:, 2:].reshape(40, 17, 3), positions * Y_UP, atol=1e-6, equal_nan=True)


def test_unknown_formats(poses: LiftedPoses, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.fbx: no such format; known are \.npz, \.csv, \.json, \.bvh, \.trc"):
        poses.save(tmp_path / "a.fbx")


@pytest.mark.parametrize("suffix", ["NPZ", "Csv", "JSON", "BVH", "TRC"])
def test_suffixes_in_capitals(suffix: str, poses: LiftedPoses, tmp_path: Path) -> None:
    poses.save(tmp_path / f"capital/a.{suffix}")
    poses.save(tmp_path / f"small/a.{suffix.lower()}")
    [capital], [small] = ([*(tmp_path / folder).iterdir()] for folder in ("capital", "small"))  # and nothing beside them
    assert capital.name == f"a.{suffix}"
    assert capital.read_bytes().replace(capital.name.encode(), small.name.encode()) == small.read_bytes()


@pytest.mark.parametrize("suffix", ["npz", "csv", "json", "bvh", "trc"])
def test_nothing_half_written_stays(suffix: str, poses: LiftedPoses, tmp_path: Path, no_room: Callable[[], None]) -> None:
    (tmp_path / f"a.{suffix}").write_text("former")
    no_room()
    with pytest.raises(InputError, match="No space left"):
        poses.save(tmp_path / f"a.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]
    assert (tmp_path / f"a.{suffix}").read_text() == "former"


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The disk is full when an output is to be moved to its place."""

    def fill() -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("uplift_upsample.base.files.os.fsync", full)

    return fill
