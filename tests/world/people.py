"""Made-up people for tests that need no more than somebody who moves."""

import numpy as np

from uplift_upsample.cameras import h36m_cameras, project, world_to_camera
from uplift_upsample.data.frames import SequenceRecord


def swinging_record(subject: str, action: str, length: int, generator: np.random.Generator) -> SequenceRecord:
    """Somebody whose joints swing about a fixed pose, seen by the four cameras of S1."""
    pose = generator.normal(size=(17, 3)) * 0.3 + [0, 0, 1]
    phase = np.sin(np.arange(length)[:, None, None] / 15 + generator.random((17, 3)) * 6)
    poses = (pose + 0.1 * phase).astype(np.float32)
    cameras = h36m_cameras()
    views = []
    for camera in range(4):
        in_camera = world_to_camera(poses[None], cameras.rotations[[camera]], cameras.translation[[camera]])
        views.append(project(in_camera, cameras.intrinsics[[camera]])[0])
    return SequenceRecord(subject, action, action, poses, views, range(4))
