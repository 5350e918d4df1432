"""Names of the skeletons of animation and of SMPL: which joint is meant, whatever stands before the names."""

from pathlib import Path

import numpy as np
import pytest
from world.mocap_files import fields, walker

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.mocap.own import judge
from uplift_upsample.data.mocap.own_joints import joint_faults, joint_warnings

FRAMES = 60
MIXAMO = {
    "pelvis": "Hips",
    "torso": "Spine1",
    "neck": "Neck",
    "head_top": "HeadTop_End",
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
}
BIPED = {
    "pelvis": "Pelvis",
    "torso": "Spine1",
    "neck": "Neck",
    "head_top": "HeadNub",
    "hip": "Thigh",
    "knee": "Calf",
    "ankle": "Foot",
    "shoulder": "UpperArm",
    "elbow": "Forearm",
    "wrist": "Hand",
}
PAIRS = ("hip", "knee", "ankle", "collar", "shoulder", "elbow", "wrist", "hand", "foot")
SMPL = [
    "pelvis",
    "spine1",
    "spine2",
    "spine3",
    "neck",
    "head",
    *(f"{side}_{joint}" for joint in PAIRS for side in ("left", "right")),
]


def skeleton(words: dict[str, str], form: str, left: str, right: str, further: dict[str, str]) -> dict[str, str]:
    """Our joints, and some more, as another skeleton calls them. form: of a name, with its side."""
    sides = {"l": left, "r": right}
    names = {}
    for joint in (*MODEL_17, *further):
        side, _, word = joint.partition("_") if joint[:2] in ("l_", "r_") else ("", "", joint)
        if called := (words | further).get(word if side else joint) or further.get(joint):
            names[joint] = form.format(side=sides.get(side, ""), word=called).strip()
    return names


MORE = {"r_collar": "Shoulder", "l_collar": "Shoulder", "spine": "Spine", "chest": "Spine2", "skull": "Head"}
MORE_BIPED = {"r_collar": "Clavicle", "l_collar": "Clavicle", "spine": "Spine", "chest": "Spine2", "skull": "Head"}


@pytest.mark.parametrize(
    ("names", "root"),
    [
        (skeleton(MIXAMO, "mixamorig:{side}{word}", "Left", "Right", MORE), []),
        (skeleton(MIXAMO, "mixamorig{side}{word}", "Left", "Right", MORE), []),
        (skeleton(MIXAMO, "Character1_{side}{word}", "Left", "Right", MORE), ["Character1_Reference"]),
        (skeleton(MIXAMO, "{side}{word}", "Left", "Right", MORE), []),
        (skeleton(BIPED, "Bip01 {side}{word}", "L ", "R ", MORE_BIPED), ["Bip01"]),
        (skeleton(BIPED, "Bip001_{side}{word}", "L_", "R_", MORE_BIPED), ["Bip001"]),
    ],
    ids=["Mixamo", "Mixamo of three.js", "MotionBuilder", "no prefix", "Biped", "Biped of Unity"],
)
def test_skeletons_of_animation_have_hints(names: dict[str, str], root: list[str]) -> None:
    faults = joint_faults([*root, *names.values()])
    ours = {joint: name for joint, name in names.items() if joint in MODEL_17}
    assert len(ours) == 16
    for joint, name in ours.items():
        told = " ".join(fault for fault in faults if fault.startswith(f"the joint {joint!r} is "))
        is_ours = name == "Neck"
        assert is_ours or f" it is {name!r}: name it {joint!r}" in told or told.endswith(f": name {name!r} {joint!r}"), (
            joint,
            told,
        )
    (head,) = [fault for fault in faults if fault.startswith("the joint 'head' ")]
    assert head.endswith("its head is the base of the skull; make it halfway between neck and head_top")


def test_unreal() -> None:
    names = ["pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head"]
    words = ("clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball")
    told = " ".join(joint_faults(names + [f"{word}_{side}" for side in "lr" for word in words]))
    for name in ("spine_02", "neck_01", "upperarm_l", "lowerarm_r", "hand_l", "thigh_r", "calf_l", "foot_r"):
        assert f"it is {name!r}: name it" in told


def test_a_prefix_before_our_own_names() -> None:
    faults = joint_faults([f"anna:{joint}" for joint in MODEL_17])
    assert [f"the joint {joint!r} is missing, is it 'anna:{joint}'?" for joint in MODEL_17] == faults


def test_the_head_of_smpl_is_another_place() -> None:
    torso, head, head_top = joint_faults(SMPL)
    assert torso.endswith("among the names of SMPL it is 'spine2': name it 'torso'")
    assert head.startswith(
        "the joint 'head' is missing; 'head' is another place among the names of SMPL: its head is the base of the"
    )
    assert head_top.startswith("the joint 'head_top' is missing; there is none among the names of SMPL: take the topmost vertex")


def test_a_head_beside_the_names_of_smpl_is_warned_about(tmp_path: Path) -> None:
    assert joint_warnings(MODEL_17) == []
    assert joint_warnings([*MODEL_17, "spine", "thorax", "nose"]) == []
    poses = walker(FRAMES)
    positions = np.concatenate([poses, poses[:, :3]], 1)
    np.savez(
        tmp_path / "a.npz", **fields(poses, positions=positions, joints=np.array([*MODEL_17, "spine1", "left_collar", "spine3"]))
    )
    verdict = judge(tmp_path / "a.npz")
    assert verdict.recordings
    assert [warning for warning in verdict.warnings if "SMPL; if 'head' is of it, too, it is another place than ours: " in warning]
