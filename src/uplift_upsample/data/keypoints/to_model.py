"""Poses of a detector as the 17 joints that networks take.

Limbs are the same joints everywhere. Pelvis, torso, neck and head are made of others, and where they belong depends on the skeleton
that the weights were trained with: Human3.6M's head joint is about the nose, that of the CMU database the base of the skull. On a
calibrated video, weights of the CMU database are 1.2 to 5.2 mm (P-MPJPE) worse with another skeleton's head.
Source: docs/own_video.md, "Joints".
"""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.base.strict import shown
from uplift_upsample.data.keypoints.layouts import Layout

Skeleton = Literal["h36m", "cmu"]
SKELETONS: tuple[Skeleton, ...] = get_args(Skeleton)
Points = Mapping[str, np.ndarray]  # joint -> (..., 2)
# From the neck over the middle of the ears to the top of the head; people of the CMU database have 1.6 to 1.7.
_TOP_OVER_EARS = 1.6


def sure_points(points: np.ndarray, confidence: np.ndarray | None, least: float) -> np.ndarray:
    """Points ``(..., K, 2)`` of which those that are missing, or that the detector is not sure of, are NaN.

    confidence: ``(..., K)``; None, of nothing known. least: the lowest that is trusted. Confidence 0 and the place (0, 0) are what
    formats write for a joint that was not found, so they are never trusted.
    """
    points = np.array(points, np.float64)
    is_missing = ~np.isfinite(points).all(axis=-1) | (points == 0).all(axis=-1)
    if confidence is not None:
        is_missing |= ~(confidence >= least) | ~(confidence > 0)  # NaN is not a confidence
    points[is_missing] = np.nan
    return points


def model_poses(points: np.ndarray, layout: Layout, skeleton: Skeleton) -> np.ndarray:
    """Poses ``(..., 17, 2)`` in ``MODEL_17`` order of points ``(..., K, 2)``, pixels with y downwards; missing ones are NaN.

    Of a pair of eyes or ears, one is enough. Everything else that a joint is made of must be there, else it is NaN.
    Raises ``InputError`` where the points do not have the joints of the layout.
    """
    if points.shape[-2] != layout.num_joints:
        raise InputError(f"{points.shape[-2]} joints where the layout {layout.name} has {layout.num_joints}")
    if skeleton not in SKELETONS:
        raise InputError(f"no skeleton {shown(skeleton)}; known are {', '.join(SKELETONS)}")
    given = {name: points[..., index, :] for index, name in enumerate(layout.joints)}
    made = given if {"torso", "head"} <= given.keys() else given | _trunk(given, skeleton)
    return np.stack([made[name] for name in MODEL_17], axis=-2)


def _trunk(given: Points, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Pelvis, torso, neck, head and head top."""
    shoulders = (given["l_shoulder"] + given["r_shoulder"]) / 2
    hips = (given["l_hip"] + given["r_hip"]) / 2
    pelvis = _first_of(given.get("pelvis"), hips)
    trunk = _h36m(given, shoulders, hips, pelvis) if skeleton == "h36m" else _cmu(given, shoulders, pelvis)
    return {**trunk, "pelvis": pelvis, "head_top": _first_of(given.get("head_top"), trunk["head_top"])}


def _cmu(given: Points, shoulders: np.ndarray, pelvis: np.ndarray) -> dict[str, np.ndarray]:
    neck, ears = _first_of(given.get("neck"), shoulders), _middle(given["l_ear"], given["r_ear"])
    return {"neck": neck, "torso": (pelvis + neck) / 2, "head": ears, "head_top": neck + _TOP_OVER_EARS * (ears - neck)}


def _h36m(given: Points, shoulders: np.ndarray, hips: np.ndarray, pelvis: np.ndarray) -> dict[str, np.ndarray]:
    """The form that most code for Human3.6M's weights uses (MHFormer, StridedTransformer, PoseFormerV2, MotionAGFormer)."""
    nose, eyes = given["nose"], _middle(given["l_eye"], given["r_eye"])
    ears = _middle(given["l_ear"], given["r_ear"])
    below_eyes = nose[..., 1] - eyes[..., 1]
    head_top = np.stack([_middle(eyes, ears)[..., 0], eyes[..., 1] - below_eyes], axis=-1)
    neck = shoulders + (nose - shoulders) / 3
    torso = (shoulders + hips) / 2
    torso = torso + 2 * (torso - (pelvis + neck) / 2) * [1, 0]  # along x alone: it bends with the trunk
    neck[..., 1] += 2 / 3 * below_eyes
    return {"neck": neck, "torso": torso, "head": nose - (nose - shoulders) / 4, "head_top": head_top}


def _first_of(joint: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    return otherwise if joint is None else np.where(np.isnan(joint), otherwise, joint)


def _middle(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The middle of two points, or the one that exists."""
    return (_first_of(left, right) + _first_of(right, left)) / 2
