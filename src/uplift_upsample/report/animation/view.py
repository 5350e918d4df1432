"""Two rectangles to draw poses into, each with one scale for all frames: the image plane, and space seen from aside."""

import math
from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float]  # left, top, right, bottom; pixels
AZIMUTH, ELEVATION = math.radians(-40), math.radians(14)  # of the eye: from the right of the camera, and from above
GRID = 0.5  # metres


@dataclass(frozen=True)
class View:
    """An affine map to pixels, ``places = points @ axes.T * scale + origin``; ``axes`` has one row more for the depth."""

    axes: np.ndarray
    scale: float
    origin: np.ndarray

    def places(self, points: np.ndarray) -> np.ndarray:
        """Pixels ``(..., 2)`` of points ``(..., D)``."""
        return points @ self.axes[:2].T * self.scale + self.origin

    def depth(self, points: np.ndarray) -> np.ndarray:
        """How far away points ``(..., 3)`` are, in their own unit."""
        return points @ self.axes[2]


@dataclass(frozen=True)
class Floor:
    """A square below all feet: lines ``(L, 2, 3)`` every ``GRID`` metres, and its corners ``(4, 3)``."""

    lines: np.ndarray
    corners: np.ndarray


def image_view(poses_2d: np.ndarray, box: Box) -> View:
    """The part of the image that some poses ``(F, 17, 2)`` cover."""
    return _fitted(poses_2d.reshape(-1, 2), np.eye(2), box)


def space_view(poses: np.ndarray, floor: Floor, box: Box) -> View:
    """Some poses ``(..., 3)`` (x right, y away, z up) and their floor, seen from aside without perspective."""
    sin_a, cos_a, sin_e, cos_e = math.sin(AZIMUTH), math.cos(AZIMUTH), math.sin(ELEVATION), math.cos(ELEVATION)
    right = np.array([cos_a, -sin_a, 0])
    away = np.array([sin_a, cos_a, 0])
    up = np.array([0, 0, 1])
    axes = np.stack([right, -(up * cos_e + away * sin_e), away * cos_e - up * sin_e])  # rows of pixels grow downwards
    return _fitted(np.concatenate([poses.reshape(-1, 3), floor.corners]), axes, box)


def floor_below(poses: np.ndarray) -> Floor:
    """The floor of poses ``(..., 3)``."""
    points = poses.reshape(-1, 3)
    size = max(GRID, math.ceil(np.abs(points[:, :2]).max() / GRID - 0.3) * GRID)
    z = float(points[:, 2].min()) - 0.03
    ticks = np.arange(-size, size + GRID / 2, GRID)
    along_x = [[[-size, tick, z], [size, tick, z]] for tick in ticks]
    along_y = [[[tick, -size, z], [tick, size, z]] for tick in ticks]
    corners = [[-size, -size, z], [size, -size, z], [size, size, z], [-size, size, z]]
    return Floor(np.array([*along_x, *along_y]), np.array(corners))


def _fitted(points: np.ndarray, axes: np.ndarray, box: Box) -> View:
    """The largest scale with which all points lie in a box, in its middle. Points that are not finite do not count."""
    flat = (points @ axes[:2].T)[np.isfinite(points).all(axis=1)]
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = np.array([box[2] - box[0], box[3] - box[1]])
    scale = float((size / np.maximum(high - low, 1e-6)).min())
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    return View(axes, scale, middle - (low + high) / 2 * scale)
