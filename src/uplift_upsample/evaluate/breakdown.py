"""Where the error is: MPJPE by joint, and by the distance in time to the nearest frame with a 2D pose.

Both are means over frames alike (frame-wise), in millimetres, as plain JSON values::

    {"per_joint": {"r_ankle": 61.2, ...}, "by_distance": {"0": {"mpjpe": 44.0, "num_frames": 1200}, ...}}

Distances are counted in frames at 50 Hz. They reach s_in / 2 between two 2D poses, and s_in - 1 behind the last one of a video.
"""

from typing import Any

import numpy as np

from uplift_upsample.evaluate.averages import MM_PER_M
from uplift_upsample.skeleton import MODEL_17, NUM_JOINTS


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

    def document(self) -> dict[str, Any]:
        """Both parts; distances without a frame are left out, and joints of no frame at all are null."""
        total = int(self._num_frames.sum())
        joints = (self._per_joint / max(total, 1) * MM_PER_M).tolist()
        return {
            "per_joint": {name: value if total else None for name, value in zip(MODEL_17, joints, strict=True)},
            "by_distance": {
                str(distance): {"mpjpe": float(self._by_distance[distance] / count * MM_PER_M), "num_frames": int(count)}
                for distance, count in enumerate(self._num_frames.tolist())
                if count
            },
        }


def distance_to_key_frame(frame: np.ndarray, length: np.ndarray, s_in: int, factor: np.ndarray) -> np.ndarray:
    """Frames at 50 Hz between each frame ``(F,)`` and the nearest one of its video with a 2D pose, rounded up, ``(F,)``.

    length: frames of the video, ``(F,)``. factor: frames of the video in a fiftieth of a second, ``(F,)``.
    """
    period = s_in * factor
    behind = frame % period
    has_next = frame - behind + period < length
    distance = np.where(has_next, np.minimum(behind, period - behind), behind)
    return -(-distance // factor)
