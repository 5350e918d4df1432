"""Exact 2D poses of Human3.6M: the 3D poses through the four cameras of each subject.

Source: docs/method.md, "Human3.6M".
"""

from collections.abc import Mapping

import numpy as np

from uplift_upsample.base.cameras import h36m_cameras, intrinsics_px, project, world_to_camera
from uplift_upsample.base.skeleton import H36M_32_TO_17


def projections(positions_3d: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, list[np.ndarray]]]:
    """From ``(T, 32, 3)`` world metres: subject -> action -> for each camera ``(T, 17, 2)`` float32 pixels in ``H36M_17`` order."""
    return {
        subject: {action: _views(subject, poses[:, H36M_32_TO_17]) for action, poses in actions.items()}
        for subject, actions in positions_3d.items()
    }


def _views(subject: str, poses: np.ndarray) -> list[np.ndarray]:
    cameras = h36m_cameras()
    views = []
    for index in [index for index, name in enumerate(cameras.names) if name.startswith(f"{subject}/")]:
        in_camera = world_to_camera(poses[None].astype(np.float64), cameras.rotations[[index]], cameras.translation[[index]])
        views.append(project(in_camera, intrinsics_px(cameras.intrinsics[[index]]))[0].astype(np.float32))
    return views
