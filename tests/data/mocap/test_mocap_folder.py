"""A folder of the user's own motion capture: a subset for pre-training, a study, the command lines, and the documentation."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config
from world import killing
from world.acclaim_files import text_file
from world.mocap_files import JOINT, fields, walker, write_folder, write_recording
from world.warm_python import DATA, warm_python

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import AMASS_17, MODEL_17, joint_map
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.frames import FramesTable, read_frames_table
from uplift_upsample.data.mocap.cmu_trials import read_trials
from uplift_upsample.data.mocap.own_folder import judge_folder, mocap_subset, mocap_table, read_folder
from uplift_upsample.data.mocap.simulated_table import VIEWS
from uplift_upsample.data.public_npz import read_amass_subset
from uplift_upsample.data.resample import resample
from uplift_upsample.plan.checks import config_faults

SPLITS = {"train": ["anna"], "val": ["ben"], "test": ["cem"]}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "lab")


def command(script: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [str(warm_python(*DATA)), str(killing.PROJECT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def pairwise_distances(poses: np.ndarray) -> np.ndarray:
    return np.linalg.norm(poses[:, :, None] - poses[:, None], axis=-1)


def test_clips_of_a_folder(lab: Path) -> None:
    subjects = read_folder(lab)
    assert [(subject.subject, [(clip.name, clip.action) for clip in subject.clips]) for subject in subjects] == [
        ("anna", [("anna_stroll", "motion"), ("anna_walk", "walk")]),
        ("ben", [("ben_walk", "walk")]),
        ("cem", [("cem_cem", "motion")]),
    ]
    assert [source["file"] for subject in subjects for source in subject.sources] == [
        "anna/stroll.npz",
        "anna/walk.npz",
        "ben/walk.npz",
        "cem.npz",
    ]
    for clip, seed, rate in zip(
        (clip for subject in subjects for clip in subject.clips), (1, 0, 2, 3), (100, 120, 120, 120), strict=True
    ):
        expected = resample(walker(240, rate, seed=seed), rate)
        np.testing.assert_allclose(pairwise_distances(clip.poses_3d), pairwise_distances(expected), atol=1e-5)
        np.testing.assert_allclose(clip.poses_3d[..., 2], expected[..., 2], atol=1e-5)  # moved on the floor only
        assert np.abs(clip.poses_3d[:, JOINT["pelvis"], :2] - [0.1, 0.5]).max() < 1.2


def test_subset_is_one_of_amass(lab: Path, tmp_path: Path) -> None:
    assert command("convert_mocap.py", "--folder", "lab", "--output", "MyLab.npz", cwd=tmp_path).returncode == 0
    subset = read_amass_subset(tmp_path / "MyLab.npz")
    assert {person: list(sequences) for person, sequences in subset.items()} == {
        "anna": ["anna_stroll", "anna_walk"],
        "ben": ["ben_walk"],
        "cem": ["cem_cem"],
    }
    poses = subset["anna"]["anna_walk"]["positions_3d"][:, joint_map(AMASS_17, MODEL_17)]
    np.testing.assert_array_equal(poses, read_folder(lab)[0].clips[1].poses_3d)
    table = amass_table([tmp_path / "MyLab.npz"])
    assert table.metadata["splits"]["train"] == ["MyLab"]
    assert table.sequence_frame_rate.tolist() == [50.0] * 4
    np.testing.assert_array_equal(table.poses_3d[table.sequence_start[1] :][: table.sequence_length[1]], poses)


def test_table_is_a_study(lab: Path, tmp_path: Path) -> None:
    arguments = ("--folder", "lab", "--splits", json.dumps(SPLITS), "--seed", 5, "--output", "lab.h5")
    done = command("merge_mocap.py", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = read_frames_table(tmp_path / "lab.h5")
    assert isinstance(table, FramesTable)
    assert table.metadata["dataset"] == "mocap"
    assert table.metadata["splits"] == SPLITS
    assert table.metadata["detection_noise"]["seed"] == 5
    assert table.subjects == ["anna", "ben", "cem"]
    assert table.actions == ["motion", "walk"]
    assert table.num_videos == 4 * VIEWS
    assert table.metadata["share_of_joints_outside"] == 0
    assert [source["file"] for source in table.metadata["sources"]] == [
        "anna/stroll.npz",
        "anna/walk.npz",
        "ben/walk.npz",
        "cem.npz",
    ]
    assert str(tmp_path) not in json.dumps(dict(table.metadata))
    assert table.poses_2d is not None
    assert np.abs(table.poses_2d).max() < 1


def test_far_away_and_on_the_way_is_still_seen(tmp_path: Path) -> None:
    """Somewhere in a large hall, 15 m long."""
    poses = walker(1200, speed=1.5) + np.array([300, -200, 0])
    (tmp_path / "lab" / "anna").mkdir(parents=True)
    np.savez(tmp_path / "lab" / "anna" / "run.npz", **fields(poses))
    table = mocap_table(tmp_path / "lab", {"train": ["anna"]})
    assert len(table.sequence_name) >= 3
    assert table.sequence_name[0] == "anna_run/1"
    assert table.metadata["share_of_joints_outside"] < 0.01
    assert len(table.poses_3d) == 500


def test_jumps_are_cut_out(tmp_path: Path) -> None:
    poses = walker(600)
    poses[300:330, JOINT["l_knee"]] += 1
    (tmp_path / "lab" / "anna").mkdir(parents=True)
    np.savez(tmp_path / "lab" / "anna" / "walk.npz", **fields(poses))
    clips = mocap_subset(tmp_path / "lab")["anna"]
    assert {name: len(clip["positions_3d"]) for name, clip in clips.items()} == {"anna_walk/1": 125, "anna_walk/2": 112}


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": ["anna", "dora"]}, "mocap: subject dora of split train has no clips; given are anna, ben, cem"),
        ({"train": ["anna"], "test": ["anna"]}, "mocap: subject anna is in the splits train and test"),
    ],
)
def test_wrong_splits(lab: Path, tmp_path: Path, splits: dict, message: str) -> None:
    done = command("merge_mocap.py", "--folder", "lab", "--splits", json.dumps(splits), "--output", "lab.h5", cwd=tmp_path)
    assert done.returncode == 2
    assert f"error: {message}" in done.stderr
    assert not (tmp_path / "lab.h5").exists()


def test_what_is_wrong_with_a_folder(lab: Path) -> None:
    write_recording(lab / "nobody.npz")
    write_recording(lab / "ben" / "other.npz", subject="anna")
    write_recording(lab / "ben" / "deep" / "run.npz")
    write_recording(lab / "walk.npz", subject="anna")
    write_recording(lab / ".hidden.npz")
    (lab / "notes.txt").write_text("not looked at")
    faults = {judged.file: "".join(judged.verdict.faults) for judged in judge_folder(lab)}
    assert {file for file, fault in faults.items() if fault} == {"nobody.npz", "ben/other.npz", "ben/deep/run.npz", "walk.npz"}
    assert "names no subject" in faults["nobody.npz"]
    assert "'subject' is 'anna', but it is in the folder of 'ben'" in faults["ben/other.npz"]
    assert "too deep" in faults["ben/deep/run.npz"]
    assert "anna/walk.npz has a recording of 'anna' with the same name, walk" in faults["walk.npz"]
    with pytest.raises(InputError) as error:
        read_folder(lab)
    assert len(str(error.value).splitlines()) >= 4


@pytest.mark.parametrize(("first", "second", "trial"), [("anna/anna_walk", "anna/walk", "anna_walk"), ("a/b_c", "a_b/c", "a_b_c")])
def test_recordings_that_would_be_called_alike(tmp_path: Path, first: str, second: str, trial: str) -> None:
    """The later one would take the place of the other in a subset for pre-training, and have its noise elsewhere."""
    for place in (first, second):
        write_recording(tmp_path / f"{place}.npz")
    [judged] = [judged for judged in judge_folder(tmp_path) if judged.verdict.faults]
    (subject, name), own = first.split("/"), second.split("/")[1]
    assert judged.verdict.faults == [
        f"its recording {own!r} and {name!r} of {subject!r} in {first}.npz would both be called {trial}; rename one of them"
    ]


@pytest.mark.parametrize("place", ["nothing", "notes.txt", "empty"])
def test_no_folder_of_recordings(tmp_path: Path, place: str) -> None:
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no recordings" if place == "empty" else "no such folder"):
        list(judge_folder(tmp_path / place))


@pytest.mark.parametrize(("rate", "frames", "expected"), [(50.0, 57, 57), (49.9999999, 57, 57), (120.0, 276, 115), (30.0, 31, 51)])
def test_no_recorded_frame_is_lost(tmp_path: Path, rate: float, frames: int, expected: int) -> None:
    write_recording(tmp_path / "lab" / "anna" / "walk.npz", frames, frame_rate=rate)
    ((_, sequences),) = mocap_subset(tmp_path / "lab").items()
    ((_, sequence),) = sequences.items()
    assert (len(sequence["positions_3d"]), sequence["frame_rate"]) == (expected, 50.0)
    # the same times of the same walk, but for the straight lines between two frames
    found = sequence["positions_3d"] - sequence["positions_3d"][:, :1]
    walk = walker(expected, 50.0)[:, [MODEL_17.index(name) for name in AMASS_17]]
    np.testing.assert_allclose(found, walk - walk[:, :1], atol=0.005)


def test_recordings_without_frames_are_left_out(lab: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_recording(lab / "ben" / "nothing.npz", positions=walker(240)[:0])
    with caplog.at_level("WARNING"):
        assert len([clip for subject in read_folder(lab) for clip in subject.clips]) == 4
    assert caplog.messages == [f"{lab / 'ben' / 'nothing.npz'}: it has no frames and is left out"]
    write_recording(lab / "ben" / "nothing.npz", positions=walker(240)[:0], frame_rate=10.0)
    with pytest.raises(InputError, match=r"nothing\.npz: a frame rate of 10 Hz"):
        read_folder(lab)


def test_check_says_fine_or_what_is_wrong(lab: Path, tmp_path: Path) -> None:
    fine = command("check_mocap.py", "lab", cwd=tmp_path)
    assert (fine.returncode, fine.stdout) == (0, "fine: 4 recordings, 3 subjects, 0:08 min\n")
    write_recording(lab / "ben" / "bad.npz", unit="m", positions=walker(240) * 100, frame_rate=12.0)
    np.savez(lab / "ben" / "still.npz", **fields(walker(240)[np.minimum(np.arange(240), 60)]))
    bad = command("check_mocap.py", "lab", cwd=tmp_path)
    assert bad.returncode == 2
    assert "lab/ben/bad.npz: error: a frame rate of 12 Hz" in bad.stdout
    assert "lab/ben/bad.npz: error: the person is" in bad.stdout
    assert "lab/ben/still.npz: warning: nothing moves at all" in bad.stdout
    assert bad.stdout.endswith("1 of 6 files cannot be used\n")
    one = command("check_mocap.py", "lab/anna/walk.npz", cwd=tmp_path)
    assert (one.returncode, one.stdout) == (0, "fine: 1 recording, 1 subject, 0:02 min\n")
    assert command("check_mocap.py", "lab/nothing.npz", cwd=tmp_path).returncode == 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "more", "output"),
    [
        ("convert_mocap.py", [], "out/MyLab.npz"),
        ("merge_mocap.py", ["--splits", json.dumps({"train": ["anna"], "val": ["ben"]})], "out/lab.h5"),
    ],
)
def test_killed_in_the_middle_ends_in_the_same_bytes(tmp_path: Path, script: str, more: list[str], output: str) -> None:
    for number in range(4):
        write_recording(tmp_path / "lab" / ("anna" if number % 2 else "ben") / f"{number}.npz", 4_000, seed=number)
    words = [script, "--folder", "lab", *more, "--output", output]
    seconds = killing.finish(words, tmp_path)
    expected = killing.sums(tmp_path, [output])
    assert set(expected) == {output}
    hits = 0
    moments: list[float | killing.Moment] = [0.5 * seconds, 0.8 * seconds, lambda: any((tmp_path / "out").glob(".*"))]
    for moment in moments:
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out").mkdir()
        hits += killing.kill_at(moment, words, tmp_path)
        if not (tmp_path / output).exists():
            killing.finish(words, tmp_path)
        assert killing.sums(tmp_path, [output]) == expected
    assert hits >= 2


def documentation(project: Path, language: str) -> list[str]:
    text = (project / "docs" / "own_motion_capture.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_examples_of_the_documentation_run(project: Path, tmp_path: Path) -> None:
    """The Python block writes a file that the checker finds fine, and the command lines work on its folder."""
    (python,) = documentation(project, "python")
    order = re.findall(r'"(pelvis|torso|neck|head|head_top)"', python)
    assert order == ["pelvis", "torso", "neck", "head", "head_top"]
    order = [*order, *(f"{s}_{j}" for s in "lr" for j in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"))]
    in_file = fields(walker(480), unit="mm", up_axis="y")["positions"][:, [JOINT[name] for name in order]]
    np.save(tmp_path / "recording.npy", in_file)
    subprocess.run([sys.executable, "-c", python], cwd=tmp_path, check=True)
    os.symlink(project / "scripts", tmp_path / "scripts")
    said = []
    for block in documentation(project, "bash"):
        line = block.replace("python ", f"{sys.executable} ", 1)
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0].strip() in (project / "docs" / "own_motion_capture.md").read_text("utf-8")
    assert list(read_amass_subset(tmp_path / "results" / "MyLab.npz")) == ["anna"]
    assert read_frames_table(tmp_path / "results" / "my_lab.h5").actions == ["walk"]


def test_configurations_of_the_documentation_are_right(project: Path) -> None:
    config = json.loads(json.dumps(yaml.safe_load((project / "config.yaml").read_text("utf-8"))))
    blocks = documentation(project, "yaml")
    assert len(blocks) == 3
    people = {"data/my_lab": ["anna", "ben", "cem", "dora"]}  # a folder that need not be there has the people of the page
    for block in blocks:
        merged = copy.deepcopy(config)
        update_config(merged, yaml.safe_load(block))
        known = ["08", *(subject for split in config["studies"]["open"]["data"]["cmu"]["splits"].values() for subject in split)]
        assert config_faults(merged, {"all"}, lambda path, known=known: people.get(path, known)) == []


def test_list_of_trials_of_the_documentation_is_read(project: Path, tmp_path: Path) -> None:
    (text,) = [block for block in documentation(project, "text") if block.startswith("subject,trial")]
    trials = read_trials(text_file(tmp_path / "trials.csv", text))
    assert [(trial.trial, trial.frames, trial.sha256) for trial in trials] == [("08_01", None, ""), ("08_02", None, "")]
