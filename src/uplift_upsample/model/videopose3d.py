"""VideoPose3D (Pavllo et al., CVPR 2019): temporal convolutions, bottom-up.

Shapes: B windows, N frames of a window, T of what is left of it, F single poses, J = 17 joints, C channels.
Source: docs/method.md, "VideoPose3D".
"""

from typing import Any

from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.lifting import BatchNorm, Entry, Lifted, LiftingNetwork, Shape, kernel_entries, norm_entries
from uplift_upsample.plan.networks import VideoPose3D


class FlatPose(layers.Layer):
    """A pose as one vector, ``(F, J, 2) -> (F, 2 J)``: all that this network does with a single frame."""

    def call(self, poses_2d: Any, training: bool = False) -> Any:
        return ops.reshape(poses_2d, (-1, poses_2d.shape[1] * 2))


class TemporalConvolution(layers.Layer):
    """A convolution over frames without padding and bias, ``(B, T, C_in) -> (B, T / width, C)``.

    It is dilated in the paper, over whole videos; on a window, only every ``width``-th frame leads to an output.
    """

    use_bias = False

    def __init__(self, channels: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels, self.width = channels, width

    def build(self, input_shape: Shape) -> None:
        shape = (self.width, input_shape[-1], self.channels)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")

    def call(self, x: Any) -> Any:
        x, kernel = ops.cast(x, self.compute_dtype), ops.cast(self.kernel, self.compute_dtype)
        return ops.conv(x, kernel, strides=self.width, padding="valid", data_format="channels_last")


class Unit(layers.Layer):
    """Convolution, BatchNorm, ReLU, dropout: ``(B, T, C_in) -> (B, T / width, C)``."""

    def __init__(self, config: VideoPose3D, width: int, is_first: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Coordinates stay float32: bfloat16 has 8 bits and would round them to a few pixels.
        first = {"dtype": "float32"} if is_first else {}
        self.convolution = TemporalConvolution(config.channels, width, name="convolution", **first)
        self.norm = BatchNorm(name="norm")
        self.dropout = layers.Dropout(config.drop_rate, name="dropout")

    def build(self, input_shape: Shape) -> None:
        self.convolution.build(input_shape)
        self.norm.build((None, None, self.convolution.channels))

    def call(self, x: Any, training: bool = False) -> Any:
        return self.dropout(ops.relu(self.norm(self.convolution(x), training=training)), training=training)


class TemporalStage(layers.Layer):
    """The central poses of windows, ``(B, N, 2 J) -> (B, J, 3)``."""

    def __init__(self, config: VideoPose3D, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.expand = Unit(config, config.filter_widths[0], is_first=True, name="expand")
        widths = config.filter_widths[1:]
        self.blocks = [
            (Unit(config, width, name=f"block_{i}_temporal"), Unit(config, 1, name=f"block_{i}_pointwise"))
            for i, width in enumerate(widths, start=1)
        ]
        self.shrink = layers.Dense(config.num_joints * 3, dtype="float32", name="shrink")

    def build(self, input_shape: Shape) -> None:
        self.expand.build(input_shape)
        inner = (None, None, self.config.channels)
        for layer in (*(unit for block in self.blocks for unit in block), self.shrink):
            layer.build(inner)

    def call(self, tokens: Any, visible: Any = None, training: bool = False, central_only: bool = False) -> Any:
        x = self.expand(tokens, training=training)  # (B, N / w_1, C)
        for width, (temporal, pointwise) in zip(self.config.filter_widths[1:], self.blocks, strict=True):
            x = x[:, width // 2 :: width] + pointwise(temporal(x, training=training), training=training)  # (B, T / w_i, C)
        central = ops.reshape(self.shrink(x), (-1, self.config.num_joints, 3))  # T is 1
        return central if central_only else Lifted(None, central)


@keras.saving.register_keras_serializable("uplift_upsample")
class VideoPose3DNetwork(LiftingNetwork):
    """VideoPose3D for windows of one receptive field."""

    config: VideoPose3D
    temporal: TemporalStage
    ignored = ("num_batches_tracked",)

    def __init__(self, config: VideoPose3D, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config, self.token_dim = config, config.num_joints * 2
        self.spatial = FlatPose(dtype="float32", name="spatial")
        self.temporal = TemporalStage(config, name="temporal")

    def entries(self) -> list[Entry]:
        stage = self.temporal
        found = kernel_entries("expand_conv", stage.expand.convolution) + norm_entries("expand_bn", stage.expand.norm)
        for index, unit in enumerate(unit for block in stage.blocks for unit in block):
            found += kernel_entries(f"layers_conv.{index}", unit.convolution) + norm_entries(f"layers_bn.{index}", unit.norm)
        return found + kernel_entries("shrink", stage.shrink, axes=3)
