"""Joints of detectors and what is made of them, with points computed by hand."""

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MODEL_17
from uplift_upsample.data.keypoints.clip import read_layout
from uplift_upsample.data.keypoints.layouts import LAYOUTS, layout_named, layouts_of
from uplift_upsample.data.keypoints.to_model import model_poses, sure_points

# Somebody who stands before the camera, his left at the right of the picture; pixels, y downwards.
LIMBS = {
    "l_shoulder": (60, 50),
    "r_shoulder": (40, 52),
    "l_elbow": (70, 80),
    "r_elbow": (30, 82),
    "l_wrist": (72, 110),
    "r_wrist": (28, 112),
    "l_hip": (56, 120),
    "r_hip": (44, 122),
    "l_knee": (58, 170),
    "r_knee": (42, 172),
    "l_ankle": (60, 220),
    "r_ankle": (40, 222),
}
FACE = {"nose": (53, 27), "l_eye": (55, 24), "r_eye": (49, 22), "l_ear": (58, 25), "r_ear": (46, 27)}
OF_OTHERS = {"neck": (51, 50), "pelvis": (49, 119), "head_top": (52, 6), "torso": (50, 86), "head": (52, 28)}
# By hand: shoulders (50, 51), hips (50, 121), eyes (52, 23), ears (52, 26).
CMU = {"pelvis": (50, 121), "neck": (50, 51), "torso": (50, 86), "head": (52, 26), "head_top": (53.2, 11)}
H36M = {
    "pelvis": (50, 121),
    "neck": (51, 43 + 2 / 3 * 4),  # (50, 51) + (3, -24) / 3 = (51, 43), and two thirds of what the nose is below the eyes
    "torso": (49, 86),  # (50, 86), and twice what that is right of the middle of pelvis and neck, 50.5
    "head": (52.25, 33),  # (53, 27) - (3, -24) / 4
    "head_top": (52, 19),  # the mean x of eyes and ears; 24 + 22 - 27
}


def points_of(layout: str, extra: dict[str, tuple[float, float]] | None = None) -> np.ndarray:
    """The person in a layout; joints that nothing is made of lie far away."""
    known = {**OF_OTHERS, **LIMBS, **FACE, **(extra or {})}
    return np.array([known.get(name, (-500.0, 900.0)) for name in LAYOUTS[layout].joints], float)


def named(pose: np.ndarray) -> dict[str, tuple[float, float]]:
    return {name: tuple(place) for name, place in zip(MODEL_17, pose.tolist(), strict=True)}


@pytest.mark.parametrize(
    ("layout", "num_joints", "some"),
    [
        ("coco_17", 17, {0: "nose", 1: "l_eye", 4: "r_ear", 5: "l_shoulder", 10: "r_wrist", 11: "l_hip", 16: "r_ankle"}),
        ("body_25", 25, {1: "neck", 2: "r_shoulder", 4: "r_wrist", 7: "l_wrist", 8: "pelvis", 9: "r_hip", 14: "l_ankle",
                         15: "r_eye", 18: "l_ear", 19: "l_big_toe", 24: "r_heel"}),
        ("body_25b", 25, {0: "nose", 5: "l_shoulder", 16: "r_ankle", 17: "upper_neck", 18: "head_top", 22: "r_big_toe"}),
        ("coco_18", 18, {1: "neck", 4: "r_wrist", 8: "r_hip", 10: "r_ankle", 11: "l_hip", 14: "r_eye", 17: "l_ear"}),
        ("halpe_26", 26, {0: "nose", 16: "r_ankle", 17: "head_top", 18: "neck", 19: "pelvis", 20: "l_big_toe", 25: "r_heel"}),
        ("halpe_136", 136, {0: "nose", 17: "head_top", 25: "r_heel", 26: "face_0", 94: "l_hand_0", 115: "r_hand_0"}),
        ("coco_wholebody_133", 133, {0: "nose", 16: "r_ankle", 17: "l_big_toe", 19: "l_heel", 20: "r_big_toe", 23: "face_0",
                                     91: "l_hand_0", 112: "r_hand_0", 132: "r_hand_20"}),
        ("mediapipe_33", 33, {0: "nose", 2: "l_eye", 5: "r_eye", 7: "l_ear", 8: "r_ear", 11: "l_shoulder", 14: "r_elbow",
                              15: "l_wrist", 23: "l_hip", 26: "r_knee", 27: "l_ankle", 28: "r_ankle", 32: "r_foot_index"}),
        ("h36m_17", 17, {0: "pelvis", 1: "r_hip", 4: "l_hip", 7: "torso", 8: "neck", 9: "head", 10: "head_top", 16: "r_wrist"}),
    ],
)  # fmt: skip
def test_orders_of_the_detectors(layout: str, num_joints: int, some: dict[int, str]) -> None:
    joints = LAYOUTS[layout].joints
    assert len(joints) == len(set(joints)) == num_joints
    assert {index: joints[index] for index in some} == some


@pytest.mark.parametrize(
    ("layout", "skeleton", "trunk"),
    [
        ("coco_17", "cmu", CMU),
        ("coco_17", "h36m", H36M),
        # the detector's own neck and mid hip; (51, 50) + 1.6 * ((52, 26) - (51, 50)), and the middle of (49, 119) and (51, 50)
        ("body_25", "cmu", CMU | {"neck": (51, 50), "pelvis": (49, 119), "torso": (50, 84.5), "head_top": (52.6, 11.6)}),
        # twice (50 - (49 + 51) / 2) is nothing
        ("body_25", "h36m", H36M | {"pelvis": (49, 119), "torso": (50, 86)}),
        ("body_25b", "cmu", CMU | {"head_top": (52, 6)}),
        ("body_25b", "h36m", H36M | {"head_top": (52, 6)}),
        ("coco_18", "cmu", CMU | {"neck": (51, 50), "torso": (50.5, 85.5), "head_top": (52.6, 11.6)}),
        ("coco_18", "h36m", H36M),
        ("halpe_26", "cmu", CMU | {"neck": (51, 50), "pelvis": (49, 119), "torso": (50, 84.5), "head_top": (52, 6)}),
        ("halpe_26", "h36m", H36M | {"pelvis": (49, 119), "torso": (50, 86), "head_top": (52, 6)}),
        ("halpe_136", "cmu", CMU | {"neck": (51, 50), "pelvis": (49, 119), "torso": (50, 84.5), "head_top": (52, 6)}),
        ("coco_wholebody_133", "cmu", CMU),
        ("coco_wholebody_133", "h36m", H36M),
        ("mediapipe_33", "cmu", CMU),
        ("mediapipe_33", "h36m", H36M),
        ("h36m_17", "cmu", OF_OTHERS),
        ("h36m_17", "h36m", OF_OTHERS),
    ],
)
def test_points_by_hand(layout: str, skeleton: str, trunk: dict[str, tuple[float, float]]) -> None:
    made = named(model_poses(points_of(layout), LAYOUTS[layout], skeleton))
    assert made.keys() == {**LIMBS, **trunk}.keys()
    for name, place in {**LIMBS, **trunk}.items():
        assert made[name] == pytest.approx(place), name


def test_one_eye_or_ear_is_enough_and_more_is_not_guessed() -> None:
    away = {"r_ear": (np.nan, np.nan)}
    assert named(model_poses(points_of("coco_17", away), LAYOUTS["coco_17"], "cmu"))["head"] == (58, 25)
    for joint, missing in [("l_knee", {"l_knee"}), ("r_shoulder", {"r_shoulder", "neck", "torso", "head_top"})]:
        made = named(model_poses(points_of("coco_17", {joint: (np.nan, np.nan)}), LAYOUTS["coco_17"], "cmu"))
        assert {name for name, place in made.items() if np.isnan(place).any()} == missing
    made = named(model_poses(points_of("body_25", {"neck": (np.nan, np.nan)}), LAYOUTS["body_25"], "cmu"))
    assert made["neck"] == (50, 51)  # where the detector's own is missing, the middle of the shoulders


def test_what_the_detector_is_not_sure_of_is_missing() -> None:
    points = np.array([[1.0, 2], [0, 0], [np.nan, 3], [4, np.inf], [5, 6], [7, 8], [9, 1], [0, 5]])
    confidence = np.array([0.5, 0.9, 0.9, 0.9, 0.49, np.nan, 0, 0.5])
    kept = ~np.isnan(sure_points(points, confidence, 0.5)).any(axis=1)
    assert kept.tolist() == [True, False, False, False, False, False, False, True]
    assert (~np.isnan(sure_points(points, None, 0.5)).any(axis=1)).tolist() == [True, False, False, False, True, True, True, True]
    assert (~np.isnan(sure_points(points, confidence, 0)).any(axis=1)).tolist() == [True, *[False] * 3, True, False, False, True]


def test_names() -> None:
    assert layout_named("COCO").name == "coco_17"
    assert layout_named("Body-25").name == layout_named("openpose").name == "body_25"
    assert layout_named("coco-wholebody").name == "coco_wholebody_133"
    assert [layout.name for layout in layouts_of(25)] == ["body_25", "body_25b"]
    with pytest.raises(InputError, match=r"no layout 'cocoo', did you mean 'coco'\?; known are coco_17, body_25"):
        layout_named("cocoo")
    with pytest.raises(InputError, match="17 joints where the layout body_25 has 25"):
        model_poses(np.zeros((3, 17, 2)), LAYOUTS["body_25"], "cmu")
    assert LAYOUTS["h36m_17"].joints == H36M_17


def test_the_layout_is_known_by_its_bones() -> None:
    """Each layout is told from another one of as many joints, with its name or without, also where legs are often missing."""
    feet = {f"{side}_{name}": np.add(LIMBS[f"{side}_ankle"], 5) for side in "lr" for name in ("big_toe", "small_toe", "heel")}
    for name in ("coco_17", "h36m_17", "body_25", "body_25b"):
        points = np.repeat(points_of(name, feet | {"upper_neck": (51, 45)})[None], 20, axis=0)
        points[:15, [index for index, joint in enumerate(LAYOUTS[name].joints) if "knee" in joint or "ankle" in joint]] = np.nan
        assert read_layout(points, None).name == read_layout(points, name).name == name
        (other,) = [layout.name for layout in layouts_of(len(points[0])) if layout.name != name]
        with pytest.raises(InputError, match=f"do not form a person in the layout {other}, but do in {name}"):
            read_layout(points, other)
