"""A tiny network, whose weights lie where the workflow puts them, and somebody who walks."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras, normalise_points
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.frames import SequenceRecord, build_frames_table
from uplift_upsample.data.keypoints.layouts import LAYOUTS
from uplift_upsample.data.keypoints.to_model import model_poses
from uplift_upsample.evaluate.interpolation import interpolated_at
from uplift_upsample.evaluate.predict import PAPER, predict_poses
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights, save_weights
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.plan.runs import Run, write_run

TINY: dict[str, Any] = {"num_tokens": 9, "s_out": 5, "s_in": (5, 10, 20), "spatial_dim": 8, "temporal_dim": 16, "num_heads": 2,
                        "spatial_blocks": 1, "temporal_blocks": 1, "strides": (3, 3)}  # fmt: skip
SIZE = (1000.0, 800.0)


@pytest.fixture(scope="session")
def write_weights() -> Any:
    """Writes ``{folder}/run.yaml`` and ``{folder}/seed_0/weights.h5`` of a tiny network, and returns the latter."""

    def write(folder: Path, dataset: str = "h36m", padding: Any = "copy", **changes: Any) -> Path:
        keras.utils.set_random_seed(5)
        model = ModelConfig(**{**TINY, **changes})
        network = build_network(model)
        for variable in network.trainable_variables:  # outputs of the size of a person, not zeros
            variable.assign(variable + np.random.default_rng(variable.shape[-1]).normal(0, 0.1, variable.shape))
        (folder / "seed_0").mkdir(parents=True)
        write_run(folder / "run.yaml", Run(model, TrainConfig(padding=padding), name="tiny", study="test", dataset=dataset))
        save_weights(network, folder / "seed_0/weights.h5")
        return folder / "seed_0/weights.h5"

    return write


@pytest.fixture(scope="session")
def weights(write_weights: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("results") / "tiny")


@pytest.fixture(scope="session")
def lifter(weights: Path) -> Uplifter:
    return Uplifter.load(weights, batch_size=16)


@pytest.fixture(scope="session")
def load_tiny(write_weights: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An ``Uplifter`` of a tiny network that differs in something."""

    def load(**changes: Any) -> Uplifter:
        return Uplifter.load(write_weights(tmp_path_factory.mktemp("results") / "tiny", **changes), batch_size=16)

    return load


def walking(seconds: np.ndarray) -> np.ndarray:
    """Keypoints of COCO ``(T, 17, 2)``, pixels, of somebody who swings arms and legs; ``_PERSON`` stands."""
    swing = np.sin(2 * np.pi * seconds)[:, None]
    points = np.repeat(_PERSON[None], len(seconds), axis=0)
    points[:, [7, 9, 14, 16], 0] += 25 * swing
    points[:, [8, 10, 13, 15], 0] -= 25 * swing
    points[..., 0] += 10 * seconds[:, None]
    return points


def evaluated(weights: Path, seconds: np.ndarray, s_in: int, evaluate: EvaluateConfig = PAPER) -> np.ndarray:
    """What ``evaluate.predict`` and the interpolation of the scores make of the same clip at 50 Hz."""
    known = weights_named(weights)
    network = build_network(known.card.model)
    load_weights(network, weights)
    screen = normalise_points(model_poses(walking(seconds), LAYOUTS["coco_17"], "h36m"), *SIZE).astype(np.float32)
    nowhere = np.zeros((len(screen), 17, 3), np.float32)
    record = SequenceRecord("S9", "Walking", "Walking", nowhere, [screen], [0], 50)
    table = build_frames_table([record], h36m_cameras(), {"dataset": "h36m", "splits": {"test": ["S9"]}})
    predictions = predict_poses(Lifter(network, 16, mirror=True), table, np.array([0]), s_in, evaluate)
    frames = np.arange(len(screen))
    poses = interpolated_at(predictions.poses_3d, predictions.video, predictions.frame, np.zeros_like(frames), frames)
    return root_relative(poses)


# COCO's order; 320 pixels high, in the middle of the picture
_PERSON = np.array(
    [[500, 250], [505, 244], [494, 244], [512, 248], [488, 248], [540, 300], [460, 300], [550, 360], [450, 360], [552, 415],
     [448, 415], [522, 420], [478, 420], [524, 490], [476, 490], [526, 560], [474, 560]], float
)  # fmt: skip
