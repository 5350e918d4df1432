"""The user's own clips: what is planned for each, what runs again, and what is refused before anything runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rerun_matrix import code
from workflow_copy import Workflow, bring_clips, copy_of_project, refused
from world.real_clips import RealClips
from world.warm_python import FRAMEWORK, warm_python

CLIPS = ("walk.mp4", "Sprung, 2.json", "openpose/", "notes.txt")
SETTINGS = {
    "root": True,
    "clips": {
        "openpose": {
            "layout": "body_25",
            "frame_rate": 60,
            "size": [1088, 1920],
            "s_in": 20,
            "person": 1,
            "root": False,
            "readout": "sequence",
            "hop": 9,
        },
        "walk": {"roll": -3.5, "mirror": False, "detector": "full"},
    },
}
STAGES = ("lift_clip", "animate_clip", "write_clip_page")


@pytest.fixture(scope="module")
def folder(pristine: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy with a video, keypoints, and a folder of keypoints; for dry runs."""
    workflow = pristine.copy_to(tmp_path_factory.mktemp("people") / "project")
    bring_clips(workflow, *CLIPS)
    return workflow


@pytest.fixture(scope="module")
def real(project: Path, pose_models: Path, real_clips: RealClips, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy with its real scripts, a video of somebody who walks, keypoints of somebody invented, and a file that is no video."""
    for package in ("av", "ai_edge_litert"):
        pytest.importorskip(package, reason="needs the packages for videos, which make install brings")
    from lift.conftest import SIZE, walking  # with a framework

    workflow = copy_of_project(project, tmp_path_factory.mktemp("real") / "project", is_real=True)
    clips = workflow.folder / "data/people"
    clips.mkdir(parents=True)
    shutil.copy(real_clips.walker, clips / "walk.mp4")
    np.savez(clips / "run.npz", keypoints=walking(np.arange(60) / 30), layout="coco", frame_rate=30, size=SIZE)
    (clips / "broken.mp4").write_text("no video")
    there = workflow.folder / "data/raw/mediapipe/pose-0.5.1675469404.tgz"
    there.parent.mkdir(parents=True)
    shutil.copy(pose_models, there)
    return workflow


def test_lifting_is_given_flags_that_it_takes(folder: Workflow, project: Path) -> None:
    changes = {"device": "gpu", "deterministic": True, "people": {**SETTINGS, "gpus": 1}}
    said = folder.snakemake("--dry-run", "--printshellcmds", "people", **changes).stdout
    given = {flag for line in re.findall(r"scripts/lift_clip\.py (.*)", said) for flag in re.findall(r" (--\w+)", f" {line}")}
    assert {"--keypoints", "--device", "--readout", "--output"} <= given
    command = [sys.executable, str(project / "scripts/lift_clip.py"), "--help"]
    help_text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert given <= {*re.findall(r"--\w+", help_text)}


def test_each_clip_and_stage_is_a_job(folder: Workflow) -> None:
    done = folder.snakemake("--dry-run", "--printshellcmds", "people", people=SETTINGS)
    said = done.stdout + done.stderr
    assert said.count("data/people: left out, by their suffixes neither videos nor keypoints: notes.txt") == 1
    commands = {}
    for line in said.splitlines():
        if found := re.search(r"python scripts/(\w+)\.py (.*)", line):
            commands.setdefault(found[1], []).append(found[2])
    assert {name: len(lines) for name, lines in commands.items()} == {
        "fetch_source": 1,
        "detect_keypoints": 1,
        **dict.fromkeys(STAGES, 3),
    }
    [fetched], [detected] = commands["fetch_source"], commands["detect_keypoints"]
    assert "--source mediapipe_pose" in fetched
    assert detected.startswith("--video data/people/walk.mp4 --s_in 10 --s_out 5 --detector full --models results/data/sources/")
    walk, openpose, jump = (next(line for line in commands["lift_clip"] if name in line) for name in ("walk", "openpose", "Sprung"))
    assert walk.startswith(
        "--keypoints results/people/walk/walk.keypoints.npz --weights open --s_in 10 --roll -3.5 --root --no_mirror "
    )
    assert (
        "--keypoints data/people/openpose --person 1 --layout body_25 --frame_rate 60 --size 1088 1920 --weights open --s_in 20"
        " --readout sequence --hop 9 -"
    ) in openpose.replace(".0 ", " ")
    assert jump.startswith("--keypoints 'data/people/Sprung, 2.json' --weights open --s_in 10 --root --device cpu --output")
    on_video = [line for line in commands["animate_clip"] if "--video" in line]
    assert [re.findall(r"--video (\S+)", line) for line in on_video] == [["data/people/walk.mp4"]]


def test_clips_are_no_part_of_what_is_built_without_being_asked_for(folder: Workflow) -> None:
    assert not {"detect_keypoints", *STAGES} & {job.rule for job in folder.jobs()}


def test_one_file_of_a_clip(folder: Workflow) -> None:
    jobs = folder.jobs("results/people/openpose/openpose.bvh", people=SETTINGS)
    assert [job.rule for job in jobs] == ["lift_clip"]
    jobs = folder.jobs("results/people/Sprung, 2/Sprung, 2.mp4", people={"detector": "rtmlib"})
    assert [job.rule for job in jobs] == ["lift_clip", "animate_clip"]


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("peoples", "no target 'peoples', did you mean 'people'?"),
        (
            "results/people/wlak/index.html",
            "data/people has no clip 'wlak', did you mean 'walk'?; it has Sprung, 2, openpose, walk",
        ),
        ("results/people/walk/walk.bvhh", "did you mean 'results/people/walk/walk.bvh'?"),
        (
            "results/people/openpose/openpose.keypoints.npz",
            "data/people/openpose is a file of keypoints; people are looked for in videos only",
        ),
    ],
)
def test_misspelt_targets(folder: Workflow, target: str, meant: str) -> None:
    assert meant in refused(folder, target)


def test_faults_come_at_once_before_anything_runs(folder: Workflow) -> None:
    settings = {"clips": {"wlak": {"s_in": 5}, "openpose": {"layout": "bodi"}}}
    said = refused(folder, "people", people=settings)
    assert "people.clips.wlak: data/people has no such clip, did you mean 'walk'?" in said
    assert "people.clips.openpose: no layout 'bodi'" in said
    assert folder.counts("demo", people=settings)  # whoever builds something else is not kept from it


def test_a_folder_without_clips_and_a_study_of_this_name(pristine: Workflow) -> None:
    said = refused(pristine, "people")
    assert "data/people: there is no clip. Put videos (.mp4, .m4v, .mov, .mkv, .webm, ...) there, keypoint files" in said
    study = pristine.config()["studies"]["demo"]
    said = refused(pristine, "demo", studies={"people": study})
    assert "studies.people: 'people' is the name of a target or rule; call the study something else" in said


@pytest.mark.long
def test_what_runs_again(folder: Workflow, tmp_path: Path) -> None:
    workflow = folder.copy_to(tmp_path / "Übung mit Leerzeichen")
    workflow.build("people", people=SETTINGS)

    def jobs(**changes: object) -> dict[str, int]:
        return dict(Counter(job.rule for job in workflow.jobs("people", people={**SETTINGS, **changes})))

    def of_clip(**changes: object) -> dict[str, object]:
        return {"clips": {**SETTINGS["clips"], "walk": {**SETTINGS["clips"]["walk"], **changes}}}

    once = dict.fromkeys(STAGES, 1)
    assert jobs() == {}
    for path in (workflow.folder / "data/people").rglob("*.*"):
        os.utime(path)
    assert jobs() == {}
    assert jobs(**of_clip(s_in=20)) == {"detect_keypoints": 1, **once}
    assert jobs(**of_clip(seconds=5)) == {"animate_clip": 1, "write_clip_page": 1}
    assert jobs(s_in=5) == {"detect_keypoints": 1, "lift_clip": 2, "animate_clip": 2, "write_clip_page": 2}  # openpose has its own
    assert jobs(detector="lite") == {}  # so has walk, and others are no videos
    (workflow.folder / "data/people/openpose/openpose_1.json").write_text("another content")
    assert jobs() == once
    (workflow.folder / "data/people/walk.mp4").write_text("another content")
    assert jobs() == {"detect_keypoints": 1, **dict.fromkeys(STAGES, 2)}
    workflow.build("people", people=SETTINGS)
    assert jobs() == {}
    card = workflow.folder / "src/uplift_upsample/lift/weights/open.json"
    card.write_text(json.dumps({**json.loads(card.read_text("utf-8")), "trained_on": "others"}), "utf-8")
    assert jobs() == dict.fromkeys(STAGES, 3)  # what the network can see is the same
    workflow.build("people", people=SETTINGS)
    code("report/animation/lifted_clips.py")(workflow)
    assert jobs() == {"animate_clip": 3, "write_clip_page": 3}
    bring_clips(workflow, "another.npz")
    assert jobs() == {"lift_clip": 1, "animate_clip": 4, "write_clip_page": 4}


@pytest.mark.long
def test_real_clips_to_their_pages(real: Workflow) -> None:
    """The one that is no video fails alone, and says why; the others are what lift.py makes of them."""
    settings = {"s_in": 20, "detector": "lite", "seconds": 4, "formats": ["bvh"]}
    done = real.snakemake("people", "--keep-going", people=settings)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "error: data/people/broken.mp4: not a video that can be read, or damaged" in said
    results = real.folder / "results/people"
    assert sorted(path.parent.name for path in results.glob("*/index.html")) == ["run", "walk"]
    assert not (results / "broken/broken.keypoints.npz").exists()
    with np.load(results / "walk/walk.npz") as file:
        lifted, metadata = file["positions"], json.loads(file["metadata"].item())
    assert lifted.shape == (230, 17, 3)
    assert (metadata["detector"], metadata["s_in"], metadata["weights"]) == ("MediaPipe pose, lite model", 20, "open")
    page = (results / "walk/index.html").read_text("utf-8")
    for told in ("walk in 3D", "one frame in 12, 20 of 230", 'href="walk.bvh"', "data:image/gif;base64,"):
        assert told in page
    words = ["data/people/walk.mp4", "--s_in", "20", "--detector", "lite", "--formats", "npz", "--output", "out", "--device", "cpu"]
    command = [warm_python(*FRAMEWORK), "scripts/lift.py", *words]
    environment = {**os.environ, "PYTHONPATH": str(real.folder / "src")}
    subprocess.run(command, cwd=real.folder, env=environment, check=True, capture_output=True)
    with np.load(real.folder / "out/walk.npz") as file:
        np.testing.assert_allclose(file["positions"], lifted, atol=1e-5)  # NaN where the person is not in reach
    assert np.isfinite(lifted).all(axis=(1, 2)).mean() > 0.5
    (real.folder / "data/people/broken.mp4").unlink()
    assert real.counts("people", people=settings) == {}
