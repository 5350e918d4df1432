"""Any frame rate by time: which frames are key frames, what windows see of them, and the way back to the frames."""

from fractions import Fraction

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.times import at_frames, frame_times, key_frames, rate_described, window_poses


@pytest.mark.parametrize(
    ("frame_rate", "apart"),
    [
        (50, (5, 10, 20)),
        (60, (6, 12, 24)),
        (30, (3, 6, 12)),
        (240, (24, 48, 96)),
        (100, (10, 20, 40)),
        (10, (1, 2, 4)),
        (5, (1, 1, 2)),
    ],
)
def test_whole_numbers_of_frames(frame_rate: float, apart: tuple[int, int, int]) -> None:
    times = frame_times(20 * frame_rate, frame_rate)
    for s_in, expected in zip((5, 10, 20), apart, strict=True):
        keys = key_frames(times, s_in, 5)
        assert keys.frames.tolist() == [*range(0, len(times), expected)]
        assert (keys.frames / frame_rate).tolist() == pytest.approx((keys.tokens * keys.step).tolist())


def test_nearest_frames_where_there_is_no_whole_number() -> None:
    assert key_frames(frame_times(40, 25), 5, 5).frames.tolist()[:6] == [0, 2, 5, 7, 10, 12]  # 2.5 frames; 10 and 20 fit
    assert key_frames(frame_times(40, 25), 10, 5).frames.tolist()[:4] == [0, 5, 10, 15]
    film = key_frames(frame_times(48, 24), 20, 5)  # 9.6 frames
    assert film.frames.tolist() == [0, 10, 19, 29, 38]
    assert film.tokens.tolist() == [0, 4, 8, 12, 16]
    for frame_rate in (24, 29.97, 23.976, 47.3, 59.94):
        times = frame_times(2000, frame_rate)
        for s_in in (5, 10, 20):
            keys = key_frames(times, s_in, 5)
            assert keys.tokens.tolist() == [*range(0, keys.num_tokens, s_in // 5)]
            assert np.abs(times[keys.frames] - keys.tokens * keys.step).max() <= 0.5 / frame_rate + 1e-9


def test_a_frame_is_there_once_and_near_its_token() -> None:
    """Frames farther apart than the tokens that ask for them: two ask for the same one."""
    for frame_rate, s_in, s_out in [(7, 5, 5), (5, 4, 2), (11, 4, 2), (24, 4, 2), (24, 2, 2)]:
        times = frame_times(50, frame_rate)
        keys = key_frames(times, s_in, s_out)
        assert len(set(keys.frames.tolist())) == len(set(keys.tokens.tolist())) == len(keys.frames)
        assert np.abs(times[keys.frames] - keys.tokens * keys.step).max() <= keys.step / 2 + 1e-9


def test_variable_rates_and_lost_frames() -> None:
    times = frame_times(6, times=[10.0, 10.1, 10.21, 10.9, 11.0, 11.25])
    assert times == pytest.approx([0, 0.1, 0.21, 0.9, 1.0, 1.25])
    keys = key_frames(times, 10, 5)  # every 0.2 s; nothing between 0.21 and 0.9
    assert keys.frames.tolist() == [0, 2, 3, 4, 5]
    assert keys.tokens.tolist() == [0, 2, 9, 10, 12]
    assert rate_described(times, 4.0) == "about 4 Hz (variable)"
    assert rate_described(frame_times(9, Fraction(30000, 1001)), 30000 / 1001) == "29.97003 Hz"
    assert key_frames(frame_times(1, 30), 20, 5).frames.tolist() == [0]
    assert key_frames(frame_times(2, 30), 20, 5).num_tokens == 1


def test_what_each_stride_takes() -> None:
    described = {s_in: key_frames(frame_times(230, 30), s_in, 5).described() for s_in in (5, 10, 20)}
    assert described == {5: "one frame in 3, 77 of 230", 10: "one frame in 6, 39 of 230", 20: "one frame in 12, 20 of 230"}
    keys = key_frames(frame_times(100, 24), 20, 5)
    assert keys.described() == "11 of 100 frames: 0, 10, 19, 29, 38, 48, ..."
    assert keys.described(1000) == "11 of 100 frames: 1000, 1010, 1019, 1029, 1038, 1048, ..."  # as the file counts


@pytest.mark.parametrize("rate", [5, 240, 240.02, 29.97])
@pytest.mark.parametrize("base", [1 / 90_000, 1 / 1000])
def test_rates_at_the_bounds_in_rounded_time_stamps(rate: float, base: float) -> None:
    stamps = np.round(np.arange(300) / rate / base) * base
    assert np.abs(frame_times(300, times=stamps) - stamps).max() == 0
    assert len(frame_times(300, frame_rate=rate)) == 300


def test_times_that_are_not_numbers() -> None:
    with pytest.raises(InputError, match="times of frame 2 is nan; it must be a number of seconds"):
        frame_times(4, times=[0, 0.04, np.nan, 0.12])


def test_times_of_frames_before_the_first_and_clips_of_days() -> None:
    stamps = np.arange(200) / 30
    assert frame_times(110, times=stamps, first=90) == pytest.approx(np.arange(110) / 30)
    with pytest.raises(InputError, match=r"1\.7e\+09 s long, more than a day; frame 2 is 1\.7e\+09 s behind"):
        frame_times(3, times=[0, 0.04, 1.7e9])


@pytest.mark.parametrize(("rate", "every", "first"), [(30, 20, 0), (60, 20, 0), (24, 20, 0), (30, 12, 6), (30, 12, 3)])
def test_key_frames_are_those_at_which_a_detector_looked(rate: float, every: int, first: int) -> None:
    """Of every 12th frame at 30 Hz all are used, and where moments are farther apart than detections, the nearest one of each."""
    looked = np.arange(first, 20 * rate, every)
    keys = key_frames(frame_times(20 * rate, rate), 20, 5, looked)
    assert set(keys.frames.tolist()) <= set(looked.tolist())
    assert len(keys.frames) >= min(len(looked), keys.num_tokens // 4) - 1
    assert np.diff(keys.tokens).min() > 0


def test_windows_see_key_frames_alone_and_end_with_the_last_one() -> None:
    keys = key_frames(frame_times(13, 10), 20, 5)  # tokens 0 to 12, key frames 0, 4, 8, 12
    assert keys.frames.tolist() == [0, 4, 8, 12]
    found = np.array([True, False, True, False])
    poses, visible = window_poses(keys, found, np.array([0, 5, 12]), 13, "copy")
    at_start, middle, at_end = (
        {
            int(position): int(pose)
            for position, pose in zip(range(centre - 6, centre + 7), row, strict=True)
            if seen[position - centre + 6]
        }
        for centre, row, seen in zip((0, 5, 12), poses, visible, strict=True)
    )
    assert at_start == {-4: 0, 0: 0}
    assert middle == {0: 0, 8: 2}  # 4 was not found
    assert at_end == {8: 2, 16: 2}  # nor was 12; beyond the end, the last key frame that there is
    poses, visible = window_poses(keys, found, np.array([12]), 13, "zeros")
    assert poses[0, visible[0]].tolist() == [2, 4]


@pytest.mark.parametrize("padding", ["copy", "zeros"])
def test_windows_that_see_none_of_the_poses_of_the_clip_see_nothing(padding: str) -> None:
    """Nobody is there in the first and in the last seconds: what stands outside of the clip makes no pose there."""
    keys = key_frames(frame_times(900, 30), 10, 5)  # 300 tokens
    found = (keys.frames >= 700) & (keys.frames < 800)  # tokens 234 to 266
    _, visible = window_poses(keys, found, np.arange(300), 27, padding)
    assert np.flatnonzero(visible.any(axis=1)).tolist() == [*range(234 - 13, 266 + 13 + 1)]


def test_a_pose_for_each_frame() -> None:
    keys = key_frames(frame_times(33, 24), 10, 5)  # tokens 0 to 13, the last one at 1.3 s, the last frame at 1.33
    assert keys.num_tokens == 14
    line = np.arange(14.0)[:, None] * [1, -2]
    assert at_frames(line, keys) == pytest.approx(np.minimum(keys.times[:, None] / 0.1, 13) * [1, -2])
    gap = np.array([0.0, np.nan, 2.0])
    three = key_frames(frame_times(3, 10), 5, 5)
    assert at_frames(gap, three).tolist() == pytest.approx([0, np.nan, 2], nan_ok=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "the frame rate of the clip is not known"),
        ({"frame_rate": 30, "times": [0, 1, 2]}, "both frame_rate and times are given"),
        ({"frame_rate": 4.9}, "frame_rate is 4.9; it must be a number from 5 to 240"),
        ({"frame_rate": 241}, "frame_rate is 241"),
        ({"frame_rate": float("nan")}, "frame_rate is nan"),
        ({"frame_rate": "30"}, "frame_rate is '30'"),
        ({"times": [0, 0.1]}, "one number, in seconds, for each of 3 frames"),
        ({"times": [0, 0.1, float("inf")]}, "times of frame 2 is inf; it must be a number of seconds"),
        ({"times": [0, 0.1, 0.1]}, r"frame 2 is at 0.1 s and not behind the frame before it"),
        ({"times": ["a", "b", "c"]}, "times is .* one number, in seconds, for each of 3 frames"),
        ({"times": [[0], [1, 2], 3]}, "times is .* one number, in seconds"),
        ({"times": [0, 33, 67]}, "frames are 33.5 s apart"),
    ],
)
def test_rates_and_times_that_are_none(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        frame_times(3, **arguments)
