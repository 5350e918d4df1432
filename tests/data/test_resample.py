"""Resampling: the formula of the specification, and what it refuses."""

import math

import numpy as np
import pytest

from uplift_upsample.data.resample import resample
from uplift_upsample.errors import InputError


@pytest.mark.parametrize("frame_rate", [50.0, 59.94, 60.0, 100.0, 120.0, 250.0])
@pytest.mark.parametrize("num_frames", [1, 2, 7, 120, 1001])
def test_formula(frame_rate: float, num_frames: int) -> None:
    positions = np.random.default_rng(1).normal(size=(num_frames, 17, 3))
    expected = []
    for i in range(math.floor(num_frames / frame_rate * 50)):
        t = i / 50 * frame_rate
        low, high = math.floor(t), min(math.ceil(t), num_frames - 1)
        expected.append(positions[low] * (1 - (t - low)) + positions[high] * (t - low))
    np.testing.assert_allclose(resample(positions, frame_rate), np.reshape(expected, (-1, 17, 3)), atol=1e-12)


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
