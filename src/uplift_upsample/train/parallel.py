"""Training on several devices of one machine: each computes the gradient of its share of a batch, their mean makes the step.

Shares are equal, so the step is that of one device with the whole batch, up to rounding. Mirrored twins, which lie side by side in
a batch, stay together. Dropout draws something else on each device.

JAX: the network lies on all devices, the batch is spread over them, and the compiled step is one program for all
(``keras.distribution.DataParallel``). TensorFlow: the first device has the network; a step sends its weights to the others and
collects their gradients, each compiled for its device (Keras has no distribution there, and TensorFlow's does without XLA).
"""

from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import raise_all
from uplift_upsample.model.backend import keras, ops
from uplift_upsample.model.lifting import LiftingNetwork
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import TrainConfig, devices_faults
from uplift_upsample.plan.runs import Run
from uplift_upsample.train.trainer import Trainer

SPREAD = 0x9E3779B1  # between the seeds of two devices; odd, so that no two of them ever meet


def build_trainer(run: Run, num_devices: int = 1) -> Trainer:
    """A new network and what trains it on some devices.

    Raises ``InputError`` where there are fewer devices, or where the batch cannot be shared among them.
    """
    if num_devices == 1:
        return Trainer(build_network(run.model, run.train.precision), run.train)
    devices = training_devices(num_devices)
    raise_all(devices_faults(run.model, run.train, num_devices))
    if keras.backend.backend() == "tensorflow":
        return TensorFlowParallelTrainer(build_network(run.model, run.train.precision), run.train, devices)
    distribution = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    with distribution.scope():
        return JaxParallelTrainer(build_network(run.model, run.train.precision), run.train, distribution)


def training_devices(num_devices: int) -> list[str]:
    """The first devices of the framework: GPUs, or CPUs where it has none. Raises ``InputError`` where it has fewer."""
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise InputError(f"devices is {num_devices}: not known for Keras on {backend}; use TensorFlow or JAX, or one device")
    devices = list(map(str, keras.distribution.list_devices()))
    if len(devices) < num_devices:
        there = f"{len(devices)} ({', '.join(devices)})"
        raise InputError(f"devices is {num_devices}, but {backend} has {there}; ask for as many as there are")
    return devices[:num_devices]


class JaxParallelTrainer(Trainer):
    """A trainer whose variables lie on all devices; ``step`` spreads its batch over them."""

    def __init__(self, network: LiftingNetwork, config: TrainConfig, distribution: keras.distribution.DataParallel) -> None:
        super().__init__(network, config)
        self.num_groups = len(distribution.device_mesh.devices)
        self._distribution = distribution

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        with self._distribution.scope():
            return super().train_on_batch(*args, **kwargs)


class TensorFlowParallelTrainer(Trainer):
    """A trainer on the first of some devices, which has the others compute the gradients of their shares."""

    jit_compile: bool  # Keras' property

    def __init__(self, network: LiftingNetwork, config: TrainConfig, devices: list[str]) -> None:
        super().__init__(network, config)
        import tensorflow as tf

        self._devices = devices
        self.num_groups = len(devices)
        self._on = tf.device
        compiled: dict[str, Any] = {"jit_compile": self.jit_compile, "autograph": False}
        self._share_gradients = tf.function(self._gradients, **compiled)
        self._apply_mean = tf.function(self._apply, **compiled)
        self.jit_compile = False  # of what is around these two: no program of XLA has several devices

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step; the loss is the mean over the devices."""
        trainable, others = _tensors(self.trainable_variables), _tensors(self._state())
        scale = self._loss_scale()
        losses, gradients, states = [], [], []
        for number, device in enumerate(self._devices):
            share = keras.tree.map_structure(lambda part, number=number: self._share(part, number), data)
            with self._on(device):
                loss, gradient, state = self._share_gradients(trainable, self._seeded(others, number), scale, share)
            losses.append(loss)
            gradients.append(gradient)
            states.append(state)
        with self._on(self._devices[0]):
            return {"loss": self._apply_mean(losses, gradients, states[0])}

    def _state(self) -> list[keras.Variable]:
        """What a pass through the network changes beside the gradients: the states of its random generators."""
        return self.network.non_trainable_variables

    def _share(self, part: Any, number: int) -> Any:
        """What a device gets of an array of examples ``(B, ...)``, or of groups ``(G, ...)``, one a device."""
        size = part.shape[0] // len(self._devices)
        return part[number * size : (number + 1) * size]

    def _seeded(self, states: list[Any], number: int) -> list[Any]:
        """States of random generators, (seed, count) each, moved to the streams of a device; the first has those of the network."""
        moved = np.array([(number * SPREAD) % 2**31, 0])
        pairs = zip(self._state(), states, strict=True)
        return [state + ops.cast(moved, state.dtype) if _is_seed(variable) else state for variable, state in pairs]

    def _loss_scale(self) -> Any:
        """What the loss is multiplied with, so that no gradient of float16 is lost."""
        return self.optimizer.scale_loss(ops.ones((), "float32"))

    def _gradients(self, trainable: list[Any], others: list[Any], scale: Any, data: Any) -> tuple[Any, list[Any], list[Any]]:
        """Loss of a share, gradients of the scaled loss, and the changed states; touches no variable, so it can run anywhere."""
        import tensorflow as tf

        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        variables = [*zip(self.trainable_variables, trainable, strict=True), *zip(self._state(), others, strict=True)]
        with tf.GradientTape(watch_accessed_variables=False) as tape, keras.StatelessScope(state_mapping=variables) as scope:
            tape.watch(trainable)
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            scaled = loss * scale
        return loss, tape.gradient(scaled, trainable), [scope.get_current_value(v) for v in self._state()]

    def _apply(self, losses: list[Any], gradients: list[list[Any]], states: list[Any]) -> Any:
        """One step of the optimiser with the mean gradient, summed up in the order of the devices; the mean loss."""
        count = len(losses)
        mean = [None if parts[0] is None else sum(parts[1:], parts[0]) / count for parts in zip(*gradients, strict=True)]
        for variable, state in zip(self._state(), states, strict=True):
            variable.assign(state)
        self._updated(mean)
        return sum(losses[1:], losses[0]) / count


def _tensors(variables: list[keras.Variable]) -> list[Any]:
    """The values of variables; the variables themselves stay on the device where they are."""
    import tensorflow as tf

    return [tf.convert_to_tensor(variable.value) for variable in variables]


def _is_seed(variable: keras.Variable) -> bool:
    return variable.name == "seed_generator_state"
