"""2D poses between key frames, made of those at key frames: what anybody tries first instead of learned upsampling.

Source: docs/method.md, "Interpolated input".
"""

from collections.abc import Callable
from typing import Literal

import numpy as np


def poses_between(
    poses_of: Callable[[np.ndarray], np.ndarray],
    frame: np.ndarray,
    length: np.ndarray,
    period: np.ndarray,
    kind: Literal["linear", "cubic"],
) -> np.ndarray:
    """Poses ``(F, ...)`` at frames ``(F,)`` of videos, from those at the multiples of ``period`` ``(F,)`` alone.

    poses_of: the poses at such multiples, one for each frame. length: frames of the videos, ``(F,)``. cubic: a Hermite spline whose
    slope at a key frame is that between its two neighbours, so that four key frames are enough. A key frame keeps its pose. Behind
    the last one of a video, its pose is held.
    """
    left, last = frame // period, (length - 1) // period
    right = np.minimum(left + 1, last)
    start, end = poses_of(left * period), poses_of(right * period)
    share = np.where(right > left, (frame - left * period) / period, 0)
    t = share.astype(start.dtype).reshape(-1, *[1] * (start.ndim - 1))
    if kind == "linear":
        return start + t * (end - start)

    def slope(key: np.ndarray) -> np.ndarray:  # a key frame; one-sided at the first and the last one
        before, behind = np.maximum(key - 1, 0), np.minimum(key + 1, last)
        distance = np.maximum(behind - before, 1).astype(start.dtype).reshape(t.shape)
        return (poses_of(behind * period) - poses_of(before * period)) / distance

    rise = t * t * (3 - 2 * t)
    bend = t * (1 - t) * ((1 - t) * slope(left) - t * slope(right))
    return start + rise * (end - start) + bend
