"""Interpolation over time: the official code's cases, exactness, video borders, and what the official code refuses."""

import json

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.evaluate.interpolation import interpolated_at

TOLERANCE = 1e-12


def _interpolated(poses: np.ndarray, index: np.ndarray, stride: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As the official code is asked: all but the key frames are replaced, and a video begins where ``index`` does not grow."""
    is_key, number = index % stride == 0, np.cumsum(np.diff(index, prepend=index[:1]) <= 0)
    keys = np.flatnonzero(is_key)
    rows = np.flatnonzero(np.isin(number, number[keys]))  # a video without a key frame stays as it is
    result = poses.copy()
    result[rows] = interpolated_at(poses[keys], number[keys], keys, number[rows], rows)
    return result, is_key


def test_all_cases_of_the_official_code(golden_file, golden_count):
    arrays = np.load(golden_file("metrics/interpolate.npz"))
    outcomes = json.loads(golden_file("metrics/interpolate.json").read_text())
    for name, outcome in outcomes.items():
        poses, index, stride = (arrays[f"{name}/{part}"] for part in ("pred", "index", "stride"))
        result, is_key = _interpolated(poses, index, stride)
        assert np.isfinite(result).all(), name
        if outcome != "ok":  # the official code stops with a broadcast error
            np.testing.assert_array_equal(result[is_key], poses[is_key], err_msg=name)
            continue
        np.testing.assert_allclose(result, arrays[f"{name}/out"], rtol=0, atol=TOLERANCE, err_msg=name)
        np.testing.assert_array_equal(is_key, arrays[f"{name}/keyframes"], err_msg=name)
        golden_count("interpolations", 1)


def test_predicted_frames_stay_bit_for_bit():
    poses = np.random.default_rng(0).normal(size=(40, 17, 3)).astype(np.float32)
    video, frame = np.zeros(40, int), np.arange(0, 200, 5)
    result = interpolated_at(poses, video, frame, video, frame)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, poses)


def test_frames_before_the_first_and_behind_the_last_predicted_one_repeat_it():
    poses, video = np.array([[5.0], [10.0]]), np.zeros(9, int)
    result = interpolated_at(poses, video[:2], np.array([5, 10]), video, np.arange(3, 12))
    assert result[:, 0].tolist() == [5, 5, 5, 6, 7, 8, 9, 10, 10]


def test_videos_with_gaps_in_any_order():
    poses, video, frame = np.array([[0.0], [5], [30]]), np.array([2, 2, 7]), np.array([0, 5, 5])
    result = interpolated_at(poses, video, frame, np.array([7, 2, 7, 2]), np.array([9, 3, 0, 6]))
    assert result[:, 0].tolist() == [30, 3, 30, 5]


def test_a_nan_reaches_only_its_neighbours():
    poses, frame = np.arange(0.0, 21, 5)[:, None], np.arange(0, 21, 5)
    poses[2] = np.nan
    result = interpolated_at(poses, np.zeros(5, int), frame, np.zeros(21, int), np.arange(21))
    assert np.flatnonzero(np.isnan(result[:, 0])).tolist() == list(range(6, 15))


@pytest.mark.parametrize(
    ("video", "frame", "message"),
    [([0, 0], [5, 0], "out of order"), ([0, 0], [5, 5], "twice"), ([1, 0], [0, 0], "out of order"), ([0, 0], [0, 5], "video 1")],
)
def test_bad_sparse_predictions(video, frame, message):
    with pytest.raises(InputError, match=message):
        interpolated_at(np.zeros((2, 1)), np.array(video), np.array(frame), np.array([0, 1]), np.array([0, 0]))
