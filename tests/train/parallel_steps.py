"""Trains on two devices and on one, in a process of its own: how many devices there are is said before a framework looks.

Writes what the tests compare to the file that is named on the command line.
"""

import dataclasses
import shutil
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from world.people import swinging_record

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import build_frames_table
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.plan.runs import Run
from uplift_upsample.train.inputs import packed
from uplift_upsample.train.parallel import build_trainer
from uplift_upsample.train.trainer import Trainer
from uplift_upsample.train.training import TrainingData, train

MODEL = ModelConfig(
    num_tokens=9, s_out=2, s_in=(4,), temporal_dim=16, spatial_blocks=0, temporal_blocks=1, strides=(9,),
    num_heads=2, drop_path_rate=(0.0, 0.0, 0.0),
)  # fmt: skip
TRAIN = TrainConfig(
    batch_size=8, epochs=1, steps_per_epoch=6, weight_decay=1e-4, ema_decay=0.9, jit_compile="jit" in sys.argv, random_shift=False,
    schedule_params={"initial_learning_rate": 1e-3, "decay_steps": 10, "decay_rate": 0.9},
)  # fmt: skip
DROPPING = dataclasses.replace(MODEL, drop_rate=0.3)


def steps(run: Run, num_devices: int) -> dict[str, np.ndarray]:
    """The gradient of the first of four steps, the losses of all, and the averaged weights behind them."""
    keras.utils.set_random_seed(0)
    trainer = build_trainer(run, num_devices=num_devices)
    generator = np.random.default_rng(0)
    visible = generator.random((8, 9)) < 0.5  # the same for all: another number of visible tokens would be compiled anew
    losses, gradient = [], np.empty(0)
    for step in range(4):
        poses_2d = generator.normal(size=(8, 9, 17, 2)).astype(np.float32)
        targets = generator.normal(size=(8, 9, 17, 3)).astype(np.float32)
        losses.append(trainer.step(poses_2d, visible, targets))
        if step == 0:
            gradient = _first_gradient(trainer)
    averaged = np.concatenate([weight.ravel() for weight in trainer.result_weights()])
    return {f"gradient_{num_devices}": gradient, f"losses_{num_devices}": np.array(losses), f"averaged_{num_devices}": averaged}


def _first_gradient(trainer: Trainer) -> np.ndarray:
    """After one step, Adam's first moments are a tenth of it."""
    moments = [variable for variable in trainer.optimizer.variables if "momentum" in variable.path]
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(variable)) * 10 for variable in moments])


def streams() -> np.ndarray:
    """Losses of the same examples with dropout: on the first device, there again, and on the second."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    trainer: Any = build_trainer(Run(DROPPING, TRAIN), num_devices=2)
    poses_2d = np.random.default_rng(0).normal(size=(4, 9, 17, 2)).astype(np.float32)
    inputs = packed(poses_2d, np.ones((4, 9), bool), np.zeros((4, 9, 17, 3), np.float32))
    data = ({name: tf.constant(array) for name, array in inputs.items()},)
    trainable, states = ([tf.constant(keras.ops.convert_to_numpy(v)) for v in variables]
                         for variables in (trainer.trainable_variables, trainer.network.non_trainable_variables))  # fmt: skip
    return np.array([trainer._gradients(trainable, trainer._seeded(states, number), 1.0, data)[0] for number in (0, 0, 1)])


def resumed(folder: Path) -> dict[str, np.ndarray]:
    """Weights of a run on two devices with dropout, and of two that go on from its fourth step: on two, and on one."""
    generator = np.random.default_rng(1)
    records = [swinging_record(subject, "Walking", 40, generator) for subject in ("S1", "S8")]
    table = build_frames_table(records, h36m_cameras(), {"dataset": "tiny", "splits": {"train": ["S1"], "val": ["S8"]}})
    data = TrainingData(table, table.videos_of(["S1"]))
    run = Run(DROPPING, dataclasses.replace(TRAIN, precision="mixed_float16"))

    def keep(step: int, loss: float) -> None:
        if step == 5:
            for name in ("resumed", "ended_on_one"):
                shutil.copytree(folder / "whole", folder / name)

    results = {
        "whole": train(run, data, folder / "whole", 3, num_devices=2, on_step=keep, checkpoint_seconds=0),
        "resumed": train(run, data, folder / "resumed", 3, num_devices=2),
        "ended_on_one": train(run, data, folder / "ended_on_one", 3),
    }
    return {name: np.concatenate([weight.ravel() for weight in result.weights]) for name, result in results.items()}


def refused(num_devices: int, **changes: Any) -> np.ndarray:
    """What is said instead of a training."""
    try:
        build_trainer(Run(MODEL, dataclasses.replace(TRAIN, **changes)), num_devices=num_devices)
    except InputError as error:
        return np.array(str(error))
    return np.array("nothing was refused")


def main() -> None:
    is_tensorflow = keras.backend.backend() == "tensorflow"
    if is_tensorflow:
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    out, run = Path(sys.argv[1]), Run(MODEL, TRAIN)
    found = steps(run, 1) | steps(run, 2) | resumed(out.parent / "runs")
    found |= {"streams": streams()} if is_tensorflow else {}
    np.savez(out, too_many=refused(3), uneven=refused(2, batch_size=6), **found)


if __name__ == "__main__":
    main()
