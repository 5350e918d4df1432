"""Which windows reach which tokens, and the means of what overlaps, by hand."""

import numpy as np
import pytest

from uplift_upsample.model.readout import Overlap, faded, middle_weights, window_middles


def test_weights_of_a_window() -> None:
    assert middle_weights(5).tolist() == [0, 0.5, 1, 0.5, 0]
    assert middle_weights(5, 2).tolist() == [0, 0.5, 1, 0.5, 0]
    assert middle_weights(9, 4).tolist() == [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0]
    assert (middle_weights(9, 9) > 0.5).all()  # each token has one window alone


@pytest.mark.parametrize("hop", range(1, 8))
def test_windows_reach_every_token_of_their_video(hop: int) -> None:
    """Videos of 1 to 30 tokens, windows of 7: the hop may be as long as a window."""
    lengths = np.arange(1, 31)
    video, middle = window_middles(lengths, hop)
    assert len(video) == sum(-(-length // hop) for length in lengths.tolist())
    for number, length in enumerate(lengths.tolist()):
        own = middle[video == number]
        assert own.tolist() == sorted(set(own.tolist()))
        assert own.min() >= 0
        assert own.max() < length
        reached = {token for place in own.tolist() for token in range(place - 3, place + 4)}
        assert set(range(length)) <= reached


def test_means_of_two_videos_by_hand() -> None:
    """Windows of three tokens; the second video has one token. Values are the same at all joints."""
    place = np.array([[-1, 0, 1], [0, 1, -1], [-1, 2, -1]])
    values = np.array([[99, 10, 13], [16, 20, 99], [99, 7, 99]])
    poses = np.broadcast_to(values[..., None, None], (3, 3, 17, 3))
    overlap = Overlap(middle_weights(3))
    overlap.add(place[:1], poses[:1])
    first = overlap.take(0)
    overlap.add(place[1:], poses[1:])
    means = np.concatenate([first, overlap.take(2), overlap.take(3)])
    expected = [(2 * 10 + 16) / 3, (13 + 2 * 20) / 3, 7]
    np.testing.assert_allclose(means, np.broadcast_to(np.array(expected)[:, None, None], (3, 17, 3)), rtol=1e-12)


def test_what_fades_between_the_middles_of_windows() -> None:
    """Two videos of 13 and 2 tokens: middles two and nine tokens apart, and ends of videos."""
    values = np.broadcast_to(np.array([6.0, 12.0, 9.0, 30.0])[:, None, None], (4, 17, 3))
    found = faded(values, np.array([1, 3, 12, 14]), np.array([0, 13]), 15)
    expected = [4, 6, 9, 12, 8, 4, 0, 0, 0, 0, 3, 6, 9, 20, 30]
    np.testing.assert_allclose(found, np.broadcast_to(np.array(expected)[:, None, None], (15, 17, 3)), rtol=1e-12)
    every = faded(values, np.arange(4), np.array([0]), 4)  # hop 1
    np.testing.assert_array_equal(every, values)
