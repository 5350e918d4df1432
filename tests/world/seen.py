"""From what a camera sees back to the world."""

import numpy as np


def camera_to_world(points: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """The inverse of ``base.cameras.world_to_camera``: points ``(B, ..., 3)``, rotations ``(B, 3, 3)``, translations ``(B, 3)``."""
    return np.einsum("bji,b...j->b...i", rotations, points) + translations.reshape(-1, *[1] * (points.ndim - 2), 3)
