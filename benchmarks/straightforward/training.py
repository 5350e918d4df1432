"""The network as Keras trains any model: every token goes through every stage, with two targets and ``train_on_batch``."""

from typing import Any

import keras
from keras import ops

from uplift_upsample.model.network import UpliftUpsampleNetwork
from uplift_upsample.plan.experiment import TrainConfig


def whole_network(network: UpliftUpsampleNetwork) -> keras.Model:
    """``[(B, N, J, 2) poses, (B, N) visible]`` -> ``[(B, N, J, 3) all tokens, (B, J, 3) the central one]``."""
    config = network.config
    inputs = [keras.Input((config.num_tokens, config.num_joints, 2)), keras.Input((config.num_tokens,), dtype="bool")]
    return keras.Model(inputs, list(network(*inputs)))


def compile_for_training(network: keras.Model, train: TrainConfig) -> None:
    """Ready for ``train_on_batch([poses_2d, visible], [all tokens, central one])``.

    Compiled as Keras does by itself, which is without XLA where there is only a processor.
    """
    params = dict(train.schedule_params)
    schedule = getattr(keras.optimizers.schedules, train.schedule)(**params)
    decay = (train.weight_decay or 0.0) / params["initial_learning_rate"]
    average = {} if train.ema_decay is None else {"use_ema": True, "ema_momentum": train.ema_decay}
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay, epsilon=1e-8, **average)
    weights = [train.loss_weight_sequence, train.loss_weight_center]
    network.compile(optimizer, loss=[mean_distance, mean_distance], loss_weights=weights)


def mean_distance(target: Any, predicted: Any) -> Any:
    return ops.mean(ops.norm(predicted - target, axis=-1))
