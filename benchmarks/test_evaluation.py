"""Video frames a second, with mirroring; and how near the machine's limit the stages that do most of the work come."""

import functools

import keras
import numpy as np
import pytest
from published import NETWORKS, published
from straightforward.evaluation import lifted_frames
from straightforward.training import whole_network
from tables import one_video

from uplift_upsample.data.frames import FramesTable
from uplift_upsample.evaluate.predict import predict_poses
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network

BATCH = 32  # windows at once, of the straightforward version
OURS_BATCH = 32
WINDOWS = 256  # of ours in one measurement


@functools.cache
def plain_network(name: str) -> keras.Model:
    """Windows and masks to central poses, compiled for prediction as Keras does by itself."""
    network = whole_network(build_network(published(name).model))
    predicting = keras.Model(network.inputs, network.outputs[1])
    predicting.compile()
    return predicting


@functools.cache
def lifter(name: str) -> Lifter:
    return Lifter(build_network(published(name).model), OURS_BATCH, mirror=True)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("number", range(3))
def test_evaluation_with_mirroring(name: str, number: int, table: FramesTable, versus) -> None:
    """A video out of the middle of an evaluation, whose batches are full."""
    model = published(name).model
    s_in = model.s_in[number]
    video = one_video(table, WINDOWS * model.s_out)
    poses_2d = video.poses_2d
    assert poses_2d is not None
    versus(
        f"evaluation, {name}, s_in {s_in}",
        lambda: lifted_frames(plain_network(name), poses_2d, range(100, 100 + BATCH), model, s_in),
        lambda: predict_poses(lifter(name), video, np.array([0]), s_in),
        units=(BATCH, WINDOWS * model.s_out),
        rounds=3,
    )


def test_share_of_the_matrix_product(table: FramesTable, versus, matrix_product) -> None:
    """Windows that all see one 2D pose: what is left is the work of the temporal and strided stages. Whatever else the call does
    counts against it."""
    name = "h36m_351"
    model = published(name).model
    cost = network_cost(model, model.s_in[0]).by_stage
    flops = 2 * (cost["temporal"] + cost["strided"]) * 2 * WINDOWS  # mirrored too
    assert table.poses_2d is not None
    one_pose = np.array(table.poses_2d[:1])
    token_pose = np.zeros((WINDOWS, model.num_tokens), np.int64)
    visible = np.ones((WINDOWS, model.num_tokens), bool)
    product, product_flops = matrix_product
    versus(
        f"temporal and strided stages of evaluation, {name}",
        product,
        lambda: lifter(name).lift(one_pose, token_pose, visible),
        units=(product_flops, flops),
        rounds=5,
    )
