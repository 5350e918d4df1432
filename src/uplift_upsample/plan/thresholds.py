"""Thresholds that ``config.yaml`` can change: from where on data are refused, and what counts as reproduced."""

from dataclasses import dataclass, field
from typing import Literal

from uplift_upsample.base.checked import Checked
from uplift_upsample.base.strict import Check
from uplift_upsample.plan.bounds import NonNegative as Distance


@dataclass(frozen=True)
class Checks(Checked):
    """Limits beyond which poses cannot be what the file says; such files are refused. ``config.yaml`` has the reasons."""

    body_size: tuple[Distance, Distance] = (0.3, 4.0)
    """Least and largest extent of a person in 3D poses, m."""
    reprojection_px: Distance = 40.0
    """Largest distance of the 2D poses of a video from its projected 3D poses, pixels. Above a fifth of it, the converter tries
    the known mistakes."""
    exact_px: Distance = 2.0
    """The same for exact 2D poses of Human3.6M (input_2d: gt), pixels."""
    shift_px: Distance = 120.0
    """The same for recordings of S9 that are known to be displaced as a whole, pixels."""
    surplus: Distance = 0.5
    """Most 2D frames behind the end of the 3D poses, as a share of these."""

    def checks(self) -> tuple[Check, ...]:
        return (Checks._size_faults,)

    def _size_faults(self) -> list[str]:
        smallest, largest = self.body_size
        return [] if smallest < largest else [f"body_size is {smallest:g} to {largest:g}; it must be two rising sizes in metres"]


DEFAULT_CHECKS = Checks()


@dataclass(frozen=True)
class Tolerance(Checked):
    """Distances from a published figure: up to the first it is reproduced, up to the second nearly."""

    pass_mm: Distance
    """mm of MPJPE, in either direction, up to which it is PASS."""
    warn_mm: Distance
    """mm of MPJPE, in either direction, up to which it is WARN, and FAIL beyond."""

    def checks(self) -> tuple[Check, ...]:
        return (Tolerance._order_faults,)

    def _order_faults(self) -> list[str]:
        faults = [f"pass_mm is {self.pass_mm} and warn_mm {self.warn_mm}; it must be 0 <= pass_mm <= warn_mm"]
        return [] if self.pass_mm <= self.warn_mm else faults


@dataclass(frozen=True)
class VerdictRule:
    """When the table `comparison` shows PASS, WARN or FAIL for a published figure."""

    published_weights: Tolerance = field(default_factory=lambda: Tolerance(0.1, 0.5))
    """Distances for the authors' published weights, evaluated here."""
    trained_here: Tolerance = field(default_factory=lambda: Tolerance(0.5, 1.5))
    """Distances for the mean over the seeds that were trained here."""
    average: Literal["auto", "frame_wise", "action_wise"] = "auto"
    """The average that published figures are compared with where it is not known which they are. auto, the one that published
    weights agree with better, of the figures of each source by themselves."""
