"""The three errors of the protocol, one frame after the other, in float64."""

from collections.abc import Callable

import numpy as np

from uplift_upsample.base.skeleton import ROOT

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]  # poses (J, 3) and (J, 3) to errors (J,)


def over_frames(metric: Metric, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Errors ``(F, J)`` of poses ``(F, J, 3)``."""
    return np.stack([metric(p, g) for p, g in zip(prediction, target, strict=True)])


def mpjpe(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.linalg.norm(_relative(prediction) - _relative(target), axis=1)


def n_mpjpe(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    p, g = _relative(prediction), _relative(target)
    return np.linalg.norm((p * g).sum() / (p * p).sum() * p - g, axis=1)


def p_mpjpe(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    p, g = prediction.astype(np.float64), target.astype(np.float64)
    p, g = p - p.mean(axis=0), g - g.mean(axis=0)
    u, s, vt = np.linalg.svd(p.T @ g)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * sign).sum() / (p * p).sum()
    return np.linalg.norm(scale * p @ (u * sign) @ vt - g, axis=1)


def _relative(pose: np.ndarray) -> np.ndarray:
    pose = pose.astype(np.float64)
    return pose - pose[ROOT]
