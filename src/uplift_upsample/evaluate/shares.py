"""Shares of joints that are near enough, as the evaluation code of MPI-INF-3DHP has them. Source: docs/method.md, "Metrics".

Functions of the errors ``(F, 17)`` of MPJPE in metres; NaN and ``INVALID`` stay. Pelvis, torso and the head joint do not count.
"""

from collections.abc import Callable

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.evaluate.metrics import INVALID

_NEAR_ENOUGH = 0.150  # m
_THRESHOLDS = np.arange(0, 0.1501, 0.005)  # 31, as published
_UNCOUNTED = [MODEL_17.index(name) for name in ("pelvis", "torso", "head")]


def pck(errors: np.ndarray) -> np.ndarray:
    """1 for each joint that is less than 150 mm off, else 0, ``(F, 17)``."""
    return _of_counted_joints(errors, errors < _NEAR_ENOUGH)


def auc(errors: np.ndarray) -> np.ndarray:
    """The mean of ``pck`` over thresholds of 0, 5, …, 150 mm, ``(F, 17)``. At 0 it is 0."""
    count = len(_THRESHOLDS)
    return _of_counted_joints(errors, (count - np.searchsorted(_THRESHOLDS, errors, side="right")) / count)


def _of_counted_joints(errors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    shares = np.where(np.isnan(errors) | (errors == INVALID), errors, shares)
    shares[:, _UNCOUNTED] = INVALID
    return shares


SHARES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"pck": pck, "auc": auc}
