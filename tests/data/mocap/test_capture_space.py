"""People end up where the cameras look, unchanged but for a shift and a turn."""

import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import ROOT
from uplift_upsample.data.mocap.capture_space import CENTRE, HALF_LENGTH, HALF_WIDTH, place_in_capture_space
from uplift_upsample.data.mocap.simulated_table import project_px


def walker(path: np.ndarray) -> np.ndarray:
    """An upright body, 1.7 m high, that is carried along a path ``(T, 2)``."""
    body = np.random.default_rng(0).uniform([-0.3, -0.3, 0.05], [0.3, 0.3, 1.7], (17, 3))
    body[ROOT] = [0, 0, 0.9]
    return body + np.pad(path, ((0, 0), (0, 1)))[:, None]


def line(length: float, angle: float, num_frames: int = 200) -> np.ndarray:
    return np.linspace(0, length, num_frames)[:, None] * [np.cos(angle), np.sin(angle)] + [7, -3]


def share_outside(clips: list[np.ndarray]) -> float:
    cameras = h36m_cameras()
    views = [project_px(clip, cameras, camera)[0] for clip in clips for camera in range(len(cameras))]
    return float(np.mean([((view < 0) | (view > 1000)).any(-1).mean() for view in views]))


def test_standing_person_is_moved_only() -> None:
    poses = walker(0.1 * np.random.default_rng(1).normal(size=(50, 2)))
    (clip,) = place_in_capture_space(poses)
    np.testing.assert_allclose(np.ptp(clip - poses, axis=(0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose((clip[:, ROOT, :2].min(0) + clip[:, ROOT, :2].max(0)) / 2, CENTRE)
    assert share_outside([clip]) == 0


@pytest.mark.parametrize("degrees", [0, 37, 90, 155])
def test_walk_is_turned_along_the_diagonal(degrees: int) -> None:
    (clip,) = place_in_capture_space(walker(line(4.2, np.deg2rad(degrees))))
    assert share_outside([clip]) < 0.005
    ends = clip[[0, -1], ROOT, :2]
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(4.2)


def test_nothing_is_mirrored_or_stretched() -> None:
    poses = walker(line(9, 0.3))
    clip = np.concatenate(place_in_capture_space(poses))
    before, after = poses - poses[:, ROOT : ROOT + 1], clip - clip[:, ROOT : ROOT + 1]
    np.testing.assert_allclose(np.linalg.norm(after, axis=-1), np.linalg.norm(before, axis=-1), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(after[:, 7:10]), np.linalg.det(before[:, 7:10]), atol=1e-12)
    np.testing.assert_allclose(clip[..., 2], poses[..., 2], atol=1e-12)


@pytest.mark.parametrize(("length", "parts"), [(4.7, 1), (5.5, 2), (9.4, 2), (11, 3)])
def test_long_walks_are_cut_into_equal_parts(length: float, parts: int) -> None:
    poses = walker(line(length, 1.0, num_frames=300))
    clips = place_in_capture_space(poses)
    assert len(clips) == parts
    assert sum(map(len, clips)) == 300
    assert max(map(len, clips)) - min(map(len, clips)) <= parts
    assert share_outside(clips) < 0.01


def test_wide_paths_are_cut_too() -> None:
    angle = np.linspace(0, 2 * np.pi, 400)
    clips = place_in_capture_space(walker(2.0 * np.stack([np.cos(angle), np.sin(angle)], -1)))
    assert len(clips) > 1
    along = np.array([np.cos(np.deg2rad(65)), np.sin(np.deg2rad(65))])
    for clip in clips:
        path = clip[:, ROOT, :2]
        assert np.ptp(path @ along) <= 2 * HALF_LENGTH
        assert np.ptp(path @ [-along[1], along[0]]) <= 2 * HALF_WIDTH


def test_parts_follow_each_other() -> None:
    poses = walker(line(11, 1.0, num_frames=300))
    heights = poses[:, 0, 2] + np.arange(300)
    poses[:, 0, 2] = heights
    np.testing.assert_allclose(np.concatenate(place_in_capture_space(poses))[:, 0, 2], heights)


def test_no_frames() -> None:
    with pytest.raises(InputError, match="without frames"):
        place_in_capture_space(np.zeros((0, 17, 3)))
