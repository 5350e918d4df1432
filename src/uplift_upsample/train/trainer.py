"""The training step: loss, optimiser and averaged weights, through Keras' own training functions.

Source: docs/method.md, "Training".
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17, joint_map
from uplift_upsample.model.backend import is_on_cpu, keras, ops
from uplift_upsample.model.lifting import Lifted, LiftingNetwork
from uplift_upsample.model.weights import network_variables
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.train.inputs import OF_ANY_SIZE, Inputs, examples, packed
from uplift_upsample.train.optimizer import OneVector, build_optimizer
from uplift_upsample.train.schedules import build_schedule


def mean_distance(predicted: Any, target: Any) -> Any:
    """Mean over all joints of the Euclidean distance; the gradient is 0 where both coincide (the square root has none there)."""
    squared = ops.sum(ops.square(predicted - target), axis=-1)
    is_positive = squared > 0
    return ops.mean(ops.where(is_positive, ops.sqrt(ops.where(is_positive, squared, 1.0)), 0.0))


def pose_loss(lifted: Lifted, targets: Any, config: TrainConfig) -> Any:
    """The training loss in metres. targets: root-relative poses of all tokens, ``(B, N, 17, 3)``; joints in ``MODEL_17`` order.

    Without a sequence head, its weight goes to the central pose. Source: docs/method.md, "Loss".
    """
    targets = ops.convert_to_tensor(targets)  # on PyTorch, Keras hands them over as they came
    centre = targets[:, targets.shape[1] // 2]  # (B, 17, 3)
    central = mean_distance(lifted.central, centre)
    if lifted.sequence is None:
        loss = (config.loss_weight_center + config.loss_weight_sequence) * central
    else:
        loss = config.loss_weight_center * central + config.loss_weight_sequence * mean_distance(lifted.sequence, targets)
    if config.loss_weight_velocity:
        steps, true_steps = (poses[:, 1:] - poses[:, :-1] for poses in (lifted.sequence, targets))
        loss = loss + config.loss_weight_velocity * mean_distance(steps, true_steps)
    return loss


class Trainer(keras.Model):
    """A network with its loss and, if the configuration asks for it, the moving average of its weights.

    Takes ``train.inputs.Inputs``, targets among them. num_groups: devices that share a batch. averaged: the averaged weights in one
    vector, in the order of ``network_variables``; None where the configuration asks for none.
    """

    num_groups = 1

    def __init__(self, network: LiftingNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self._sources = network_variables(network)
        self._average = OneVector(self._sources, "average")
        self.averaged: keras.Variable | None = None if config.ema_decay is None else self._average.vector
        self.start_average()
        self.built = True
        # On a CPU, XLA gains nothing: measured, it is a tenth slower for the networks of the demo, and takes longer to compile.
        self.compile(optimizer=build_optimizer(config), jit_compile=config.jit_compile and not is_on_cpu())
        self.optimizer.build(self.trainable_variables)
        self._steps: dict[tuple, Callable[[Inputs], Any]] = {}

    def start_epoch(self, epoch: int) -> None:
        """What changes from epoch to epoch, counted from 1: how BatchNorm averages, if the configuration asks for it."""
        if self.config.batch_norm_momentum is None:
            return
        first, last = self.config.batch_norm_momentum
        for norm in self.network.batch_norms():
            norm.rate.assign(first * (last / first) ** ((epoch - 1) / self.config.epochs))

    def start_average(self) -> None:
        """Let the average start from the weights as they are now."""
        if self.averaged is not None:
            self.averaged.assign(self._average.joined(self._sources))

    def call(self, inputs: Inputs, training: bool = False) -> tuple[Lifted, Any]:
        """Predictions and targets, both in ``MODEL_17`` order, whatever the order of the network."""
        batch = examples(inputs)
        order = self.network.config.joints
        if order == MODEL_17:
            return self.network.lift_visible(batch.frames, batch.token_pose, batch.visible, training=training), batch.targets
        frames = ops.take(batch.frames, joint_map(MODEL_17, order), axis=1)
        lifted = self.network.lift_visible(frames, batch.token_pose, batch.visible, training=training)
        back = joint_map(order, MODEL_17)
        return Lifted(*(poses if poses is None else ops.take(poses, back, axis=-2) for poses in lifted)), batch.targets

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *_: Any, **__: Any) -> Any:
        lifted, targets = y_pred
        return pose_loss(lifted, targets, self.config)

    def train_step(self, *args: Any) -> Any:
        """One step of the optimiser and of the average, in the way of the active backend."""
        if keras.backend.backend() == "jax":
            return self._train_step_jax(*args)
        if keras.backend.backend() == "tensorflow":
            return self._train_step_tensorflow(*args)
        logs = super().train_step(*args)
        self.step_average()
        return logs

    def _train_step_tensorflow(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y_pred=self(inputs, training=True))
            scaled = self.optimizer.scale_loss(loss)
        self._updated(tape.gradient(scaled, [v.value for v in self.trainable_variables]))
        return {"loss": loss}

    def _updated(self, gradients: list[Any]) -> None:
        self.optimizer.apply(gradients, self.trainable_variables)
        self.step_average()

    def step_average(self) -> None:
        """One step of the average, behind one of the optimiser."""
        if self.averaged is not None:
            self.averaged.assign(self._stepped(self.averaged, self._average.joined(self._sources), self.optimizer.iterations))

    def _train_step_jax(self, state: Any, data: Any) -> Any:
        logs, (trainable, non_trainable, optimizer, metrics) = super().train_step(state, data)
        if self.averaged is not None:
            values = dict(zip(map(id, self.trainable_variables), trainable, strict=True))
            values |= dict(zip(map(id, self.non_trainable_variables), non_trainable, strict=True))
            iterations = dict(zip(map(id, self.optimizer.variables), optimizer, strict=True))[id(self.optimizer.iterations)]
            sources = self._average.joined([values[id(variable)] for variable in self._sources])
            place = next(i for i, variable in enumerate(self.non_trainable_variables) if variable is self.averaged)
            non_trainable[place] = self._stepped(non_trainable[place], sources, iterations)
        return logs, (trainable, non_trainable, optimizer, metrics)

    def _stepped(self, average: Any, source: Any, iterations: Any) -> Any:
        """ema -= (1 - d) (ema - w) with d = min(ema_decay, (1 + t) / (10 + t)); t is the step just made, from 0."""
        step = ops.cast(iterations, "float32") - 1.0
        decay = ops.minimum(ops.cast(self.config.ema_decay, "float32"), (1.0 + step) / (10.0 + step))
        return average - (1.0 - decay) * (average - source)

    def step(self, poses_2d: np.ndarray, visible: np.ndarray, targets: np.ndarray) -> float:
        """One optimisation step on whole examples; returns its loss in metres.

        poses_2d: ``(B, N, J, 2)``. visible: ``(B, N)``. targets: root-relative poses ``(B, N, J, 3)`` in metres.
        """
        return self.step_on(packed(poses_2d, visible, targets, self.num_groups))

    def step_on(self, inputs: Inputs) -> float:
        """One optimisation step; returns its loss in metres."""
        if keras.backend.backend() == "tensorflow":
            return float(self._compiled_step(inputs)(inputs))
        self.reset_metrics()
        return float(self.train_on_batch(inputs, return_dict=True)["loss"])

    def _compiled_step(self, inputs: Inputs) -> Callable[[Inputs], Any]:
        """The step for inputs of this kind, traced once for any number of visible tokens.

        Keras traces it for the first number, and for all others together: a resumed run, which meets them in another order, would
        compute in another way and end in other bytes.
        """
        import tensorflow as tf

        shapes: dict[str, list[int | None]] = {name: [*np.shape(array)] for name, array in inputs.items()}
        for name in OF_ANY_SIZE & shapes.keys():
            shapes[name][1] = None
        kind = tuple((name, *shape) for name, shape in sorted(shapes.items()))
        if kind not in self._steps:
            signature = {name: tf.TensorSpec(shape, inputs[name].dtype) for name, shape in shapes.items()}
            self._steps[kind] = tf.function(
                self._loss_of_step,
                input_signature=[signature],
                jit_compile=self.jit_compile,
                autograph=False,
            )
        return self._steps[kind]

    def _loss_of_step(self, inputs: Inputs) -> Any:
        return self.train_step((inputs,))["loss"]

    def learning_rate(self) -> float:
        """The learning rate of the step just made; before the first one, that of the first.

        Not that of the next one: behind the last step of its period, a schedule with restarts is high again.
        """
        step = max(int(ops.convert_to_numpy(self.optimizer.iterations)) - 1, 0)
        return float(ops.convert_to_numpy(build_schedule(self.config.schedule, self.config.schedule_params)(step)))

    def result_weights(self) -> list[np.ndarray]:
        """The weights that validation, test and the weight file use, in the order of ``network_variables``: the averaged ones
        where there are any."""
        weights = self._sources if self.averaged is None else self._average.split(self.averaged)
        return [np.array(ops.convert_to_numpy(values)) for values in weights]
