"""The optimiser on one vector makes the steps of Keras' own on each variable; parameters are those that Keras takes."""

import dataclasses
import inspect
import typing

import keras
import numpy as np
import pytest

from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.optimisation import SCHEDULES, OptimizerParams, ScheduleName
from uplift_upsample.train.optimizer import build_optimizer
from uplift_upsample.train.schedules import ExponentialDecayWithSteps

KERAS = keras.optimizers.schedules
SHAPES = [(3, 5), (7,), (2, 2, 3), ()]
RATE, DECAY = 1e-2, 1e-3


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # Keras says so of its own
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends have Keras' own optimiser")
@pytest.mark.parametrize("name", ["AdamW", "Adam"])
@pytest.mark.parametrize("is_large", [False, True], ids=["", "amsgrad"])
def test_steps_are_those_of_keras(name: str, is_large: bool) -> None:
    """To the last bit; a variable without a gradient stays as it is, decay included."""
    decay = DECAY if name == "AdamW" else None
    schedule = {"initial_learning_rate": RATE, "decay_steps": 2, "decay_rate": 0.5}
    config = TrainConfig(optimizer=name, weight_decay=decay, schedule_params=schedule, optimizer_params={"amsgrad": is_large})
    theirs = getattr(keras.optimizers, name)(
        keras.optimizers.schedules.ExponentialDecay(**schedule),
        weight_decay=decay and decay / RATE,
        epsilon=1e-8,
        amsgrad=is_large,
    )
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    trained = []
    for optimizer in (build_optimizer(config), theirs):
        variables = [keras.Variable(value) for value in values]
        optimizer.build(variables)
        rng = np.random.default_rng(1)
        for _ in range(4):
            grads = [keras.ops.convert_to_tensor(rng.normal(size=shape).astype(np.float32)) for shape in SHAPES]
            optimizer.apply([grads[0], None, *grads[2:]], variables)
        trained.append([keras.ops.convert_to_numpy(variable) for variable in variables])
    for ours, expected in zip(*trained, strict=True):
        np.testing.assert_array_equal(ours, expected)
    np.testing.assert_array_equal(trained[0][1], values[1])
    assert not np.array_equal(trained[0][0], values[0])


@pytest.mark.parametrize("name", typing.get_args(ScheduleName))
def test_parameters_of_schedules_are_those_of_keras(name: str) -> None:
    """By name and order, with their defaults."""
    theirs = ExponentialDecayWithSteps if name == "ExponentialDecayWithSteps" else getattr(KERAS, name)
    parameters = {key: each.default for key, each in inspect.signature(theirs).parameters.items() if key != "name"}
    missing = {inspect.Parameter.empty: dataclasses.MISSING}
    assert {each.name: each.default for each in dataclasses.fields(SCHEDULES[name])} == {
        key: missing.get(default, default) for key, default in parameters.items()
    }


@pytest.mark.parametrize("optimizer", [keras.optimizers.AdamW, keras.optimizers.Adam])
def test_parameters_of_optimizers_are_those_of_keras(optimizer: type) -> None:
    """With their defaults; only epsilon is that of the published experiments."""
    theirs = inspect.signature(optimizer).parameters
    for each in dataclasses.fields(OptimizerParams):
        assert each.name in theirs
        assert each.default == (1e-8 if each.name == "epsilon" else theirs[each.name].default)
