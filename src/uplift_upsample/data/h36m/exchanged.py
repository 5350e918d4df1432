"""Joints whose names are exchanged: where the 3D poses have one joint, the 2D poses have another, and the other way round.

A few exchanged joints move the mean over all joints by a few pixels, as the errors of detectors do. So each joint is looked for
among all joints. Detectors confuse left and right for a while, and may have other places for a joint; neither exchanges joints
in most frames of many videos.
"""

from collections.abc import Sequence

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17

Exchange = tuple[int, ...]  # joints of MODEL_17: the 2D poses have each where the 3D poses have the one before it, in a circle


def joint_distances(expected: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """From each joint of the projected 3D poses ``(n, 17, 2)`` to each one of the 2D poses, ``(17, 17)`` pixels: the median over
    the frames; NaN without frames."""
    if not len(expected):
        return np.full((len(MODEL_17), len(MODEL_17)), np.nan)
    (x, y), (seen_x, seen_y) = (poses.transpose(2, 1, 0).astype(np.float32) for poses in (expected, seen))  # (17, n) each
    with np.errstate(over="ignore"):  # numbers so large that they have no meaning are far from all others
        squares = np.square(x[:, None] - seen_x) + np.square(y[:, None] - seen_y)  # (17, 17, n)
    middle = squares.shape[-1] // 2
    return np.sqrt(np.partition(squares, middle)[..., middle])


def exchanges(distances: np.ndarray, at_least_px: float, share: float) -> list[Exchange]:
    """The joints whose names are exchanged. distances: ``(17, 17)``, as above. at_least_px: what a joint is off at least.
    share: largest distance to the other's place, as a share of the distance to its own.

    Only whole circles count: a wrist on a hip is nearer to the hip than a badly detected wrist, but then the hip is so, too.
    """
    own, nearest = distances.diagonal(), distances.argmin(1)
    is_other = (nearest != np.arange(len(own))) & (own > at_least_px) & (distances.min(1) <= share * own)
    found: list[Exchange] = []
    for first in np.flatnonzero(is_other).tolist():
        circle = [first]
        while is_other[circle[-1]] and (following := int(nearest[circle[-1]])) not in circle:
            circle.append(following)
        if is_other[circle[-1]] and nearest[circle[-1]] == first and first == min(circle):
            found.append(tuple(circle))
    return found


def undone(poses_2d: np.ndarray, found: Sequence[Exchange]) -> np.ndarray:
    """2D poses ``(..., 17, 2)`` with each joint in its place."""
    order = np.arange(len(MODEL_17))
    for circle in found:
        order[list(circle)] = [*circle[1:], circle[0]]
    return poses_2d[..., order, :]


def exchange_words(found: Sequence[Exchange]) -> str:
    """``the 2D poses have l_wrist where the 3D poses have r_wrist and the other way round``."""
    pairs = [circle for circle in found if len(circle) == 2]
    swapped = [f"{MODEL_17[other]} where the 3D poses have {MODEL_17[one]}" for one, other in pairs]
    texts = [f"the 2D poses have {', '.join(swapped)} and the other way round"] if swapped else []
    for circle in found:
        if len(circle) > 2:
            steps = zip(circle, [*circle[1:], circle[0]], strict=True)
            texts.append(
                "the 2D poses have " + ", ".join(f"{MODEL_17[other]} in the place of {MODEL_17[one]}" for one, other in steps)
            )
    return "; ".join(texts)
