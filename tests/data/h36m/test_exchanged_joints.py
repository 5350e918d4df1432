"""Joints of the 2D poses that bear each other's names: named, whatever detects them; and what detectors do is none of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MODEL_17
from uplift_upsample.data.detections import DetectionNoise, simulate_detections
from uplift_upsample.data.h36m.exchanged import exchange_words, exchanges, joint_distances, undone
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.plan.thresholds import Checks

Change = Callable[[np.ndarray], np.ndarray]
PAIRS = {
    "arms": [("l_elbow", "r_elbow"), ("l_wrist", "r_wrist")],
    "wrists": [("l_wrist", "r_wrist")],
    "hips": [("l_hip", "r_hip")],
    "head": [("head", "head_top")],
    "trunk": [("neck", "torso")],
    "a leg": [("l_knee", "l_ankle")],
}


def in_views(change: Change, poses_2d: Any) -> dict[str, dict[str, list[np.ndarray]]]:
    return {s: {a: [change(view) for view in views] for a, views in actions.items()} for s, actions in poses_2d.items()}


def exchange(view: np.ndarray, pairs: list[tuple[str, str]]) -> np.ndarray:
    order = list(H36M_17)
    for one, other in pairs:
        first, second = order.index(one), order.index(other)
        order[first], order[second] = order[second], order[first]
    return view[:, [H36M_17.index(name) for name in order]]


def detector(times: float = 1.0) -> Change:
    """The project's model of a detector, and one that is as many times as bad."""
    rng, usual = np.random.default_rng(5), DetectionNoise()
    scales = {joint: times * scale for joint, scale in usual.joint_scales.items()}
    noise = replace(usual, joint_scales=scales, outlier_rate=times * usual.outlier_rate)
    return lambda view: simulate_detections(view, rng, joints=H36M_17, noise=noise)


def white_noise(px: float) -> Change:
    rng = np.random.default_rng(6)
    return lambda view: view + rng.normal(0, px, view.shape)


def confused(share: float) -> Change:
    """Left and right arms and legs are exchanged for a few frames, again and again, in a share of all frames."""
    rng = np.random.default_rng(7)

    def confuse(view: np.ndarray) -> np.ndarray:
        is_confused = np.zeros(len(view), bool)
        while is_confused.mean() < share:
            first = rng.integers(len(view))
            is_confused[first : first + rng.integers(2, 12)] = True
        other = exchange(view, [(f"l_{joint}", f"r_{joint}") for joint in ("elbow", "wrist", "knee", "ankle")])
        return np.where(is_confused[:, None, None], other, view)

    return confuse


def of_other_places(px: float) -> Change:
    """A detector that has its own idea of where each joint is."""
    places = np.random.default_rng(8).normal(0, px, (17, 2))
    return lambda view: view + places


def moved(px: float) -> Change:
    rng = np.random.default_rng(9)
    return lambda view: view + rng.normal(0, px, 2)


@pytest.mark.parametrize(("source", "detected"), [("gt", lambda view: view), ("cpn", detector()), ("cpn", white_noise(8))])
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_exchanged_joints_are_named(pair, files, pairs, source, detected) -> None:
    paths = files(pair[0], in_views(lambda view: exchange(detected(view), pairs), pair[1]))
    with pytest.raises(InputError, match=r"the 2D poses have .* and the other way round.* of 20 videos are affected") as caught:
        h36m_table(*paths, source)
    told = str(caught.value)
    assert str(paths[1]) in told
    for one, other in pairs:
        assert f"{one} where the 3D poses have {other}" in told or f"{other} where the 3D poses have {one}" in told
    assert told.count(" where the 3D poses have ") == len(pairs)


SOUND = {
    "a detector": detector(),
    "a bad detector": detector(3),
    "noise": white_noise(8),
    "much noise": white_noise(20),
    "left and right for a third of the time": lambda view: confused(0.33)(detector()(view)),
    "joints elsewhere": of_other_places(10),
    "videos a little aside": moved(5),
}


@pytest.mark.parametrize("detected", SOUND.values(), ids=SOUND)
def test_what_detectors_do_is_no_exchange(pair, files, detected) -> None:
    assert h36m_table(*files(pair[0], in_views(detected, pair[1])), "cpn").num_videos == 20


def test_one_camera_with_exchanged_joints_is_named(pair, files) -> None:
    for actions in pair[1].values():
        for views in actions.values():
            views[2] = exchange(views[2], PAIRS["wrists"])
    with pytest.raises(InputError, match=r"_wrist where the 3D poses have ._wrist and the other .*; 5 of 20 videos are affected"):
        h36m_table(*files(pair[0], in_views(detector(), pair[1])), "cpn")


def test_a_larger_threshold_takes_exchanged_joints(pair, files) -> None:
    paths = files(pair[0], in_views(lambda view: exchange(detector()(view), PAIRS["wrists"]), pair[1]))
    assert h36m_table(*paths, "cpn", checks=Checks(reprojection_px=1000)).num_videos == 20


@pytest.mark.parametrize("change", [lambda view: view + np.array([-12, 9]), lambda view: view * 1.03], ids=["offset", "size"])
def test_what_most_videos_have_is_no_accident(pair, files, change) -> None:
    told = r"if (all 2D poses are moved by|the 2D poses are pixels of pictures that are about 103[01] wide)"
    for source, detected in (("gt", lambda view: view), ("cpn", detector())):
        with pytest.raises(InputError, match=told):
            h36m_table(*files(pair[0], in_views(lambda view: change(detected(view)), pair[1])), source)  # noqa: B023


@pytest.mark.parametrize("change", [np.round, lambda view: view + 0.5, lambda view: view - 0.5])
def test_exact_poses_may_be_rounded(pair, files, change) -> None:
    assert h36m_table(*files(pair[0], in_views(change, pair[1])), "gt").num_videos == 20


def test_circles() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0, 500, (30, 17, 2))
    order = np.arange(17)
    order[[2, 9, 4]] = [9, 4, 2]
    seen = expected[:, order] + rng.normal(0, 3, expected.shape)
    found = exchanges(joint_distances(expected, seen), 8, 0.5)
    assert found == [(2, 4, 9)]
    np.testing.assert_allclose(undone(seen, found), expected, atol=20)
    words = exchange_words(found)
    assert words.startswith("the 2D poses have ")
    assert f"{MODEL_17[4]} in the place of {MODEL_17[2]}" in words


def test_a_joint_on_another_one_is_no_exchange() -> None:
    """A hand on the hip is nearest to the hip where the wrist is badly detected."""
    expected = np.random.default_rng(0).uniform(0, 500, (30, 17, 2))
    wrist, hip = MODEL_17.index("l_wrist"), MODEL_17.index("l_hip")
    expected[:, wrist] = expected[:, hip]
    seen = expected.copy()
    seen[:, wrist] += 50
    assert exchanges(joint_distances(expected, seen), 8, 0.5) == []
    assert exchanges(joint_distances(expected[:0], seen[:0]), 8, 0.5) == []
