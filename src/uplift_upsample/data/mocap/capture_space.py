"""Placing recorded people where the cameras of Human3.6M look.

The four cameras stand near (+-1.8, +-4.5) m, 1.5 m high, and look at about (0.1, 0.5) m. What all of them see on the
floor is longest along the diagonal from camera 60457274 to camera 54138969, some 65 degrees from the x axis: an
upright person stays in all pictures within about 1.2 m of the centre in any direction and, but for an arm, within 2.4
m along that diagonal. So a recording in which the person stays on the spot is moved to the centre; one in which the
person travels is also turned about the vertical until its longest extent lies along the diagonal, and cut where even
that is too short. Heights are left alone: the floor of both capture spaces is z = 0.

On 161 trials of the CMU database (dance, runs, ladders), 0.08% of the joints fall outside of a picture, at most 5% in
a video; when recordings are only centred it is 1.9% and 30%.
"""

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.products import one_blas_thread
from uplift_upsample.base.skeleton import ROOT

CENTRE = np.array([0.1, 0.5])  # m, on the floor
DIAGONAL = np.deg2rad(65.0)  # direction in which the seen floor is longest, from the x axis
SPOT_RADIUS = 1.2  # m: nearer to the middle of its path than this, a person stays on the spot
HALF_LENGTH, HALF_WIDTH = 2.4, 1.2  # m, of the path along and across the diagonal
_BISECTIONS = 20  # halvings of [0, 1]: then to 1e-6 of the half extent, micrometres


@one_blas_thread()
def place_in_capture_space(poses: np.ndarray) -> list[np.ndarray]:
    """Move, and where it must be turn and cut, one recording: ``(T, 17, 3)`` metres, z up, to clips ``(T_i, 17, 3)``.

    The clips follow each other without a gap, all turned alike, and are about equally far travelled. Raises
    ``InputError`` for an empty recording.
    """
    if not len(poses):
        raise InputError("a recording without frames cannot be placed in front of the cameras")
    if np.linalg.norm(np.ptp(poses[:, ROOT, :2], axis=0)) / 2 <= SPOT_RADIUS:
        return [_centred(poses)]
    turned = _turned(poses, DIAGONAL - _longest_direction(poses[:, ROOT, :2]))
    along = np.array([np.cos(DIAGONAL), np.sin(DIAGONAL)])
    across = np.array([-along[1], along[0]])
    path = turned[:, ROOT, :2] @ np.stack([along / HALF_LENGTH, across / HALF_WIDTH], axis=1)
    starts = _balanced_starts(path)
    return [_centred(turned[start:end]) for start, end in zip(starts, [*starts[1:], len(poses)], strict=True)]


def _longest_direction(path: np.ndarray) -> float:
    """Angle of the principal axis of a horizontal path ``(T, 2)``, from the x axis, radians."""
    covariance = np.cov(path.T)
    x, y = np.linalg.eigh(covariance)[1][:, -1]
    return float(np.arctan2(y, x))


def _turned(poses: np.ndarray, angle: float) -> np.ndarray:
    """Turned about the vertical, by at most a right angle: an axis has no sense, so half a turn is never needed."""
    angle = (angle + np.pi / 2) % np.pi - np.pi / 2
    cos, sin = np.cos(angle), np.sin(angle)
    return poses @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], poses.dtype)


def _centred(poses: np.ndarray) -> np.ndarray:
    """The middle of the pelvis' path above the centre of the capture space."""
    path = poses[:, ROOT, :2]
    middle = (path.min(0) + path.max(0)) / 2
    return poses - np.append(middle - CENTRE, 0).astype(poses.dtype)


def _balanced_starts(path: np.ndarray) -> list[int]:
    """First frames of the fewest parts that reach at most 1 to either side of their middle, in both coordinates of ``path``.

    Of all such cuts it is the one whose farthest reach is smallest.
    """
    starts = _greedy_starts(path, 1.0)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS if len(starts) > 1 else 0):
        middle = (low + high) / 2
        candidate = _greedy_starts(path, middle, limit=len(starts))
        if len(candidate) > len(starts):
            low = middle
        else:
            starts, high = candidate, middle
    return starts


def _greedy_starts(path: np.ndarray, half_extent: float, limit: int | None = None) -> list[int]:
    """Cut as late as possible; stops early when there are more than ``limit`` parts."""
    starts = [0]
    while limit is None or len(starts) <= limit:
        rest = path[starts[-1] :]
        extent = np.maximum.accumulate(rest) - np.minimum.accumulate(rest)
        is_too_long = (extent > 2 * half_extent).any(1)
        if not is_too_long.any():
            break
        starts.append(starts[-1] + max(int(is_too_long.argmax()), 1))
    return starts
