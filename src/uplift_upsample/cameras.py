"""Camera geometry of Human3.6M: world to camera, projection with distortion, normalised screen coordinates.

Source: docs/method.md, "Cameras" (the projection model of the Human3.6M release). All functions work on batches and keep the
dtype of the points they are given. Lengths are metres.
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from uplift_upsample.products import one_blas_thread

NUM_INTRINSICS = 11  # w, h, fx, fy, cx, cy, k1, k2, k3, p1, p2
_CX, _P1 = 4, 9


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


@functools.cache
def h36m_cameras() -> Cameras:
    """The 28 cameras of Human3.6M that have extrinsics: four of each subject, subjects in file order."""
    document = json.loads(resources.files("uplift_upsample").joinpath("h36m_cameras.json").read_text("utf-8"))
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


@one_blas_thread()
def world_to_camera(points: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """Points in camera axes (x right, y down, z forward).

    points: ``(B, ..., 3)`` metres. rotations: ``(B, 3, 3)`` world to camera (``Cameras.rotations``).
    translations: ``(B, 3)`` camera centres. One camera for each entry of the first axis.
    """
    shape = points.shape
    flat = points.reshape(shape[0], -1, 3) - translations[:, None, :]
    return np.matmul(flat, np.swapaxes(rotations, 1, 2)).reshape(shape)


@one_blas_thread()
def camera_to_world(points: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """The inverse of ``world_to_camera``."""
    shape = points.shape
    flat = np.matmul(points.reshape(shape[0], -1, 3), rotations) + translations[:, None, :]
    return flat.reshape(shape)


def project(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Project camera-frame points to the image, with radial and tangential distortion.

    points: ``(B, ..., 3)``. intrinsics: ``(B, 11)``, normalised or in pixels; the result ``(B, ..., 2)`` is in the same
    units. Directions are clipped to [-1, 1] before the distortion, as in the Human3.6M projection model.
    """
    columns = np.moveaxis(intrinsics.astype(points.dtype), -1, 0)
    columns = columns.reshape(NUM_INTRINSICS, -1, *[1] * (points.ndim - 2))
    x = np.clip(points[..., 0] / points[..., 2], -1, 1)
    y = np.clip(points[..., 1] / points[..., 2], -1, 1)
    return np.stack(seen_in_direction(x, y, columns), axis=-1)


def seen_in_direction(x: Any, y: Any, intrinsics: Iterable[Any]) -> tuple[Any, Any]:
    """Where a camera sees directions (x, y, 1), x and y at most 1: arithmetic alone, for arrays and for tensors of any framework.

    intrinsics: the 11 numbers of the camera, each of a shape that fits x and y.
    """
    _, _, fx, fy, cx, cy, k1, k2, k3, p1, p2 = intrinsics
    r2 = x * x + y * y
    scale = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + p1 * x + p2 * y
    return fx * (x * scale + p1 * r2) + cx, fy * (y * scale + p2 * r2) + cy


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
