"""StridedTransformer (Li et al., TMM 2022): a Transformer over frames whose last blocks merge them into one, bottom-up.

Shapes: B windows, N frames of a window, F single poses, J = 17 joints, C width. The refinement module of the publication is left
out. Source: docs/method.md, "StridedTransformer".
"""

from typing import Any

from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.lifting import BatchNorm, Entry, Lifted, LiftingNetwork, Shape, kernel_entries, norm_entries, plain_entry
from uplift_upsample.model.network import MultiHeadAttention
from uplift_upsample.plan.networks import StridedTransformer


class Norm(layers.Layer):
    """a (x - mean) / (std + 1e-6) + b over the last axis, with the unbiased standard deviation; ``(B, N, C) -> (B, N, C)``."""

    def build(self, input_shape: Shape) -> None:
        self.gamma = self.add_weight(shape=input_shape[-1:], initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=input_shape[-1:], initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:
        wide = ops.cast(x, "float32")
        centred = wide - ops.mean(wide, axis=-1, keepdims=True)
        variance = ops.sum(ops.square(centred), axis=-1, keepdims=True) / (x.shape[-1] - 1)
        std = ops.sqrt(ops.maximum(variance, 1e-30))  # the root has no gradient at 0
        return ops.cast(self.gamma * centred / (std + 1e-6) + self.beta, x.dtype)


class Encoding(layers.Layer):
    """Adds a learned vector to each of the first frames: ``(B, N', C) -> (B, N', C)``, N' up to N."""

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length

    def build(self, input_shape: Shape) -> None:
        shape = (self.length, input_shape[-1])
        self.encoding = self.add_weight(shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="encoding")

    def call(self, x: Any) -> Any:
        return x + ops.cast(self.encoding[: x.shape[1]], x.dtype)


class Block(layers.Layer):
    """Pre-norm block ``(B, N, C) -> (B, N', C)``. With a stride, the second feed-forward layer is a convolution of kernel 3 and
    padding 1, and the shortcut takes every ``stride``-th frame from the first on: N' = ceil(N / stride). Without, N' = N."""

    def __init__(self, config: StridedTransformer, stride: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config, self.stride = config, stride
        self.norm_1, self.norm_2 = Norm(name="norm_1"), Norm(name="norm_2")
        self.attention = MultiHeadAttention(config.num_heads, True, config.block_drop_rate, name="attention")
        self.dropout = layers.Dropout(config.block_drop_rate, name="dropout")

    def build(self, input_shape: Shape) -> None:
        width, hidden = self.config.temporal_dim, self.config.hidden_dim
        self.feed_1 = layers.Dense(hidden, name="feed_1")
        if self.stride is None:
            self.feed_2: layers.Layer = layers.Dense(width, name="feed_2")
        else:
            self.feed_2 = layers.Conv1D(width, 3, strides=self.stride, data_format="channels_last", name="feed_2")
        for layer in (self.norm_1, self.attention, self.norm_2, self.feed_1):
            layer.build(input_shape)
        self.feed_2.build((None, None, hidden))

    def call(self, x: Any, training: bool = False) -> Any:
        x = x + self.dropout(self.attention(self.norm_1(x), training=training), training=training)
        hidden = self.dropout(ops.relu(self.feed_1(self.norm_2(x))), training=training)  # (B, N, hidden)
        if self.stride is not None:
            hidden, x = ops.pad(hidden, ((0, 0), (1, 1), (0, 0))), x[:, :: self.stride]
        return x + self.dropout(self.feed_2(hidden), training=training)  # (B, N', C)


class SpatialStage(layers.Layer):
    """Single 2D poses ``(F, J, 2)`` -> frames ``(F, C)``: one layer, BatchNorm, ReLU, dropout."""

    def __init__(self, config: StridedTransformer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # Coordinates stay float32: bfloat16 has 8 bits and would round them to a few pixels.
        self.embedding = layers.Dense(config.temporal_dim, dtype="float32", name="embedding")
        self.norm = BatchNorm(name="norm")
        self.dropout = layers.Dropout(config.drop_rate, name="dropout")

    def build(self, input_shape: Shape) -> None:
        self.embedding.build((None, self.config.num_joints * 2))
        self.norm.build((None, self.config.temporal_dim))

    def call(self, poses_2d: Any, training: bool = False) -> Any:
        x = self.embedding(ops.reshape(poses_2d, (-1, self.config.num_joints * 2)))  # (F, C)
        return self.dropout(ops.relu(self.norm(x, training=training)), training=training)


class Head(layers.Layer):
    """BatchNorm and one layer: frames ``(B, N, C)`` -> poses ``(B, N, J, 3)``."""

    def __init__(self, config: StridedTransformer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_joints = config.num_joints
        self.norm = BatchNorm(name="norm")
        self.output_layer = layers.Dense(config.num_joints * 3, dtype="float32", name="output_layer")

    def build(self, input_shape: Shape) -> None:
        self.norm.build(input_shape)
        self.output_layer.build(input_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        poses = self.output_layer(self.norm(x, training=training))
        return ops.reshape(poses, (-1, x.shape[1], self.num_joints, 3))


class TemporalStage(layers.Layer):
    """Frames ``(B, N, C)`` -> ``Lifted``: blocks on all frames, read by the sequence head, then strided blocks to one frame."""

    def __init__(self, config: StridedTransformer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.encoding = Encoding(config.num_tokens, name="encoding")
        self.blocks = [Block(config, name=f"block_{index + 1}") for index in range(config.temporal_blocks)]
        self.strided_encodings = [
            Encoding(config.num_tokens, name=f"strided_encoding_{index + 1}") for index in range(config.num_encodings)
        ]
        self.strided_blocks = [Block(config, stride, name=f"strided_block_{i}") for i, stride in enumerate(config.strides, start=1)]
        self.unused_norms = [Norm(name="unused_norm"), Norm(name="strided_unused_norm")]  # published files have them
        self.sequence_head, self.central_head = Head(config, name="sequence_head"), Head(config, name="central_head")

    def build(self, input_shape: Shape) -> None:
        width = self.config.temporal_dim
        window = (None, self.config.num_tokens, width)
        on_all: list[layers.Layer] = [self.encoding, *self.blocks, *self.strided_encodings, *self.unused_norms, self.sequence_head]
        for layer in on_all:
            layer.build(window)
        for length, block in zip(self.config.strided_lengths, self.strided_blocks, strict=False):
            block.build((None, length, width))
        self.central_head.build((None, 1, width))

    def call(self, tokens: Any, visible: Any = None, training: bool = False, central_only: bool = False,
             sequence_only: bool = False) -> Any:  # fmt: skip
        x = self.encoding(tokens)
        for block in self.blocks:
            x = block(x, training=training)
        sequence = None if central_only else self.sequence_head(x, training=training)
        if sequence_only:
            return sequence
        for encoding, block in zip(self.strided_encodings, self.strided_blocks, strict=False):
            x = block(encoding(x), training=training)
        central = self.central_head(x, training=training)[:, 0]
        return central if central_only else Lifted(sequence, central)


@keras.saving.register_keras_serializable("uplift_upsample")
class StridedTransformerNetwork(LiftingNetwork):
    """StridedTransformer without its refinement module."""

    config: StridedTransformer
    spatial: SpatialStage
    temporal: TemporalStage
    ignored = ("num_batches_tracked",)

    def __init__(self, config: StridedTransformer, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config, self.token_dim = config, config.temporal_dim
        self.spatial = SpatialStage(config, dtype="float32", name="spatial")  # its layers have the precision, its input has not
        self.temporal = TemporalStage(config, name="temporal")

    def entries(self) -> list[Entry]:
        spatial, stage = self.spatial, self.temporal
        norms = dict(zip(("Transformer.model", "Transformer_reduce.model"), stage.unused_norms, strict=True))
        found = kernel_entries("encoder.0", spatial.embedding, axes=3) + norm_entries("encoder.1", spatial.norm)
        found.append(_encoding_entry("Transformer.pos_embedding", stage.encoding))
        for index, encoding in enumerate(stage.strided_encodings, start=1):
            found.append(_encoding_entry(f"Transformer_reduce.model.pos_embedding_{index}", encoding))
        for prefix, blocks in zip(norms, (stage.blocks, stage.strided_blocks), strict=True):
            for index, block in enumerate(blocks):
                found += _block_entries(f"{prefix}.layers.{index}", block)
            found += _norm_entries(f"{prefix}.norm", norms[prefix])
        for prefix, head in (("fcn", stage.central_head), ("fcn_1", stage.sequence_head)):
            found += norm_entries(f"{prefix}.0", head.norm) + kernel_entries(f"{prefix}.1", head.output_layer, axes=3)
        return found


def _encoding_entry(name: str, layer: Encoding) -> Entry:
    return plain_entry(name, layer.encoding, (1, *layer.encoding.shape))


def _norm_entries(prefix: str, norm: Norm) -> list[Entry]:
    return [plain_entry(f"{prefix}.a_2", norm.gamma), plain_entry(f"{prefix}.b_2", norm.beta)]


def _block_entries(prefix: str, block: Block) -> list[Entry]:
    attention = block.attention
    found = []
    for index, layer in enumerate((attention.query, attention.key, attention.value, attention.projection)):
        found += kernel_entries(f"{prefix}.self_attn.linears.{index}", layer)
    axes = 0 if block.stride is None else 3
    for index, layer in enumerate((block.feed_1, block.feed_2), start=1):
        found += kernel_entries(f"{prefix}.feed_forward.w_{index}", layer, axes=axes)
    return (
        found + _norm_entries(f"{prefix}.sublayer.0.norm", block.norm_1) + _norm_entries(f"{prefix}.sublayer.1.norm", block.norm_2)
    )
