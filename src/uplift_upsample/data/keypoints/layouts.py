"""The joints that 2D detectors give, by name, in the order of each of them.

Joints that the project has, too, have its names (``base.skeleton``); ``neck`` is the middle of the shoulders and ``head_top`` the
highest point of the head. Left and right are those of the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17
from uplift_upsample.base.strict import shown, suggestion

MIN_CONFIDENCE = (
    0.3  # detectors place hidden joints, too; below this, the place is a guess (what OpenPose and MMPose draw begins here)
)


@dataclass(frozen=True)
class Layout:
    """joints: their names, K of them. aliases: what else people call it. min_confidence: from where on a joint counts."""

    name: str
    joints: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    min_confidence: float = MIN_CONFIDENCE

    @property
    def num_joints(self) -> int:
        return len(self.joints)

    @property
    def bones(self) -> list[tuple[str, str]]:
        """Pairs of joints that are near each other in a person, whatever the posture."""
        return [bone for bone in _BONES if set(bone) <= set(self.joints)]


def _in_pairs(*names: str, first: str = "l") -> tuple[str, ...]:
    """Left and right of each name."""
    sides = "lr" if first == "l" else "rl"
    return tuple(f"{side}_{name}" for name in names for side in sides)


_FACE = ("nose", *_in_pairs("eye", "ear"))
_LIMBS = _in_pairs("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_R_ARM, _L_ARM = (tuple(f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")) for side in "rl")
_R_LEG, _L_LEG = (tuple(f"{side}_{name}" for name in ("hip", "knee", "ankle")) for side in "rl")
_FOOT = ("big_toe", "small_toe", "heel")
_FEET_OF_OPENPOSE = tuple(f"{side}_{name}" for side in "lr" for name in _FOOT)
_FACE_AND_HANDS = (  # of whole-body detectors: 68 points of the face, 21 of each hand; no joint of ours is made of them
    *(f"face_{number}" for number in range(68)),
    *(f"{side}_hand_{number}" for side in "lr" for number in range(21)),
)
_R_BEFORE_L_FACE = _in_pairs("eye", "ear", first="r")

_BONES_OF_SIDES = (
    *(("eye", "ear"), ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle")),
    *(("ankle", "heel"), ("ankle", "big_toe"), ("big_toe", "small_toe")),
)
_BONES = (
    *((f"{side}_{one}", f"{side}_{other}") for side in "lr" for one, other in _BONES_OF_SIDES),
    *((middle, joint) for middle, pair in (("nose", "eye"), ("nose", "ear"), ("neck", "shoulder"), ("upper_neck", "shoulder"))
      for joint in _in_pairs(pair)),
    *(("l_shoulder", "r_shoulder"), ("l_hip", "r_hip"), ("pelvis", "l_hip"), ("pelvis", "r_hip"), ("neck", "nose")),
    *(("upper_neck", "nose"), ("upper_neck", "head_top"), ("pelvis", "torso"), ("torso", "neck"), ("neck", "head")),
    ("head", "head_top"),
)  # fmt: skip

_HALPE_26 = (*_FACE, *_LIMBS, "head_top", "neck", "pelvis", *_in_pairs(*_FOOT))
_ALL = (
    Layout("coco_17", (*_FACE, *_LIMBS), ("coco", "yolo")),
    Layout(
        "body_25",
        ("nose", "neck", *_R_ARM, *_L_ARM, "pelvis", *_R_LEG, *_L_LEG, *_R_BEFORE_L_FACE, *_FEET_OF_OPENPOSE),
        ("openpose", "openpose_25"),
    ),
    # its neck is the upper end of the neck, not the middle of the shoulders
    Layout("body_25b", (*_FACE, *_LIMBS, "upper_neck", "head_top", *_FEET_OF_OPENPOSE), ("openpose_25b",)),
    Layout("coco_18", ("nose", "neck", *_R_ARM, *_L_ARM, *_R_LEG, *_L_LEG, *_R_BEFORE_L_FACE), ("openpose_18",)),
    Layout("halpe_26", _HALPE_26, ("halpe", "alphapose", "body26")),
    Layout("halpe_136", (*_HALPE_26, *_FACE_AND_HANDS), ("halpe_full_body",)),
    Layout("coco_wholebody_133", (*_FACE, *_LIMBS, *_FEET_OF_OPENPOSE, *_FACE_AND_HANDS), ("coco_wholebody", "wholebody")),
    Layout(
        "mediapipe_33",
        (
            *("nose", "l_eye_inner", "l_eye", "l_eye_outer", "r_eye_inner", "r_eye", "r_eye_outer", *_in_pairs("ear", "mouth")),
            *_in_pairs("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel", "foot_index"),
        ),
        ("mediapipe", "blazepose"),
        min_confidence=0.0,  # its number shows whether a joint can be seen; hidden ones are placed well
    ),
    Layout("h36m_17", H36M_17, ("h36m", "human36m")),
)
LAYOUTS = {layout.name: layout for layout in _ALL}
_BY_ALIAS = {alias: layout for layout in _ALL for alias in (layout.name, *layout.aliases)}


def layout_named(name: str) -> Layout:
    """A layout by its name or one of its aliases, whatever the case. Raises ``InputError`` for another name."""
    key = str(name).strip().lower().replace("-", "_")
    found = _BY_ALIAS.get(key)
    if found is None:
        raise InputError(f"no layout {shown(name)}{suggestion(key, _BY_ALIAS)}; known are {', '.join(LAYOUTS)}")
    return found


def layouts_of(num_joints: int) -> Sequence[Layout]:
    """The layouts with a number of joints, the most used one first."""
    return [layout for layout in _ALL if layout.num_joints == num_joints]
