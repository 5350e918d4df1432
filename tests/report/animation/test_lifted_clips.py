"""The animation of somebody's clip, with the frames of its video and without."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from world.lifted import lifted_poses

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.animation.canvas import LEFT, SCALE, Canvas
from uplift_upsample.report.animation.lifted_clips import HEIGHT, WIDTH, LiftedScene, animate_clip

NUM_FRAMES = 40


def has_colour(picture: Image.Image, colour: str) -> bool:
    rgb = [int(colour[index : index + 2], 16) for index in (1, 3, 5)]
    return bool((np.abs(np.asarray(picture, int) - rgb).max(axis=-1) < 12).any())


def test_keypoints_alone(tmp_path: Path) -> None:
    poses = lifted_poses(NUM_FRAMES)
    scene = LiftedScene(poses, "walk", 20)
    pictures = list(scene.pictures())
    assert (len(pictures), scene.rate, scene.samples()) == (33, 25, [])  # 1.3 s
    panel = (12, 60, 352, 408)
    assert has_colour(pictures[0].crop(panel), LEFT)  # a key frame
    assert not has_colour(pictures[5].crop(panel), LEFT)  # faint
    assert animate_clip(tmp_path / "a.gif", poses, "walk", 1.0, None) == "the first 1 of 1.3 s"
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.size) == (26, (WIDTH, HEIGHT))


@pytest.mark.parametrize(("frame_rate", "delay"), [(10, 100), (15, 70), (18, 60), (24, 50), (24.98, 40), (30, 40)])
def test_a_gif_plays_as_long_as_the_clip(tmp_path: Path, frame_rate: float, delay: int) -> None:
    """A GIF shows each picture for whole hundredths of a second. No frame is shown twice."""
    poses = lifted_poses(NUM_FRAMES)
    poses = replace(poses, times=np.arange(NUM_FRAMES) / frame_rate, frame_rate=frame_rate)
    scene = LiftedScene(poses, "walk", 20)
    assert (np.diff(scene._shown) > 0).all()
    animate_clip(tmp_path / "a.gif", poses, "walk", 20, None)
    with Image.open(tmp_path / "a.gif") as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
    assert set(durations) == {delay}
    assert sum(durations) / 1000 == pytest.approx(poses.times[-1] + delay / 2000, abs=delay / 1999)


def test_somebody_who_comes_late(tmp_path: Path) -> None:
    poses = lifted_poses(NUM_FRAMES)
    positions = poses.positions.copy()
    positions[:30] = np.nan
    late = replace(poses, positions=positions)
    assert LiftedScene(late, "walk", 5).start == 0  # a pose is within the first seconds
    start = poses.times[30]
    assert LiftedScene(late, "walk", 0.5).start == start
    note = animate_clip(tmp_path / "a.gif", late, "walk", 0.5, None)
    assert note == f"0.5 s from the first pose on, at {start:.1f} of {poses.times[-1]:.1f} s"


def test_frames_are_named_as_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of keypoints may begin with any frame."""
    written: list[str] = []
    monkeypatch.setattr(Canvas, "text", lambda self, place, text, *_, **__: written.append(text))
    poses = lifted_poses(NUM_FRAMES)
    next(LiftedScene(replace(poses, frames=poses.frames + 1000), "walk", 20).pictures())
    assert "frame 1000 · 0.00 s" in written


def test_nothing_to_draw() -> None:
    poses = lifted_poses(NUM_FRAMES)
    with pytest.raises(InputError, match="there is no pose in the clip"):
        LiftedScene(replace(poses, positions=np.full_like(poses.positions, np.nan)), "walk", 20)


@pytest.mark.parametrize("layout", ["h36m_17", "coco"])
def test_joints_of_another_layout(layout: str) -> None:
    """Those of Human3.6M are as many, in another order."""
    with pytest.raises(InputError, match="an animation needs the project's 17 joints"):
        LiftedScene(lifted_poses(NUM_FRAMES).in_layout(layout), "walk", 20)


def test_frames_of_the_video_are_behind_the_2d_poses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are shown and no others, a key frame beside its pose; the pictures of this video have their numbers in them."""
    videos = pytest.importorskip("world.videos", reason="needs PyAV, which make install brings", exc_type=ImportError)
    from uplift_upsample.lift.video.video_file import VideoFile

    asked: list[int] = []
    pictures_of = VideoFile.pictures
    monkeypatch.setattr(VideoFile, "pictures", lambda self, frames: asked.extend(frames) or pictures_of(self, frames))
    video = VideoFile(videos.write_video(tmp_path / "walk.mp4", NUM_FRAMES))
    poses = lifted_poses(NUM_FRAMES)
    is_key = np.arange(NUM_FRAMES) % 7 == 0
    scene = LiftedScene(
        replace(poses, is_key=is_key, poses_2d=np.repeat(poses.poses_2d[:1], NUM_FRAMES, axis=0)), "walk", 20, video
    )
    pictures = list(scene.pictures())
    assert (len(pictures), scene.rate) == (17, 12.5)
    shown = [0, 3, 5, 7, 10, 12, 14, 17, 20, 21, 24, 27, 28, 32, 34, 35, 39]  # 8, 15, 22, 29 and 36 are just behind a key frame
    assert asked == shown
    left, top = scene._corners[0]
    width, height = (side / SCALE for side in scene._photograph_size)
    numbers = []
    for picture in pictures:
        photograph = picture.crop((round(left), round(top), round(left + width), round(top + height))).resize((160, 96))
        numbers.append(videos.number_of(np.asarray(photograph)))
    assert numbers == shown
    assert has_colour(pictures[0], LEFT)
    assert len(scene.samples()) == 8


def test_a_file_with_the_video(project: Path, tmp_path: Path) -> None:
    videos = pytest.importorskip("world.videos", reason="needs PyAV, which make install brings", exc_type=ImportError)
    lifted_poses(NUM_FRAMES).save(tmp_path / "walk.npz")
    for name, length in (("walk.mp4", NUM_FRAMES), ("other.mp4", NUM_FRAMES - 1)):
        videos.write_video(tmp_path / name, length)

    def command(video: str, output: str) -> subprocess.CompletedProcess[str]:
        line = [
            sys.executable,
            str(project / "scripts/animate_clip.py"),
            "--poses",
            "walk.npz",
            "--video",
            video,
            "--output",
            output,
        ]
        return subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = command("walk.mp4", "walk.gif")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "walk.gif") as image:
        assert (image.n_frames, image.info["duration"]) == (17, 80)
        picture = image.convert("RGB")
    assert picture.getpixel((WIDTH // 2, 20)) == (255, 255, 255)  # not nearly so, as photographs have it
    assert has_colour(picture, LEFT)
    failed = command("other.mp4", "other.gif")
    assert failed.returncode == 2
    assert "other.mp4: 39 frames of 160 by 96, but the poses are of 40 frames of 160 by 96; give the video" in failed.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.mp4", "walk.gif", "walk.mp4", "walk.npz"]
