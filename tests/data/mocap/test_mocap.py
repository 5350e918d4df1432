"""Files of the user's own motion capture: read in any unit and axes, and everything that is wrong reported at once."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from world.cmu_sample import CmuSample
from world.mocap_files import FROM_Z_UP, JOINT, METRES, fields, walker, write_recording

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.checks import UNITS
from uplift_upsample.data.mocap import own_folder
from uplift_upsample.data.mocap.own import ANY_ACTION, Verdict, judge
from uplift_upsample.data.mocap.own_axes import TO_Z_UP, to_world
from uplift_upsample.data.mocap.own_checks import Findings, examine
from uplift_upsample.data.mocap.own_joints import joint_faults, spelled

FRAMES = 240


def verdict_of(folder: Path, **changes: Any) -> Verdict:
    """Of a good file with other fields; None removes one."""
    found = {key: value for key, value in (fields(walker(FRAMES)) | changes).items() if value is not None}
    np.savez(folder / "a.npz", **found)
    return judge(folder / "a.npz")


def with_change(frames: Any, joint: str, value: Any) -> np.ndarray:
    poses = walker(FRAMES)
    poses[frames, JOINT[joint]] = value
    return poses


@pytest.mark.parametrize("unit", METRES)
@pytest.mark.parametrize("up_axis", [*FROM_Z_UP, "+y"])
def test_any_unit_and_axis_is_the_same_person(tmp_path: Path, unit: str, up_axis: str) -> None:
    path = write_recording(tmp_path / "a.npz", FRAMES, unit=unit, up_axis=up_axis)
    (recording,) = judge(path).recordings
    np.testing.assert_allclose(recording.poses, walker(FRAMES), atol=1e-12)
    assert (recording.frame_rate, recording.subject, recording.action) == (120.0, None, ANY_ACTION)


def test_turns_are_proper_and_as_documented(project: Path) -> None:
    assert {*UNITS} == {*METRES}
    text = (project / "docs" / "own_motion_capture.md").read_text("utf-8")
    for up_axis, turn in TO_Z_UP.items():
        assert round(float(np.linalg.det(turn))) == 1
        upwards = np.zeros(3)
        upwards["xyz".index(up_axis[-1])] = -1 if "-" in up_axis else 1
        np.testing.assert_array_equal(to_world(upwards, "m", up_axis), [0, 0, 1])
        x, y, z = (("-" if row.sum() < 0 else "") + "xyz"[np.abs(row).argmax()] for row in turn)
        assert f"| `{up_axis}` | ({x}, {y}, {z}) |" in text


def test_order_spelling_and_further_joints(tmp_path: Path) -> None:
    poses, rng = walker(FRAMES), np.random.default_rng(0)
    order = rng.permutation(17)
    long = {"l_": "Left ", "r_": "right-"}
    names = [long.get(MODEL_17[index][:2], MODEL_17[index][:2]) + MODEL_17[index][2:] for index in order]
    positions = np.concatenate([poses[:, order], np.full((FRAMES, 1, 3), np.nan)], axis=1)
    np.savez(tmp_path / "a.npz", **fields(poses, positions=positions, joints=np.array([*names, "sword"])))
    np.testing.assert_array_equal(judge(tmp_path / "a.npz").recordings[0].poses, poses)
    np.savez(tmp_path / "b.npz", **fields(poses, joints=np.array(MODEL_17, "S")))
    np.testing.assert_array_equal(judge(tmp_path / "b.npz").recordings[0].poses, poses)


@pytest.mark.parametrize("form", ["{}Knee", "{}_knee", "{} Knee", "{}-knee", "{}.Knee", "knee_{}", "Knee{}"])
@pytest.mark.parametrize(("left", "right"), [("Left", "Right"), ("left", "right"), ("LEFT", "RIGHT"), ("L", "R"), ("l", "r")])
def test_spellings(form: str, left: str, right: str) -> None:
    assert (spelled(form.format(left)), spelled(form.format(right))) == ("l_knee", "r_knee")


def test_other_names_are_not_guessed() -> None:
    assert [spelled(name) for name in ("HeadTop", "head-top", "Pelvis")] == ["head_top", "head_top", "pelvis"]
    for name in ("thorax", "LeftFoot", "Knee", "LeftLeftKnee", "spine"):
        assert spelled(name) == name  # means other places elsewhere


VICON = {
    "pelvis": "Hips",
    "torso": "Spine1",
    "r_hip": "RightUpLeg",
    "r_knee": "RightLeg",
    "r_ankle": "RightFoot",
    "l_hip": "LeftUpLeg",
    "l_knee": "LeftLeg",
    "l_ankle": "LeftFoot",
    "l_elbow": "LeftForeArm",
    "l_wrist": "LeftHand",
    "r_elbow": "RightForeArm",
    "r_wrist": "RightHand",
    "l_shoulder": "LeftArm",
    "r_shoulder": "RightArm",
}
H36M = {
    "pelvis": "Hip",
    "torso": "Spine",
    "neck": "Thorax",
    "head": "Neck/Nose",
    "head_top": "Head",
    "r_ankle": "RFoot",
    "l_ankle": "LFoot",
}
PAIRS = ("Hip", "Knee", "Shoulder", "Elbow", "Wrist")


@pytest.mark.parametrize(
    ("others", "further"),
    [
        (VICON, ["Spine", "Neck", "Head", "Site", "LeftShoulder", "RightShoulder", "LeftToeBase"]),
        (H36M, [f"{side}{joint}" for side in "LR" for joint in PAIRS]),
        ({**H36M, "head": "Neck"}, [f"{side}_{joint}" for side in ("left", "right") for joint in PAIRS]),
        (
            {"head": "nose"},
            [f"{s}_{j}" for s in ("left", "right") for j in ("eye", "ear", "hip", "knee", "ankle", "shoulder", "elbow", "wrist")],
        ),
    ],
    ids=["recordings", "17 joints", "17 joints, neck", "COCO"],
)
def test_names_of_other_skeletons_have_a_hint(others: dict[str, str], further: list[str]) -> None:
    faults = {re.findall("the joint '(.*?)'", fault)[0]: fault for fault in joint_faults([*others.values(), *further])}
    for joint, name in others.items():
        assert repr(name) in faults[joint], faults[joint]
        assert f"name {name!r} {joint!r}" in faults[joint].replace(f"{name!r}: name it", f"name {name!r}"), faults[joint]
    for joint, fault in faults.items():
        assert joint in others or "make it halfway between" in fault or "make it on the line" in fault or "take the end" in fault, (
            fault
        )


def test_a_name_that_means_another_place_in_its_skeleton_is_not_taken() -> None:
    """With Human3.6M's LeftArm in the file, its LeftShoulder is where the collar bone starts."""
    renamed = [name for name in MODEL_17 if "shoulder" not in name] + ["LeftUpLeg", "LeftForeArm", "LeftArm", "RightArm"]
    faults = joint_faults([*renamed, "LeftShoulder", "RightShoulder"])
    assert [fault.partition(" among")[0] for fault in faults] == [
        "the joint 'r_shoulder' is 'RightArm'",
        "the joint 'l_shoulder' is 'LeftArm'",
    ]
    assert joint_faults([*MODEL_17, "LeftUpLeg", "LeftForeArm", "LeftArm", "LeftCollar"]) == []


def test_hints_stay_on_their_side() -> None:
    assert joint_faults(["Leftankl" if name == "l_ankle" else name for name in MODEL_17 if name != "r_ankle"]) == [
        "the joint 'r_ankle' is missing",
        "the joint 'l_ankle' is missing, is it 'Leftankl'?",
    ]
    feet = {"l_ankle": "LeftFoot", "r_ankle": "Rfoot"}
    assert joint_faults([feet.get(name, name) for name in MODEL_17]) == [
        "the joint 'r_ankle' is missing, is it 'Rfoot'?",
        "the joint 'l_ankle' is missing, is it 'LeftFoot'?",
    ]


@pytest.mark.parametrize(("rate", "told"), [(30.0, "30"), (29.97, "29.97"), (20.0, "20"), (49.999, "49.999")])
def test_slow_recordings_are_read_with_a_warning(tmp_path: Path, rate: float, told: str) -> None:
    recording = judge(write_recording(tmp_path / "a.npz", FRAMES, frame_rate=rate))
    assert not recording.faults
    assert recording.recordings
    (warning,) = recording.warnings
    assert warning.startswith(f"{told} Hz is below the 50 Hz of the project: motion between recorded frames is interpolated")
    assert f"and only {told} poses a second were recorded" in warning


@pytest.mark.parametrize("rate", [49.9999999, 50.0, 50.0003])
def test_rates_near_50_hz_are_50_hz(tmp_path: Path, rate: float) -> None:
    verdict = judge(write_recording(tmp_path / "a.npz", FRAMES, frame_rate=rate))
    assert (verdict.faults, verdict.warnings) == ((), [])
    assert verdict.recordings
    assert verdict.recordings[0].frame_rate == 50.0


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"unit": None, "frame_rate": None}, ["there is no 'frame_rate'", "there is no 'unit'"]),
        ({"frame_rates": 60, "frame_rate": None}, ["no 'frame_rate'", "unknown key 'frame_rates', did you mean 'frame_rate'?"]),
        ({"frame_rate": 19.99}, ["a frame rate of 19.99 Hz is below the 20 Hz from which on motion can be interpolated"]),
        ({"frame_rate": np.nan}, ["a frame rate of nan Hz; it must be a positive number"]),
        ({"frame_rate": "120"}, ["'frame_rate' is an array of <U3 with the shape (); it must be one number"]),
        ({"frame_rate": np.array([120.0, 120.0])}, ["'frame_rate' is an array of float64 with the shape (2,)"]),
        ({"up_axis": "up"}, ["'up_axis' is 'up'; it must be one of x, y, z, -x, -y, -z"]),
        ({"unit": "feet"}, ["'unit' is 'feet'; it must be one of m, cm, mm, in"]),
        ({"unit": 3}, ["'unit' is an array of int64"]),
        ({"subject": ""}, ["'subject' is ''; it must be a short text"]),
        ({"subject": "../anna"}, ["'subject' is '../anna'"]),
        ({"action": "a\nb"}, ["'action' is 'a\\nb'"]),
        ({"positions": walker(FRAMES)[:, :16]}, ["'joints' names 17 joints where 'positions' has 16"]),
        ({"positions": walker(FRAMES)[0]}, ["with the shape (17, 3); it must be numbers (frames, joints, 3)"]),
        ({"positions": walker(FRAMES)[:0]}, ["with the shape (0, 17, 3)"]),
        ({"positions": walker(FRAMES).astype(np.float16)}, ["'positions' is an array of float16"]),
        ({"positions": walker(FRAMES).astype(str)}, ["'positions' is an array of <U"]),
        ({"joints": np.array([name.replace("l_knee", "l_kne") for name in MODEL_17])}, ["'l_knee' is missing, is it 'l_kne'?"]),
        (
            {"joints": np.array([name.replace("l_knee", "r_knee") for name in MODEL_17])},
            ["'r_knee' occurs 2 times", "'l_knee' is"],
        ),
        ({"joints": np.arange(17)}, ["'joints' is an array of int64"]),
        ({"joints": np.array(MODEL_17, dtype=object)}, ["'joints' is a pickled object", "np.array([...], dtype=str)"]),
    ],
)
def test_what_is_wrong_with_the_fields(tmp_path: Path, changes: dict[str, Any], messages: list[str]) -> None:
    verdict = verdict_of(tmp_path, **changes)
    assert not verdict.recordings
    for message in messages:
        assert any(message in fault for fault in verdict.faults), (message, verdict.faults)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    joints = np.array([name.replace("l_knee", "knee") for name in MODEL_17])
    verdict = verdict_of(tmp_path, frame_rate=5.0, up_axis="q", unit=None, joints=joints, subject="a/b", extra=1)
    assert len(verdict.faults) == 6
    assert not verdict_of(tmp_path).faults


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_no_places(tmp_path: Path, value: float) -> None:
    verdict = verdict_of(tmp_path, positions=with_change(slice(17, 20), "l_wrist", [0, value, 0]))
    assert len(verdict.faults) == 1
    assert verdict.faults[0].startswith("3 of 240 frames hold numbers that are not finite or too large")
    assert "in frame 17, joint l_wrist" in verdict.faults[0]


@pytest.mark.parametrize(
    ("stored", "declared", "stature"),
    [("mm", "m", "1.6"), ("cm", "m", "1.6"), ("m", "mm", "1.6"), ("in", "cm", "1.6"), ("cm", "in", "1.6"), ("in", "m", "1.6")],
)
def test_implausible_unit_names_the_likely_one(tmp_path: Path, stored: str, declared: str, stature: str) -> None:
    verdict = verdict_of(tmp_path, positions=walker(FRAMES) / METRES[stored], unit=declared)
    assert len(verdict.faults) == 1
    assert f"'unit' is {declared!r}; the unit is likely {stored!r}, which makes {stature}" in verdict.faults[0]
    tiny = verdict_of(tmp_path, positions=walker(FRAMES) * 0.5)
    assert "no unit gives the size of a person" in tiny.faults[0]


@pytest.mark.parametrize("stored", FROM_Z_UP)
def test_implausible_axis_names_the_likely_one(tmp_path: Path, stored: str) -> None:
    positions = fields(walker(FRAMES), up_axis=stored)["positions"]
    for declared in FROM_Z_UP:
        verdict = verdict_of(tmp_path, positions=positions, up_axis=declared)
        if stored == declared:
            assert not verdict.faults
        else:
            assert len(verdict.faults) == 1
            assert f"'up_axis' is {declared!r}; 'up_axis' is likely {stored!r}" in verdict.faults[0]


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_person_is_refused(tmp_path: Path, axis: int) -> None:
    poses = walker(FRAMES)
    poses[..., axis] *= -1
    verdict = verdict_of(tmp_path, positions=poses)
    assert len(verdict.faults) == 1
    assert "the knees bend backwards in 100%" in verdict.faults[0]
    poses[..., 1 - axis] *= -1  # half a turn about the vertical
    assert not verdict_of(tmp_path, positions=poses).faults


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (with_change([3, 9], "l_wrist", 0), "2 frames have a joint at exactly (0, 0, 0), the first l_wrist in frame 3"),
        (walker(FRAMES) - walker(FRAMES)[:, [JOINT["pelvis"]]], "the positions are relative to it"),
        (walker(FRAMES) + np.array([2000, 0, 0]), "a joint is 2001 m away"),
        (walker(2), "it is shorter than one frame at 50 Hz"),
        (
            walker(FRAMES) + np.arange(FRAMES)[:, None, None] % 2,
            "without the jumps there is no frame left",
        ),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, positions: np.ndarray, message: str) -> None:
    verdict = verdict_of(tmp_path, positions=positions)
    assert len(verdict.faults) == 1
    assert message in verdict.faults[0]


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (
            with_change(slice(50, 54), "l_knee", [3, 3, 3]),
            "jumps: 4 frames are left out, filled or cut at, the first 50, where l",
        ),
        (with_change(slice(50, 190), "r_wrist", [0.1, -0.3, 1]), "r_wrist does not move at all for 1.2 s from frame 50 on"),
        (walker(FRAMES)[np.minimum(np.arange(FRAMES), 100)], "nothing moves at all for 1.2 s from frame 100 on"),
    ],
)
def test_what_is_only_warned_of(tmp_path: Path, positions: np.ndarray, message: str) -> None:
    verdict = verdict_of(tmp_path, positions=positions)
    assert not verdict.faults
    assert verdict.recordings
    assert any(message in warning for warning in verdict.warnings), verdict.warnings


def test_pelvis_may_start_at_the_origin(tmp_path: Path) -> None:
    poses = walker(FRAMES)
    assert not verdict_of(tmp_path, positions=poses - poses[0, JOINT["pelvis"]]).faults


@pytest.mark.parametrize("kind", ["text", "cut", "npy", "folder", "missing", "empty", "empty zip", "pickle"])
def test_what_is_no_npz_file(tmp_path: Path, kind: str) -> None:
    path = write_recording(tmp_path / "a.npz")
    whole = path.read_bytes()
    contents = {"text": b"hello", "cut": whole[: len(whole) // 2], "empty": b"", "pickle": pickle.dumps({"positions": [1]})}
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "empty zip":
        path.write_bytes(b"PK\x05\x06" + bytes(18))
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()
    verdict = judge(path)
    assert len(verdict.faults) >= 1
    assert not verdict.recordings


def test_damaged_files_are_never_a_traceback(tmp_path: Path) -> None:
    """Bytes are changed at 200 places, the same ones every time."""
    rng, path = np.random.default_rng(0), tmp_path / "a.npz"
    whole = write_recording(path, 30).read_bytes()
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=3):
            data[place] = rng.integers(256)
        ends = rng.integers(4) == 0
        path.write_bytes(data[: rng.integers(len(data))] if ends else data)
        verdict = judge(path)
        assert bool(verdict.faults) == (not verdict.recordings)
        assert all(len(fault) < 400 for fault in verdict.faults)


def test_nothing_is_found_in_the_cmu_sample_but_its_jumps(cmu_sample: CmuSample) -> None:
    for name, poses in cmu_sample.poses.items():
        findings = Findings([], [])
        examine(poses, 120.0, "m", "z", findings)
        assert findings.faults == [], name
        assert bool(cmu_sample.glitches[name]) == any(warning.startswith("jumps") for warning in findings.warnings), name


def test_unitys_shoulder_is_the_collar_bone() -> None:
    """Its LeftUpperArm starts at the shoulder; with all others renamed, the arms would begin at the collar bones."""
    renamed = [name for name in MODEL_17 if "shoulder" not in name]
    names = [*renamed, "LeftShoulder", "RightShoulder", "LeftUpperArm", "RightUpperArm"]
    assert joint_faults(names) == [
        f"the joint '{side[0].lower()}_shoulder' is '{side}UpperArm' among the names of Unity's and VRM's humanoids, and "
        f"'{side}Shoulder' is another place: name '{side}UpperArm' '{side[0].lower()}_shoulder'"
        for side in ("Right", "Left")
    ]
    humanoid = ["Hips", "LeftUpperLeg", "LeftLowerLeg", "LeftFoot", "LeftUpperArm", "LeftLowerArm", "LeftHand"]
    faults = " ".join(joint_faults(humanoid))
    for name in humanoid:
        assert f"it is {name!r}: name it" in faults


def test_recordings_behind_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/walk.npz").write_bytes(b"")
    (tmp_path / "mocap").mkdir()
    (tmp_path / "mocap/anna").symlink_to(tmp_path / "elsewhere")
    assert [path.name for path in own_folder._files(tmp_path / "mocap")] == ["walk.npz"]
