"""Resampling of motion capture to the frame rate of the videos.

Source: the AMASS section of the specification, whose formula is used for all motion capture of the project.
"""

import math

import numpy as np

from uplift_upsample.config import FRAME_RATE
from uplift_upsample.errors import InputError


def resample(positions: np.ndarray, frame_rate: float, target: float = FRAME_RATE) -> np.ndarray:
    """Linear interpolation of T frames at ``frame_rate`` Hz to ``floor(T / frame_rate * target)`` frames at
    ``target`` Hz.

    positions: ``(T, ...)``; a floating dtype is kept, anything else becomes float64. Output frame i lies at input
    position ``i / target * frame_rate``, between its floor and its ceiling. The result has no frames when the
    recording is shorter than one of them. Raises ``InputError`` for a rate that is not a finite number of at least
    ``target``: frames that were never recorded are not invented.
    """
    positions = np.asarray(positions)
    if not np.issubdtype(positions.dtype, np.floating):
        positions = positions.astype(np.float64)
    if positions.ndim == 0:
        raise InputError("resampling needs an array with frames along its first axis, not a single number")
    check_frame_rate(frame_rate, target)
    num_frames = math.floor(len(positions) / frame_rate * target)
    if num_frames == 0:
        return positions[:0]
    at = np.arange(num_frames) / target * frame_rate
    before = np.floor(at).astype(np.int64)
    after = np.minimum(np.ceil(at).astype(np.int64), len(positions) - 1)  # rounding can lift the last position by one ulp
    weight = (at - before).reshape(-1, *[1] * (positions.ndim - 1))
    return (positions[before] * (1 - weight) + positions[after] * weight).astype(positions.dtype)


def check_frame_rate(frame_rate: float, target: float = FRAME_RATE) -> None:
    """Raise ``InputError`` unless ``frame_rate`` is a finite number of at least ``target`` Hz."""
    if not math.isfinite(target) or target <= 0:
        raise InputError(f"a target frame rate of {target} Hz; it must be a positive number")
    if not math.isfinite(frame_rate) or frame_rate <= 0:
        raise InputError(f"a frame rate of {frame_rate} Hz; it must be a positive number")
    if frame_rate < target:
        raise InputError(
            f"a frame rate of {frame_rate:g} Hz is below the {target:g} Hz of the project; "
            "leave the recording out (missing frames are not invented)"
        )
