"""Windows as pure index arithmetic: which frames the tokens of an example stand for, and which of them have a 2D pose.

A window is what the network sees at once: N tokens (``num_tokens``, odd) around a centre frame, ``s_out`` frames apart at 50 Hz,
so (N - 1) * s_out + 1 frames long. A row of the sampler defines a window: video, centre, s_in and shift of the mask. An example is
a window with its poses read (``data.examples``).

Source: docs/method.md, "Windows" and "Masks". Every function works on whole batches: the arguments ``centre``, ``length``
and so on are arrays ``(B,)`` that broadcast; results are ``(B, N)``.
"""

from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.resample import rate_text
from uplift_upsample.plan.experiment import FRAME_RATE

MAX_FRAME_RATE = 500_000.0  # Hz; no camera has more
# 2^64 / golden ratio: SplitMix64's increment (Steele et al., 2014); the factors below are its mixing constants.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def token_positions(centre: np.ndarray, num_tokens: int, step: np.ndarray | int) -> np.ndarray:
    """Frame of each token, also outside the video: token k stands for ``centre + (k - N // 2) * step``."""
    offsets = np.arange(num_tokens) - num_tokens // 2
    return np.asarray(centre)[..., None] + offsets * np.asarray(step)[..., None]


def frame_indices(positions: np.ndarray, length: np.ndarray, step: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """The frames to read, and which tokens are padded because they lie outside the video.

    A position before the first or behind the last frame takes the nearest frame on the window's own grid.

    positions: ``(B, N)`` of ``token_positions``. length: frames of each video. step: frames between two tokens.
    Returns frames ``(B, N)`` in [0, length) and is_padded ``(B, N)``.
    """
    step = np.asarray(step)[..., None]
    last = np.asarray(length)[..., None] - 1
    first_on_grid = positions[..., :1] % step
    last_on_grid = last - (last - first_on_grid) % step
    is_padded = (positions < 0) | (positions > last)
    # The range is never empty, however short the video is: the centre lies in the video and on the grid.
    return np.clip(positions, first_on_grid, last_on_grid), is_padded


def visibility(positions: np.ndarray, s_in: np.ndarray | int, origin: np.ndarray | int) -> np.ndarray:
    """Tokens that have a 2D pose: those whose distance from ``origin`` (a frame) is a multiple of ``s_in`` frames, ``(B, N)``.

    Outside the video, too: there the pose is the padding.
    """
    return (positions - np.asarray(origin)[..., None]) % np.asarray(s_in)[..., None] == 0


def random_visibility(draw: np.ndarray, num_tokens: int, share: np.ndarray) -> np.ndarray:
    """Tokens that have a 2D pose where key frames do not keep a distance: each with the probability ``share``, and at least one.

    draw: one random number a window, ``(B,)``. Token k is visible if SplitMix64(draw * N + k + 1) is below ``share``. ``(B, N)``.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64
        numbers = np.asarray(draw, np.uint64)[:, None] * np.uint64(num_tokens) + np.arange(1, num_tokens + 1, dtype=np.uint64)
        state: Any = numbers * GOLDEN
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    uniform = (state ^ (state >> np.uint64(31))) / 2.0**64
    return (uniform < np.asarray(share)[:, None]) | (uniform == uniform.min(axis=1, keepdims=True))


def mask_origin(centre: np.ndarray, shift: np.ndarray | int, step: np.ndarray | int) -> np.ndarray:
    """The frame that a mask shifted by ``shift`` tokens against the centre is aligned with.

    Shift 0 is the centred mask of validation; ``origin`` 0 in ``visibility`` is the mask of the test, aligned with the video.
    """
    return np.asarray(centre) - np.asarray(shift) * np.asarray(step)


def frame_rate_factor(frame_rates: np.ndarray) -> np.ndarray:
    """Whole numbers by which strides are multiplied for videos faster than 50 Hz.

    Raises ``InputError`` for a rate that is not a multiple of 50 Hz, or that no camera has.
    """
    factors = np.asarray(frame_rates, np.float64) / FRAME_RATE
    wrong = (factors < 1) | (factors != np.round(factors)) | ~(factors <= MAX_FRAME_RATE / FRAME_RATE)
    if wrong.any():
        rate = np.asarray(frame_rates)[wrong][0]
        raise InputError(
            f"a frame rate of {rate_text(rate)} Hz is not a multiple of {FRAME_RATE:g} Hz; "
            f"resample the sequences to {FRAME_RATE:g} Hz first"
        )
    return np.round(factors).astype(np.int64)
