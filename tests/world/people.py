"""Made-up people for tests that need no more than somebody who moves."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from uplift_upsample.cameras import h36m_cameras, project, world_to_camera
from uplift_upsample.data.demo.actions import H36M_MOTIONS
from uplift_upsample.data.demo.body import draw_body
from uplift_upsample.data.demo.motion import synthetic_motion
from uplift_upsample.data.frames import SequenceRecord
from uplift_upsample.data.h36m.projections import projections


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


def recordings_3d(lengths: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, np.ndarray]]:
    """Generated people in the layout of ``data_3d_h36m.npz``: subject -> action -> ``(T, 32, 3)`` of T frames."""
    return {
        subject: {name: _motion(subject, name, length).copy() for name, length in actions.items()}
        for subject, actions in lengths.items()
    }


def h36m_pair(lengths: Mapping[str, Mapping[str, int]]) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, list]]]:
    """The same with its exact 2D poses."""
    poses_3d = recordings_3d(lengths)
    return poses_3d, projections(poses_3d)


@cache
def _motion(subject: str, name: str, length: int) -> np.ndarray:
    number = int(subject[1:])
    seeds = [number, sum(name.encode())]
    body, rng = draw_body(np.random.default_rng(number)), np.random.default_rng(seeds)
    return synthetic_motion(body, H36M_MOTIONS[name.split(" ")[0]], length, rng)
