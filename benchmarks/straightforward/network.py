"""The network in plain Keras layers: every token goes through every stage. Shapes: B batch, N tokens, J joints.

Layers have the names of the groups in a weight file, and their weights its order.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from uplift_upsample.config import ModelConfig, TrainConfig

SPATIAL_EPSILON, BLOCK_EPSILON = 1e-6, 1e-5


def straightforward_network(model: ModelConfig) -> keras.Model:
    """``[(B, N, J, 2) poses, (B, N) mask]`` -> ``[(B, N, J, 3) all tokens, (B, J, 3) the central one]``."""
    num_tokens, num_joints = model.num_tokens, model.num_joints
    narrow, wide = model.spatial_dim, model.temporal_dim
    spatial_rates, temporal_rates, strided_rates = (
        np.linspace(0, rate, depth).tolist()
        for rate, depth in zip(model.drop_path_rate, (model.spatial_blocks, model.temporal_blocks, len(model.strides)), strict=True)
    )
    poses_2d = keras.Input((num_tokens, num_joints, 2))
    mask = keras.Input((num_tokens,))

    x = ops.reshape(poses_2d, (-1, num_joints, 2))
    x = layers.Dense(narrow, name="keypoint_embedding")(x)
    x = PositionEncoding(name="spatial_pe")(x)
    for index, rate in enumerate(spatial_rates, start=1):
        x = Block(model.num_heads, model.mlp_ratio, gelu, rate, name=f"spatial_block_{index}")(x)
    x = layers.LayerNormalization(epsilon=SPATIAL_EPSILON, name="spatial_norm")(x)
    x = layers.Dense(wide, name="spatial_to_temporal_fc")(ops.reshape(x, (-1, num_joints * narrow)))

    x = UpsamplingToken(name="strided_input_token_layer")(ops.reshape(x, (-1, num_tokens, wide)), mask)
    x = PositionEncoding(name="temporal_pe")(x)
    for index, rate in enumerate(temporal_rates, start=1):
        block = Block(model.num_heads, model.mlp_ratio, "relu", rate, name=f"temporal_block_{index}")
        x = block(x, mask) if index <= model.first_attention_layer else block(x)
    sequence = layers.Dense(num_joints * 3, name="temporal_fc")(x)

    for index, (stride, padding, rate) in enumerate(
        zip(model.strides, model.strided_paddings, strided_rates, strict=True), start=1
    ):
        x = PositionEncoding(name=f"strided_temporal_pe_{index}")(x)
        block = Block(
            model.num_heads, model.mlp_ratio, "relu", rate, stride=stride, padding=padding, name=f"strided_temporal_block_{index}"
        )
        x = block(x)
    central = layers.Dense(num_joints * 3, name="strided_temporal_fc")(ops.reshape(x, (-1, wide)))  # one token is left
    outputs = [ops.reshape(sequence, (-1, num_tokens, num_joints, 3)), ops.reshape(central, (-1, num_joints, 3))]
    return keras.Model([poses_2d, mask], outputs)


def compile_for_training(network: keras.Model, train: TrainConfig) -> None:
    """Ready for ``train_on_batch([poses_2d, mask], [all tokens, central one])``.

    Compiled as Keras does by itself, which is without XLA where there is only a processor.
    """
    params = dict(train.schedule_params)
    schedule = keras.optimizers.schedules.ExponentialDecay(**params)
    decay = (train.weight_decay or 0.0) / params["initial_learning_rate"]
    average = {} if train.ema_decay is None else {"use_ema": True, "ema_momentum": train.ema_decay}
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay, epsilon=1e-8, **average)
    weights = [train.loss_weight_sequence, train.loss_weight_center]
    network.compile(optimizer, loss=[mean_distance, mean_distance], loss_weights=weights)


def mean_distance(target: Any, predicted: Any) -> Any:
    return ops.mean(ops.norm(predicted - target, axis=-1))


def gelu(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=False)


class PositionEncoding(layers.Layer):
    def build(self, input_shape: tuple[int, ...]) -> None:
        self.encoding = self.add_weight(shape=input_shape[1:], initializer=keras.initializers.TruncatedNormal(stddev=0.02))

    def call(self, x: Any) -> Any:
        return x + self.encoding


class UpsamplingToken(layers.Layer):
    """Stands in for every masked token."""

    def build(self, input_shape: tuple[int, ...], *_: Any) -> None:
        self.token = self.add_weight(shape=input_shape[-1:], initializer=keras.initializers.TruncatedNormal(stddev=0.02))

    def call(self, x: Any, mask: Any) -> Any:
        keep = mask[:, :, None]
        return x * keep + self.token * (1 - keep)


class Attention(layers.Layer):
    """Multi-head self-attention."""

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads

    def build(self, input_shape: tuple[int, ...]) -> None:
        width = input_shape[-1]
        self.query, self.key, self.value, self.projection = (layers.Dense(width) for _ in range(4))
        for layer in (self.query, self.key, self.value, self.projection):
            layer.build(input_shape)

    def call(self, x: Any, visible: Any = None) -> Any:
        length, width = x.shape[1:]
        head = width // self.num_heads

        def split(y: Any) -> Any:
            return ops.transpose(ops.reshape(y, (-1, length, self.num_heads, head)), (0, 2, 1, 3))

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / head**0.5
        if visible is not None:
            logits = logits + (1 - visible[:, None, None, :]) * -1e9
        mixed = ops.matmul(ops.softmax(logits), value)
        return self.projection(ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, length, width)))


class Block(layers.Layer):
    """A transformer block; with a stride, the second layer of its MLP is a convolution that thins the tokens."""

    def __init__(
        self,
        num_heads: int,
        mlp_ratio: float,
        activation: Any,
        drop_path: float,
        stride: int | None = None,
        padding: tuple[int, int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mlp_ratio, self.stride, self.padding = mlp_ratio, stride, padding
        self.norm_1 = layers.LayerNormalization(epsilon=BLOCK_EPSILON)
        self.attention = Attention(num_heads)
        self.norm_2 = layers.LayerNormalization(epsilon=BLOCK_EPSILON)
        self.activation = layers.Activation(activation)
        self.drop_paths = [layers.Dropout(drop_path, noise_shape=(None, 1, 1)) for _ in range(2)]

    def build(self, input_shape: tuple[int, ...], *_: Any) -> None:
        width = input_shape[-1]
        hidden = int(width * self.mlp_ratio)
        self.mlp_1 = layers.Dense(hidden)
        self.mlp_2 = layers.Dense(width) if self.stride is None else layers.Conv1D(width, 3, strides=self.stride)
        for layer in (self.norm_1, self.attention, self.norm_2, self.mlp_1):
            layer.build(input_shape)
        self.mlp_2.build((*input_shape[:-1], hidden))

    def call(self, x: Any, visible: Any = None) -> Any:
        x = x + self.drop_paths[0](self.attention(self.norm_1(x), visible))
        y = self.activation(self.mlp_1(self.norm_2(x)))
        if self.stride is not None:
            left, right = self.padding
            y = ops.pad(y, ((0, 0), (left, right), (0, 0)))
            x = x[:, 1 - left : x.shape[1] - (1 - right) : self.stride] if self.stride > 1 else x
        return x + self.drop_paths[1](self.mlp_2(y))
