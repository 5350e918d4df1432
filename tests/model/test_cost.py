"""The cost of a network by formula, against built networks, the framework's profiler and the figures of the official code."""

import json
import math

import pytest
import tensorflow as tf
from world.profiler import profiled_macs, profiled_network, profiled_window

from uplift_upsample.base.errors import InputError
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.plan.networks import PoseFormer, StridedTransformer, VideoPose3D
from uplift_upsample.plan.runs import read_run

BASE = {"num_tokens": 9, "s_out": 2, "s_in": (4, 8), "spatial_dim": 8, "temporal_dim": 16, "num_heads": 2,
        "spatial_blocks": 2, "temporal_blocks": 2, "strides": (3, 3)}  # fmt: skip
FULL_351 = ModelConfig(71, 5, (5, 10, 20), strides=(3, 10, 3), paddings=((0, 0),) * 3)
FULL_81 = ModelConfig(41, 2, (4, 10, 20), strides=(4, 4, 3), paddings=((1, 1), (0, 0), (0, 0)))


@pytest.mark.parametrize(
    ("model", "parameters", "temporal", "window"),
    # docs/method.md, "Size", has parameters and millions of the temporal and strided stages; a profiler of the official code gave
    # 10^9 operations of a whole window, all tokens visible
    [(FULL_351, 10_404_902, 464.5, 1.051), (FULL_81, 10_377_254, 262.0, 0.595)],
    ids=["h36m_351", "h36m_81"],
)
def test_published_networks(model, parameters, temporal, window) -> None:
    cost = network_cost(model, model.s_out)
    assert cost.parameters == parameters
    assert (cost.by_stage["temporal"] + cost.by_stage["strided"]) / 1e6 == pytest.approx(temporal, abs=0.06)
    assert cost.spatial_per_pose / 1e6 == pytest.approx(0.84, abs=0.005)
    assert 2 * (cost.multiply_accumulates + cost.sequence_head) / 1e9 == pytest.approx(window, abs=0.0006)


def test_stages_are_the_whole_window() -> None:
    costs = [network_cost(FULL_351, s_in) for s_in in (5, 10, 20)]
    assert [sum(cost.by_stage.values()) - cost.multiply_accumulates for cost in costs] == [0, 0, 0]
    assert [cost.num_input_poses for cost in costs] == [71, 36, 18]  # ceil(71 / 1), ceil(71 / 2), ceil(71 / 4)
    assert [cost.by_stage["spatial"] for cost in costs] == [poses * costs[0].spatial_per_pose for poses in (71, 36, 18)]
    # a window every fifth frame, and one spatial stage for each 2D pose
    assert costs[2].per_pose_of("central", 1) == (costs[2].multiply_accumulates - costs[2].by_stage["spatial"]) / 5 + 841_024 / 20


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"spatial_blocks": 0},
        {"temporal_blocks": 0, "first_attention_layer": 0},
        {"strides": ()},
        {"qkv_bias": False, "output_bn": True, "mlp_ratio": 1.55},
        {"sequence_head": False, "learnable_masked_token": True, "token_mask_rate": 0.1},
        {"s_in": (), "s_out": 1},
    ],
    ids=lambda changes: "-".join(changes) or "base",
)
def test_parameters_and_products_are_those_of_the_network(changes) -> None:
    model = ModelConfig(**{**BASE, **changes})
    network = build_network(model)
    cost = network_cost(model, model.s_out)
    assert cost.parameters == network.count_params()
    assert cost.multiply_accumulates + cost.sequence_head == profiled_network(network)


@pytest.mark.long
@pytest.mark.parametrize(
    "model",
    [
        VideoPose3D(45, filter_widths=(3, 5, 3), channels=8),
        PoseFormer(9, spatial_dim=8, spatial_blocks=2, temporal_blocks=1, num_heads=2, mlp_ratio=1.55, qkv_bias=False),
        StridedTransformer(15, temporal_dim=8, hidden_dim=12, temporal_blocks=2, strides=(5, 3), num_heads=2),
        StridedTransformer(9, temporal_dim=8, hidden_dim=12, temporal_blocks=0, strides=(2, 1, 5, 1), num_heads=2),
    ],
    ids=lambda model: f"{model.network}_{model.num_tokens}",
)
def test_networks_around_the_paper(model) -> None:
    """All tokens and heads, and one window as evaluation computes it."""
    network = build_network(model)
    cost = network_cost(model, 1)
    assert cost.parameters == sum(math.prod(variable.shape) for variable in network.trainable_variables)
    assert cost.multiply_accumulates + cost.sequence_head == profiled_network(network)
    assert cost.multiply_accumulates == profiled_window(network, model.num_tokens)


@pytest.mark.long
def test_profiler_and_formula_agree_on_evaluation() -> None:
    """The spatial stage for the visible 2D poses alone, and the central head."""
    model = ModelConfig(**BASE)
    network = build_network(model)
    for s_in in (2, 4, 8):
        cost = network_cost(model, s_in)
        assert profiled_window(network, cost.num_input_poses) == cost.multiply_accumulates


def test_profiler_refuses_products_that_it_would_not_count() -> None:
    with pytest.raises(NotImplementedError, match="Einsum"):
        profiled_macs(lambda left, right: tf.einsum("ij,jk->ki", left, right), tf.TensorSpec((2, 3)), tf.TensorSpec((3, 4)))


@pytest.mark.parametrize("name", ["n9_nullpad_first0", "n9_learntoken", "n9_refine_nofull", "n71_h351like_first1"])
def test_figures_of_the_official_code(name, golden_file) -> None:
    model = read_run(golden_file(f"models/{name}.json"))[0].model
    golden = json.loads(golden_file("models/models.json").read_text())[name]
    cost = network_cost(model, model.s_out)
    counted = golden["flops_analytic_matmul_conv"]
    assert cost.parameters == golden["params"]
    assert 2 * cost.by_stage["spatial"] == counted["spatial"] + counted["map"]
    assert [2 * cost.by_stage[stage] for stage in ("temporal", "strided")] == [counted["temporal"], counted["strided"]]
    assert 2 * (cost.multiply_accumulates + cost.sequence_head) == counted["total"]


def test_impossible_stride() -> None:
    with pytest.raises(InputError, match="s_in 3 is not a multiple of s_out 2"):
        network_cost(ModelConfig(**BASE), 3)
