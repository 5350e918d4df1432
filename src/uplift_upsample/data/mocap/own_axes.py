"""Units and axes of the user's own motion capture, and the way to those of the project: metres, z up.

The turn to z up is always a proper rotation (determinant 1), so that left stays left. For x up or y up it is the cyclic
exchange of the axes that brings the vertical one to the third place; where the axis points down, half a turn about the
new x axis follows.
"""

import numpy as np

from uplift_upsample.base.products import one_blas_thread
from uplift_upsample.data.checks import UNITS

# Rows: the axes of the project in terms of those of the file.
_CYCLES = {
    "x": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "y": np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "z": np.eye(3, dtype=np.int64),
}
_HALF_TURN = np.diag([1, -1, -1])  # about the first axis
TO_Z_UP = _CYCLES | {f"-{axis}": _HALF_TURN @ cycle for axis, cycle in _CYCLES.items()}


@one_blas_thread()
def to_world(positions: np.ndarray, unit: str, up_axis: str) -> np.ndarray:
    """Positions ``(..., 3)`` of a file as float64 metres, z up. unit: of ``UNITS``. up_axis: of ``TO_Z_UP``."""
    return positions.astype(np.float64) * UNITS[unit] @ TO_Z_UP[up_axis].T
