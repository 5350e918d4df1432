"""Properties of geometry and metrics: what must not change them, and what must."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from world.quick import QUICK
from world.seen import camera_to_world

from uplift_upsample.base.cameras import (
    denormalise_points,
    h36m_cameras,
    mirrored_intrinsics,
    normalise_points,
    project,
    rotation_matrices,
    world_to_camera,
)
from uplift_upsample.base.skeleton import MIRROR, root_relative
from uplift_upsample.evaluate.metrics import mpjpe, n_mpjpe, p_mpjpe

SEEDS = st.integers(0, 10_000)


def poses(seed: int, count: int = 5) -> np.ndarray:
    """Random bodies of about a metre, relative to the pelvis."""
    return root_relative(np.random.default_rng(seed).normal(0, 0.5, (count, 17, 3)))


def rotation(seed: int) -> np.ndarray:
    quaternion = np.random.default_rng([seed, 1]).normal(size=(1, 4))
    return rotation_matrices(quaternion / np.linalg.norm(quaternion))[0]


@QUICK
@given(seed=SEEDS, scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_p_mpjpe_is_that_of_any_similar_prediction(seed: int, scale: float, shift: float) -> None:
    prediction, target = poses(seed), poses(seed + 1)
    moved = scale * prediction @ rotation(seed) + shift
    np.testing.assert_allclose(p_mpjpe(moved, target), p_mpjpe(prediction, target), rtol=1e-6, atol=1e-6)


@QUICK
@given(seed=SEEDS, scale=st.floats(0.01, 100))
def test_n_mpjpe_does_not_see_the_size(seed: int, scale: float) -> None:
    prediction, target = poses(seed), poses(seed + 1)
    np.testing.assert_allclose(n_mpjpe(scale * prediction, target), n_mpjpe(prediction, target), rtol=1e-7, atol=1e-6)


@QUICK
@given(seed=SEEDS, size=st.floats(0.001, 1000))
def test_errors_are_in_order_zero_for_the_target_and_in_the_unit_of_the_poses(seed: int, size: float) -> None:
    prediction, target = poses(seed), poses(seed + 1)
    for metric in (mpjpe, n_mpjpe, p_mpjpe):
        errors = metric(prediction, target)
        assert (errors >= 0).all() and np.abs(metric(target, target)).max() < 1e-4
        np.testing.assert_allclose(metric(size * prediction, size * target), size * errors, rtol=1e-5, atol=1e-5 * size)
    squared = [(metric(prediction, target) ** 2).mean() for metric in (p_mpjpe, n_mpjpe, mpjpe)]
    assert squared[1] <= squared[2] * (1 + 1e-9)  # the best size is not worse than the one that is there
    assert squared[0] <= squared[2] * (1 + 1e-9)


@QUICK
@given(seed=SEEDS)
def test_the_mirror_image_of_both_has_the_errors_of_the_mirrored_joints(seed: int) -> None:
    prediction, target = poses(seed), poses(seed + 1)
    flip = np.array([-1, 1, 1])
    for metric in (mpjpe, n_mpjpe, p_mpjpe):
        mirrored = metric(prediction[:, MIRROR] * flip, target[:, MIRROR] * flip)
        np.testing.assert_allclose(mirrored, metric(prediction, target)[:, MIRROR], atol=1e-6)


@QUICK
@given(seed=SEEDS, camera=st.integers(0, 27))
def test_camera_axes_and_back(seed: int, camera: int) -> None:
    cameras, points = h36m_cameras(), poses(seed)[None]
    seen = world_to_camera(points, cameras.rotations[[camera]].astype(np.float64), cameras.translation[[camera]])
    back = camera_to_world(seen, cameras.rotations[[camera]].astype(np.float64), cameras.translation[[camera]])
    np.testing.assert_allclose(back, points, atol=1e-5)
    np.testing.assert_allclose(mpjpe(seen[0], seen[0] + 1), 0, atol=1e-9)  # a shift is no error


@QUICK
@given(seed=SEEDS, camera=st.integers(0, 27))
def test_the_projection_of_the_mirror_image_is_the_mirrored_projection(seed: int, camera: int) -> None:
    points = poses(seed)[None] + [0, 0, 5]
    vectors = h36m_cameras().intrinsics[[camera]]
    mirrored = project(points * [-1, 1, 1], mirrored_intrinsics(vectors))
    np.testing.assert_allclose(mirrored, project(points, vectors) * [-1, 1], atol=1e-12)
    np.testing.assert_array_equal(mirrored_intrinsics(mirrored_intrinsics(vectors)), vectors)


@QUICK
@given(width=st.integers(1, 5000), height=st.integers(1, 5000), seed=SEEDS)
def test_pixels_to_the_screen_and_back(width: int, height: int, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 1, (7, 2)) * [width, height]
    screen = normalise_points(points, width, height)
    assert (np.abs(screen[:, 0]) <= 1 + 1e-9).all() and (np.abs(screen[:, 1]) <= height / width * (1 + 1e-9)).all()
    np.testing.assert_allclose(denormalise_points(screen, width, height), points, atol=1e-8)
