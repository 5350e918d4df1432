"""Pose errors per frame and joint: MPJPE, N-MPJPE, P-MPJPE, and those of motion, in float64 and without a loop over frames.

Source: docs/method.md, "Metrics". All functions take poses ``(F, J, 3)`` in any unit and return errors
``(F, J)`` in that unit. ``valid`` ``(F, J)`` marks the joints that are scored; the others get -1 (``INVALID``). As in the
reference, only what is scored depends on it, and the scale of N-MPJPE: the root that is subtracted and the alignment of
P-MPJPE use every joint. A NaN coordinate makes the errors of its frame NaN.

Degenerate predictions, all joints in one point, have no best scale and no best rotation. As in the reference, N-MPJPE is NaN
for them, and P-MPJPE is the distance of the unaligned pose; ``is_degenerate`` finds them; averages of them
must come with their number.

Work is done in chunks of frames, with the frames as the last axis: memory stays constant, and each operation runs over
contiguous numbers. Several threads take chunks in turn; no chunk depends on another, so the number of
threads changes no bit.
"""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import ROOT
from uplift_upsample.machine.devices import usable_cores


class Metric(NamedTuple):
    """A metric as tables name it.

    meaning: completes the sentence 'TITLE ...' in footers. of: the only data set with this metric; None: all.
    """

    title: str
    meaning: str
    unit: str = "mm"
    of: str | None = None

    @property
    def label(self) -> str:
        """The title of a column of a table in millimetres."""
        return self.title if self.unit == "mm" else f"{self.title} ({self.unit})"

    @property
    def is_share(self) -> bool:
        """Whether it is a share, of which more is better, instead of an error."""
        return self.unit == "%"

    @property
    def factor(self) -> float:
        """From what functions give to its unit: metres to millimetres, shares to per cent."""
        return 100.0 if self.is_share else MM_PER_M


# All metrics. ``FUNCTIONS`` below has what computes each from single frames; ``MOTION``, how often those of motion are differences;
# ``shares`` has those that are shares.
METRICS = {
    "mpjpe": Metric("MPJPE", "is the mean joint distance"),
    "nmpjpe": Metric("N-MPJPE", "after the best scale"),
    "pampjpe": Metric("P-MPJPE", "after the best similarity transform of each frame"),
    "mpjve": Metric("MPJVE", "is the mean distance of the joints' velocities, from one video frame to the next", "mm/frame"),
    "accel": Metric("acceleration error", "is that of their accelerations", "mm/frame²"),
    "pck": Metric("PCK", "is the share of 14 joints that are less than 150 mm off", "%", "mpi_inf_3dhp"),
    "auc": Metric("AUC", "is the mean of that share at 0, 5, …, 150 mm", "%", "mpi_inf_3dhp"),
}
MOTION = {"mpjve": 1, "accel": 2}


def metrics_of(datasets: Collection[str | None]) -> dict[str, Metric]:
    """The metrics of evaluations on some data sets."""
    return {name: metric for name, metric in METRICS.items() if metric.of is None or metric.of in datasets}


MM_PER_M = 1000.0
INVALID = -1.0  # stands for no error; errors are not negative
_CHUNK = 2048  # frames; a pose array of a chunk then fits the second-level cache
_MOST_THREADS = 4  # more would wait for memory, and for each other
_COLLAPSED = 1e-9  # metres: closer joints than a nanometre are one point
_ILL_CONDITIONED = 1e-3  # below, rounding would cost the closed-form rotation more than about 1e-12


def mpjpe(prediction: np.ndarray, target: np.ndarray, valid: np.ndarray | None = None, root: int = ROOT) -> np.ndarray:
    """Distance of each joint after the root was moved to the origin in both poses, ``(F, J)``.

    Raises ``InputError`` where the shapes do not fit together.
    """

    def distance(p: np.ndarray, g: np.ndarray, _: np.ndarray | None, buffers: np.ndarray) -> np.ndarray:
        difference = _frames_last(p, buffers[0], origin=g)
        difference -= difference[root].copy()
        return _norm(difference)

    return _by_chunks(distance, prediction, target, valid)


def n_mpjpe(
    prediction: np.ndarray,
    target: np.ndarray,
    valid: np.ndarray | None = None,
    normalisation: Literal["root", "mean"] = "root",
    root: int = ROOT,
) -> np.ndarray:
    """MPJPE after the best scale of the prediction, ``sum(p * g) / sum(p * p)`` over the valid joints of a frame, ``(F, J)``.

    normalisation: what is moved to the origin before: the root joint (the protocol), or the mean of the valid joints.
    Degenerate predictions give NaN. Raises ``InputError`` where the shapes do not fit together.
    """
    if normalisation not in ("root", "mean"):
        raise InputError(f"N-MPJPE: normalisation is {normalisation!r}; it must be 'root' or 'mean'")

    def distance(p: np.ndarray, g: np.ndarray, is_valid: np.ndarray | None, buffers: np.ndarray) -> np.ndarray:
        weights = np.True_ if is_valid is None else is_valid[:, None]  # (J, 1, F)
        p, g = (_frames_last(x, to) for x, to in zip((p, g), buffers, strict=True))
        num_valid = len(p) if is_valid is None else np.maximum(is_valid.sum(axis=0), 1)
        for x in (p, g):
            x -= x[root].copy() if normalisation == "root" else x.sum(axis=0, where=weights) / num_valid
            if is_valid is not None:
                np.copyto(x, 0, where=~weights)
        p *= quotient(_dot(p, g), _dot(p, p))
        p -= g
        return _norm(p)

    return _by_chunks(distance, prediction, target, valid)


def p_mpjpe(prediction: np.ndarray, target: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """MPJPE after the best similarity transform without reflection of each frame (Procrustes, also PA-MPJPE), ``(F, J)``.

    Degenerate predictions are scored as they are. Raises ``InputError`` where the shapes do not fit together.
    """

    def distance(p: np.ndarray, g: np.ndarray, _: np.ndarray | None, buffers: np.ndarray) -> np.ndarray:
        p, g = (_frames_last(x, to) for x, to in zip((p, g), buffers, strict=True))
        fit = _fit(p, g)
        difference = np.einsum("jaf,abf->jbf", p, fit.scale * fit.rotation)
        difference -= g
        difference += fit.centre - fit.mean_g
        return _norm(difference)

    return _by_chunks(distance, prediction, target, valid)


def motion_error(prediction: np.ndarray, target: np.ndarray, follows: np.ndarray, order: int, root: int = ROOT) -> np.ndarray:
    """Distance of the joints' velocities (order 1) or accelerations (order 2), relative to the root, ``(F, J)``.

    A velocity is the difference to the frame before, an acceleration that of two velocities. follows: whether a row is the frame
    right behind the row before it, in the same video, ``(F,)``; without ``order`` such rows one behind the other, errors are NaN.
    Raises ``InputError`` where the shapes do not fit together.
    """
    _check_shapes(prediction, target, None)
    error = np.subtract(prediction, target, dtype=np.float64)
    error -= error[:, root : root + 1].copy()
    is_known = np.ones(len(error), bool)
    for _ in range(order):
        error[1:] = np.diff(error, axis=0)
        is_known = follows & np.concatenate([np.zeros(min(len(error), 1), bool), is_known[:-1]])
    return np.where(is_known[:, None], np.linalg.norm(error, axis=-1), np.nan)


def is_degenerate(prediction: np.ndarray, root: int = ROOT) -> np.ndarray:
    """Whether all joints of a predicted pose ``(F, J, 3)`` (metres) lie in one point, ``(F,)``."""
    centre, other = (np.asarray(prediction[:, joint], np.float64) for joint in (root, root - 1))
    # Checking one joint first rules out nearly all frames.
    found = np.flatnonzero((np.abs(other - centre) < _COLLAPSED).all(axis=1))
    relative = np.asarray(prediction[found], np.float64) - centre[found, None]
    result = np.zeros(len(prediction), bool)
    result[found] = (np.abs(relative) < _COLLAPSED).all(axis=(1, 2))
    return result


def _by_chunks(
    distance: Callable[[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray], np.ndarray],
    prediction: np.ndarray,
    target: np.ndarray,
    valid: np.ndarray | None,
) -> np.ndarray:
    """Errors ``(F, J)`` from a function of a chunk: poses ``(f, J, 3)`` twice, a mask ``(J, f)``, two buffers for ``_frames_last``.

    The mask is None where all joints are valid.
    """
    _check_shapes(prediction, target, valid)
    is_valid = None if valid is None else np.asarray(valid) > 0
    errors = np.empty(prediction.shape[:2])
    starts = range(0, len(prediction), _CHUNK)

    def work(own: range) -> None:
        # One pair of buffers for all chunks of a thread: fresh memory costs the system more than the arithmetic.
        buffers = np.empty((2, *prediction.shape[1:], min(_CHUNK, len(prediction))))
        with np.errstate(invalid="ignore"):
            for start in own:
                rows = slice(start, start + _CHUNK)
                errors[rows] = distance(prediction[rows], target[rows], None if is_valid is None else is_valid[rows].T, buffers).T

    num_threads = min(usable_cores(), _MOST_THREADS, len(starts))
    if num_threads > 1:
        with ThreadPoolExecutor(num_threads) as pool:
            list(pool.map(work, [starts[first::num_threads] for first in range(num_threads)]))
    else:
        work(starts)
    if is_valid is not None:
        errors[~is_valid] = INVALID
    return errors


def _check_shapes(prediction: np.ndarray, target: np.ndarray, valid: np.ndarray | None) -> None:
    if prediction.ndim != 3 or prediction.shape[-1] != 3 or prediction.shape != target.shape:
        raise InputError(f"poses have shapes {prediction.shape} and {target.shape}; both must be (frames, joints, 3) and the same")
    if valid is not None and valid.shape != prediction.shape[:2]:
        raise InputError(f"the mask of valid joints has shape {valid.shape}; it must be {prediction.shape[:2]}")


def _frames_last(poses: np.ndarray, buffer: np.ndarray, origin: np.ndarray | None = None) -> np.ndarray:
    """``(f, J, 3)`` as float64 ``(J, 3, f)``, in the first ``f`` columns of a buffer. origin: poses to subtract."""
    result = buffer[..., : len(poses)]
    if origin is None:
        np.copyto(result, poses.transpose(1, 2, 0))
    else:
        np.subtract(poses.transpose(1, 2, 0), origin.transpose(1, 2, 0), out=result, dtype=np.float64)
    return result


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sums ``(f,)`` over joints and axes of the products of poses ``(J, 3, f)``."""
    return np.einsum("jaf,jaf->f", a, b)


def _norm(differences: np.ndarray) -> np.ndarray:
    """Lengths ``(J, f)`` of vectors ``(J, 3, f)``."""
    return np.sqrt(np.einsum("jaf,jaf->jf", differences, differences))


def quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """NaN where the denominator is 0."""
    return numerator / np.where(denominator == 0, np.nan, denominator)


class _Fit(NamedTuple):
    """``aligned = p @ (scale * rotation) + centre`` for a centred ``p``; frames last."""

    rotation: np.ndarray  # (3, 3, f)
    scale: np.ndarray  # (f,)
    trace: np.ndarray  # (f,)
    centre: np.ndarray  # (3, f)
    mean_p: np.ndarray  # (3, f)
    mean_g: np.ndarray  # (3, f)


def _fit(p: np.ndarray, g: np.ndarray) -> _Fit:
    """The best similarity transform of ``p`` to ``g``, both ``(J, 3, f)``; centres both in place."""
    mean_p, mean_g = p.sum(axis=0) / len(p), g.sum(axis=0) / len(g)
    p -= mean_p
    g -= mean_g
    norm_p, norm_g = np.sqrt(_dot(p, p)), np.sqrt(_dot(g, g))
    # a target in one point is met exactly, by scale 0; a prediction in one point is left as it is
    correlation = np.einsum("jaf,jbf->abf", p, g)
    correlation /= np.where(norm_p == 0, 1, norm_p) * np.where(norm_g == 0, 1, norm_g)
    rotation, trace = _best_rotation(correlation)
    scale = np.where(norm_p == 0, 1, trace * quotient(norm_g, norm_p))
    return _Fit(rotation, scale, trace, np.where(norm_p == 0, mean_p, mean_g), mean_p, mean_g)


def _best_rotation(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rotation R ``(3, 3, f)`` with the largest ``sum(R * H)``, and that sum ``(f,)``, for matrices H ``(3, 3, f)``.

    H is the correlation of two poses of norm 1, so that its singular values add up to at most 1.

    Markley's closed form (Journal of the Astronautical Sciences 41, 1993: "Attitude determination using vector
    observations: a fast optimal matrix algorithm"): with the singular values s1, s2 and s3, the last one negative where
    det H is, the sum s1 + s2 + s3 is the largest root of a quartic, and R follows from it. Several times faster than
    singular value decompositions; those serve the rare frames where (s1+s2)(s2+s3)(s3+s1) nearly vanishes (all joints on
    a line, mirror images).
    """
    h = correlation
    cofactors = np.stack([_cross(h[1], h[2]), _cross(h[2], h[0]), _cross(h[0], h[1])])
    determinant = (h[0] * cofactors[0]).sum(axis=0)
    square, square_cofactors = ((x * x).sum(axis=(0, 1)) for x in (h, cofactors))
    trace = _largest_root(square, determinant, square_cofactors)
    kappa = (trace * trace - square) / 2
    zeta = kappa * trace - determinant  # (s1+s2)(s2+s3)(s3+s1)
    is_hard = ~(zeta > _ILL_CONDITIONED)  # NaN, too
    gram = np.einsum("acf,bcf->abf", h, h)
    rotation = (kappa + square) * h + trace * cofactors - np.einsum("acf,cbf->abf", gram, h)
    rotation /= np.where(is_hard, 1, zeta)
    if is_hard.any():
        rotation[..., is_hard], trace[is_hard] = _best_rotation_by_svd(h[..., is_hard])
    return rotation, trace


def _largest_root(square: np.ndarray, determinant: np.ndarray, square_cofactors: np.ndarray) -> np.ndarray:
    """Largest root of ``(x^2 - square)^2 - 8 x determinant - 4 square_cofactors``, by Newton's method.

    It starts at 1, which no root exceeds. Frames with a (nearly) double root stop early; they go to the decomposition anyway.
    """
    x, is_moving = np.ones_like(square), np.ones(square.shape, bool)
    for _ in range(20):
        excess = x * x - square
        slope = 4 * x * excess - 8 * determinant
        value = excess * excess - 8 * x * determinant - 4 * square_cofactors
        # A frame stops by itself, so that its result does not depend on its neighbours.
        step = np.where(is_moving & (slope > _ILL_CONDITIONED), value / np.where(slope == 0, 1, slope), 0)
        x -= step
        is_moving = np.abs(step) > 1e-10  # else the error, which squares with each step, is rounding alone
        if not is_moving.any():
            break
    return x


def _best_rotation_by_svd(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``_best_rotation`` by batched singular value decomposition; NaN for frames with NaN."""
    matrices = np.moveaxis(correlation, -1, 0)  # (f, 3, 3)
    is_finite = np.isfinite(matrices).all(axis=(1, 2))
    u, s, vt = np.linalg.svd(np.where(is_finite[:, None, None], matrices, 0))
    sign = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    vt[:, 2] *= sign[:, None]
    s[:, 2] *= sign
    rotation, trace = np.matmul(u, vt), s.sum(axis=1)
    rotation[~is_finite], trace[~is_finite] = np.nan, np.nan
    return np.moveaxis(rotation, 0, -1), trace


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of vectors ``(3, f)``."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mpjpe": mpjpe,
    "nmpjpe": n_mpjpe,
    "pampjpe": p_mpjpe,
}
