"""The detectors: the geometry around MediaPipe's models, real people in real videos, and rtmlib behind the same interface."""

import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("ai_edge_litert")

from world.real_clips import RealClips

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.people import people_of
from uplift_upsample.data.keypoints.times import key_frames
from uplift_upsample.lift.video import blazepose
from uplift_upsample.lift.video.blazepose import BlazePose
from uplift_upsample.lift.video.detected import detected
from uplift_upsample.lift.video.rtm import RtmPose
from uplift_upsample.lift.video.video_file import VideoFile


@pytest.mark.parametrize(("angle", "side"), [(0.0, 100.0), (0.5, 80.0), (-2.1, 300.0), (np.pi, 64.0)])
def test_a_landmark_comes_back_to_where_it_was_cut_out(angle: float, side: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A white spot in a picture; a network that sees it in what was cut out places it where it is."""
    picture = np.zeros((400, 300, 3), np.uint8)
    spot = np.array([150.0, 190.0]) + 0.3 * side * np.array([np.sin(angle), -np.cos(angle)])
    x, y = spot.astype(int)
    picture[y - 4 : y + 5, x - 4 : x + 5] = 255

    def sees(cut: np.ndarray) -> list[np.ndarray]:
        weights = cut.mean(axis=2)
        place = [(weights.sum(axis=axis) @ (np.arange(256) + 0.5)) / weights.sum() for axis in (0, 1)]
        points = np.zeros((39, 5))
        points[:, :2], points[:, 4] = place, 3.0
        return [points.reshape(1, -1), np.ones((1, 1)), np.full((1, 64, 64, 39), -9.0)]

    pose = BlazePose.__new__(BlazePose)
    pose._landmarks = sees  # type: ignore[assignment]
    hips = np.array([150.0, 190.0])
    rim = hips + side / 2 / 1.25 * np.array([np.sin(angle), -np.cos(angle)])  # straight up, turned by the angle
    person = pose._placed(Image.fromarray(picture), hips, rim)
    assert person is not None
    assert person[:, :2] == pytest.approx(np.tile([x + 0.5, y + 0.5], (33, 1)), abs=1.5)
    assert person[0, 2] == pytest.approx(1 / (1 + np.exp(-3)))
    monkeypatch.setattr(pose, "_landmarks", lambda cut: [np.zeros((1, 195)), np.full((1, 1), 0.4), np.zeros((1, 64, 64, 39))])
    assert pose._placed(Image.fromarray(picture), hips, rim) is None  # nobody after all
    assert pose._placed(Image.fromarray(picture), hips, hips) is None


def test_landmarks_move_to_the_warmth_around_them() -> None:
    heat = np.full((64, 64, 2), -20.0)
    heat[30, 41, 0] = 20.0
    places = np.array([[40 / 64, 31 / 64], [0.5, 0.5]])
    assert blazepose._refined(places, heat) == pytest.approx(np.array([[41 / 64, 30 / 64], [0.5, 0.5]]), abs=1e-6)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_another_package(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "pose.tgz"
    if content is None:
        with tarfile.open(path, "w:gz"):
            pass
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"pose\.tgz: not the package of MediaPipe's pose models, or damaged"):
        BlazePose(path)


def test_rtmlib_behind_the_same_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def model(**options: Any) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        seen.append(options)
        return lambda picture: seen.append(picture) or (np.ones((2, 26, 2)), np.full((2, 26), 1.2))

    monkeypatch.setitem(sys.modules, "rtmlib", SimpleNamespace(BodyWithFeet=model))
    detector = RtmPose("lightweight")
    people = detector.people(np.array([[[1, 2, 3]]], np.uint8))
    assert [person.shape for person in people] == [(26, 3)] * 2
    assert people[0][0].tolist() == [1, 1, 1]
    assert seen[0] == {"mode": "lightweight", "backend": "onnxruntime", "device": "cpu"}
    assert seen[1].tolist() == [[[3, 2, 1]]]
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(InputError, match="pip install rtmlib"):
        RtmPose()


@pytest.mark.long
@pytest.mark.parametrize("model", ["full", "heavy"])
def test_people_in_real_videos(model: str, pose_models: Path, real_clips: RealClips, lifter: Any) -> None:
    """Somebody who walks through the picture before somebody on a roof, at times taken for one person; and, in an upright picture,
    somebody who balances."""
    detector = BlazePose(pose_models, model)
    walker = VideoFile(real_clips.walker)
    assert (walker.size, len(walker.times)) == ((1768, 994), 230)
    every_third = detected(walker, key_frames(walker.times, 5, 5), detector)
    for step in (3, 6, 12):  # frames between two key frames at s_in 5, 10 and 20; each stands on its own
        rows = np.flatnonzero(every_third.frame % step == 0)
        parts = {name: getattr(every_third, name)[rows] for name in ("frame", "points", "confidence", "track")}
        found = replace(every_third, **parts)
        hips = found.points[:, 23:25].mean(axis=1)
        way = np.stack([np.interp(found.frame, [48, 192], [1489, 76]), np.full(len(found.frame), 735)], axis=1)
        is_walker = (found.frame >= 48) & (found.frame <= 192) & (np.abs(hips - way).max(axis=1) < 120)
        there = {*found.frame[is_walker].tolist()}
        person = people_of(found, walker.times)[0]
        frames = {*found.frame[person.rows].tolist()}
        assert len(there) >= 11
        assert len(there - frames) <= 1, (step, sorted(there - frames))
        assert len(frames - there) <= 1, (step, sorted(frames - there))
    middle = found.points[person.rows[found.frame[person.rows] == 120][0]]
    nose, hip, ankle = middle[0], middle[[23, 24]].mean(axis=0), middle[[27, 28]].mean(axis=0)
    assert np.abs(hip - [821, 730]).max() < 60
    assert nose[1] + 100 < hip[1] < ankle[1] - 100
    upright = VideoFile(real_clips.cameras[2])
    assert (upright.size, len(upright.times)) == ((1088, 1920), 100)
    found = detected(upright, key_frames(upright.times, 20, 5), detector)
    assert len(people_of(found)[0].rows) == 5
    assert np.isfinite(lifter.lifted(lifter.prepared(found, s_in=20)).positions[::24]).all()
