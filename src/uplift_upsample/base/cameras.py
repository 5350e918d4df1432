"""Camera geometry of Human3.6M: world to camera, projection with distortion, normalised screen coordinates.

Source: docs/method.md, "Cameras" (the projection model of the Human3.6M release). All functions work on batches and keep the
dtype of the points they are given. Lengths are metres.

Functions with a parameter ``xp`` compute with NumPy arrays, or with the tensors of any backend where it is ``keras.ops``.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

NUM_INTRINSICS = 11  # w, h, fx, fy, cx, cy, k1, k2, k3, p1, p2
_CX, _P1 = 4, 9  # places in the intrinsics of what changes its sign in a mirrored picture


@dataclass(frozen=True)
class Cameras:
    """A list of C calibrated cameras.

    names: ``"S1/54138969"`` and the like.
    orientation: unit quaternions (w, x, y, z), camera to world, ``(C, 4)`` float32.
    translation: camera centres in the world, metres, ``(C, 3)`` float32.
    intrinsics: ``(C, 11)`` float64, w, h in pixels, then focal lengths and centre normalised by the width
        (see ``normalise_points``), then k1, k2, k3, p1, p2.
    """

    names: tuple[str, ...]
    orientation: np.ndarray
    translation: np.ndarray
    intrinsics: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    @property
    def rotations(self) -> np.ndarray:
        """Matrices ``(C, 3, 3)`` float32 that take world directions to camera directions."""
        return np.swapaxes(rotation_matrices(self.orientation), 1, 2).astype(np.float32)

    def of_subject(self, subject: str) -> list[int]:
        """The indices of the cameras that saw a person, who is named before the slash."""
        return [index for index, name in enumerate(self.names) if name.split("/")[0] == subject]


@functools.cache
def h36m_cameras() -> Cameras:
    """The 28 cameras of Human3.6M that have extrinsics: four of each subject, subjects in file order."""
    document = json.loads(resources.files("uplift_upsample.base").joinpath("h36m_cameras.json").read_text("utf-8"))
    views = [
        (f"{subject}/{intrinsic['id']}", extrinsic, intrinsic)
        for subject, extrinsics in document["extrinsics"].items()
        for extrinsic, intrinsic in zip(extrinsics, document["cameras"], strict=True)
    ]
    return Cameras(
        names=tuple(name for name, _, _ in views),
        orientation=np.array([e["orientation"] for _, e, _ in views], np.float32),
        # divided in float32, as the reference does
        translation=np.array([e["translation"] for _, e, _ in views], np.float32) / np.float32(1000),
        intrinsics=np.stack([_intrinsic_vector(i) for _, _, i in views]),
    )


def _intrinsic_vector(camera: dict) -> np.ndarray:
    """The 11 numbers of one camera of the JSON file, normalised; rounded to float32 on the way as the reference does."""
    width, height = camera["resolution"]
    focal_length = (np.array(camera["focal_length"], np.float32) / width * 2).astype(np.float32)
    center = (np.array(camera["center"], np.float32) / width * 2 - np.array([1, height / width])).astype(np.float32)
    distortion = np.array([*camera["radial_distortion"], *camera["tangential_distortion"]], np.float32)
    return np.concatenate([[width, height], focal_length, center, distortion]).astype(np.float64)


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices ``(..., 3, 3)`` float64 of unit quaternions (w, x, y, z) ``(..., 4)``."""
    w, x, y, z = np.moveaxis(np.asarray(quaternions, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def world_to_camera(points: Any, rotations: Any, translations: Any, xp: Any = np) -> Any:
    """Points in camera axes (x right, y down, z forward).

    points: ``(B, ..., 3)`` metres. rotations: ``(B, 3, 3)`` world to camera (``Cameras.rotations``).
    translations: ``(B, 3)`` camera centres. One camera for each entry of the first axis.
    """
    return _turned(points - _fitting(translations, points, xp), rotations, xp)


def _fitting(vectors: Any, points: Any, xp: Any) -> Any:
    """One vector ``(B, D)`` for each entry of the first axis of points ``(B, ..., D)``, in a shape that fits them."""
    return xp.reshape(vectors, (-1, *[1] * (len(points.shape) - 2), vectors.shape[-1]))


def _turned(points: Any, matrices: Any, xp: Any) -> Any:
    """Points by matrices ``(B, 3, 3)``: coordinate by coordinate, as quick as a matrix product of this size.

    Unlike those of BLAS, its last bits do not depend on the number of threads.
    """
    x, y, z = (points[..., axis] for axis in range(3))
    matrices = xp.reshape(matrices, (-1, 3, 3, *[1] * (len(points.shape) - 2)))
    return xp.stack([matrices[:, row, 0] * x + matrices[:, row, 1] * y + matrices[:, row, 2] * z for row in range(3)], axis=-1)


def project(points: Any, intrinsics: Any, xp: Any = np) -> Any:
    """Project camera-frame points to the image, with radial and tangential distortion.

    points: ``(B, ..., 3)``. intrinsics: ``(B, 11)``, normalised or in pixels; the result ``(B, ..., 2)`` is in the same
    units. Directions are clipped to [-1, 1] before the distortion, as in the Human3.6M projection model.
    """
    vectors = _fitting(xp.array(intrinsics, dtype=points.dtype), points, xp)
    _, _, fx, fy, cx, cy, k1, k2, k3, p1, p2 = (vectors[..., column] for column in range(NUM_INTRINSICS))
    x = xp.clip(points[..., 0] / points[..., 2], -1, 1)
    y = xp.clip(points[..., 1] / points[..., 2], -1, 1)
    r2 = x * x + y * y
    scale = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + p1 * x + p2 * y
    return xp.stack([fx * (x * scale + p1 * r2) + cx, fy * (y * scale + p2 * r2) + cy], axis=-1)


def normalise_points(points_px: np.ndarray, width: float, height: float) -> np.ndarray:
    """Pixels to normalised screen coordinates: x in [-1, 1], y by the same factor, so that the aspect ratio stays."""
    return points_px / width * 2 - np.array([1, height / width], points_px.dtype)


def denormalise_points(points: np.ndarray, width: float, height: float) -> np.ndarray:
    """The inverse of ``normalise_points``."""
    return (points + np.array([1, height / width], points.dtype)) * width / 2


def intrinsics_px(intrinsics: np.ndarray) -> np.ndarray:
    """Camera vectors ``(..., 11)`` with focal lengths and centre in pixels instead of normalised."""
    vectors = np.array(intrinsics, np.float64)
    width, height = vectors[..., 0], vectors[..., 1]
    vectors[..., 2:4] *= width[..., None] / 2
    vectors[..., 4] = (vectors[..., 4] + 1) * width / 2
    vectors[..., 5] = (vectors[..., 5] + height / width) * width / 2
    return vectors


def mirrored_intrinsics(intrinsics: np.ndarray) -> np.ndarray:
    """Camera vectors ``(..., 11)`` of the mirrored image: cx and p1, the tangential term along x, change sign.

    The projection of mirrored points is then exactly the mirrored projection.
    """
    vectors = intrinsics.copy()
    vectors[..., [_CX, _P1]] *= -1
    return vectors
