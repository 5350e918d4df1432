"""Examples a second of a training step with mixed s_in, and what share of it the input may take."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from published import NETWORKS, SMALL, published
from straightforward.training import compile_for_training, whole_network
from timing import in_turns

from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.frames import FramesTable, subjects_of
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.train.source import example_reader, training_stream
from uplift_upsample.train.trainer import Trainer, pose_loss

MINI = ModelConfig(
    9,
    5,
    (5, 10),
    spatial_dim=8,
    temporal_dim=16,
    spatial_blocks=2,
    temporal_blocks=2,
    strides=(3, 3),
    paddings=((0, 0), (1, 1)),
    num_heads=2,
)
NUM_BATCHES = 4  # with as many different mixes of s_in
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # poses (B, N, J, 2), visible (B, N), targets (B, N, J, 3)


def batches_of(table: FramesTable, name: str, batch_size: int) -> Callable[[], Batch]:
    """Reads the next batch of the experiment's training, in the calling thread."""
    experiment = published(name)
    train = replace(experiment.train, batch_size=batch_size)
    videos = table.videos_of(subjects_of(table, "trainval"))
    stream = training_stream(table, videos, experiment.model, train, seed=0)
    reader = example_reader(table, experiment.model, train)

    def read() -> Batch:
        batch = reader.read(stream.next_rows())
        return batch.poses_2d, batch.visible, root_relative(batch.poses_3d)

    return read


def test_straightforward_training_has_the_same_loss() -> None:
    network = build_network(MINI)
    plain, train = whole_network(network), published("h36m_351").train
    rng = np.random.default_rng(0)
    visible = rng.random((4, MINI.num_tokens)) < 0.5
    poses_2d = rng.normal(size=(4, MINI.num_tokens, 17, 2)).astype(np.float32)
    targets = rng.normal(size=(4, MINI.num_tokens, 17, 3)).astype(np.float32)
    compile_for_training(plain, train)
    loss, *_ = plain.test_on_batch([poses_2d, visible], [targets, targets[:, MINI.num_tokens // 2]])
    np.testing.assert_allclose(loss, pose_loss(network(poses_2d, visible), targets, train), rtol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_training_step_of_small_networks(name: str, table: FramesTable, versus) -> None:
    """As in their studies. Each version steps on with its own weights."""
    experiment = published(name)
    size = experiment.train.batch_size
    plain = whole_network(build_network(experiment.model))
    compile_for_training(plain, experiment.train)
    trainer = Trainer(build_network(experiment.model), experiment.train)
    read = batches_of(table, name, size)
    batches = [read() for _ in range(20)]  # a step takes some ten milliseconds
    plain_batches = [([x, seen], [y, y[:, experiment.model.num_tokens // 2]]) for x, seen, y in batches]
    versus(
        f"training step, {name}, batch {size}",
        lambda: [plain.train_on_batch(*batch) for batch in plain_batches],
        lambda: [trainer.step(*batch) for batch in batches],
        units=len(batches) * size,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_training_step(name: str, table: FramesTable, versus, figure, matrix_product) -> None:
    """Each version steps on with its own weights."""
    experiment = published(name)
    model = experiment.model
    plain = whole_network(build_network(model))
    compile_for_training(plain, experiment.train)
    trainer = Trainer(build_network(model), experiment.train)
    for batch_size in (32, 64):
        read = batches_of(table, name, batch_size)
        batches = [read() for _ in range(NUM_BATCHES)]
        plain_batches = [([x, seen], [y, y[:, model.num_tokens // 2]]) for x, seen, y in batches]

        def steps() -> list[float]:
            return [trainer.step(*batch) for batch in batches]  # noqa: B023 (called before the next round of the loop)

        versus(
            f"training step, {name}, batch {batch_size}",
            lambda: [plain.train_on_batch(*batch) for batch in plain_batches],  # noqa: B023
            steps,
            units=NUM_BATCHES * batch_size,
            rounds=3,
        )
    if name == "h36m_351":
        figure("training input, Human3.6M, part of a training step", 100 / in_turns(steps, read, (NUM_BATCHES, 1), rounds=3).ratio)
        product, product_flops = matrix_product
        visible = np.concatenate([seen for _, seen, _ in batches])
        flops = len(visible) * training_flops(model, visible)
        versus(f"whole training step, {name}", product, steps, units=(product_flops, flops), rounds=3)


def training_flops(model: ModelConfig, visible: np.ndarray) -> float:
    """Floating point operations of an example: forward, and twice as many backward. The spatial stage counts for visible tokens."""
    cost = network_cost(model, model.s_in[0])
    window = cost.multiply_accumulates - cost.by_stage["spatial"] + cost.sequence_head
    return 2 * 3 * (window + visible.sum(1).mean() * cost.spatial_per_pose)
