"""Where the error is: MPJPE by joint, and by the distance in time to the nearest frame with a 2D pose.

Both are means over frames alike (frame-wise), in millimetres. Distances are counted in frames at 50 Hz. They
reach s_in / 2 between two 2D poses, and s_in - 1 behind the last one of a video.
"""

import math

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS
from uplift_upsample.evaluate.metrics import MM_PER_M
from uplift_upsample.evaluate.score_file import ErrorsBy


class Breakdown:
    """Sums of joint errors (metres) by joint and by distance."""

    def __init__(self) -> None:
        self._per_joint = np.zeros(NUM_JOINTS)
        self._by_distance = np.zeros(0)
        self._num_frames = np.zeros(0, np.int64)

    def add(self, errors: np.ndarray, distance: np.ndarray) -> None:
        """Add errors ``(F, 17)`` of frames at some distances ``(F,)``."""
        size = max(len(self._num_frames), int(distance.max(initial=-1)) + 1)
        grown = size - len(self._num_frames)
        self._per_joint += errors.sum(axis=0)
        self._by_distance = np.pad(self._by_distance, (0, grown)) + np.bincount(distance, errors.mean(axis=1), size)
        self._num_frames = np.pad(self._num_frames, (0, grown)) + np.bincount(distance, minlength=size)

    def errors_by(self) -> ErrorsBy:
        """Both parts; distances without a frame are left out, and joints of no frame at all are NaN."""
        total = int(self._num_frames.sum())
        joints = (self._per_joint / max(total, 1) * MM_PER_M).tolist()
        return ErrorsBy(
            joint={name: value if total else math.nan for name, value in zip(MODEL_17, joints, strict=True)},
            distance={
                distance: (float(self._by_distance[distance] / count * MM_PER_M), count)
                for distance, count in enumerate(self._num_frames.tolist())
                if count
            },
        )


def distance_to_key_frame(frame: np.ndarray, length: np.ndarray, s_in: int, factor: np.ndarray) -> np.ndarray:
    """Frames at 50 Hz between each frame ``(F,)`` and the nearest one of its video with a 2D pose, rounded up, ``(F,)``.

    length: frames of the video, ``(F,)``. factor: frames of the video in a fiftieth of a second, ``(F,)``.
    """
    period = s_in * factor
    behind = frame % period
    has_next = frame - behind + period < length
    distance = np.where(has_next, np.minimum(behind, period - behind), behind)
    return -(-distance // factor)
