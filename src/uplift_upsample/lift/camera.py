"""Where the person is before somebody's camera, of which little is known.

Axes are those of the camera: x right, y down, z forward. Source: docs/own_video.md, "Where the person is".
"""

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import is_number, shown
from uplift_upsample.data.keypoints.times import KeyFrames

_SMOOTHED_SECONDS = 0.5  # on either side: detections shake the depth more than a person moves in this time


def check_camera(roll: float, focal: float | None) -> None:
    """Raise ``InputError`` for an invalid roll in degrees or focal length in pixels."""
    if not is_number(roll) or abs(roll) > 360:
        raise InputError(f"roll is {shown(roll)}; it must be a number of degrees")
    if focal is not None and (not is_number(focal) or focal <= 0):
        raise InputError(f"focal is {shown(focal)}; it must be the focal length in pixels, above 0")


def focal_length(size: tuple[float, float]) -> float:
    """The focal length in pixels of a camera of which nothing is known: the diagonal of the picture, an angle of view of 53°."""
    return float(np.hypot(*size))


def root_at(poses_px: np.ndarray, positions: np.ndarray, size: tuple[float, float], focal: float) -> np.ndarray:
    """Where the roots ``(M, 3)`` are, metres, so that positions ``(M, 17, 3)`` project to poses ``(M, 17, 2)``, by least squares.

    Two rows for each joint: X + tx = u (Z + tz) and the same for y. A root that is not before the camera is NaN.
    """
    u = (poses_px - np.array(size) / 2) / focal  # (M, 17, 2)
    num_poses, num_joints = u.shape[:2]
    system = np.zeros((num_poses, num_joints, 2, 3))
    system[..., 0, 0] = system[..., 1, 1] = 1
    system[..., 2] = -u
    right = u * positions[..., 2:] - positions[..., :2]
    matrix, vector = system.reshape(num_poses, -1, 3), right.reshape(num_poses, -1, 1)
    roots = (np.linalg.pinv(matrix) @ vector)[..., 0]
    return np.where(roots[:, 2:] > 0, roots, np.nan)


def smoothed_root(roots: np.ndarray, seconds: np.ndarray, keys: KeyFrames) -> np.ndarray:
    """Roots of all frames ``(T, 3)`` from those at some moments ``(M, 3)``: a mean that is triangular in time, then linear.

    NaN where no root is known at all.
    """
    is_known = np.isfinite(roots).all(axis=1)
    if not is_known.any():
        return np.full((len(keys.times), 3), np.nan)
    roots, seconds = roots[is_known], seconds[is_known]
    means = np.empty_like(roots)
    for index, moment in enumerate(seconds):
        near = slice(*np.searchsorted(seconds, [moment - _SMOOTHED_SECONDS, moment + _SMOOTHED_SECONDS + 1e-9]))
        weights = 1 + 1e-9 - np.abs(seconds[near] - moment) / (_SMOOTHED_SECONDS + 1e-9)
        means[index] = weights @ roots[near] / weights.sum()
    return np.stack([np.interp(keys.times, seconds, means[:, axis]) for axis in range(3)], axis=1)


def roots_of(poses_px: np.ndarray, positions: np.ndarray, keys: KeyFrames, size: tuple[float, float], focal: float) -> np.ndarray:
    """Roots of all frames ``(T, 3)`` from the 2D poses of key frames ``(M, 17, 2)``, pixels, and the positions of all frames."""
    whole = np.flatnonzero(np.isfinite(poses_px).all(axis=(1, 2)) & np.isfinite(positions[keys.frames]).all(axis=(1, 2)))
    frames = keys.frames[whole]
    return smoothed_root(root_at(poses_px[whole], positions[frames], size, focal), keys.times[frames], keys)
