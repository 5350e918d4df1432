"""Whether poses from a file have the size of people in its unit.

Shapes and types do not show units, rates and orders; these checks look at what the numbers mean.
"""

import math

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import ROOT
from uplift_upsample.plan.thresholds import Checks

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}  # metres
_NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}
_SAMPLE = 24  # frames of a recording that are looked at: a median over them is sound with half of them spoilt


def sampled_frames(num_frames: int) -> np.ndarray:
    """Some frames of a recording, spread over all of it: all of a short one."""
    return np.unique(np.linspace(0, num_frames - 1, _SAMPLE).round().astype(np.int64))


def body_size(poses_3d: np.ndarray) -> float:
    """Extent of a person in poses ``(T, 17, 3)``, in their unit: the longest side of the box around all joints, the median over
    sampled frames. NaN where no frame has finite numbers.
    """
    with np.errstate(invalid="ignore"):  # NaN of damaged files
        poses = poses_3d[sampled_frames(len(poses_3d))].astype(np.float64)
    extents = (poses.max(1) - poses.min(1)).max(-1)
    extents = extents[np.isfinite(extents)]
    return float(np.median(extents)) if len(extents) else math.nan


def check_body_size(where: str, poses_3d: np.ndarray, checks: Checks) -> float:
    """The size of the person in poses ``(T, 17, 3)`` of a file that holds metres. Raises ``InputError`` where nobody is of it."""
    size = body_size(poses_3d)
    smallest, largest = checks.body_size
    if smallest <= size <= largest or math.isnan(size):  # numbers that are not finite are another check's matter
        return size
    units = likely_units(size, smallest, largest)
    likely = "no unit gives the size of a person"
    if units:
        likely = f"they are likely {_NAMES[units[0][0]]}, which makes {units[0][1]:.2f} m"
    raise InputError(
        f"{where}: the person measures {size:.4g} m, not {smallest:g} to {largest:g} m as people do; the numbers must be metres: "
        f"{likely}"
    )


def likely_units(size: float, smallest: float, largest: float) -> list[tuple[str, float]]:
    """The units in which a number can be the size of a person, each with that size in metres, the likeliest first."""
    found = [(unit, size * metres) for unit, metres in UNITS.items() if smallest <= size * metres <= largest]
    return sorted(found, key=lambda item: abs(math.log(item[1] / 1.7)))  # m, somebody upright


def is_relative_to_pelvis(poses_3d: np.ndarray) -> bool:
    """Whether the pelvis of poses ``(T, 17, 3)`` in ``MODEL_17`` order is the origin in all of several frames."""
    return len(poses_3d) > 1 and not poses_3d[:, ROOT].any()
