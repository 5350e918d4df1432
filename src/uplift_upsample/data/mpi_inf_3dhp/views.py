"""What MPI-INF-3DHP consists of: a person as one camera saw them, and what is known of the cameras."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from uplift_upsample.base.cameras import Cameras
from uplift_upsample.base.skeleton import MODEL_17, joint_map

# fmt: off
MPI_17 = (
    "head_top", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist", "r_hip", "r_knee", "r_ankle",
    "l_hip", "l_knee", "l_ankle", "pelvis", "torso", "head",
)
# fmt: on
# These joints among the 28 of the training annotations.
OF_28 = (7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6)
MPI_17_TO_MODEL = joint_map(MPI_17, MODEL_17)
MM_PER_M = 1000
# From axes of a camera (x right, y down, z forward) to a world with z up, in which the camera looks along y: a quarter turn.
_ROOT_HALF = np.sqrt(0.5)
UPRIGHT = np.array([_ROOT_HALF, -_ROOT_HALF, 0, 0], np.float32)


class Optics(NamedTuple):
    """Width and height of the pictures and the focal length, pixels; the centre is that of the picture within 2 % of the width."""

    width: float
    height: float
    focal: float


STUDIO = Optics(2048, 2048, 1497)  # the training cameras: 1495 to 1500
# Test cameras: TS1 to TS4 in the studio, TS5 and TS6 outdoors.
_TEST_STUDIO, _OUTDOORS = Optics(2048, 2048, 1500), Optics(1920, 1080, 1684)
OPTICS_OF_TEST = {"TS5": _OUTDOORS, "TS6": _OUTDOORS}  # the others are ``_TEST_STUDIO``


@dataclass(frozen=True)
class View:
    """A sequence as one camera saw it.

    subject, name: ``S1`` and ``Seq1``, ``TS1`` and ``video``. poses_3d: ``(T, 17, 3)`` metres, axes of the camera. poses_2d: ``(T,
    17, 2)`` pixels. is_valid: which frames are scored ``(T,)``; None, all. Joints are in ``MODEL_17`` order.
    """

    subject: str
    name: str
    camera: str
    frame_rate: float
    optics: Optics
    poses_3d: np.ndarray
    poses_2d: np.ndarray
    is_valid: np.ndarray | None = None

    @property
    def title(self) -> str:
        """For messages: ``S1 Seq1, camera 0``."""
        return f"{self.subject} {self.name}, camera {self.camera}"


def optics_of(subject: str) -> Optics:
    """Of the cameras that saw a person."""
    return OPTICS_OF_TEST.get(subject, _TEST_STUDIO) if subject.startswith("TS") else STUDIO


def cameras_of(views: list[tuple[str, str]]) -> Cameras:
    """A camera for each person and camera number: it stands in the origin of the world, upright."""
    optics = np.array([optics_of(subject) for subject, _ in views])
    intrinsics = np.zeros((len(views), 11))
    intrinsics[:, :2] = optics[:, :2]
    intrinsics[:, 2:4] = 2 * optics[:, 2:] / optics[:, :1]
    return Cameras(
        names=tuple(f"{subject}/{camera}" for subject, camera in views),
        orientation=np.repeat(UPRIGHT[None], len(views), axis=0),
        translation=np.zeros((len(views), 3), np.float32),
        intrinsics=intrinsics,
    )
