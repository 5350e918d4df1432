"""The networks of a configuration: which options each has, what cannot be, and that the paper's stays what it was."""

from typing import Any

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.experiment import Experiment
from uplift_upsample.plan.networks import ModelConfig, PoseFormer, StridedTransformer, VideoPose3D
from uplift_upsample.plan.runs import run_from_mapping


def read(**model: Any) -> Any:
    return Experiment.from_mapping({"model": model}).model


def test_each_network_has_its_class() -> None:
    assert read(num_tokens=243, network="videopose3d") == VideoPose3D(243)
    assert read(num_tokens=81, network="poseformer") == PoseFormer(81)
    assert read(num_tokens=243, network="strided_transformer") == StridedTransformer(243)
    assert type(read(num_tokens=27, s_out=5, s_in=[5, 10])) is ModelConfig
    assert read(num_tokens=27, s_out=5, network="uplift_upsample") == ModelConfig(27, 5)


def test_configurations_of_the_paper_do_not_name_it() -> None:
    """Or all of its runs would have other settings than before."""
    assert "network" not in Experiment(ModelConfig(27, 5)).to_mapping()["model"]


@pytest.mark.parametrize("config", [VideoPose3D(9, filter_widths=(3, 3)), PoseFormer(9), StridedTransformer(9, strides=(3, 3))])
def test_run_configurations_are_read_back(config) -> None:
    mapping = Experiment(config).to_mapping()
    assert mapping["model"]["network"] == config.network
    assert run_from_mapping({"model": mapping["model"], "train": mapping["train"]}, "run").model == config


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        ({"network": "videopose"}, "experiment.model.network: expected one of uplift_upsample, videopose3d, poseformer, "
         "strided_transformer, not 'videopose', did you mean 'videopose3d'?"),
        ({"network": 3}, "experiment.model.network: expected one of .*, not 3$"),
        ({"network": "poseformer", "strides": [3]}, "experiment.model: unknown key 'strides'"),
        ({"network": "videopose3d", "channel": 8}, "experiment.model: unknown key 'channel', did you mean 'channels'?"),
        ({"network": "videopose3d", "filter_widths": [3, 3]}, r"filter_widths \[3, 3\] see 9 frames, and num_tokens is 27"),
        ({"network": "videopose3d", "filter_widths": [3, 4]}, "it needs odd numbers, so that each convolution has a middle"),
        ({"network": "videopose3d", "filter_widths": [3, 3, 3], "s_in": [1, 5]},
         r"s_in is \[1, 5\]; videopose3d takes a 2D pose on every token, leave s_in out"),
        ({"network": "poseformer", "num_heads": 5}, "spatial_dim 32 cannot be divided among 5 heads; take a multiple of num_heads"),
        ({"network": "poseformer", "num_joints": 16}, "num_joints is 16; every data set and weight file here has 17"),
        ({"network": "strided_transformer", "strides": [3, 3]}, r"strides \[3, 3\] leave 3 tokens of 27"),
        ({"network": "strided_transformer", "num_tokens": 26, "strides": [3, 3, 3]}, "num_tokens is 26; it must be odd"),
        ({"network": "strided_transformer", "drop_rate": 1}, "drop_rate is 1.0; it must be at least 0 and below 1"),
    ],
)  # fmt: skip
def test_what_cannot_be(model: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read(**{"num_tokens": 27, **model})


def test_batch_norm_that_nothing_changes() -> None:
    train = {"batch_norm_momentum": [0.1, 0.001]}
    assert Experiment.from_mapping({"model": {"network": "videopose3d", "num_tokens": 243}, "train": train}).train
    for network in ({"network": "poseformer", "num_tokens": 9}, {"num_tokens": 27, "s_out": 5, "output_bn": True}):
        with pytest.raises(
            InputError, match=r"train: batch_norm_momentum is \[0.1, 0.001\]; .* has no BatchNorm that takes it, leave"
        ):
            Experiment.from_mapping({"model": network, "train": train})
    with pytest.raises(InputError, match=r"batch_norm_momentum is 0\.0; it must be above 0 and at most 1"):
        Experiment.from_mapping({"model": {"num_tokens": 27, "s_out": 5}, "train": {"batch_norm_momentum": [0, 1]}})


def test_they_take_a_2d_pose_on_every_token() -> None:
    config = PoseFormer(81)
    assert (config.evaluated_s_in, config.has_strided_input) == ((1,), False)
    assert config.s_in_faults(1) == []
    assert config.s_in_faults(5) == ["s_in 5: this network has no strided input; the only choice is its s_out, 1"]


def _study(**model: Any) -> dict[str, Any]:
    data = {"kind": "mocap", "folder": "data/people", "splits": {"train": ["a"], "test": ["b"]}}
    planned = {"dataset": "people", "train_subset": "train", "test_subset": "test"}
    small = {"base": "small", **planned}
    return {
        "reproduce": ["trial"],
        "experiments": {"small": {"model": {"network": "poseformer", "num_tokens": 9}}},
        "studies": {
            "trial": {
                "seeds": [0],
                "data": {"people": data},
                "experiments": {"first": small, "second": {**small, "model": model, "initial_weights": "first"}},
                "resources": {"gpus": 0},
            }
        },
    }


@pytest.mark.parametrize(
    ("model", "faults"),
    [
        ({"last_drop_path_rate": 0.2}, []),
        ({"spatial_blocks": 2}, ["first has another network: spatial_blocks 4, here 2"]),
        ({"network": "strided_transformer", "strides": [3, 3]},
         ["first has another network: network 'poseformer', here 'strided_transformer'"]),
        ({"networks": "poseformer"}, ["unknown key 'networks', did you mean 'network'?"]),
        ({"channels": 3}, ["unknown key 'channels'"]),
    ],
)  # fmt: skip
def test_faults_in_a_configuration(model: dict[str, Any], faults: list[str]) -> None:
    found = config_faults(_study(**model))
    assert len(found) == len(faults), found
    for line, fault in zip(found, faults, strict=True):
        assert line.startswith("studies.trial.experiments.second.")
        assert fault in line
