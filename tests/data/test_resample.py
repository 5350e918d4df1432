"""Resampling: the official number of frames (docs/method.md, "Resampling"), and what is refused."""

import math

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.resample import exact_count, nominal_rate, official_count, resample

# Frames per second as seconds for so many frames, so that the right count is one of whole numbers: (frames, seconds).
RATIOS = {50.0: (50, 1), 59.94: (2997, 50), 60.0: (60, 1), 60000 / 1001: (60000, 1001), 100.0: (100, 1), 120.0: (120, 1)}
AMASS_RATES = (50, 60, 100, 120, 150, 200, 250)


@pytest.mark.parametrize("frame_rate", RATIOS)
@pytest.mark.parametrize("num_frames", [1, 2, 7, 120, 138, 1001])
def test_formula(frame_rate: float, num_frames: int) -> None:
    positions = np.random.default_rng(1).normal(size=(num_frames, 17, 3))
    expected = []
    frames, seconds = RATIOS[frame_rate]
    for i in range(num_frames * 50 * seconds // frames):
        t = i / 50 * frame_rate
        low, high = math.floor(t), min(math.ceil(t), num_frames - 1)
        expected.append(positions[low] * (1 - (t - low)) + positions[high] * (t - low))
    np.testing.assert_allclose(resample(positions, frame_rate), np.reshape(expected, (-1, 17, 3)), atol=1e-12)


@pytest.mark.parametrize("frame_rate", AMASS_RATES)
def test_the_count_of_amass_is_the_official_one(frame_rate: int) -> None:
    """In float64 and in this order; another order gives another count for some lengths."""
    lengths = np.arange(1, 3001)
    official = np.floor((lengths * np.float64(1 / np.float64(frame_rate))) / np.float64(1 / np.float64(50))).astype(int)
    assert [official_count(length, frame_rate) for length in lengths.tolist()] == official.tolist()


def test_counts_that_the_official_code_gives() -> None:
    assert official_count(57, 50.0) == 57  # 57 / 50 * 50 is less
    assert official_count(444, 120.0) == 184  # and not 185, as exact numbers say
    assert [length for length in range(1, 118) if official_count(length, 50.0) < length] == [29, 58, 59, 116, 117]


@pytest.mark.parametrize("frame_rate", AMASS_RATES)
def test_no_recorded_frame_is_lost(frame_rate: int) -> None:
    lengths = range(1, 3001)
    assert [exact_count(length, frame_rate) for length in lengths] == [length * 50 // frame_rate for length in lengths]


@pytest.mark.parametrize(("frame_rate", "ratio"), [(25.0, (25, 1)), (30.0, (30, 1)), (29.97, (2997, 100)), (48.0, (48, 1))])
def test_slow_recordings_end_with_their_last_frame(frame_rate: float, ratio: tuple[int, int]) -> None:
    """Nothing is read before the first or behind the last frame, and not one frame more would fit between them."""
    frames, seconds = ratio
    for length in range(1, 400):
        count = exact_count(length, frame_rate)
        assert (count - 1) * frames <= (length - 1) * 50 * seconds < count * frames
    moving = np.arange(31) / 30
    np.testing.assert_allclose(resample(moving, 30.0, lowest=20.0), np.arange(51) / 50, atol=1e-12)


@pytest.mark.parametrize("frame_rate", [49.9999999, 50.0000001, 50.0004, 49.9996, float(np.float32(50.0001))])
def test_a_rate_near_a_whole_number_is_that_number(frame_rate: float) -> None:
    positions = np.random.default_rng(0).normal(size=(57, 2))
    np.testing.assert_allclose(resample(positions, frame_rate), positions, atol=1e-12)
    np.testing.assert_array_equal(resample(positions, 2 * frame_rate), resample(positions, 100.0))
    assert (nominal_rate(frame_rate), nominal_rate(2 * frame_rate)) == (50, 100)


@pytest.mark.parametrize("frame_rate", [49.999, 50.001, 59.94, 60000 / 1001, 119.88, 23.976, 1e-9, 0.0, -50.5, math.inf])
def test_other_rates_stay_what_they_are(frame_rate: float) -> None:
    assert nominal_rate(frame_rate) == frame_rate
    assert math.isnan(nominal_rate(math.nan))


def test_messages_tell_a_rate_from_a_nominal_one() -> None:
    with pytest.raises(InputError, match=r"a frame rate of 49\.9990001 Hz is below the 50 Hz"):
        resample(np.zeros((10, 2)), 49.9990001)


def test_straight_movement_stays_straight() -> None:
    times = np.arange(240) / 120
    resampled = resample(3 * times, 120.0)
    np.testing.assert_allclose(resampled, 3 * np.arange(100) / 50, atol=1e-12)


def test_same_rate_changes_nothing() -> None:
    positions = np.random.default_rng(0).normal(size=(333, 2)).astype(np.float32)
    resampled = resample(positions, 50.0)
    np.testing.assert_array_equal(resampled, positions)
    assert resampled.dtype == np.float32


def test_shorter_than_a_frame_is_empty() -> None:
    assert resample(np.zeros((2, 17, 3)), 120.0).shape == (0, 17, 3)


@pytest.mark.parametrize("frame_rate", [49.9, 30.0, 0.0, -120.0, math.nan, math.inf])
def test_rates_that_cannot_be_used(frame_rate: float) -> None:
    with pytest.raises(InputError, match="frame rate of"):
        resample(np.zeros((10, 17, 3)), frame_rate)
