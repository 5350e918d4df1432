"""PoseFormer (Zheng et al., ICCV 2021): a Transformer over the joints of a frame, then one over frames, bottom-up.

Shapes: B windows, N frames of a window, F single poses, J = 17 joints, C width, C_s of a joint, C_t = J C_s of a frame, H heads.
Source: docs/method.md, "PoseFormer".
"""

from typing import Any

import numpy as np

from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.lifting import Entry, Lifted, LiftingNetwork, Shape, kernel_entries, norm_entries, plain_entry
from uplift_upsample.model.network import PositionEncoding
from uplift_upsample.plan.networks import PoseFormer

BLOCK_EPSILON, HEAD_EPSILON = 1e-6, 1e-5  # of layer norms, as published


class Attention(layers.Layer):
    """Self-attention ``(B, N, C) -> (B, N, C)`` with one layer for queries, keys and values."""

    def __init__(self, config: PoseFormer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def build(self, input_shape: Shape) -> None:
        width: Any = input_shape[-1]
        self.qkv = layers.Dense(3 * width, use_bias=self.config.qkv_bias, name="qkv")
        self.projection = layers.Dense(width, name="projection")
        self.attention_dropout = layers.Dropout(self.config.attention_drop_rate, name="attention_dropout")
        for layer in (self.qkv, self.projection):
            layer.build(input_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        length, width = x.shape[1:]
        head_dim = width // self.config.num_heads
        qkv = ops.reshape(self.qkv(x), (-1, length, 3, self.config.num_heads, head_dim))
        query, key, value = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), num=3)  # (B, H, N, C/H) each
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * head_dim**-0.5  # (B, H, N, N)
        attention = ops.cast(ops.softmax(ops.cast(logits, "float32"), axis=-1), value.dtype)
        mixed = ops.matmul(self.attention_dropout(attention, training=training), value)
        return self.projection(ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, length, width)))


class Block(layers.Layer):
    """Pre-norm block ``(B, N, C) -> (B, N, C)``: x += DropPath(Attention(LN(x))); x += DropPath(MLP(LN(x)))."""

    def __init__(self, config: PoseFormer, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.norm_1 = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="norm_1")
        self.attention = Attention(config, name="attention")
        self.norm_2 = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="norm_2")
        self.dropout = layers.Dropout(config.drop_rate, name="dropout")
        self.drop_path = layers.Dropout(drop_path_rate, noise_shape=(None, 1, 1), name="drop_path")

    def build(self, input_shape: Shape) -> None:
        width: Any = input_shape[-1]
        hidden = int(width * self.config.mlp_ratio)
        self.mlp_1, self.mlp_2 = layers.Dense(hidden, name="mlp_1"), layers.Dense(width, name="mlp_2")
        for layer in (self.norm_1, self.attention, self.norm_2, self.mlp_1):
            layer.build(input_shape)
        self.mlp_2.build((*input_shape[:-1], hidden))

    def call(self, x: Any, training: bool = False) -> Any:
        branch = self.dropout(self.attention(self.norm_1(x), training=training), training=training)
        x = x + self.drop_path(branch, training=training)
        hidden = self.dropout(ops.gelu(self.mlp_1(self.norm_2(x)), approximate=False), training=training)  # (B, N, hidden)
        return x + self.drop_path(self.dropout(self.mlp_2(hidden), training=training), training=training)


def _blocks(config: PoseFormer, count: int, stage: str) -> list[Block]:
    rates = np.linspace(0, config.last_drop_path_rate, count).tolist()
    return [Block(config, rate, name=f"{stage}_block_{index}") for index, rate in enumerate(rates, start=1)]


class SpatialStage(layers.Layer):
    """Single 2D poses ``(F, J, 2)`` -> frames ``(F, C_t)``: joints look at joints."""

    def __init__(self, config: PoseFormer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # Coordinates stay float32: bfloat16 has 8 bits and would round them to a few pixels.
        self.embedding = layers.Dense(config.spatial_dim, dtype="float32", name="embedding")
        self.encoding = PositionEncoding(name="spatial_encoding")
        self.dropout = layers.Dropout(config.drop_rate, name="dropout")
        self.blocks = _blocks(config, config.spatial_blocks, "spatial")
        self.norm = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="spatial_norm")

    def build(self, input_shape: Shape) -> None:
        self.embedding.build((None, self.config.num_joints, 2))
        for layer in (self.encoding, *self.blocks, self.norm):
            layer.build((None, self.config.num_joints, self.config.spatial_dim))

    def call(self, poses_2d: Any, training: bool = False) -> Any:
        x = self.dropout(self.encoding(self.embedding(poses_2d)), training=training)  # (F, J, C_s)
        for block in self.blocks:
            x = block(x, training=training)
        return ops.reshape(self.norm(x), (-1, self.config.temporal_dim))  # (F, C_t)


class TemporalStage(layers.Layer):
    """Frames ``(B, N, C_t)`` -> central poses ``(B, J, 3)``: frames look at frames, and a weighted mean is read out."""

    def __init__(self, config: PoseFormer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.encoding = PositionEncoding(name="temporal_encoding")
        self.dropout = layers.Dropout(config.drop_rate, name="dropout")
        self.blocks = _blocks(config, config.temporal_blocks, "temporal")
        self.norm = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="temporal_norm")
        self.weighted_mean = layers.Dense(1, name="weighted_mean")
        self.head_norm = layers.LayerNormalization(epsilon=HEAD_EPSILON, name="head_norm")
        self.head = layers.Dense(config.num_joints * 3, dtype="float32", name="head")

    def build(self, input_shape: Shape) -> None:
        length, width = self.config.num_tokens, self.config.temporal_dim
        for layer in (self.encoding, *self.blocks, self.norm):
            layer.build((None, length, width))
        self.weighted_mean.build((None, width, length))
        for layer in (self.head_norm, self.head):
            layer.build((None, width))

    def call(self, tokens: Any, visible: Any = None, training: bool = False, central_only: bool = False) -> Any:
        x = self.dropout(self.encoding(tokens), training=training)
        for block in self.blocks:
            x = block(x, training=training)
        x = self.weighted_mean(ops.transpose(self.norm(x), (0, 2, 1)))[..., 0]  # (B, C_t)
        central = ops.reshape(self.head(self.head_norm(x)), (-1, self.config.num_joints, 3))
        return central if central_only else Lifted(None, central)


@keras.saving.register_keras_serializable("uplift_upsample")
class PoseFormerNetwork(LiftingNetwork):
    """PoseFormer; it predicts the central pose alone."""

    config: PoseFormer
    spatial: SpatialStage
    temporal: TemporalStage

    def __init__(self, config: PoseFormer, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config, self.token_dim = config, config.temporal_dim
        self.spatial = SpatialStage(config, dtype="float32", name="spatial")  # its layers have the precision, its input has not
        self.temporal = TemporalStage(config, name="temporal")

    def entries(self) -> list[Entry]:
        spatial, temporal = self.spatial, self.temporal
        found = [
            plain_entry("Spatial_pos_embed", spatial.encoding.encoding, (1, *spatial.encoding.encoding.shape)),
            plain_entry("Temporal_pos_embed", temporal.encoding.encoding, (1, *temporal.encoding.encoding.shape)),
            *kernel_entries("Spatial_patch_to_embedding", spatial.embedding),
        ]
        for prefix, blocks in (("Spatial_blocks", spatial.blocks), ("blocks", temporal.blocks)):
            for index, block in enumerate(blocks):
                found += _block_entries(f"{prefix}.{index}", block)
        found += norm_entries("Spatial_norm", spatial.norm) + norm_entries("Temporal_norm", temporal.norm)
        found += kernel_entries("weighted_mean", temporal.weighted_mean, axes=3)
        return found + norm_entries("head.0", temporal.head_norm) + kernel_entries("head.1", temporal.head)


def _block_entries(prefix: str, block: Block) -> list[Entry]:
    attention = kernel_entries(f"{prefix}.attn.qkv", block.attention.qkv)
    attention += kernel_entries(f"{prefix}.attn.proj", block.attention.projection)
    mlp = kernel_entries(f"{prefix}.mlp.fc1", block.mlp_1) + kernel_entries(f"{prefix}.mlp.fc2", block.mlp_2)
    return [*norm_entries(f"{prefix}.norm1", block.norm_1), *attention, *norm_entries(f"{prefix}.norm2", block.norm_2), *mlp]
