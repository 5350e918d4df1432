"""The joints of the CMU skeleton: by hand, and on all trials of the sample where it is at hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from acclaim_files import BONES, amc_text, asf_text, text_file

from uplift_upsample.data.asf import read_asf
from uplift_upsample.data.cmu import read_trial
from uplift_upsample.data.cmu_clips import SubjectClips, convert_subject, write_clips
from uplift_upsample.data.cmu_table import cmu_table
from uplift_upsample.data.cmu_trials import (
    fetch_subject,
    read_manifest,
    read_trials,
    trials_of,
    write_manifest,
)
from uplift_upsample.data.glitches import MAX_SPEED, Glitch, step_speeds
from uplift_upsample.skeleton import MODEL_17

INCH = 0.0254
JOINT = {name: index for index, name in enumerate(MODEL_17)}


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


@pytest.fixture(scope="module")
def sample(
    project: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, SubjectClips], dict[str, list[Glitch]], list[Path]]:
    folder = tmp_path_factory.mktemp("cmu")
    trials = read_trials(project / "workflow" / "resources" / "cmu_trials.csv")
    subjects, glitches, paths = {}, {}, []
    for name in dict.fromkeys(trial.subject for trial in trials):
        chosen = trials_of(trials, name)
        write_manifest(folder / "manifest.csv", fetch_subject(str(shared / "data" / "cmu"), chosen, "unused"))
        files = {
            file: replace(row, path=str(shared / "data" / "cmu" / file))
            for file, row in read_manifest(folder / "manifest.csv").items()
        }
        subjects[name], found = convert_subject(chosen, files)
        glitches |= found
        paths.append(folder / f"{name}.npz")
        write_clips(paths[-1], subjects[name])
    return subjects, glitches, paths


def test_known_glitches_are_dropped(sample: tuple) -> None:
    """Those that the notes on the sample name, each the last frame of a wrong start, and the knee flips of subject 05."""
    _, glitches, _ = sample
    removed = {trial: [g.frame for g in found if g.treatment != "cut"] for trial, found in glitches.items() if found}
    flips = {trial for trial in removed if trial.startswith("05_")}
    assert set(removed) - flips == {"03_02", "09_10", "16_15", "16_23", "16_28"}
    assert removed["03_02"] == list(range(50))
    for trial, last in (("09_10", 3), ("16_15", 1), ("16_23", 2), ("16_28", 5)):
        assert removed[trial] == list(range(last + 1))
    assert flips == {"05_05", "05_06", "05_08", "05_10", "05_16", "05_17", "05_18", "05_19", "05_20"}
    assert {glitch.joint for trial in flips for glitch in glitches[trial]} == {"l_knee", "r_knee"}
    assert sum(map(len, removed.values())) < 0.004 * 146_195


def test_nobody_jumps_any_more(sample: tuple) -> None:
    subjects, _, _ = sample
    clips = [clip for subject in subjects.values() for clip in subject.clips if len(clip.poses_3d) > 1]
    assert len(clips) > 161
    for clip in clips:
        assert step_speeds(clip.poses_3d, 50.0).max() < MAX_SPEED, clip.name


def test_people_have_the_size_of_people(sample: tuple) -> None:
    subjects, _, _ = sample
    for name, subject in subjects.items():
        poses = np.concatenate([clip.poses_3d for clip in subject.clips])
        reach = np.linalg.norm(poses[:, JOINT["head_top"]] - poses[:, JOINT["l_ankle"]], axis=-1).max()
        assert 1.4 < reach < 1.75, name
        thigh = np.linalg.norm(poses[:, JOINT["l_hip"]] - poses[:, JOINT["l_knee"]], axis=-1)
        assert np.median(thigh) == pytest.approx(0.41, abs=0.05), name
        assert -0.1 < np.quantile(poses[:, [JOINT["l_ankle"], JOINT["r_ankle"]], 2].min(1), 0.02) < 0.35, name


def test_projections_of_the_sample(sample: tuple) -> None:
    _, _, paths = sample
    table = cmu_table(paths, {"train": ["01"]})
    assert table.metadata["share_of_joints_outside"] < 0.001
    assert table.metadata["dropped_videos"] == []
    assert [entry["trial"] for entry in table.metadata["dropped_trials"]] == ["14_36"]
    assert table.poses_2d is not None
    assert np.abs(table.poses_2d).max() < 1.01
    assert len(table.subjects) == 15
    assert len(table.poses_3d) == pytest.approx(60_000, rel=0.02)
