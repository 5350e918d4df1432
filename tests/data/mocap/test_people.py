"""The recorded people of the demo, and files of several recordings, which theirs are."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from world.cmu_sample import CmuSample
from world.mocap_files import fields, walker

from uplift_upsample.data.frames import write_frames_table
from uplift_upsample.data.frames_contents import holds_data_of
from uplift_upsample.data.mocap.cmu import ACKNOWLEDGEMENT
from uplift_upsample.data.mocap.own import judge, write_recordings
from uplift_upsample.data.mocap.own_folder import judge_folder, listed_recordings, mocap_table, read_folder
from uplift_upsample.plan.datasets import Mocap

WALKS = {"recordings": np.array(["a", "b"]), "lengths": np.array([100, 140])}


@pytest.fixture(scope="module")
def people(project: Path) -> Path:
    return project / "workflow/resources/people"


def write(path: Path, **changes: Any) -> Path:
    """240 frames of a person who walks, as two recordings unless changes say otherwise; None removes a field."""
    found = fields(walker(240)) | WALKS | changes
    np.savez(path, **{key: value for key, value in found.items() if value is not None})
    return path


def test_several_recordings_in_a_file(tmp_path: Path) -> None:
    whole = walker(240)
    first, second = judge(write(tmp_path / "cem.npz", action=np.array(["walk", "stroll"]))).recordings
    assert (first.name, first.action, second.name, second.action) == ("a", "walk", "b", "stroll")
    np.testing.assert_allclose(np.concatenate([first.poses, second.poses]), whole, atol=1e-12)
    assert len(first.poses) == 100
    assert {one.action for one in judge(write(tmp_path / "one.npz", action=np.array("walk"))).recordings} == {"walk"}
    assert {one.action for one in judge(write(tmp_path / "none.npz")).recordings} == {"motion"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": None}, "'lengths' is missing; it must be the number of frames, at least 1, of each of 'recordings'"),
        ({"recordings": None}, "'recordings' is missing; it must be a list of short texts without slashes"),
        ({"lengths": np.array([100, 141])}, "'lengths' adds up to 241 frames where 'positions' has 240"),
        ({"lengths": np.array([100, 70, 70])}, "'lengths' is an array of int64 with the shape (3,)"),
        ({"lengths": np.array([240, 0])}, "'lengths' is an array of int64 with the shape (2,)"),
        ({"lengths": np.array([2**63, 2**63 + 240], np.uint64)}, "'lengths' adds up to 18446744073709551856 frames where"),
        ({"lengths": np.array([100.0, 140.0])}, "'lengths' is an array of float64"),
        ({"recordings": np.array(["a", "a"])}, "'recordings' names 'a' twice"),
        ({"recordings": np.array(["a", "b/c"])}, "'recordings' is 'b/c'; it must be a list of short texts without slashes"),
        ({"recordings": np.array([1, 2])}, "'recordings' is an array of int64 with the shape (2,)"),
        ({"action": np.array(["x", "y", "z"])}, "'action' has 3 texts for 2 recordings"),
    ],
)
def test_recordings_that_do_not_add_up(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    verdict = judge(write(tmp_path / "cem.npz", **changes))
    assert not verdict.recordings
    assert any(message in fault for fault in verdict.faults), verdict.faults


def test_faults_name_their_recording(tmp_path: Path) -> None:
    poses = walker(240)
    poses[150, 3] = np.nan
    (fault,) = judge(write(tmp_path / "cem.npz", positions=poses)).faults
    assert fault.startswith("recording 'b': 1 of 140 frames hold")
    assert "in frame 50" in fault


def test_names_of_recordings_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "cem.npz", subject="cem", action=np.array(["walk", "stroll"]))
    assert [(clip.name, clip.action) for clip in read_folder(tmp_path)[0].clips] == [("cem_a", "walk"), ("cem_b", "stroll")]
    assert [(row["subject"], row["trial"], row["action"]) for row in listed_recordings(tmp_path)] == [
        ("cem", "cem_a", "walk"),
        ("cem", "cem_b", "stroll"),
    ]
    write(tmp_path / "other.npz", subject="cem")
    (twice,) = [judged for judged in judge_folder(tmp_path) if judged.verdict.faults]
    assert twice.verdict.faults == [f"cem.npz has a recording of 'cem' with the same name, {name}" for name in "ab"]
    (tmp_path / "other.npz").write_bytes(b"not a file of arrays")
    assert len(listed_recordings(tmp_path)) == 2


def test_a_file_without_a_subject_in_its_field_is_listed_for_the_one_who_judges_it(tmp_path: Path) -> None:
    write(tmp_path / "cem.npz", subject=np.array([], dtype=str))
    assert [row["subject"] for row in listed_recordings(tmp_path)] == ["", ""]
    (judged,) = judge_folder(tmp_path)
    assert any(fault.startswith("'subject' is an array of <U1 with the shape (0,)") for fault in judged.verdict.faults)


def test_a_table_for_pretraining_has_no_detections_and_no_cameras_of_its_own(people: Path, tmp_path: Path) -> None:
    table = mocap_table(people, {"train": ["11"], "val": ["09"]}, has_detections=False)
    assert table.poses_2d is None
    assert set(table.video_camera) == {-1}
    assert table.subjects == ["09", "11"]
    assert table.metadata["input_2d"] is None
    assert table.metadata["splits"] == {"train": ["11"], "val": ["09"]}
    assert {source["file"] for source in table.metadata["sources"]} == {"09.npz", "11.npz"}
    write_frames_table(tmp_path / "mocap.h5", table)
    planned = {"kind": "mocap", "folder": str(people), "splits": table.metadata["splits"]}
    assert holds_data_of(tmp_path / "mocap.h5", Mocap(**planned, detections="none"))
    assert not holds_data_of(tmp_path / "mocap.h5", Mocap(**planned))
    assert not holds_data_of(tmp_path / "mocap.h5", Mocap(**planned, detections="simulated"))


def test_people_are_small_varied_and_sound(people: Path, project: Path) -> None:
    assert 2_000_000 < sum(path.stat().st_size for path in people.iterdir()) < 3_000_000
    recordings = [recording for judged in judge_folder(people) for recording in judged.verdict.recordings]
    assert not [fault for judged in judge_folder(people) for fault in judged.verdict.faults]
    assert {"Walk", "Run", "Jump", "Climb", "Sit", "Dance", "Gesture", "Fight", "Reach"} <= {one.action for one in recordings}
    data = yaml.safe_load((project / "config.yaml").read_text("utf-8"))["studies"]["demo"]["data"]
    used = [subject for dataset in data.values() for members in dataset["splits"].values() for subject in members]
    assert sorted(used) == sorted(judged.subject for judged in judge_folder(people))  # each once: nobody is trained on and tested
    for name in ("README.md", "LICENCE.txt"):
        text = " ".join((people / name).read_text("utf-8").split())
        assert ACKNOWLEDGEMENT.split(". ")[0] in text
        assert "resold" in text


def test_people_are_those_of_the_database(people: Path, cmu_sample: CmuSample, tmp_path: Path, project: Path) -> None:
    """Packed again from the original files: the same bytes on this kind of processor, at most half a millimetre off."""
    words = [sys.executable, str(project / "scripts/pack_people.py"), "--recordings", str(people / "recordings.txt")]
    words += ["--output", str(tmp_path), "--subjects", *map(str, cmu_sample.paths)]
    subprocess.run(words, check=True, capture_output=True)
    with (people / "originals.csv").open(encoding="utf-8", newline="") as file:
        originals = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
    assert (tmp_path / "originals.csv").read_text("utf-8") == (people / "originals.csv").read_text("utf-8")
    clips = {clip.name.replace("/", "-"): clip for subject in cmu_sample.subjects.values() for clip in subject.clips}
    for path in people.glob("*.npz"):
        assert f"{path.stem}.asf" in originals
        with np.load(path) as kept, np.load(tmp_path / path.name) as made:
            np.testing.assert_allclose(kept["positions"], made["positions"], atol=2.0**-11)  # a tie may be rounded otherwise
            poses = np.concatenate([clips[name].poses_3d for name in kept["recordings"]])
            assert np.linalg.norm(kept["positions"] - poses, axis=-1).max() < 0.5e-3
            assert [clips[name].action for name in kept["recordings"]] == kept["action"].tolist()


def test_equal_clips_give_equal_bytes(cmu_sample: CmuSample, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_recordings(tmp_path / name, "35", cmu_sample.subjects["35"].clips)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
