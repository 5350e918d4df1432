"""Linear interpolation of predictions over time, for many videos at once and without a loop over frames.

Source: docs/method.md, "Interpolation". Frames between two predicted ones of a video are interpolated linearly, frames
behind the last predicted one repeat it, and nothing crosses a video border.

Where the reference stops with an error, a sound result is given here: frames before the first predicted one of their video
repeat that one, as those behind the last do; and a video without one predicted frame has nothing to interpolate between,
so that ``interpolated`` leaves it as it is, and ``interpolated_at`` refuses it.
"""

import numpy as np

from uplift_upsample.base.errors import InputError


def interpolated(
    poses: np.ndarray, index: np.ndarray, stride: np.ndarray | int, video: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Poses ``(F, ...)`` with all but the key frames replaced by interpolation, and which rows are key frames, ``(F,)`` bool.

    index: frame number of each row in its video, ``(F,)``. stride: key frames are multiples of it; one number, or ``(F,)``.
    video: which video each row belongs to, ``(F,)``. Without it a new video begins where ``index`` does not grow; then two
    videos run into one where the second one starts at a later frame than the first one ended. The rows of a video are
    taken to be equally far apart in time, as in the reference.
    Raises ``InputError`` for lengths that differ and for a stride below 1.
    """
    index = np.asarray(index, np.int64)
    stride = np.broadcast_to(np.asarray(stride, np.int64), index.shape) if np.ndim(stride) == 0 else np.asarray(stride, np.int64)
    if not len(poses) == len(index) == len(stride) == (len(index) if video is None else len(video)):
        raise InputError(f"{len(poses)} poses, {len(index)} frame numbers and {len(stride)} strides do not belong together")
    if (stride < 1).any():
        raise InputError(f"row {np.argmax(stride < 1)}: the stride is {stride[stride < 1][0]}; it must be at least 1")
    is_key = index % stride == 0
    is_start = np.diff(index, prepend=index[:1]) <= 0 if video is None else np.diff(video, prepend=video[:1]) != 0
    number = np.cumsum(is_start)
    keys = np.flatnonzero(is_key)
    rows = np.flatnonzero(np.isin(number, number[keys]))
    result = poses.copy()
    result[rows] = _at(poses[keys], number[keys], keys, number[rows], rows)
    return result, is_key


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
    return _at(poses, video, frame, query_video, query_frame)


def _at(poses: np.ndarray, video: np.ndarray, frame: np.ndarray, query_video: np.ndarray, query_frame: np.ndarray) -> np.ndarray:
    """``interpolated_at`` for arguments that were checked."""
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
