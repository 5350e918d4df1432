"""``scripts/lift.py`` as a user types it, on files of detectors."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lift.conftest import SIZE, walking
from PIL import Image
from world import keypoint_files
from world.lifted import lifted_poses
from world.warm_python import FRAMEWORK, warm_python

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.keypoints.layouts import LAYOUTS

SIZE_WORDS = [f"{side:g}" for side in SIZE]


def lift(project: Path, *arguments: object, python: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [python or warm_python(*FRAMEWORK), project / "scripts/lift.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def openpose_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BODY_25 at 60 frames a second, 1.5 s: a person who walks, one far behind, and a key frame in which the wrist is not sure."""
    points = walking(np.arange(90) / 60)
    coco = {name: points[:, index] for index, name in enumerate(LAYOUTS["coco_17"].joints)}
    coco |= {"neck": (coco["l_shoulder"] + coco["r_shoulder"]) / 2, "pelvis": (coco["l_hip"] + coco["r_hip"]) / 2}
    body = np.stack([coco.get(name, coco["l_ankle"]) for name in LAYOUTS["body_25"].joints], axis=1)
    body = np.concatenate([body, np.full((90, 25, 1), 0.8)], axis=2)
    body[24, 4, 2] = 0.1
    behind = body.copy()
    behind[..., :2] = body[..., :2] / 5 + 40
    return keypoint_files.openpose(tmp_path_factory.mktemp("clip") / "walk", np.stack([behind, body], axis=1))


@pytest.fixture(scope="module")
def lifted(project: Path, weights: Path, openpose_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """All files of one run, and what it printed."""
    output = tmp_path_factory.mktemp("out") / "new"
    done = lift(
        project, openpose_folder, "--output", output, "--layout", "body_25", "--frame_rate", 60, "--size", *SIZE_WORDS,
        "--s_in", 20, "--weights", weights, "--roll", 5, "--root", "--device", "cpu", "--readout", "sequence", "--hop", 2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return output, done.stdout.splitlines()


def test_what_is_printed(lifted: tuple[Path, list[str]]) -> None:
    output, lines = lifted
    assert lines[:3] == [
        "weights: tiny, trained on train of h36m; their error was not measured here",
        "clip: 90 frames at 60 Hz, joints body_25, person 0; other people: 1",
        "s_in 20: the network sees one frame in 24, 4 of 90; 1 of them lack the person or a joint and are masked",
    ]
    assert lines[3] == "readout sequence, hop 2; errors of weights are those of the readout central"
    assert [line.partition(": ")[0] for line in lines[4:]] == [
        f"{output}/walk.{name}" for name in ("npz", "csv", "json", "bvh", "trc", "gif", "html")
    ]
    assert "constant bones move joints by" in lines[7]


def test_what_is_written(lifted: tuple[Path, list[str]], weights: Path, openpose_folder: Path) -> None:
    from uplift_upsample.lift.uplifter import Uplifter

    output, _ = lifted
    with np.load(output / "walk.npz") as file:
        positions, joints, metadata = file["positions"], file["joints"], json.loads(file["metadata"].item())
        assert np.flatnonzero(file["is_key"]).tolist() == [0, 48, 72]
    assert joints.tolist() == list(MODEL_17)
    assert (metadata["roll"], metadata["root"], metadata["s_in"]) == (5, "approximate, by reprojection", 20)
    assert (metadata["readout"], metadata["hop"]) == ("sequence", 2)
    poses = Uplifter.load(weights, readout="sequence", hop=2)(
        openpose_folder, frame_rate=60, size=SIZE, layout="body_25", s_in=20, roll=5, root=True
    )
    assert np.allclose(positions, poses.positions, atol=1e-5, equal_nan=True)
    with (output / "walk.csv").open() as file:
        assert len(list(csv.reader(file))) == 91
    with Image.open(output / "walk.gif") as picture:
        assert (picture.n_frames, picture.info["duration"]) == (38, 40)  # 1.483 s, 25 a second
        assert picture.size == (720, 480)


def test_joints_of_a_layout_and_chosen_formats(project: Path, weights: Path, openpose_folder: Path, tmp_path: Path) -> None:
    done = lift(
        project, openpose_folder, "--output", tmp_path, "--frame_rate", 60, "--size", *SIZE_WORDS, "--weights", weights,
        "--formats", "csv", "bvh", "--joints", "coco", "--no_mirror", "--person", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walk.bvh", "walk.csv"]
    assert (tmp_path / "walk.csv").read_text().startswith("frame,time,is_key,nose_x")
    assert "person 1; other people: 0" in done.stdout


REFUSED: list[tuple[dict[str, str | None], str]] = [
    ({"FILE": "nowhere.json"}, "nowhere.json: no such file or folder"),
    ({"FILE": "page.json"}, "page.json: no keypoints of a known format"),
    ({"FILE": "clip.mp4"}, "--layout is for keypoints; clip.mp4 is a video, which contains it"),
    ({"FILE": "clip.mp4", "--focal": "-3"}, "focal is -3.0; it must be the focal length"),  # before a detector looks at the video
    ({"FILE": "clip.mp4", "--min_confidence": "3"}, "min_confidence is 3.0; it must be a number from 0 to 1"),
    ({"--layout": "coco"}, "25 joints, where the layout coco_17 has 17"),
    ({"--frame_rate": "3"}, "frame_rate is 3.0; it must be a number from 5 to 240"),
    ({"--frame_rate": None}, "the frame rate of the clip is not known"),
    ({"--s_in": "3"}, "s_in 3 is not a multiple of s_out 5"),
    ({"--weights": "mine"}, "no weights 'mine'"),
    ({"--weights": "page.json"}, "page.json: no run.yaml"),
    ({"--joints": "dogs"}, "no layout 'dogs'"),
    ({"FILE": "page.json", "--output": "."}, "page.json: the result would replace the input; give --output another folder"),
    ({"--hop": "3"}, "hop is 3 with the readout central"),
    ({"--readout": "both"}, "blend is auto, and no training record has the best one"),
    ({"--seconds": "0"}, "--seconds is 0"),
    ({"--output": "page.json"}, "page.json: cannot be written (File exists)"),
    ({"--output": "page.json/out"}, "out: cannot be written (Not a directory)"),
    ({"--output": "taken"}, "taken/walk.csv: a folder stands where the result should"),
    ({"--formats": "mp4"}, "walk.mp4: there is no ffmpeg on the PATH"),
    ({"--min_confidence": "0.9"}, "nothing to lift: the person has no joint that is sure enough in any of 15 key frames"),
]


def test_what_is_refused_before_a_framework_is_loaded(project: Path, weights: Path, openpose_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text("<html>")
    (tmp_path / "taken/walk.csv").mkdir(parents=True)
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    cases = []
    for changes, _ in REFUSED:
        flags = {"--layout": "body_25", "--frame_rate": "60", "--weights": str(weights), "--output": "out"} | changes
        file = flags.pop("FILE", str(openpose_folder))
        given = [word for flag, value in flags.items() if value is not None for word in (flag, value)]
        cases.append([file, "--size", *SIZE_WORDS, *given])
    code = (
        f"import sys; sys.path.insert(0, {str(project / 'scripts')!r})\n"
        "import lift; from _command import run\n"
        f"print([run(lambda: lift.main(case)) for case in {cases!r}])\n"
        "assert not {'tensorflow', 'keras'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PATH": ""}
    )
    assert (done.returncode, done.stdout) == (0, f"{[2] * len(REFUSED)}\n"), done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for (_, message), error in zip(REFUSED, errors, strict=True):
        assert message in error
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["walk.csv"]


def test_an_animation_that_fails_takes_no_other_file_with_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(project / "scripts")
    spec = importlib.util.spec_from_file_location("lift_command", project / "scripts/lift.py")
    assert spec is not None and spec.loader is not None
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ffmpeg").write_text("#!/bin/sh\necho no libx264 >&2\nexit 1\n")
    (tmp_path / "bin/ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    options = command.parse(["walk.json", "--output", str(tmp_path / "out"), "--formats", "mp4", "npz"])
    with pytest.raises(InputError, match=r"walk\.mp4: ffmpeg could not write it \(no libx264\)"):
        command.write(lifted_poses(), command.output_files(options), options)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["walk.npz"]
    with pytest.raises(SystemExit):
        command.parse(["walk.json", "--output", "out", "--s_in", "abc"])
    assert "argument --s_in: 'abc' is neither auto nor a whole number" in capsys.readouterr().err
    long = "a" * 250
    assert command.output_files(command.parse([f"{long}.json", "--output", str(tmp_path / "long"), "--formats", "npz"]))
    with pytest.raises(InputError, match=r"aaa\.json: cannot be written \(File name too long\)"):  # before anything is lifted
        command.output_files(command.parse([f"{long}a.csv", "--output", str(tmp_path / "long"), "--formats", "npz", "json"]))
