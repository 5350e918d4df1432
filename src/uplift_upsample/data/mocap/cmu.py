"""The CMU Graphics Lab Motion Capture Database: its skeleton as the 17 joints of the project.

Source: docs/method.md, "CMU motion capture"; the files are those of http://mocap.cs.cmu.edu. Joints without a counterpart among
the ends of the bones:

- **pelvis**: the middle of the hips (the root of the file lies about 9 cm higher).
- **neck**, Human3.6M's thorax joint: the middle of the ends of ``thorax`` and ``lowerneck``.
- **wrists**: the file splits elbow to hand 2 to 1, so the ``radius`` bone is stretched by 4/3.
- **head, head_top**: the ends of ``upperneck`` and ``head``; Human3.6M's head joint is rather the nose.
"""

import os

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.mocap.acclaim import AcclaimSkeleton, bone_ends
from uplift_upsample.data.mocap.amc import read_amc

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF EIA-0196217."
)
LICENCE = "free for all uses, may be copied, modified or redistributed; not to be resold as such, even converted"

_WRIST_STRETCH = 4 / 3  # the file splits elbow to hand 2 to 1, the wrist lies where radius is 4/3 as long
_Z_UP = [2, 0, 1]  # a cyclic exchange turns y up into z up and mirrors nothing

_BONE_ENDS = {
    "hip": "{side}hipjoint",
    "knee": "{side}femur",
    "ankle": "{side}tibia",
    "shoulder": "{side}clavicle",
    "elbow": "{side}humerus",
}
_TRUNK_ENDS = {"torso": "lowerback", "head": "upperneck", "head_top": "head"}


def read_trial(path: str | os.PathLike[str], skeleton: AcclaimSkeleton) -> np.ndarray:
    """Poses ``(T, 17, 3)`` float64 of an AMC file at its own frame rate: metres, z up, ``MODEL_17``.

    Raises ``InputError`` where the file cannot be read or the skeleton lacks a bone of the database.
    """
    motion = read_amc(path, skeleton)
    try:
        return joints_17(skeleton, bone_ends(skeleton, motion))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def joints_17(skeleton: AcclaimSkeleton, ends: np.ndarray) -> np.ndarray:
    """The 17 joints ``(T, 17, 3)`` in ``MODEL_17`` order, z up, from the ends of the bones ``(T, B, 3)``, y up."""

    def end(bone: str) -> np.ndarray:
        return ends[:, skeleton.indices([bone])[0]]

    joints = {joint: end(bone) for joint, bone in _TRUNK_ENDS.items()}
    for side in "lr":
        joints |= {f"{side}_{joint}": end(bone.format(side=side)) for joint, bone in _BONE_ENDS.items()}
        elbow = joints[f"{side}_elbow"]
        joints[f"{side}_wrist"] = elbow + _WRIST_STRETCH * (end(f"{side}radius") - elbow)
    joints["pelvis"] = (joints["l_hip"] + joints["r_hip"]) / 2
    joints["neck"] = (end("thorax") + end("lowerneck")) / 2
    return np.stack([joints[name] for name in MODEL_17], axis=1)[..., _Z_UP]
