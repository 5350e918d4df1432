"""The page of somebody's own clip: its text, and what a browser makes of it."""

import base64
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report.page.test_browser import WEAK_TEXTS, picture, play
from world.lifted import lifted_poses

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.page import clip
from uplift_upsample.report.page.clip import clip_poses, write_clip_page
from uplift_upsample.report.page.poses import unpacked

NUM_FRAMES = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip with an awkward name, its animation and its page."""
    images = [Image.new("P", (64, 36), colour) for colour in (0, 1)]
    gif = tmp_path / "a b#1.gif"
    images[0].save(gif, save_all=True, append_images=images[1:], duration=40)
    files = [str(tmp_path / "a b#1.npz"), str(gif)]
    write_clip_page(tmp_path / "index.html", "a b#1", lifted_poses(NUM_FRAMES), files, has_video=True)
    return tmp_path


def page_of(tmp_path: Path, poses: Any, **options: Any) -> str:
    write_clip_page(tmp_path / "a.html", "walk", poses, [], **{"has_video": False, **options})
    return (tmp_path / "a.html").read_text("utf-8")


def test_what_is_said(folder: Path, tmp_path: Path) -> None:
    text = (folder / "index.html").read_text("utf-8")
    for said in (
        '<h1 id="title">a b#1 in 3D</h1>',
        "s_in 20: one frame in 12, 4 of 40",
        "two &lt;people&gt;",
        "<strong>56.0</strong><small>this clip</small>",
        'href="a%20b%231.npz"',
        "trained on nobody",
        "joints coco_17",
    ):
        assert said in text
    changes = {
        "detector": "a machine",
        "num_masked_key_frames": 2,
        "other_people": [1, 2],
        "mpjpe_mm": {},
        "root": "approximate, by reprojection",
        "focal": 800.0,
        "roll": 3.0,
    }
    text = page_of(tmp_path, lifted_poses(NUM_FRAMES, **changes), has_video=True)
    for said in (
        "2 of these lack the person or a joint",
        "a machine, which looked at no other frame",
        "person 0 of 3",
        "The error of these weights was not measured here.",
        "was estimated by reprojection and is approximate",
        "approximate, by reprojection, focal length 800 pixels",
        "rolled by 3°",
        "There is no animation.",
    ):
        assert said in text


def test_what_the_viewer_shows() -> None:
    poses = lifted_poses(NUM_FRAMES)
    positions = poses.positions + np.float32([0.3, 0, 5.0])  # where the person is does not count
    positions[30:] = np.nan
    document = clip_poses("walk", replace(poses, positions=positions))
    [sequence], [track] = document["sequences"], document["tracks"]
    assert (sequence["num_frames"], sequence["frame_rate"], track["keys"]) == (NUM_FRAMES, 30.0, [0, 12, 24, 36])
    assert "times" not in sequence
    shown = unpacked(track["poses"])
    assert shown[:30] == pytest.approx(poses.positions[:30], abs=1e-4)
    assert np.isnan(shown[30:]).all()
    flat = np.frombuffer(base64.b64decode(track["poses_2d"]), "<i2").reshape(4, 17, 2) / 10_000 * poses.size
    assert flat == pytest.approx(poses.poses_2d[[0, 12, 24, 36]], abs=0.01)
    late = replace(poses, times=np.cumsum(np.where(np.arange(NUM_FRAMES) == 20, 0.5, 1 / 30)))
    assert clip_poses("walk", late)["sequences"][0]["times"][20] == pytest.approx(late.times[20], abs=1e-4)


def test_long_clips_are_cut_in_the_viewer_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "MOST_FRAMES", 30)
    text = page_of(tmp_path, lifted_poses(NUM_FRAMES))
    assert "Here are the first 30 of 40 frames; the files have all of them." in text
    assert '"num_frames":30' in text
    assert "Here are the first" not in page_of(tmp_path, lifted_poses(30))


def test_command(project: Path, tmp_path: Path) -> None:
    lifted_poses(NUM_FRAMES).save(tmp_path / "walk.npz")
    line = [sys.executable, str(project / "scripts/write_clip_page.py"), "--poses", "walk.npz", "--output", "page/index.html"]
    done = subprocess.run([*line, "--files", "walk.npz"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'href="../walk.npz"' in (tmp_path / "page/index.html").read_text("utf-8")


@pytest.fixture
def open_clip(opening: Any, folder: Path) -> Iterator[Callable[..., Any]]:
    with opening(folder / "index.html") as open_page:
        yield open_page


def test_viewer_of_a_clip(open_clip: Callable[..., Any]) -> None:
    """Both panels follow the frame; keys jump from key frame to key frame; it plays in real time."""
    tab = open_clip()
    assert tab.inner_text("#readout") == "frame 0 (0.00 s), key frame"
    scene, seen = picture(tab), picture(tab, "#input")
    tab.focus("#scene")
    tab.keyboard.press("]")
    assert picture(tab) != scene
    assert tab.inner_text("#readout") == "frame 12 (0.40 s), key frame"
    at_key = picture(tab, "#input")
    assert at_key != seen
    tab.keyboard.press(".")
    assert picture(tab, "#input") != at_key  # faint
    assert tab.inner_text("#readout") == "frame 13 (0.43 s), 1 of 12 frames behind a key frame"
    tab.keyboard.press("[")
    picture(tab)
    assert tab.input_value("#frame") == "12"
    tab.locator("#frame").fill("39")
    picture(tab)
    assert tab.inner_text("#readout") == "frame 39 (1.30 s), 3 frames behind a key frame"
    tab.keyboard.press("Tab")
    before = picture(tab)
    tab.get_by_role("button", name="Side", exact=True).click()
    assert picture(tab) != before
    tab.locator("#frame").fill("0")
    play(tab)


def test_the_last_pose_before_a_gap_is_shown(opening: Any, tmp_path: Path) -> None:
    poses = lifted_poses(NUM_FRAMES)
    positions = poses.positions.copy()
    positions[20:25] = np.nan
    write_clip_page(tmp_path / "index.html", "walk", replace(poses, positions=positions), [], has_video=False)
    with opening(tmp_path / "index.html") as open_page:
        tab, shown = open_page(), []
        for frame in (19, 20, 21):
            tab.locator("#frame").fill(str(frame))
            shown.append(picture(tab))
    assert shown[0] != shown[1] == shown[2]


def test_frames_are_named_as_in_the_file_on_the_page(opening: Any, tmp_path: Path) -> None:
    poses = lifted_poses(NUM_FRAMES)
    write_clip_page(tmp_path / "index.html", "walk", replace(poses, frames=poses.frames + 1000), [], has_video=False)
    with opening(tmp_path / "index.html") as open_page:
        tab = open_page()
        tab.locator("#frame").fill("12")
        picture(tab)
        assert tab.inner_text("#readout") == "frame 1012 (0.40 s), key frame"


def test_joints_of_another_layout_are_no_skeleton(tmp_path: Path) -> None:
    """Those of Human3.6M are as many, in another order."""
    with pytest.raises(InputError, match="the page of a clip needs the project's 17 joints"):
        page_of(tmp_path, lifted_poses(NUM_FRAMES).in_layout("h36m_17"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_colours_and_width(open_clip: Callable[..., Any], scheme: str, width: int) -> None:
    tab = open_clip(color_scheme=scheme, viewport={"width": width, "height": 740})
    assert tab.evaluate(WEAK_TEXTS, 4.5) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator("#input").bounding_box()["height"] > 150
    assert tab.locator("#animations img").evaluate("image => getComputedStyle(image).filter") == "none"  # a photograph
