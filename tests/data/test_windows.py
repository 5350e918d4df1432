"""Windows against a plain loop over examples and tokens, written from the protocol."""

import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data import windows
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import SequenceRecord, build_frames_table
from uplift_upsample.data.sampler import Rows, RowStream, Sampler, SamplerSettings, shift_bounds


def _expected(
    length: int, centre: int, num_tokens: int, step: int, s_in: int, origin: int
) -> tuple[list[int], list[bool], list[bool]]:
    frames, visible, padded = [], [], []
    grid = [f for f in range(length) if (f - centre) % step == 0]
    for k in range(num_tokens):
        position = centre + (k - num_tokens // 2) * step
        padded.append(not 0 <= position < length)
        frames.append(min(grid, key=lambda f, p=position: abs(f - p)))
        visible.append((position - origin) % s_in == 0)
    return frames, visible, padded


@pytest.mark.parametrize("seed", range(5))
def test_against_a_loop(seed) -> None:
    """Also in a video of one frame, and in one that is shorter than the window."""
    generator = np.random.default_rng(seed)
    for _ in range(200):
        length = int(generator.integers(1, 80))
        step = int(generator.integers(1, 8))
        num_tokens = int(generator.integers(0, 12)) * 2 + 1
        centre = int(generator.integers(0, length))
        s_in = step * int(generator.integers(1, 6))
        origin = int(generator.integers(-20, 20))
        positions = windows.token_positions(np.array([centre]), num_tokens, step)
        frames, padded = windows.frame_indices(positions, np.array([length]), step)
        visible = windows.visibility(positions, s_in, origin)
        expected = _expected(length, centre, num_tokens, step, s_in, origin)
        for ours, theirs in zip((frames, visible, padded), expected, strict=True):
            np.testing.assert_array_equal(ours[0], theirs)


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1, (0, 0)), (2, (-1, 0)), (3, (-1, 1)), (4, (-2, 1)), (5, (-2, 2)), (10, (-5, 4))]
)
def test_shift_bounds(tokens, expected) -> None:
    low, high = shift_bounds(np.array([tokens * 3]), 3)
    assert (low[0], high[0]) == expected


def _table(lengths, frame_rates=None, with_2d=True):
    generator = np.random.default_rng(0)
    records = []
    for index, length in enumerate(lengths):
        views = [generator.normal(size=(length, 17, 2)).astype(np.float32)] if with_2d else []
        poses = generator.normal(size=(length, 17, 3)).astype(np.float32)
        rate = 50.0 if frame_rates is None else frame_rates[index]
        records.append(SequenceRecord(f"S{index}", "Walking", "Walking", poses, views, [3] if with_2d else [], rate))
    return build_frames_table(records, h36m_cameras(), {"dataset": "test"})


def test_faster_videos_are_read_with_multiplied_strides() -> None:
    """A video at 100 Hz gives the windows of its every other frame."""
    slow, fast = _table([61]), _table([121], [100.0])
    rows = Rows(*(np.array([v]) for v in (0, 30, False, 10, 1, 3)))
    frames, visible, padded = ExampleReader(slow, 15, 5).frames(rows)
    twice = Rows(*(np.array([v]) for v in (0, 60, False, 10, 1, 3)))
    frames_fast, visible_fast, padded_fast = ExampleReader(fast, 15, 5).frames(twice)
    np.testing.assert_array_equal(frames_fast, frames * 2)
    np.testing.assert_array_equal(visible_fast, visible)
    np.testing.assert_array_equal(padded_fast, padded)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("in_batch_mirror", [False, True])
@pytest.mark.parametrize("with_2d", [False, True])
def test_every_frame_once_a_pass(mirror, in_batch_mirror, with_2d) -> None:
    """Mirrored and not; also for motion capture without in-batch mirroring, where the official code never mirrors."""
    table = _table([7, 1, 12], with_2d=with_2d)
    settings = SamplerSettings((4, 8), 2, mirror=mirror, in_batch_mirror=in_batch_mirror, random_shift=True, shuffle=True)
    num_rows = 40 if mirror else 20
    rows = RowStream(Sampler(table, np.arange(3), settings), num_rows).next_rows()
    keys = sorted(zip(rows.video.tolist(), rows.centre.tolist(), rows.mirrored.tolist(), strict=True))
    flags = (False, True) if mirror else (False,)
    assert keys == sorted(
        (video, centre, flag) for video, length in enumerate([7, 1, 12]) for centre in range(length) for flag in flags
    )
    if mirror and in_batch_mirror:
        assert not rows.mirrored[::2].any()
        assert rows.mirrored[1::2].all()
        for name in ("video", "centre", "s_in", "shift", "camera"):
            np.testing.assert_array_equal(getattr(rows, name)[::2], getattr(rows, name)[1::2])


def test_shifts_of_masks_with_wide_gaps() -> None:
    """257 tokens lie between two visible ones: the largest shift is 128, one more than a byte holds."""
    table = _table([5000])
    rows = Sampler(table, np.arange(1), SamplerSettings((514,), 2, random_shift=True)).next_pass()
    assert (rows.shift.min(), rows.shift.max()) == (-128, 128)
    np.testing.assert_array_equal(rows.shift, np.random.default_rng(0).integers(-128, np.full(5000, 129)))


def test_batches_run_on_over_the_ends_of_passes_and_resume() -> None:
    table = _table([7, 5])

    def stream() -> RowStream:
        return RowStream(Sampler(table, np.arange(2), SamplerSettings((4, 8), 2, random_shift=True, shuffle=True, seed=4)), 5)

    running = stream()
    whole = [running.next_rows() for _ in range(12)]
    assert all(len(rows) == 5 for rows in whole)
    counts = np.bincount(np.concatenate([rows.video * 10 + rows.centre for rows in whole]))
    assert set(counts[counts > 0]) == {5}  # 60 rows are 5 passes over 12 frames
    first = stream()
    for _ in range(7):
        first.next_rows()
    second = stream()
    second.restore(first.state())
    for expected in whole[7:]:
        rows = second.next_rows()
        np.testing.assert_array_equal(rows.centre, expected.centre)
        np.testing.assert_array_equal(rows.s_in, expected.s_in)
        np.testing.assert_array_equal(rows.shift, expected.shift)


def test_no_videos() -> None:
    with pytest.raises(InputError, match="no videos"):
        Sampler(_table([5]), np.zeros(0, int), SamplerSettings((4,), 2))


def test_random_key_frames() -> None:
    """Each token with the probability that s_in means, at least one, by the draw alone; twins alike."""
    draws = np.random.default_rng(0).integers(0, 2**31 - 1, 20_000)
    for share in (1.0, 0.5, 0.25):
        visible = windows.random_visibility(draws, 27, np.full(len(draws), share))
        assert visible.any(axis=1).all()
        np.testing.assert_allclose(visible.mean(axis=0), share, atol=0.02)
        np.testing.assert_allclose(np.corrcoef(visible.T) if share < 1 else np.eye(27), np.eye(27), atol=0.04)
        np.testing.assert_array_equal(visible[:7], windows.random_visibility(draws[:7], 27, np.full(7, share)))
    assert windows.random_visibility(draws, 27, np.full(len(draws), 1e-9)).sum(axis=1).tolist() == [1] * len(draws)


def test_a_stream_with_random_key_frames_resumes_and_leaves_the_other_draws_alone() -> None:
    table = _table([40, 30])
    settings = {"mirror": True, "in_batch_mirror": True, "random_shift": True, "shuffle": True, "seed": 4}

    def stream(**more: bool) -> RowStream:
        return RowStream(Sampler(table, np.arange(2), SamplerSettings((4, 8), 2, **settings, **more)), 10)

    first, regular = stream(random_key_frames=True), stream()
    before = first.next_rows()
    np.testing.assert_array_equal(before.shift[::2], before.shift[1::2])
    plain = regular.next_rows()
    for name in ("video", "centre", "s_in", "mirrored"):
        np.testing.assert_array_equal(getattr(before, name), getattr(plain, name))
    second = stream(random_key_frames=True)
    second.restore(first.state())
    after, again = first.next_rows(), second.next_rows()
    np.testing.assert_array_equal(after.shift, again.shift)
    reader = ExampleReader(table, 9, 2, random_key_frames=True)
    _, visible, _ = reader.frames(after)
    np.testing.assert_array_equal(visible[::2], visible[1::2])
    assert not np.array_equal(visible, ExampleReader(table, 9, 2).frames(after)[1])
