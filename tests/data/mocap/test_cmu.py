"""The joints of the CMU skeleton: by hand, and on all trials of the sample where it is at hand."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from world.acclaim_files import BONES, amc_text, asf_text, text_file
from world.cmu_sample import CmuSample

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.mocap.asf import read_asf
from uplift_upsample.data.mocap.cmu import read_trial
from uplift_upsample.data.mocap.cmu_table import cmu_table
from uplift_upsample.data.mocap.glitches import MAX_SPEED, remove_glitches, step_speeds

INCH = 0.0254
LIMBS = (("ankle", "knee"), ("knee", "hip"), ("wrist", "elbow"), ("elbow", "shoulder"))
JOINT = {name: index for index, name in enumerate(MODEL_17)}
# The joints that lie on one bone of the file with their neighbour, or are fixed to the same bone.
RIGID = [
    *((f"{side}_{joint}", f"{side}_{parent}") for side in "lr" for joint, parent in LIMBS),
    ("l_hip", "pelvis"),
    ("r_hip", "pelvis"),
    ("head_top", "head"),
]


def test_joints_of_the_rest_pose(tmp_path: Path) -> None:
    """In the rest pose every joint can be read off the list of bones."""
    still = ":FULLY-SPECIFIED\n:DEGREES\n1\nroot 0.45 0.9 1.35 0 0 0\n" + "".join(
        f"{name} {' '.join('0' for _ in dof.split())}\n" for name, *_, dof in BONES if dof
    )
    text_file(tmp_path / "a.asf", asf_text())
    pose = read_trial(text_file(tmp_path / "a.amc", still), read_asf(tmp_path / "a.asf"))[0] / INCH - [
        3,
        1,
        2,
    ]  # x, y, z of the file are y, z, x here
    expected = {
        "l_hip": (0, 2.4, -3.2),
        "r_hip": (0, -2.4, -3.2),
        "pelvis": (0, 0, -3.2),
        "l_knee": (0, 2.4, -19.2),
        "r_ankle": (0, -2.4, -36.2),
        "torso": (0, 0, 5),
        "neck": (0, 0, 16.5),
        "head": (0, 0, 21),
        "head_top": (0, 0, 25),
        "l_shoulder": (0, 7.68, 17.24),
        "l_elbow": (0, 19.68, 17.24),
        "l_wrist": (0, 19.68 + 4 / 3 * 8, 17.24),
        "r_wrist": (0, -19.68 - 4 / 3 * 8, 17.24),
    }
    for name, place in expected.items():
        np.testing.assert_allclose(pose[JOINT[name]], place, atol=1e-9, err_msg=name)


def test_left_is_left_of_the_way_a_person_walks(tmp_path: Path) -> None:
    """Not mirrored: with z up and x ahead, left is at +y."""
    text_file(tmp_path / "a.asf", asf_text())
    poses = read_trial(text_file(tmp_path / "a.amc", amc_text(100, step=1)), read_asf(tmp_path / "a.asf"))
    assert poses[-1, JOINT["pelvis"], 0] - poses[0, JOINT["pelvis"], 0] > 1
    assert (poses[:, JOINT["l_hip"], 1] > poses[:, JOINT["r_hip"], 1]).all()
    assert (poses[:, JOINT["head_top"], 2] > poses[:, JOINT["pelvis"], 2]).all()


def test_every_trial_is_converted(cmu_sample: CmuSample) -> None:
    """161 trials; one is a copy of another, every other one gives clips."""
    assert len(cmu_sample.trials) == 161
    dropped = {entry["trial"] for subject in cmu_sample.subjects.values() for entry in subject.dropped}
    assert dropped == {"14_36"}
    assert {clip.trial for subject in cmu_sample.subjects.values() for clip in subject.clips} == set(cmu_sample.trials) - dropped
    assert {name: len(poses) for name, poses in cmu_sample.poses.items()} == {
        name: trial.frames for name, trial in cmu_sample.trials.items() if name not in dropped
    }


def test_rigid_bones_keep_their_length(cmu_sample: CmuSample) -> None:
    """Between neighbours on a bone of the file, or fixed to the same one; the spine, the neck and the shoulders bend."""
    for name, poses in cmu_sample.poses.items():
        for joint, parent in RIGID:
            lengths = np.linalg.norm(poses[:, JOINT[joint]] - poses[:, JOINT[parent]], axis=-1)
            assert lengths.std() < 1e-4, (name, joint)
            assert 0.05 < lengths[0] < 0.6, (name, joint)


def test_agrees_with_an_independent_reader(cmu_sample: CmuSample, tmp_path: Path) -> None:
    """The 17 joints of every trial against pyacclaim. It is slow, so it is given some frames of each trial, cut out of the text;
    we have read all of them.
    """
    pyacclaim = pytest.importorskip("pyacclaim")
    for name, poses in cmu_sample.poses.items():
        trial = cmu_sample.trials[name]
        text = (cmu_sample.folder / trial.amc).read_text("latin-1")
        lines = text.splitlines()
        starts = [index for index, line in enumerate(lines) if line.strip().isdecimal()] + [len(lines)]
        chosen = sorted({0, *np.linspace(0, len(poses) - 1, 8).astype(int).tolist()})
        cut = [line for frame in chosen for line in lines[starts[frame] : starts[frame + 1]]]
        excerpt = text_file(tmp_path / "a.amc", "\n".join([*cut, "0", ""]))  # it forgets the last frame of a file
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = pyacclaim.loadASF(str(cmu_sample.folder / trial.asf), verbose=False)
            motion = pyacclaim.loadAMC(theirs, str(excerpt))
        assert len(motion) == len(chosen), name
        for frame, pose in zip(chosen, motion, strict=True):
            theirs["bones"]["root"].set_pose(pose)
            ends = {bone: np.array(theirs["bones"][bone].global_coordinate) * INCH for bone in theirs["bones"]}
            np.testing.assert_allclose(poses[frame], joints_by_hand(ends), atol=1e-4, err_msg=f"{name}, frame {frame}")


def joints_by_hand(ends: dict[str, np.ndarray]) -> np.ndarray:
    """The 17 joints as the notes on the sample have them, in words of their own."""
    joints = {
        "pelvis": (ends["lhipjoint"] + ends["rhipjoint"]) / 2,
        "neck": (ends["thorax"] + ends["lowerneck"]) / 2,
        "torso": ends["lowerback"],
        "head": ends["upperneck"],
        "head_top": ends["head"],
    }
    for side in "lr":
        joints[f"{side}_hip"], joints[f"{side}_knee"] = ends[f"{side}hipjoint"], ends[f"{side}femur"]
        joints[f"{side}_ankle"], joints[f"{side}_shoulder"] = ends[f"{side}tibia"], ends[f"{side}clavicle"]
        joints[f"{side}_elbow"] = ends[f"{side}humerus"]
        joints[f"{side}_wrist"] = ends[f"{side}humerus"] + (ends[f"{side}radius"] - ends[f"{side}humerus"]) * 4 / 3
    return np.array([[joints[name][2], joints[name][0], joints[name][1]] for name in MODEL_17])


def test_only_glitches_are_dropped(cmu_sample: CmuSample) -> None:
    """From the speeds alone: what is dropped or cut at lies within a third of a second of a jump, all else is kept."""
    total = 0
    for name, poses in cmu_sample.poses.items():
        glitches = cmu_sample.glitches[name]
        jumps = np.flatnonzero((np.linalg.norm(np.diff(poses, axis=0), axis=-1) * 120 > 20).any(1)) + 0.5
        assert bool(len(jumps)) == bool(glitches), name
        clips, _ = remove_glitches(poses, 120.0)
        gone = [glitch.frame for glitch in glitches if glitch.treatment == "removed"]
        assert sum(map(len, clips)) + len(gone) == len(poses), name
        for glitch in glitches:
            assert np.abs(jumps - glitch.frame).min() < 40 if glitch.treatment != "cut" else glitch.frame - 0.5 in jumps, name
        untouched = np.setdiff1d(np.arange(len(poses)), [glitch.frame for glitch in glitches if glitch.treatment != "cut"])
        kept = np.concatenate(clips)[np.isin(np.setdiff1d(np.arange(len(poses)), gone), untouched)]
        np.testing.assert_array_equal(kept, poses[untouched], err_msg=name)
        total += len(poses)
    assert total == 146_195 - cmu_sample.trials["14_36"].frames


def test_known_glitches_are_dropped(cmu_sample: CmuSample) -> None:
    """Those that the notes on the sample name, each the last frame of a wrong start, and the knee flips of subject 05."""
    glitches = cmu_sample.glitches
    removed = {trial: [g.frame for g in found if g.treatment != "cut"] for trial, found in glitches.items() if found}
    flips = {trial for trial in removed if trial.startswith("05_")}
    assert set(removed) - flips == {"03_02", "09_10", "16_15", "16_23", "16_28"}
    assert removed["03_02"] == list(range(50))
    for trial, last in (("09_10", 3), ("16_15", 1), ("16_23", 2), ("16_28", 5)):
        assert removed[trial] == list(range(last + 1))
    assert flips == {"05_05", "05_06", "05_08", "05_10", "05_16", "05_17", "05_18", "05_19", "05_20"}
    assert {glitch.joint for trial in flips for glitch in glitches[trial]} == {"l_knee", "r_knee"}
    assert sum(map(len, removed.values())) < 0.004 * 146_195


def test_nobody_jumps_any_more(cmu_sample: CmuSample) -> None:
    subjects = cmu_sample.subjects
    clips = [clip for subject in subjects.values() for clip in subject.clips if len(clip.poses_3d) > 1]
    assert len(clips) > 161
    for clip in clips:
        assert step_speeds(clip.poses_3d, 50.0).max() < MAX_SPEED, clip.name


def test_people_have_the_size_of_people(cmu_sample: CmuSample) -> None:
    subjects = cmu_sample.subjects
    for name, subject in subjects.items():
        poses = np.concatenate([clip.poses_3d for clip in subject.clips])
        reach = np.linalg.norm(poses[:, JOINT["head_top"]] - poses[:, JOINT["l_ankle"]], axis=-1).max()
        assert 1.4 < reach < 1.75, name
        thigh = np.linalg.norm(poses[:, JOINT["l_hip"]] - poses[:, JOINT["l_knee"]], axis=-1)
        assert np.median(thigh) == pytest.approx(0.41, abs=0.05), name
        assert -0.1 < np.quantile(poses[:, [JOINT["l_ankle"], JOINT["r_ankle"]], 2].min(1), 0.02) < 0.35, name


def test_projections_of_the_sample(cmu_sample: CmuSample) -> None:
    table = cmu_table(cmu_sample.paths, {"train": ["01"]})
    assert table.metadata["share_of_joints_outside"] < 0.001
    assert table.metadata["dropped_videos"] == []
    assert [entry["trial"] for entry in table.metadata["dropped_trials"]] == ["14_36"]
    assert table.poses_2d is not None
    assert np.abs(table.poses_2d).max() < 1.01
    assert len(table.subjects) == 15
    assert len(table.poses_3d) == pytest.approx(60_000, rel=0.02)
