"""Poses of a clip as ``Uplifter`` makes them, without a network: somebody who stands and sways."""

from typing import Any

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17, ROOT
from uplift_upsample.lift.lifted import LiftedPoses

# Places of the joints of MODEL_17 in a person who stands before the camera, facing it; metres, x right, y down, z forward.
_STANDING = {
    "ankle": (0.12, 0.85, 0.0),
    "knee": (0.12, 0.45, 0.0),
    "hip": (0.12, 0.0, 0.0),
    "pelvis": (0, 0, 0),
    "torso": (0, -0.25, 0),
    "neck": (0, -0.5, 0),
    "head": (0, -0.6, 0),
    "head_top": (0, -0.75, 0),
    "wrist": (0.3, 0.0, -0.1),
    "elbow": (0.25, -0.25, 0.0),
    "shoulder": (0.18, -0.48, 0.0),
}


def standing() -> np.ndarray:
    """``(17, 3)`` metres."""
    sides = {"l_": 1, "r_": -1}
    poses = []
    for joint in MODEL_17:
        x, y, z = _STANDING[joint[2:] if joint[:2] in sides else joint]
        poses.append((sides.get(joint[:2], 1) * x, y, z))
    return np.array(poses)


def lifted_poses(num_frames: int = 40, size: tuple[float, float] = (160.0, 96.0), **metadata: Any) -> LiftedPoses:
    """A clip at 30 Hz with a key frame every 12 frames, from the first one on."""
    sway = 0.1 * np.sin(np.arange(num_frames) / 10)[:, None, None] * np.ones((1, 17, 3))
    sway[:, ROOT] = 0
    positions = (standing() + sway).astype(np.float32)
    is_key = np.arange(num_frames) % 12 == 0
    flat = np.where(is_key[:, None, None], positions[..., :2] * 40 + [size[0] / 2, size[1] / 2], np.nan)
    known = {
        "units": "m",
        "axes": "camera: x right, y down, z forward",
        "skeleton": "cmu",
        "frame_rate": "30 Hz",
        "s_in": 20,
        "s_out": 5,
        "key_frames": f"one frame in 12, {is_key.sum()} of {num_frames}",
        "num_key_frames": int(is_key.sum()),
        "num_masked_key_frames": 0,
        "min_confidence": 0.3,
        "roll": 0.0,
        "root": "pelvis at the origin",
        "focal": None,
        "detector": None,
        "layout": "coco_17",
        "person": 0,
        "other_people": [],
        "size": list(size),
        "weights": "tiny",
        "weights_sha256": "abc",
        "trained_on": "nobody",
        "tested_on": "two <people>",
        "mpjpe_mm": {"5": 52.48, "20": 56.02},
        "licence_of_weights": "MIT",
        "versions": {"uplift_upsample": "0.1.0"},
    }
    times = np.arange(num_frames) / 30
    return LiftedPoses(positions, MODEL_17, times, np.arange(num_frames), 30.0, is_key, flat, size, {**known, **metadata})
