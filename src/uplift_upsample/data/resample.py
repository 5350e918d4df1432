"""Frame rates of motion capture, and resampling to the frame rate of the videos.

Source: docs/method.md, "Resampling". The official number of frames is used for AMASS alone, because it loses a frame of
many recordings; other motion capture keeps all that was recorded.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.experiment import FRAME_RATE

# Files hold 100.00000762939453 (a float32 clock) or 49.9999999 (frames divided by seconds) for 100 and 50. Within this of a whole
# number, relative, a rate is that number: an hour then ends at most 36 ms off. The nearest rates that are meant, 59.94 and 60,
# are a hundred times as far apart.
NOMINAL = 1e-5
# Real rates are ratios of small numbers, 119.88 Hz is 2997/25 and NTSC's 60000/1001. So they are counted with exactly.
_LARGEST_DENOMINATOR = 1001


def nominal_rate(frame_rate: float) -> float:
    """The whole number of Hz that a frame rate stands for, or the rate itself where none is as near as ``NOMINAL``."""
    if not math.isfinite(frame_rate) or abs(frame_rate - round(frame_rate)) > NOMINAL * abs(frame_rate):
        return frame_rate
    return float(round(frame_rate))


def rate_text(frame_rate: float) -> str:
    """A frame rate with all digits by which it differs from a nominal one: ``49.999`` is not ``50``."""
    return f"{frame_rate:.9g}"  # as many as a float32 has


def official_count(num_frames: int, frame_rate: float) -> int:
    """Frames at 50 Hz that the official conversion of AMASS makes of a recording.

    Its roundings belong to the protocol: at 120 Hz, 444 frames give 184 and not 185, and every later row of the shuffled order
    moves with such a frame.
    """
    return math.floor((num_frames * (1 / nominal_rate(frame_rate))) / (1 / FRAME_RATE))


def exact_count(num_frames: int, frame_rate: float) -> int:
    """Frames at 50 Hz within a recording, none of them before the first recorded frame or behind the last one.

    Each recorded frame stands for its share of a second, so a recording must be as long as a frame at 50 Hz to give one.
    """
    step = Fraction(FRAME_RATE) / Fraction(nominal_rate(frame_rate)).limit_denominator(_LARGEST_DENOMINATOR)
    return max(0, min(math.floor(num_frames * step), math.floor((num_frames - 1) * step) + 1))


def resample(
    positions: np.ndarray,
    frame_rate: float,
    *,
    count: Callable[[int, float], int] = exact_count,
    lowest: float = FRAME_RATE,
) -> np.ndarray:
    """Linear interpolation of T frames at ``frame_rate`` Hz to 50 Hz.

    positions: ``(T, ...)``; a floating dtype is kept, anything else becomes float64. count: how many frames come out, of T and the
    rate. Output frame i lies at input position ``i / 50 * frame_rate``, between its floor and its ceiling. The result has no frames
    when the recording is shorter than one of them. lowest: Hz, 50 by default: frames that were never recorded are not invented
    where nobody asks for it. Raises ``InputError`` for a rate below it, or NaN or infinite.
    """
    positions = np.asarray(positions)
    if not np.issubdtype(positions.dtype, np.floating):
        positions = positions.astype(np.float64)
    if positions.ndim == 0:
        raise InputError("resampling needs an array with frames along its first axis, not a single number")
    frame_rate = nominal_rate(frame_rate)
    check_frame_rate(frame_rate, lowest)
    num_frames = count(len(positions), frame_rate)
    if num_frames == 0:
        return positions[:0]
    # rounding can lift the last position by one ulp
    at = np.minimum(np.arange(num_frames) / FRAME_RATE * frame_rate, len(positions) - 1)
    before, after = np.floor(at).astype(np.int64), np.ceil(at).astype(np.int64)
    weight = (at - before).reshape(-1, *[1] * (positions.ndim - 1))
    return (positions[before] * (1 - weight) + positions[after] * weight).astype(positions.dtype)


def check_frame_rate(frame_rate: float, lowest: float = 0.0) -> None:
    """Raise ``InputError`` unless ``frame_rate`` is a positive, finite number of at least ``lowest`` Hz."""
    if not math.isfinite(frame_rate) or frame_rate <= 0:
        raise InputError(f"a frame rate of {frame_rate} Hz; it must be a positive number")
    if nominal_rate(frame_rate) < lowest:
        what = "of the project" if lowest == FRAME_RATE else "from which on motion can be interpolated"
        raise InputError(
            f"a frame rate of {rate_text(frame_rate)} Hz is below the {lowest:g} Hz {what}; "
            "leave the recording out (missing frames are not invented)"
        )
