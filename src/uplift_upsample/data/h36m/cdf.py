"""The 3D poses in one CDF file of Human3.6M.

Source: docs/method.md, "Human3.6M".
"""

import tempfile
from pathlib import Path
from typing import Any

import cdflib
import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_32
from uplift_upsample.data.h36m.cdf_guard import DamagedCdfError, sound_cdf

VARIABLE = "Pose"
_MM_PER_M = 1000
_FARTHEST = 20.0  # m from the origin; the capture space has 4 m x 3 m around it
_SMALLEST, _LARGEST = 0.3, 4.0  # m, the diagonal of the box around a body; as body_size in plan.thresholds


def read_poses(content: bytes, where: str) -> np.ndarray:
    """World positions ``(T, 32, 3)`` in float32 metres from the bytes of a CDF file; ``where`` starts each error.

    Raises ``InputError`` for a file that cannot be read or holds something else: another variable or shape, values that are not
    finite, and values that cannot be a moving body in millimetres.
    """
    values = _variable(content, where)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd values become infinite, which is an error below
        poses = _metres(values, where)
        _check_body(poses, where)
    return poses


def _variable(content: bytes, where: str) -> Any:
    # The reader wants a path, and unpacks compressed files beside it, which it removes when it is freed itself; so no
    # exception that refers to it may live on.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poses.cdf"
        try:
            path.write_bytes(sound_cdf(content, VARIABLE))
            return cdflib.CDF(path).varget(VARIABLE)
        except DamagedCdfError as error:
            reason = str(error)
        except Exception as error:  # a damaged file can fail in any way
            reason = f"{type(error).__name__}: {error}".replace(str(path.resolve()), "it")
    raise InputError(f"{where}: the variable {VARIABLE!r} cannot be read ({reason}); get the archive again")


def _metres(values: Any, where: str) -> np.ndarray:
    # a record with all frames, as the archives have them, or a record for each frame
    shape = (
        values.shape[1:] if isinstance(values, np.ndarray) and values.shape[:1] == (1,) and values.ndim == 3 else np.shape(values)
    )
    width = 3 * len(H36M_32)
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or len(shape) != 2 or shape[1] != width or shape[0] == 0:
        found = f"{np.shape(values)} of {getattr(values, 'dtype', type(values).__name__)}"
        raise InputError(f"{where}: the variable {VARIABLE!r} has the shape {found}, not (1, frames, {width}) of float32")
    # divided in the type of the file, as the public files were made
    return (values.reshape(-1, len(H36M_32), 3) / values.dtype.type(_MM_PER_M)).astype(np.float32, order="C")


def _check_body(poses: np.ndarray, where: str) -> None:
    is_finite = np.isfinite(poses).all(2)
    if not is_finite.all():
        frame, joint = np.argwhere(~is_finite)[0].tolist()
        raise InputError(
            f"{where}: frame {frame}, {H36M_32[joint]}, has a coordinate that is NaN or infinite; get the archive again"
        )
    hint = "are these world positions in millimetres?"
    distance = np.linalg.norm(poses, axis=-1).max(1)
    if distance.max() > _FARTHEST:
        frame = int(np.argmax(distance > _FARTHEST))
        raise InputError(f"{where}: frame {frame} has a joint {distance[frame]:.6g} m from the origin; {hint}")
    size = np.linalg.norm(np.ptp(poses, axis=1), axis=-1)
    is_body = (size >= _SMALLEST) & (size <= _LARGEST)
    if not is_body.all():
        frame = int(np.argmin(is_body))
        raise InputError(f"{where}: frame {frame} has a body of {size[frame]:.3g} m; {hint}")
    if len(poses) > 1 and not np.ptp(poses, axis=0).any():
        raise InputError(f"{where}: all {len(poses)} frames are the same; get the archive again")
