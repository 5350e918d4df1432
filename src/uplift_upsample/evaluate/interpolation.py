"""Linear interpolation of predictions over time, for many videos at once and without a loop over frames.

Source: docs/method.md, "Interpolation". Frames between two predicted ones of a video are interpolated linearly, frames
behind the last predicted one repeat it, and nothing crosses a video border.

Where the reference stops with an error, a sound result is given here: frames before the first predicted one of their video
repeat that one, as those behind the last do; and a video without one predicted frame is refused.
"""

import numpy as np

from uplift_upsample.base.errors import InputError


def interpolated_at(
    poses: np.ndarray, video: np.ndarray, frame: np.ndarray, query_video: np.ndarray, query_frame: np.ndarray
) -> np.ndarray:
    """Predictions at any frames, ``(Q, ...)``, from those of some frames ``(P, ...)``.

    video, frame: ``(P,)`` of the predictions, in ascending order. query_video, query_frame: ``(Q,)``, in any order.
    Raises ``InputError`` where the predictions are out of order or occur twice, or a video has none.
    """
    is_same = np.diff(video) == 0
    if (np.diff(video) < 0).any() or (is_same & (np.diff(frame) <= 0)).any():
        raise InputError("the predictions are out of order, or a frame occurs twice; sort them by video and frame")
    missing = np.setdiff1d(query_video, video)
    if len(missing):
        raise InputError(f"video {missing[0]} has no predicted frame, so there is nothing to interpolate")
    # Video and frame in one number, with a gap between videos, give a single sorted axis for all videos.
    span = max(frame.max(initial=0), query_frame.max(initial=0)) + 1
    position = video.astype(np.int64) * span + frame
    behind = np.searchsorted(position, query_video.astype(np.int64) * span + query_frame, side="right")
    first, end = np.searchsorted(video, query_video), np.searchsorted(video, query_video, side="right")
    left, right = np.clip(behind - 1, first, end - 1), np.clip(behind, first, end - 1)
    right = np.where(frame[left] == query_frame, left, right)  # a predicted frame is itself, whatever follows
    gap = np.maximum(frame[right] - frame[left], 1)
    weight = np.clip((query_frame - frame[left]) / gap, 0, 1).reshape(-1, *[1] * (poses.ndim - 1))
    weight = weight.astype(poses.dtype)
    start = poses[left]
    return start + weight * (poses[right] - start)
