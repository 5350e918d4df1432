"""Joint orders and the maps between them.

Source: docs/method.md, "Joints"; the orders are those of Human3.6M, of the SMPL joint regressor, and of the published weights.
Everything inside the project is in ``MODEL_17`` order. A network that has learned another one says so (``joints`` of its settings);
its inputs and outputs are mapped.
"""

from typing import Any

import numpy as np

NUM_JOINTS = 17  # of the published poses of Human3.6M: MODEL_17 below

# fmt: off
H36M_32 = (
    "pelvis", "r_hip", "r_knee", "r_ankle", "r_foot", "r_toes", "l_hip", "l_knee", "l_ankle", "l_foot", "l_toes",
    "pelvis_2", "torso", "neck", "head", "head_top", "neck_2", "l_shoulder", "l_elbow", "l_wrist", "l_wrist_2",
    "l_thumb", "l_fingers", "l_fingers_2", "neck_3", "r_shoulder", "r_elbow", "r_wrist", "r_wrist_2", "r_thumb",
    "r_fingers", "r_fingers_2",
)
H36M_17 = (
    "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "torso", "neck", "head", "head_top",
    "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
)
AMASS_17 = (
    "pelvis", "l_hip", "l_knee", "l_ankle", "r_hip", "r_knee", "r_ankle", "torso", "neck", "head", "head_top",
    "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
)
MODEL_17 = (
    "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "pelvis", "neck", "torso", "head", "head_top",
    "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist",
)
# fmt: on

ROOT = MODEL_17.index("pelvis")


def joint_map(source: tuple[str, ...], target: tuple[str, ...]) -> np.ndarray:
    """Indices that take poses from one joint order to another: ``poses[..., joint_map(a, b), :]``."""
    missing = [name for name in target if name not in source]
    if missing:
        raise ValueError(f"the source skeleton lacks the joints {', '.join(missing)}")
    return np.array([source.index(name) for name in target])


def _mirrored_name(name: str) -> str:
    return {"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]


H36M_32_TO_17 = joint_map(H36M_32, H36M_17)
H36M_32_TO_MODEL = joint_map(H36M_32, MODEL_17)
H36M_17_TO_MODEL = joint_map(H36M_17, MODEL_17)
AMASS_17_TO_MODEL = joint_map(AMASS_17, MODEL_17)

# Left and right exchanged (see mirrored).
MIRROR = np.array([MODEL_17.index(_mirrored_name(name)) for name in MODEL_17])

# Index of each joint's parent, -1 for the root.
PARENTS = np.array([1, 2, 6, 6, 3, 4, -1, 8, 6, 7, 9, 12, 13, 7, 7, 14, 15])


def root_relative(poses_3d: Any) -> Any:
    """Poses ``(..., 17, 3)``, arrays or tensors, with the pelvis of each pose moved to the origin."""
    return poses_3d - poses_3d[..., ROOT : ROOT + 1, :]


def mirrored(poses: Any, xp: Any = np) -> Any:
    """Mirror images of poses ``(..., 17, D)``: left and right exchanged, x negated. xp: ``keras.ops`` for tensors."""
    return xp.take(poses, MIRROR, axis=-2) * np.array([-1, 1, 1][: poses.shape[-1]], np.float32)
