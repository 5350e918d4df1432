"""Interpolation over time: the official code's cases, exactness, video borders, and what the official code refuses."""

import json

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.evaluate.interpolation import interpolated, interpolated_at

TOLERANCE = 1e-12


def test_all_cases_of_the_official_code(golden_file, golden_count):
    arrays = np.load(golden_file("metrics/interpolate.npz"))
    outcomes = json.loads(golden_file("metrics/interpolate.json").read_text())
    for name, outcome in outcomes.items():
        poses, index, stride = (arrays[f"{name}/{part}"] for part in ("pred", "index", "stride"))
        result, is_key = interpolated(poses, index, stride)
        assert np.isfinite(result).all(), name
        if outcome != "ok":  # the official code stops with a broadcast error
            np.testing.assert_array_equal(result[is_key], poses[is_key], err_msg=name)
            continue
        np.testing.assert_allclose(result, arrays[f"{name}/out"], rtol=0, atol=TOLERANCE, err_msg=name)
        np.testing.assert_array_equal(is_key, arrays[f"{name}/keyframes"], err_msg=name)
        golden_count("interpolations", 1)


def test_linear_motion_is_exact_up_to_the_last_key_frame():
    frames = np.arange(23)
    velocity = np.random.default_rng(0).normal(size=(1, 17, 3))
    poses = frames[:, None, None] * velocity
    result, is_key = interpolated(poses, frames, 5)
    assert np.flatnonzero(is_key).tolist() == [0, 5, 10, 15, 20]
    np.testing.assert_allclose(result[:21], poses[:21], atol=1e-12)
    np.testing.assert_array_equal(result[21:], np.broadcast_to(poses[20], (2, 17, 3)))


def test_key_frames_stay_bit_for_bit():
    poses = np.random.default_rng(0).normal(size=(40, 17, 3)).astype(np.float32)
    result, is_key = interpolated(poses, np.arange(40), 4)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[is_key], poses[is_key])


def test_videos_together_are_the_videos_apart():
    generator = np.random.default_rng(1)
    lengths = [1, 7, 30, 2, 11, 5]
    videos = [generator.normal(size=(length, 17, 3)) for length in lengths]
    index = np.concatenate([np.arange(length) for length in lengths])
    together, _ = interpolated(np.concatenate(videos), index, 5)
    apart = np.concatenate([interpolated(video, np.arange(len(video)), 5)[0] for video in videos])
    np.testing.assert_array_equal(together, apart)


def test_named_videos_do_not_run_into_each_other():
    poses = np.arange(6.0)[:, None]
    index = np.array([0, 1, 2, 5, 6, 7])  # grows over the border, so only ``video`` shows it
    result, _ = interpolated(poses, index, 5, video=np.array([0, 0, 0, 1, 1, 1]))
    assert result[:, 0].tolist() == [0, 0, 0, 3, 3, 3]


def test_frames_before_the_first_key_frame_repeat_it():
    result, _ = interpolated(np.arange(3.0, 12)[:, None], np.arange(3, 12), 5)
    assert result[:, 0].tolist() == [5, 5, 5, 6, 7, 8, 9, 10, 10]


def test_a_video_without_a_key_frame_stays_as_it_is():
    poses = np.array([0.0, 1, 2, 30, 40])[:, None]
    result, is_key = interpolated(poses, np.array([0, 1, 2, 1, 2]), 5)
    assert result[:, 0].tolist() == [0, 0, 0, 30, 40]
    assert is_key.tolist() == [True, False, False, False, False]


def test_sparse_predictions_give_what_dense_ones_give():
    generator = np.random.default_rng(2)
    lengths = np.array([12, 1, 23, 5])
    video = np.repeat(np.arange(4) * 3, lengths)  # indices with gaps
    frame = np.concatenate([np.arange(length) for length in lengths])
    poses = generator.normal(size=(len(video), 17, 3))
    dense, is_key = interpolated(poses, frame, 5)
    order = generator.permutation(len(video))
    sparse = interpolated_at(poses[is_key], video[is_key], frame[is_key], video[order], frame[order])
    np.testing.assert_allclose(sparse, dense[order], atol=1e-14)


def test_a_nan_reaches_only_its_neighbours():
    poses = np.arange(21.0)[:, None]
    poses[10] = np.nan
    result, _ = interpolated(poses, np.arange(21), 5)
    assert np.flatnonzero(np.isnan(result[:, 0])).tolist() == list(range(6, 15))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((3, 1)), np.arange(2), 5), "do not belong together"),
        ((np.zeros((3, 1)), np.arange(3), np.array([5, 5])), "do not belong together"),
        ((np.zeros((3, 1)), np.arange(3), np.array([5, 0, 5])), "row 1: the stride is 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        interpolated(*arguments)


@pytest.mark.parametrize(
    ("video", "frame", "message"),
    [([0, 0], [5, 0], "out of order"), ([0, 0], [5, 5], "twice"), ([1, 0], [0, 0], "out of order"), ([0, 0], [0, 5], "video 1")],
)
def test_bad_sparse_predictions(video, frame, message):
    with pytest.raises(InputError, match=message):
        interpolated_at(np.zeros((2, 1)), np.array(video), np.array(frame), np.array([0, 1]), np.array([0, 0]))
