"""Jumps are found, dropped, filled or cut at; movement without jumps is left alone."""

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.mocap.glitches import MAX_SPEED, Glitch, remove_glitches, step_speeds

RATE = 120.0
KNEE = MODEL_17.index("r_knee")


def smooth(num_frames: int = 400) -> np.ndarray:
    """A person who walks straight on at 1.2 m/s."""
    pose = np.random.default_rng(0).normal(size=(17, 3))
    return pose + np.arange(num_frames)[:, None, None] / RATE * np.array([1.2, 0, 0])


def flipped(start: int, end: int, num_frames: int = 400) -> np.ndarray:
    poses = smooth(num_frames)
    poses[start:end, KNEE] += [0, 0.3, 0]
    return poses


def frames(glitches: list[Glitch], treatment: str) -> list[int]:
    return [glitch.frame for glitch in glitches if glitch.treatment == treatment]


def test_smooth_movement_is_left_alone() -> None:
    poses = smooth()
    clips, glitches = remove_glitches(poses, RATE)
    assert not glitches
    assert len(clips) == 1
    assert clips[0] is poses


@pytest.mark.parametrize("length", [1, 5, 12])
def test_short_flip_is_filled_by_time(length: int) -> None:
    clips, glitches = remove_glitches(flipped(100, 100 + length), RATE)
    assert frames(glitches, "filled") == list(range(100, 100 + length))
    assert {glitch.joint for glitch in glitches} == {"r_knee"}
    assert glitches[0].speed == pytest.approx(np.hypot(0.3 * RATE, 1.2))
    assert len(clips) == 1
    np.testing.assert_allclose(clips[0], smooth(), atol=1e-12)


def test_longer_flip_cuts_the_recording() -> None:
    clips, glitches = remove_glitches(flipped(100, 113), RATE)
    assert frames(glitches, "removed") == list(range(100, 113))
    np.testing.assert_array_equal(clips[0], smooth()[:100])
    np.testing.assert_array_equal(clips[1], smooth()[113:])


@pytest.mark.parametrize(("start", "end"), [(0, 4), (0, 1), (395, 400)])
def test_wrong_pose_at_an_end_is_removed(start: int, end: int) -> None:
    clips, glitches = remove_glitches(flipped(start, end), RATE)
    assert frames(glitches, "removed") == list(range(start, end))
    np.testing.assert_array_equal(clips[0], np.delete(smooth(), slice(start, end), axis=0))


def test_flicker_is_removed_as_a_whole() -> None:
    poses = smooth()
    for start in (100, 110, 120, 130):
        poses[start : start + 5, KNEE] += [0, 0.3, 0]
    clips, glitches = remove_glitches(poses, RATE)
    assert frames(glitches, "removed") == list(range(100, 135))
    assert [len(clip) for clip in clips] == [100, 265]


def test_jump_between_two_long_runs_cuts_without_loss() -> None:
    poses = flipped(200, 400)
    clips, glitches = remove_glitches(poses, RATE)
    assert [(glitch.frame, glitch.treatment) for glitch in glitches] == [(200, "cut")]
    np.testing.assert_array_equal(np.concatenate(clips), poses)


def test_gap_with_a_jump_across_it_is_not_filled() -> None:
    """A glitch of two frames, after which the person is somewhere else."""
    poses = smooth()
    poses[100:102] += 5
    poses[102:] += 3
    clips, glitches = remove_glitches(poses, RATE)
    assert frames(glitches, "removed") == [100, 101]
    assert [len(clip) for clip in clips] == [100, 298]


def test_no_clip_may_be_left() -> None:
    poses = smooth(30)
    poses[10:] += 1
    clips, glitches = remove_glitches(poses, RATE)
    assert not clips
    assert frames(glitches, "removed") == list(range(30))


def test_limits_follow_the_frame_rate() -> None:
    """At 60 Hz the same step is half as fast, and 0.1 s are 6 frames."""
    slow = flipped(100, 101)
    slow[100, KNEE] = smooth()[100, KNEE] + [0, 0.3, 0]
    assert len(remove_glitches(slow, 60.0)[1]) == 0  # 0.3 m in 1/60 s: 18 m/s
    assert frames(remove_glitches(3 * flipped(100, 106), 60.0)[1], "filled") == list(range(100, 106))
    assert frames(remove_glitches(3 * flipped(100, 107), 60.0)[1], "removed") == list(range(100, 107))


def test_what_is_left_has_no_jump() -> None:
    rng = np.random.default_rng(5)
    poses = smooth(2000)
    for start in rng.integers(0, 2000, 15):
        poses[start : start + rng.integers(1, 60), rng.integers(17)] += rng.normal(size=3)
    clips, glitches = remove_glitches(poses, RATE)
    assert clips
    assert max(step_speeds(clip, RATE).max() for clip in clips) <= MAX_SPEED
    removed, filled = len(frames(glitches, "removed")), len(frames(glitches, "filled"))
    assert sum(map(len, clips)) + removed == 2000
    assert removed
    assert filled


@pytest.mark.parametrize("poses", [np.zeros((10, 16, 3)), np.full((10, 17, 3), np.nan)])
def test_bad_poses(poses: np.ndarray) -> None:
    with pytest.raises(InputError, match="poses of shape"):
        remove_glitches(poses, RATE)
