"""Thirty optimisation steps of the official code: losses, rates, gradients, weights, averaged weights; and its schedules."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import ops

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights, network_variables
from uplift_upsample.plan.runs import read_run
from uplift_upsample.train.inputs import packed
from uplift_upsample.train.schedules import build_schedule
from uplift_upsample.train.trainer import Trainer, pose_loss

NUM_STEPS = 30
IS_KEY_BIAS = "attention/key/bias"  # its true gradient is 0; Adam blows up the rounding noise


def _trainer(name: str, golden_file) -> tuple[Trainer, "np.lib.npyio.NpzFile"]:
    experiment, _ = read_run(golden_file(f"training/{name}.json"))
    network = build_network(experiment.model)
    load_weights(network, golden_file(f"training/{name}_initial.h5"))
    return Trainer(network, dataclasses.replace(experiment.train, jit_compile=False)), np.load(golden_file(f"training/{name}.npz"))


def _batch(dump, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    visible = dump["stride_masks"][step]
    return dump["seq2d"][step] * visible[..., None, None], visible, root_relative(dump["seq3d"][step])


def _assert_weights(variables, values, dump, prefix: str, tolerance: float, golden_count) -> None:
    for index, (variable, value) in enumerate(zip(variables, values, strict=True)):
        expected = dump[f"{prefix}/{index:03d}"]
        if IS_KEY_BIAS not in variable.path:
            np.testing.assert_allclose(
                value.reshape(expected.shape), expected, atol=tolerance, rtol=0, err_msg=f"{prefix} {variable.path}"
            )
            golden_count("trained weights", 1)


@pytest.mark.parametrize("name", ["noema", "ema"])
def test_thirty_steps(name, golden_file, golden_count) -> None:
    trainer, dump = _trainer(name, golden_file)
    variables = network_variables(trainer.network)
    losses = []
    for step in range(NUM_STEPS):
        losses.append(trainer.step(*_batch(dump, step)))
        assert trainer.learning_rate() == pytest.approx(dump["lr"][step], rel=1e-6)
        if step + 1 in (1, 5):
            tolerance = {1: 1e-5, 5: 1e-4}[step + 1]
            values = [ops.convert_to_numpy(v) for v in variables]
            _assert_weights(variables, values, dump, f"after_step_{step + 1}", tolerance, golden_count)
            if trainer.averaged is not None:
                _assert_weights(variables, trainer.result_weights(), dump, f"after_step_ema{step + 1}", tolerance, golden_count)
    np.testing.assert_allclose(losses[:15], dump["losses"][:15], rtol=1e-5)
    np.testing.assert_allclose(losses, dump["losses"], rtol={"noema": 1e-5, "ema": 3e-3}[name])
    golden_count("training losses", NUM_STEPS)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are taken with TensorFlow here")
@pytest.mark.parametrize("name", ["noema", "ema"])
def test_first_gradients(name, golden_file, golden_count) -> None:
    import tensorflow as tf

    trainer, dump = _trainer(name, golden_file)
    poses_2d, visible, targets = _batch(dump, 0)
    variables = network_variables(trainer.network)
    with tf.GradientTape() as tape:
        loss = pose_loss(*trainer(packed(poses_2d, visible, targets), training=True), trainer.config)
    gradients = tape.gradient(loss, [v.value for v in variables])
    for index, gradient in enumerate(gradients):
        expected = dump[f"grad0/{index:03d}"]
        np.testing.assert_allclose(gradient.numpy().reshape(expected.shape), expected, atol=1e-5, err_msg=variables[index].path)
    golden_count("gradients", len(gradients))


def test_decay_is_the_published_one(golden_file) -> None:
    """Without any gradient a step multiplies every weight by 1 - wd(t): the recorded decay, apart from the learning rate."""
    trainer, dump = _trainer("noema", golden_file)
    expected = np.prod(1 - dump["wd"][:3])
    before = [ops.convert_to_numpy(v) for v in trainer.trainable_variables]
    for _ in range(3):
        trainer.optimizer.apply([ops.zeros(v.shape) for v in trainer.trainable_variables])
    for variable, value in zip(trainer.trainable_variables, before, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(variable), value * expected, rtol=1e-5, atol=1e-8)


def test_schedules(golden_file, golden_count) -> None:
    dump = np.load(golden_file("metrics/schedules.npz"))
    for name, case in json.loads(golden_file("metrics/schedules.json").read_text()).items():
        schedule = build_schedule(case["class"], case["params"])
        rates = [float(ops.convert_to_numpy(schedule(int(step)))) for step in dump["steps"]]
        np.testing.assert_allclose(rates, dump[name], rtol=2e-5)
        golden_count("learning rates", len(rates))
        if f"{name}_0to200" in dump:
            rates = [float(ops.convert_to_numpy(schedule(step))) for step in range(201)]
            np.testing.assert_allclose(rates, dump[f"{name}_0to200"], rtol=2e-5)
            golden_count("learning rates", len(rates))


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        (
            "ExponentialDecay",
            {"initial_learning_rate": "4e-5", "decay_steps": 1, "decay_rate": 0.9},
            "initial_learning_rate is the text",
        ),
        ("PiecewiseConstantDecay", {"boundaries": [], "values": [1e-3]}, "PiecewiseConstantDecay"),
        ("ExponentialDecay", {"initial_learning_rate": 1e-3, "large_decay_steps": 1}, "large_decay_steps"),
    ],
)
def test_schedules_that_cannot_be(name: str, params: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        build_schedule(name, params)
