"""2D poses between key frames, by hand."""

import numpy as np
import pytest

from uplift_upsample.data.key_frames import poses_between


def between(values: np.ndarray, period: int, kind: str) -> np.ndarray:
    """All frames of one video from its key frames."""
    count = len(values)

    def at(key: np.ndarray) -> np.ndarray:
        assert not (key % period).any()
        return values[key]

    frame, length, periods = np.arange(count), np.full(count, count), np.full(count, period)
    return poses_between(at, frame, length, periods, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_key_frames_keep_their_poses_and_the_last_one_is_held(kind: str) -> None:
    values = np.random.default_rng(0).normal(size=(23, 17, 2)).astype(np.float32)
    found = between(values, 5, kind)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[::5], values[::5])
    np.testing.assert_array_equal(found[20:], np.broadcast_to(values[20], (3, 17, 2)))
    if kind == "linear":
        np.testing.assert_allclose(found[7], 0.6 * values[5] + 0.4 * values[10], rtol=1e-5, atol=1e-6)


def test_cubic_follows_a_parabola_between_inner_key_frames() -> None:
    """Their slopes are those of the parabola; at the first and the last key frame the slope is one-sided."""
    time = np.arange(21.0)
    parabola = (time**2)[:, None]
    found = between(parabola, 5, "cubic")
    np.testing.assert_allclose(found[5:16], parabola[5:16], atol=1e-9)
    assert found[2, 0] == pytest.approx(0.6**2 * 0.4 * 25 + 0.4**2 * (3 - 0.8) * 25 - 0.4**2 * 0.6 * 50)
    np.testing.assert_allclose(between(time[:, None], 5, "cubic"), time[:, None], atol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_a_video_with_one_key_frame(kind: str) -> None:
    values = np.arange(4.0)[:, None]
    np.testing.assert_array_equal(between(values, 5, kind), np.zeros((4, 1)))
