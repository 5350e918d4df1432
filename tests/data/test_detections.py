"""The detection-noise model has the statistics that it promises."""

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MODEL_17
from uplift_upsample.data.detections import JOINT_SCALES, DetectionNoise, autoregressive, person_size, simulate_detections

NUM_FRAMES = 20_000
HEIGHT = 400.0


@pytest.fixture(scope="module")
def poses() -> np.ndarray:
    """A person who stands still, 400 pixels high."""
    pose = np.random.default_rng(3).uniform([450, 350], [550, 650], (17, 2))
    pose[MODEL_17.index("head_top")] = [500, 300]
    pose[MODEL_17.index("r_ankle")] = [500, 300 + HEIGHT]
    return np.repeat(pose[None], NUM_FRAMES, axis=0)


@pytest.fixture(scope="module")
def errors(poses: np.ndarray) -> np.ndarray:
    return simulate_detections(poses, np.random.default_rng(0)) - poses


def test_mean_error_is_about_five_pixels(errors: np.ndarray) -> None:
    distance = np.linalg.norm(errors, axis=-1)
    assert 4.5 < distance.mean() < 6.0
    assert abs(errors.mean()) < 0.1


def test_joints_rank_as_declared(errors: np.ndarray) -> None:
    median = dict(zip(MODEL_17, np.median(np.linalg.norm(errors, axis=-1), axis=0), strict=True))
    for side in "lr":
        assert (
            median["pelvis"] < median[f"{side}_hip"] < median[f"{side}_elbow"] < median[f"{side}_ankle"] < median[f"{side}_wrist"]
        )
    assert median["r_wrist"] == pytest.approx(median["l_wrist"], rel=0.05)


def test_errors_are_correlated_in_time(poses: np.ndarray) -> None:
    noise = DetectionNoise(outlier_rate=0)
    error = simulate_detections(poses, np.random.default_rng(0), noise=noise) - poses
    scale = (HEIGHT * noise.scales(MODEL_17))[:, None]
    np.testing.assert_allclose(error.std(0) / scale, 1, atol=0.1)
    lag_one = (error[1:] * error[:-1]).mean(0) / error.var(0)
    np.testing.assert_allclose(lag_one, (1 - noise.white_share) * np.exp(-1 / (0.2 * 50)), atol=0.05)
    lag_second = (error[50:] * error[:-50]).mean(0) / error.var(0)
    assert np.abs(lag_second).max() < 0.12


def test_outliers_are_rare_last_and_are_large(poses: np.ndarray) -> None:
    noise = DetectionNoise(joint_scales=dict.fromkeys(JOINT_SCALES, 1e-09))
    shifted = np.abs(simulate_detections(poses, np.random.default_rng(0), noise=noise) - poses).max(-1) > 1e-3  # (T, J)
    assert shifted.mean() == pytest.approx(noise.outlier_rate * noise.outlier_duration, rel=0.2)
    starts = shifted[1:] & ~shifted[:-1]
    assert shifted.sum() / starts.sum() == pytest.approx(noise.outlier_duration * 50, rel=0.2)


def test_outliers_are_limited(poses: np.ndarray) -> None:
    noise = DetectionNoise(outlier_rate=5, outlier_size=1.0, outlier_limit=0.2, joint_scales=dict.fromkeys(JOINT_SCALES, 1e-09))
    error = np.linalg.norm(simulate_detections(poses[:500], np.random.default_rng(0), noise=noise) - poses[:500], axis=-1)
    assert error.max() == pytest.approx(0.2 * HEIGHT, rel=1e-3)


def test_noise_grows_with_the_person(poses: np.ndarray) -> None:
    near = simulate_detections(2 * poses[:200], np.random.default_rng(0)) - 2 * poses[:200]
    far = simulate_detections(poses[:200], np.random.default_rng(0)) - poses[:200]
    np.testing.assert_allclose(near, 2 * far, atol=1e-3)


def test_same_seed_same_detections(poses: np.ndarray) -> None:
    first, again = (simulate_detections(poses[:300], np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert np.abs(first - simulate_detections(poses[:300], np.random.default_rng(8))).max() > 1


def test_joint_order_is_followed(poses: np.ndarray) -> None:
    noise = DetectionNoise(outlier_rate=0, white_share=1)
    error = simulate_detections(poses, np.random.default_rng(0), joints=H36M_17, noise=noise) - poses
    np.testing.assert_allclose(error.std((0, 2)) / HEIGHT, noise.scales(H36M_17), rtol=0.05)


def test_detections_stay_in_the_picture() -> None:
    poses = np.random.default_rng(0).uniform(-200, 1300, (50, 17, 2))
    detections = simulate_detections(poses, np.random.default_rng(0), resolution=(1000, 1002))
    assert detections.min() == 0
    assert (detections <= [1000, 1002]).all()
    assert (detections[..., 1] == 1002).any()


def test_autoregressive_equals_the_recursion() -> None:
    white = np.random.default_rng(0).standard_normal((700, 4))
    process = [white[0]]
    for step in white[1:]:
        process.append(0.93 * process[-1] + np.sqrt(1 - 0.93**2) * step)
    np.testing.assert_allclose(autoregressive(white, 0.93), process, atol=1e-9)
    np.testing.assert_array_equal(autoregressive(white, 0.0), white)


def test_size_is_that_of_the_crop() -> None:
    pose = np.zeros((17, 2))
    pose[0] = [30, 100]
    assert person_size(pose) == 100
    pose[0] = [120, 100]
    assert person_size(pose) == 160


def test_no_frames_give_no_detections() -> None:
    assert simulate_detections(np.zeros((0, 17, 2)), np.random.default_rng(0)).shape == (0, 17, 2)


@pytest.mark.parametrize(
    ("poses", "message"),
    [(np.zeros((5, 16, 2)), "shape"), (np.full((5, 17, 2), np.nan), "frame 0 has a coordinate that is NaN or infinite")],
)
def test_bad_poses(poses: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate_detections(poses, np.random.default_rng(0))


def test_bad_parameters_are_all_named() -> None:
    with pytest.raises(InputError, match="white_share is 2; it must be at most 1") as error:
        DetectionNoise(white_share=2, outlier_rate=-1)
    assert "outlier_rate is -1" in str(error.value)
    with pytest.raises(InputError, match="no entry for wrist"):
        DetectionNoise(joint_scales={k: v for k, v in JOINT_SCALES.items() if k != "wrist"}).scales(MODEL_17)
