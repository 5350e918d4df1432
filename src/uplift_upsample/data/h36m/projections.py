"""Human3.6M through the four cameras of each subject: exact 2D poses.

Source: docs/method.md, "Human3.6M".
"""

from collections.abc import Mapping, Sequence

import numpy as np

from uplift_upsample.base.cameras import Cameras, h36m_cameras, intrinsics_px, project, world_to_camera
from uplift_upsample.base.skeleton import H36M_32_TO_17


def projections(positions_3d: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, list[np.ndarray]]]:
    """From ``(T, 32, 3)`` world metres: subject -> action -> for each camera ``(T, 17, 2)`` float32 pixels in ``H36M_17`` order."""
    cameras = h36m_cameras()
    return {
        subject: {
            action: [
                projected(poses[:, H36M_32_TO_17], cameras, [camera])[0].astype(np.float32)  # one by one: quicker, and less memory
                for camera in cameras.of_subject(subject)
            ]
            for action, poses in actions.items()
        }
        for subject, actions in positions_3d.items()
    }


def projected(poses_3d: np.ndarray, cameras: Cameras, views: Sequence[int]) -> np.ndarray:
    """World poses ``(n, J, 3)`` seen by some cameras: ``(len(views), n, J, 2)`` float64 pixels."""
    views = list(views)
    with np.errstate(all="ignore"):  # what lies in the plane of the camera is far off, or NaN
        in_camera = world_to_camera(
            np.broadcast_to(poses_3d.astype(np.float64), (len(views), *poses_3d.shape)),
            cameras.rotations[views].astype(np.float64),
            cameras.translation[views].astype(np.float64),
        )
        return project(in_camera, intrinsics_px(cameras.intrinsics[views]))
