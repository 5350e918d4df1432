"""MPJPE by joint and by distance to the nearest 2D pose, of errors that are known."""

import math

import numpy as np
import pytest

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.evaluate.breakdown import Breakdown, distance_to_key_frame


def test_distances_inside_a_video_and_behind_its_last_2d_pose():
    frame = np.arange(11)
    distance = distance_to_key_frame(frame, np.full(11, 11), s_in=4, factor=np.ones(11, int))
    assert distance.tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert distance_to_key_frame(np.array([5, 6, 7]), np.full(3, 8), 4, np.ones(3, int)).tolist() == [1, 2, 3]


def test_distances_of_faster_videos_are_frames_at_50_hz():
    frame = np.arange(9)
    assert distance_to_key_frame(frame, np.full(9, 9), s_in=4, factor=np.full(9, 2)).tolist() == [0, 1, 1, 2, 2, 2, 1, 1, 0]


def test_means_over_chunks_are_those_of_all_frames():
    generator = np.random.default_rng(0)
    errors, distance = generator.random((50, 17)), generator.integers(0, 4, 50)
    whole, parts = Breakdown(), Breakdown()
    whole.add(errors, distance)
    for rows in (slice(0, 7), slice(7, 30), slice(30, 50)):
        parts.add(errors[rows], distance[rows])
    found = parts.errors_by()
    assert found.joint == pytest.approx(whole.errors_by().joint)
    assert found.joint == pytest.approx(dict(zip(MODEL_17, 1000 * errors.mean(axis=0), strict=True)))
    for number in range(4):
        mpjpe, num_frames = found.distance[number]
        assert num_frames == (distance == number).sum()
        assert mpjpe == pytest.approx(1000 * errors[distance == number].mean())


def test_a_distance_without_a_frame_is_left_out_and_nothing_at_all_is_nan():
    one = Breakdown()
    one.add(np.ones((2, 17)), np.array([0, 3]))
    assert list(one.errors_by().distance) == [0, 3]
    nothing = Breakdown().errors_by()
    assert (tuple(nothing.joint), nothing.distance) == (MODEL_17, {})
    assert all(map(math.isnan, nothing.joint.values()))
