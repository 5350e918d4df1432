"""Properties of everything that counts frames: rates, resampling, interpolation."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world.quick import QUICK

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MIRROR, MODEL_17
from uplift_upsample.data.resample import resample
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.evaluate.interpolation import interpolated_at
from uplift_upsample.evaluate.predict import predicted_rows

RATES = [24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 100.0, 119.88, 120.0, 240.0]


@QUICK
@given(rate=st.sampled_from(RATES) | st.floats(allow_nan=True, allow_infinity=True))
def test_frame_rates_are_multiples_of_50_hz_or_refused(rate: float) -> None:
    if 50 <= rate <= 500_000 and rate % 50 == 0:
        assert frame_rate_factor(np.array([rate]))[0] == rate / 50
    else:
        with pytest.raises(InputError, match="not a multiple of 50 Hz"):
            frame_rate_factor(np.array([rate]))


@QUICK
@given(rate=st.sampled_from(RATES), num_frames=st.integers(0, 400))
def test_resampling_keeps_the_time(rate: float, num_frames: int) -> None:
    seconds = np.arange(num_frames) / rate
    if rate < 50:
        with pytest.raises(InputError, match="below the 50 Hz"):
            resample(seconds[:, None], rate)
        return
    resampled = resample(seconds[:, None], rate)[:, 0]
    assert len(resampled) == int(num_frames * 50 / Fraction(str(rate)))  # no recorded frame is lost
    np.testing.assert_allclose(resampled, np.minimum(np.arange(len(resampled)) / 50, seconds[-1:]), atol=1 / rate / 1e6)


@QUICK
@given(rate=st.sampled_from([0.0, -50.0, float("nan"), float("inf"), 5e-324]), num_frames=st.integers(0, 3))
def test_impossible_frame_rates_are_refused(rate: float, num_frames: int) -> None:
    with pytest.raises(InputError, match="frame rate of"):
        resample(np.zeros((num_frames, 1)), rate)


@QUICK
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    stride=st.integers(1, 12),
    seed=st.integers(0, 100),
)
def test_interpolation_is_exact_at_key_frames_and_linear_between(lengths: list[int], stride: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    video = np.concatenate([np.full(-(-length // stride), number) for number, length in enumerate(lengths)])
    frame = np.concatenate([np.arange(0, length, stride) for length in lengths])
    poses = rng.normal(size=(len(frame), 2, 3))
    np.testing.assert_array_equal(interpolated_at(poses, video, frame, video, frame), poses)
    query_video = np.concatenate([np.full(length, number) for number, length in enumerate(lengths)])
    query_frame = np.concatenate([np.arange(length) for length in lengths])
    found = interpolated_at(poses, video, frame, query_video, query_frame)
    for number, length in enumerate(lengths):
        expected = [
            np.interp(np.arange(length), frame[video == number], column) for column in poses[video == number].reshape(-1, 6).T
        ]
        np.testing.assert_allclose(found[query_video == number].reshape(-1, 6), np.stack(expected, 1), atol=1e-12)


class _Videos:
    """What ``predicted_rows`` asks of a table."""

    def __init__(self, lengths: list[int], rates: list[float]) -> None:
        self.video_length = np.array(lengths)
        self.video_frame_rate = np.array(rates)
        self.video_camera = np.zeros(len(lengths), np.int64)


@QUICK
@given(
    videos=st.lists(st.tuples(st.integers(1, 50), st.sampled_from([50.0, 100.0, 250.0])), min_size=1, max_size=4),
    s_out=st.integers(1, 9),
    test_step=st.integers(1, 4),
)
def test_predicted_frames_begin_every_video(videos: list[tuple[int, float]], s_out: int, test_step: int) -> None:
    table = _Videos([length for length, _ in videos], [rate for _, rate in videos])
    rows = predicted_rows(table, np.arange(len(videos)), s_out, s_out, test_step)  # type: ignore[arg-type]
    for number, (length, rate) in enumerate(videos):
        step = np.lcm(s_out * int(rate / 50), test_step)
        np.testing.assert_array_equal(rows.centre[rows.video == number], np.arange(0, length, step))


def test_mirroring_twice_is_nothing_and_keeps_the_middle() -> None:
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(len(MODEL_17)))
    for name, twin in zip(MODEL_17, MIRROR, strict=True):
        assert MODEL_17[twin][2:] == name[2:] and (name[1] == "_") == (MODEL_17[twin] != name)
