"""The optimiser on one vector makes the steps of Keras' own on each variable."""

import keras
import numpy as np
import pytest

from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.train.optimizer import EPSILON, build_optimizer

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
        epsilon=EPSILON,
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
