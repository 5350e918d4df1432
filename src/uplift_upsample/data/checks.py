"""Whether poses from a file have the size of people in its unit, and the thresholds of all checks of meaning.

Shapes and types do not show units, rates and orders; these checks look at what the numbers mean.
"""

import math
from dataclasses import dataclass

import numpy as np

from uplift_upsample.data.mocap.own_axes import UNITS
from uplift_upsample.errors import InputError
from uplift_upsample.skeleton import ROOT

_NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}
_SAMPLE = 24  # frames of a recording that are looked at: a median over them is sound with half of them spoilt


@dataclass(frozen=True)
class Checks:
    """What ``config.yaml`` says under ``checks``: from where on data contradict what they are said to be.

    body_size: least and largest extent of a person, m. reprojection_px: the largest distance between the 2D poses of a video and
    its projected 3D poses, pixels; from a fifth of it on, known mistakes are looked for. shift_px: the same for recordings whose 3D
    poses are known to be displaced as a whole. surplus: 2D frames behind the end of the 3D poses, as a share of these.
    The defaults have their reasons in ``config.yaml``.
    """

    body_size: tuple[float, float] = (0.3, 4.0)
    reprojection_px: float = 40.0
    shift_px: float = 120.0
    surplus: float = 0.5

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}; it must be a number that is not negative"
            for name in ("reprojection_px", "shift_px", "surplus")
            if not getattr(self, name) >= 0
        ]
        if not 0 <= self.body_size[0] < self.body_size[1]:
            faults.append(f"body_size is {self.body_size[0]:g} to {self.body_size[1]:g}; it must be two rising sizes in metres")
        if faults:
            raise InputError("\n".join(faults))


DEFAULT_CHECKS = Checks()


def sampled_frames(num_frames: int) -> np.ndarray:
    """Some frames of a recording, spread over all of it: all of a short one."""
    return np.unique(np.linspace(0, num_frames - 1, _SAMPLE).round().astype(np.int64))


def body_size(poses_3d: np.ndarray) -> float:
    """Extent of a person in poses ``(T, 17, 3)``, in their unit: the longest side of the box around all joints, the median over
    sampled frames. NaN where no frame has finite numbers.
    """
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
