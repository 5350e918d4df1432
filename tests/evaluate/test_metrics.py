"""The three errors: the official code's numbers, invariances, degenerate poses, threads."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import ROOT
from uplift_upsample.data.h36m import table as h36m
from uplift_upsample.evaluate import metrics
from uplift_upsample.evaluate.averages import Averages
from uplift_upsample.evaluate.metrics import FUNCTIONS as METRICS
from uplift_upsample.evaluate.metrics import is_degenerate, mpjpe, n_mpjpe, p_mpjpe
from uplift_upsample.evaluate.score_file import MEAN_POSE, Protocol, Score, Scores

TOLERANCE = 1e-9
ACTIONS = list(h36m.ACTIONS)
GOLDEN_METRICS = {
    "mpjpe": mpjpe,
    "nmpjpe_root": n_mpjpe,
    "nmpjpe_mean": lambda *arguments: n_mpjpe(*arguments, normalisation="mean"),
    "pmpjpe": p_mpjpe,
}


@pytest.fixture(scope="module")
def arrays(golden_file):
    return dict(np.load(golden_file("metrics/metrics.npz")))


@pytest.fixture(scope="module")
def aggregates(golden_file):
    return json.loads(golden_file("metrics/metrics.json").read_text())


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def rotations(generator, count):
    """Random rotation matrices, determinant 1."""
    matrices = np.linalg.qr(generator.normal(size=(count, 3, 3)))[0]
    return matrices * np.linalg.det(matrices)[:, None, None]


@pytest.mark.parametrize("valid", ["all", "some"])
@pytest.mark.parametrize("name", GOLDEN_METRICS)
def test_errors_are_those_of_the_official_code(arrays, golden_count, name, valid):
    errors = GOLDEN_METRICS[name](arrays["pred"], arrays["gt"], arrays[f"valid_{valid}"])
    expected = arrays[f"{name}_{valid}"]
    np.testing.assert_allclose(errors, expected, rtol=0, atol=TOLERANCE)  # NaN in the same places, -1 too
    golden_count("frames with all joint errors of a metric", len(expected))


def similarity_transform(target, source):
    """What P-MPJPE does to each frame, ``scale * source @ rotation + translation``; residual: what is left of the spread."""
    p, g = (np.moveaxis(np.asarray(poses, np.float64), 0, -1).copy() for poses in (source, target))
    fit = metrics._fit(p, g)
    moved, mean = (np.einsum("...af,abf->...bf", x, fit.scale * fit.rotation) for x in (p, fit.mean_p))
    found = {"residual": 1 - fit.trace**2, "aligned": moved + fit.centre, "translation": fit.centre - mean}
    found |= {"rotation": fit.rotation, "scale": fit.scale}
    return SimpleNamespace(**{name: np.moveaxis(values, -1, 0) for name, values in found.items()})


@pytest.mark.parametrize("field", ["residual", "aligned", "rotation", "scale", "translation"])
def test_similarity_transform_is_that_of_the_official_code(arrays, golden_count, field):
    count = len(arrays["sim_d"])
    fit = similarity_transform(arrays["gt"][:count], arrays["pred"][:count])
    expected = arrays["sim_" + {"residual": "d", "aligned": "Z", "rotation": "T", "scale": "b", "translation": "c"}[field]]
    np.testing.assert_allclose(getattr(fit, field), expected, rtol=0, atol=TOLERANCE)
    golden_count("similarity transforms", count)


def averages_of(arrays, valid, rows):
    """Averages as a file of scores has them."""
    averages = Averages(list(METRICS), ACTIONS)
    for metric, function in METRICS.items():
        for part in np.array_split(rows, 3):  # sums in chunks must not matter
            errors = function(arrays["pred"][part], arrays["gt"][part], arrays[f"valid_{valid}"][part])
            averages.add(metric, errors, arrays["actions"][part])
    protocol = Protocol(frames_per_action={"all_frames": {}})
    rows = tuple(Score("none", "all_frames", *row) for row in averages.rows())
    return Scores(MEAN_POSE, protocol, rows).document()[MEAN_POSE]["all_frames"]


@pytest.mark.parametrize("valid", ["all", "some"])
@pytest.mark.parametrize("suffix", ["", "_without_30_to_33"])
def test_averages_are_those_of_the_official_code(arrays, aggregates, golden_count, valid, suffix):
    rows = np.array([i for i in range(300) if not suffix or i not in (30, 31, 32, 33)])
    ours = averages_of(arrays, valid, rows)
    expected = aggregates[f"actionwise_{valid}{suffix}"]
    for key, name in [("frame_wise", "frame"), ("action_wise", "average")]:
        assert ours[key] == pytest.approx(expected[name], abs=1e-6)
    assert list(ours["per_action"]) == ACTIONS
    for action in ACTIONS:
        assert ours["per_action"][action] == pytest.approx(expected["per_action"][action], abs=1e-6)
    if suffix:
        assert ours["frame_wise"] == pytest.approx(aggregates[f"framewise_{valid}{suffix}"], abs=1e-6)
    golden_count("tables of averages", 1)


def test_an_action_without_frames_is_null_and_no_part_of_the_mean(arrays, aggregates, golden_count):
    rows = np.array([i for i in range(300) if i not in (30, 31, 32, 33) and arrays["actions"][i] != 4])
    ours = averages_of(arrays, "all", rows)
    expected = aggregates["actionwise_all_action4_missing_without_30_to_33"]
    assert ours["frame_wise"] == pytest.approx(expected["frame"], abs=1e-6)
    assert ours["per_action"]["Phoning"] == dict.fromkeys(METRICS)
    present = [expected["per_action"][action]["mpjpe"] for action in ACTIONS if action != "Phoning"]
    assert ours["action_wise"]["mpjpe"] == pytest.approx(np.mean(present), abs=1e-6)  # the official code says NaN
    golden_count("tables of averages", 1)


def test_p_mpjpe_does_not_see_a_similarity_transform(generator):
    target = generator.normal(size=(500, 17, 3))
    moved = generator.uniform(0.1, 10, (500, 1, 1)) * target @ rotations(generator, 500) + generator.normal(size=(500, 1, 3))
    assert p_mpjpe(moved, target).max() < 1e-12
    other = target + 0.1 * generator.normal(size=target.shape)
    np.testing.assert_allclose(p_mpjpe(moved, other), p_mpjpe(target, other), atol=1e-12)


def test_p_mpjpe_sees_a_reflection(generator):
    target = generator.normal(size=(50, 17, 3))
    assert p_mpjpe(target * [-1, 1, 1], target).mean(axis=1).min() > 0.1
    fit = similarity_transform(target, target * [-1, 1, 1])
    np.testing.assert_allclose(np.linalg.det(fit.rotation), 1, atol=1e-9)


def test_similarity_transform_finds_the_transform_that_was_applied(generator):
    source, rotation = generator.normal(size=(40, 17, 3)), rotations(generator, 40)
    scale, translation = generator.uniform(0.5, 2, 40), generator.normal(size=(40, 3))
    fit = similarity_transform(scale[:, None, None] * source @ rotation + translation[:, None], source)
    for found, applied in [(fit.rotation, rotation), (fit.scale, scale), (fit.translation, translation), (fit.residual, 0)]:
        np.testing.assert_allclose(found, np.broadcast_to(applied, found.shape), atol=1e-12)


def loop_p_mpjpe(prediction, target):
    """The textbook way, one frame after the other."""
    errors = []
    for p, g in zip(prediction, target, strict=True):
        p0, g0 = p - p.mean(axis=0), g - g.mean(axis=0)
        u, s, vt = np.linalg.svd(p0.T @ g0)
        sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
        errors.append(np.linalg.norm((s * sign).sum() / (p0**2).sum() * p0 @ (u * sign) @ vt - g0, axis=1))
    return np.array(errors)


@pytest.mark.parametrize("axes", [(1, 1, 1), (1, 1, 1e-2), (1, 1, 1e-9), (1, 1, 0), (1, 1e-2, 1e-2), (1, 1e-4, 1e-4), (1, 0, 0)])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_p_mpjpe_of_flat_and_thin_poses(generator, axes, is_mirrored):
    """Where the closed form loses digits, the singular value decomposition must take over."""
    target = generator.normal(size=(300, 17, 3)) * axes @ rotations(generator, 300)
    prediction = (target + 0.05 * axes[2] * generator.normal(size=target.shape)) @ rotations(generator, 300)
    prediction[:, :, 0] *= -1 if is_mirrored else 1
    np.testing.assert_allclose(p_mpjpe(prediction, target), loop_p_mpjpe(prediction, target), atol=1e-9)


def test_n_mpjpe_does_not_see_the_scale_and_mpjpe_not_the_position(generator):
    target = generator.normal(size=(30, 17, 3))
    prediction = target + 0.1 * generator.normal(size=target.shape)
    np.testing.assert_allclose(n_mpjpe(3 * prediction + 1, target), n_mpjpe(prediction, target), atol=1e-12)
    np.testing.assert_allclose(mpjpe(prediction + np.array([5, 6, 7]), target), mpjpe(prediction, target), atol=1e-12)
    assert n_mpjpe(3 * target, target).max() < 1e-12
    assert (mpjpe(prediction, target)[:, ROOT] == 0).all()
    best_scale = [(mpjpe(s * prediction, target) ** 2).sum() for s in (0.9, 0.95, 1.05, 1.1)]
    assert (n_mpjpe(prediction, target) ** 2).sum() < min(best_scale)


def test_degenerate_predictions_are_found(arrays):
    assert np.flatnonzero(is_degenerate(arrays["pred"])).tolist() == [31, 32]


def test_a_root_relative_prediction_in_one_point_is_scored_unaligned(generator):
    target = generator.normal(size=(4, 17, 3))
    target -= target[:, ROOT : ROOT + 1]
    nothing = np.zeros_like(target)
    np.testing.assert_allclose(p_mpjpe(nothing, target), np.linalg.norm(target, axis=2))
    assert np.isnan(n_mpjpe(nothing, target)).all()
    assert p_mpjpe(target, nothing).max() < 1e-12  # scale 0 meets a target in one point exactly


def test_a_nan_stays_in_its_frame(generator):
    target = generator.normal(size=(5, 17, 3))
    prediction = target + 0.1 * generator.normal(size=target.shape)
    broken = prediction.copy()
    broken[2, 3, 1] = np.nan
    for metric in METRICS.values():
        errors = metric(broken, target)
        assert np.isnan(errors[2]).any()
        np.testing.assert_array_equal(np.delete(errors, 2, axis=0), np.delete(metric(prediction, target), 2, axis=0))


def test_what_is_not_valid_does_not_matter(generator):
    target = generator.normal(size=(6, 17, 3))
    prediction = target + 0.1 * generator.normal(size=target.shape)
    valid = np.ones((6, 17))
    valid[:, [0, 11]] = 0
    spoilt = prediction.copy()
    spoilt[:, [0, 11]] = 100
    for metric in (mpjpe, n_mpjpe, GOLDEN_METRICS["nmpjpe_mean"]):
        np.testing.assert_array_equal(metric(spoilt, target, valid), metric(prediction, target, valid))
        assert (metric(prediction, target, valid)[:, [0, 11]] == -1).all()


def test_chunks_do_not_matter(generator):
    target = generator.normal(size=(5000, 17, 3)).astype(np.float32)
    prediction = target + np.float32(0.1)
    for metric in METRICS.values():
        part = metric(prediction[4000:4100], target[4000:4100])
        np.testing.assert_allclose(metric(prediction, target)[4000:4100], part, rtol=0, atol=1e-14)


@pytest.mark.parametrize("metric", METRICS.values())
def test_no_frames(metric):
    assert metric(np.zeros((0, 17, 3)), np.zeros((0, 17, 3))).shape == (0, 17)


def test_shapes_that_do_not_fit():
    with pytest.raises(InputError, match=r"\(2, 17, 3\) and \(3, 17, 3\)"):
        mpjpe(np.zeros((2, 17, 3)), np.zeros((3, 17, 3)))
    with pytest.raises(InputError, match="mask of valid joints"):
        p_mpjpe(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)), np.ones((2, 16)))
    with pytest.raises(InputError, match="'root' or 'mean'"):
        n_mpjpe(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)), normalisation="median")


@pytest.mark.parametrize("metric", METRICS.values())
@pytest.mark.parametrize("is_masked", [False, True])
def test_threads_do_not_change_a_bit(generator, monkeypatch, metric, is_masked):
    target = generator.normal(size=(5000, 17, 3)).astype(np.float32)
    prediction = target + generator.normal(scale=0.1, size=target.shape).astype(np.float32)
    prediction[4321] = 0  # a degenerate one, and a flat one for the decomposition
    prediction[1234, :, 2] = target[1234, :, 2] = 0
    valid = generator.random((5000, 17)) > 0.1 if is_masked else None
    expected = metric(prediction, target, valid)
    for num_cores in (1, 2, 3, 64):
        monkeypatch.setattr(metrics, "usable_cores", lambda num_cores=num_cores: num_cores)
        np.testing.assert_array_equal(metric(prediction, target, valid), expected)


def test_a_fault_in_a_thread_is_raised(monkeypatch):
    poses = np.zeros((5000, 17, 3))
    monkeypatch.setattr(metrics, "usable_cores", lambda: 2)
    monkeypatch.setattr(metrics, "_norm", lambda differences: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        mpjpe(poses, poses)


@pytest.mark.parametrize("root", [0, ROOT])
def test_one_joint_at_the_root_is_not_degenerate(root):
    poses = np.zeros((4, 17, 3))
    poses[1, 3] = poses[2, root] = 1
    poses[3, root, 0] = np.nan
    assert is_degenerate(poses, root).tolist() == [True, False, False, False]
