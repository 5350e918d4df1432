"""The roll of a camera: turned out of the picture before lifting, and into the 3D poses afterwards.

Networks know upright cameras. Without roll, poses are closer by 5 to 16 mm (docs/own_video.md, "Camera").
"""

import numpy as np

from uplift_upsample.base.products import one_blas_thread


@one_blas_thread()
def upright(points_px: np.ndarray, size: tuple[float, float], roll: float) -> np.ndarray:
    """Points ``(..., 2)`` of a picture as a camera without roll sees them, turned about its middle.

    roll: degrees by which the camera was turned clockwise, seen from behind it; the picture shows the world turned the other way.
    """
    middle = np.array(size) / 2
    return (points_px - middle) @ _turn(roll).T + middle


@one_blas_thread()
def rolled(positions: np.ndarray, roll: float) -> np.ndarray:
    """Positions ``(..., 3)`` of the upright camera in the axes of the real one, which is turned by ``roll`` (see ``upright``)."""
    turn = np.eye(3)
    turn[:2, :2] = _turn(-roll)
    return positions @ turn.T


def _turn(degrees: float) -> np.ndarray:
    """Turns ``(x right, y down)`` clockwise."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])
