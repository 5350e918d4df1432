"""3D poses of a clip, with everything that one needs to know of them, and their files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MODEL_17
from uplift_upsample.data.keypoints.layouts import layout_named


@dataclass(frozen=True)
class LiftedPoses:
    """A pose for each of the T frames of a clip.

    positions: ``(T, J, 3)`` float32 metres, camera axes (x right, y down, z forward), relative to the pelvis unless
    ``metadata["root"]`` names another origin; NaN where nothing is known. joints: their names ``(J,)``.
    times: seconds since the first frame ``(T,)``. frames: numbers of the frames in the file ``(T,)``.
    is_key: whether the network saw the 2D pose of a frame ``(T,)``. poses_2d: those poses ``(T, 17, 2)``, pixels, ``MODEL_17``, NaN
    elsewhere. size: width and height of the picture. metadata: where all of it comes from.
    """

    positions: np.ndarray
    joints: tuple[str, ...]
    times: np.ndarray
    frames: np.ndarray
    frame_rate: float
    is_key: np.ndarray
    poses_2d: np.ndarray
    size: tuple[float, float]
    metadata: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.positions)

    def require_skeleton(self, what: str) -> None:
        """Raise ``InputError`` where the joints are those of another layout, which is no skeleton. what: needs them, in words."""
        if self.joints != MODEL_17:
            raise InputError(f"{what} needs the project's 17 joints, which are a skeleton; leave the layout out for it")

    def in_layout(self, layout: str) -> "LiftedPoses":
        """The same with the joints of a keypoint layout (``coco``, ``body_25``, …) in its order.

        NaN for the joints that networks do not put out, such as eyes and toes. Raises ``InputError`` for an unknown layout.
        """
        joints = layout_named(layout).joints
        given = {name: self.positions[:, index] for index, name in enumerate(self.joints)}
        if joints != H36M_17 and self.metadata.get("skeleton") == "h36m":  # whose neck is a third of the way to the nose
            given["neck"] = (given["l_shoulder"] + given["r_shoulder"]) / 2
        nowhere = np.full((len(self), 3), np.nan, np.float32)
        return replace(self, joints=joints, positions=np.stack([given.get(name, nowhere) for name in joints], axis=1))

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the poses in the format of the suffix: .npz, .csv, .json, .bvh or .trc. Returns what to know about the file, or "".

        Raises ``InputError`` for another suffix, and for poses that the format cannot hold.
        """
        from uplift_upsample.lift.exports.writers import WRITERS

        writer = WRITERS.get(Path(path).suffix.lower())
        if writer is None:
            raise InputError(f"{path}: no such format; known are {', '.join(WRITERS)} (scripts/lift.py draws .gif and .mp4)")
        return writer(Path(path), self)
