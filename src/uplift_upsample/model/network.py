"""The Uplift and Upsample Transformer in plain Keras layers, bottom-up: parts, blocks, the two stages, the network.

Shapes: B windows, N tokens of a window, F 2D poses, J = 17 joints, C width, C_s spatial and C_t temporal width, H heads.
Source: docs/method.md, "Network". Written with ``keras.ops`` only, so that the same code runs on each backend of Keras.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.lifting import Lifted, LiftingNetwork, OwnNetwork, Shape
from uplift_upsample.model.precision import layers_in
from uplift_upsample.plan.evaluation import Precision
from uplift_upsample.plan.experiment import TrainingPrecision
from uplift_upsample.plan.network_base import NetworkConfig
from uplift_upsample.plan.networks import ModelConfig, PoseFormer, StridedTransformer, VideoPose3D

# Logit of a masked key: so large that float32 rounds the rest away, as in the reference.
MASKED_LOGIT = -1e9
BLOCK_EPSILON, SPATIAL_NORM_EPSILON = 1e-5, 1e-6  # of layer norms, as in the reference
ACTIVATIONS = {"gelu": partial(ops.gelu, approximate=False), "relu": ops.relu}
_truncated_normal = partial(keras.initializers.TruncatedNormal, stddev=0.02)


class PositionEncoding(layers.Layer):
    """Adds a learned vector to each position: ``(B, N, C) -> (B, N, C)``."""

    def build(self, input_shape: Shape) -> None:
        self.encoding = self.add_weight(shape=input_shape[1:], initializer=_truncated_normal(), name="encoding")

    def call(self, x: Any) -> Any:
        return x + ops.cast(self.encoding, x.dtype)


class LearnedToken(layers.Layer):
    """Replaces tokens where ``keep`` ``(B, N)`` is false by a learned vector; by zeros if the layer is not trainable."""

    def build(self, input_shape: Shape) -> None:
        initial = _truncated_normal() if self.trainable else "zeros"
        self.token = self.add_weight(shape=(input_shape[-1],), initializer=initial, name="token")

    def call(self, x: Any, keep: Any) -> Any:
        return ops.where(ops.expand_dims(ops.cast(keep, "bool"), -1), x, ops.cast(self.token, x.dtype))


class InterpolatedToken(LearnedToken):
    """Replaces tokens by the learned vector plus what lies, linearly in time, between the nearest kept tokens of the window.

    Before the first and behind the last kept token, that one is taken; in a window without any, the learned vector alone.
    """

    def call(self, x: Any, keep: Any) -> Any:
        is_kept, place = ops.cast(keep, "bool"), ops.arange(x.shape[1])
        is_earlier = place[None, :] <= place[:, None]  # (N, N): whether the second token is not behind the first
        before = ops.max(ops.where(is_kept[:, None] & is_earlier, place, -1), axis=-1)  # (B, N)
        after = ops.min(ops.where(is_kept[:, None] & ops.transpose(is_earlier), place, x.shape[1]), axis=-1)
        before, after = ops.where(before < 0, after, before), ops.where(after == x.shape[1], before, after)
        share = ops.cast(place - before, x.dtype) / ops.cast(ops.maximum(after - before, 1), x.dtype)
        weight_before, weight_after = (ops.cast(ops.equal(each[..., None], place), x.dtype) for each in (before, after))
        weights = weight_before + share[..., None] * (weight_after - weight_before)  # (B, N, N); 0 where nothing is kept
        kept = ops.where(is_kept[..., None], x, ops.zeros_like(x))  # what masked tokens hold may be anything
        return ops.where(is_kept[..., None], x, ops.matmul(weights, kept) + ops.cast(self.token, x.dtype))


TOKENS: dict[str, Callable[..., LearnedToken]] = {
    "learned": LearnedToken,
    "zeros": partial(LearnedToken, trainable=False),
    "interpolated": InterpolatedToken,
}


class TokenDropout(layers.Layer):
    """In training, replaces each token but the central one with probability ``rate``, by 0 or by a learned vector.

    ``(B, N, C) -> (B, N, C)``.
    """

    def __init__(self, rate: float, learnable: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.replacement = LearnedToken(name="token") if learnable else None
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Shape) -> None:
        if self.replacement is not None:
            self.replacement.build(input_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return x
        num_tokens = x.shape[1]
        draws = keras.random.uniform((ops.shape(x)[0], num_tokens), seed=self.seed_generator)
        is_central = ops.equal(ops.arange(num_tokens), num_tokens // 2)
        keep = ops.logical_or(draws >= self.rate, is_central)
        return self.replacement(x, keep) if self.replacement else x * ops.cast(ops.expand_dims(keep, -1), x.dtype)


class MultiHeadAttention(layers.Layer):
    """Self-attention ``(B, N, C) -> (B, N, C)``; ``logit_bias`` ``(B, 1, 1, N)`` is added before the softmax."""

    def __init__(self, num_heads: int, use_bias: bool = True, attention_drop_rate: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.use_bias, self.attention_drop_rate = num_heads, use_bias, attention_drop_rate

    def build(self, input_shape: Shape) -> None:
        width = input_shape[-1]
        if width is None or width % self.num_heads:
            raise ValueError(f"width {width} cannot be divided among {self.num_heads} heads")
        for name in ("query", "key", "value"):
            setattr(self, name, layers.Dense(width, use_bias=self.use_bias, name=name))
        self.projection = layers.Dense(width, name="projection")
        self.attention_dropout = layers.Dropout(self.attention_drop_rate, name="attention_dropout")
        for layer in (self.query, self.key, self.value, self.projection):
            layer.build(input_shape)

    def call(self, x: Any, logit_bias: Any = None, training: bool = False) -> Any:
        num_tokens, width = x.shape[1:]
        head_dim = width // self.num_heads

        def heads(projected: Any) -> Any:  # (B, N, C) -> (B, H, N, C/H)
            return ops.transpose(ops.reshape(projected, (-1, num_tokens, self.num_heads, head_dim)), (0, 2, 1, 3))

        query, key, value = heads(self.query(x) * head_dim**-0.5), heads(self.key(x)), heads(self.value(x))
        logits = ops.cast(ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))), "float32")  # (B, H, N, N)
        if logit_bias is not None:
            # In float16, MASKED_LOGIT is -inf, and a window without a visible token would get NaN; so clip in float32.
            logits = logits + ops.maximum(ops.cast(logit_bias, "float32"), MASKED_LOGIT)
        attention = self.attention_dropout(ops.cast(ops.softmax(logits, axis=-1), value.dtype), training=training)
        mixed = ops.transpose(ops.matmul(attention, value), (0, 2, 1, 3))  # (B, N, H, C/H)
        return self.projection(ops.reshape(mixed, (-1, num_tokens, width)))


class TransformerBlock(layers.Layer):
    """Pre-norm block ``(B, N, C) -> (B, N', C)``: x += DropPath(MHA(LN(x))); x += DropPath(MLP(LN(x))).

    DropPath drops whole samples of a branch in training and scales the others by 1/keep. With ``stride`` given, the second layer
    of the MLP is a 1D convolution of kernel 3 over the tokens after zero padding ``(left, right)``, and the residual is thinned to
    match: N' = ceil((N + left + right - 2) / stride). Without, N' = N.
    """

    def __init__(
        self, config: ModelConfig, activation: str, drop_path_rate: float = 0.0, hidden_drop_rate: float = 0.0,
        stride: int | None = None, padding: tuple[int, int] = (1, 1), **kwargs: Any
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.mlp_ratio, self.stride, self.padding = config.mlp_ratio, stride, tuple(padding)
        self.activation = ACTIVATIONS[activation]
        self.norm_1 = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="norm_1")
        self.attention = MultiHeadAttention(config.num_heads, config.qkv_bias, config.attention_drop_rate, name="attention")
        self.attention_out_dropout = layers.Dropout(config.drop_rate, name="attention_out_dropout")
        self.attention_drop_path = layers.Dropout(drop_path_rate, noise_shape=(None, 1, 1), name="attention_drop_path")
        self.norm_2 = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="norm_2")
        self.hidden_dropout = layers.Dropout(hidden_drop_rate, name="hidden_dropout")
        self.mlp_dropout = layers.Dropout(config.drop_rate, name="mlp_dropout")
        self.mlp_drop_path = layers.Dropout(drop_path_rate, noise_shape=(None, 1, 1), name="mlp_drop_path")

    def build(self, input_shape: Shape) -> None:
        width: Any = input_shape[-1]
        hidden = int(width * self.mlp_ratio)
        self.mlp_1 = layers.Dense(hidden, name="mlp_1")
        if self.stride is None:
            self.mlp_2: layers.Layer = layers.Dense(width, name="mlp_2")
        else:
            self.mlp_2 = layers.Conv1D(width, 3, strides=self.stride, data_format="channels_last", name="mlp_2")
        for layer in (self.norm_1, self.attention, self.norm_2, self.mlp_1):
            layer.build(input_shape)
        self.mlp_2.build((input_shape[0], None, hidden))  # padded to another length than that of the input

    def call(self, x: Any, logit_bias: Any = None, training: bool = False) -> Any:
        branch = self.attention(self.norm_1(x), logit_bias, training=training)
        x = x + self.attention_drop_path(self.attention_out_dropout(branch, training=training), training=training)
        branch = self.hidden_dropout(self.activation(self.mlp_1(self.norm_2(x))), training=training)  # (B, N, hidden)
        if self.stride is not None:
            branch = ops.pad(branch, ((0, 0), self.padding, (0, 0)))
        branch = self.mlp_dropout(self.mlp_2(branch), training=training)  # (B, N', C)
        return self._thinned(x) + self.mlp_drop_path(branch, training=training)

    def _thinned(self, x: Any) -> Any:
        """The residual path at the tokens on which the strided convolution is centred: ``(B, N, C) -> (B, N', C)``."""
        if self.stride is None or self.stride == 1:
            return x
        left, right = self.padding
        return x[:, 1 - left : x.shape[1] - (1 - right) : self.stride]


def _rates(highest: float, count: int) -> Sequence[float]:
    """Drop path rates of the blocks of a stage: they rise linearly from 0."""
    return np.linspace(0, highest, count).tolist()


class SpatialStage(layers.Layer):
    """Embeds single 2D poses: ``(F, J, 2)`` normalised screen coordinates -> tokens ``(F, C_t)``.

    With 0 spatial blocks: one Dense layer on the flattened pose.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # Coordinates stay float32: bfloat16 has 8 bits and would round them to a few pixels.
        first = {"dtype": "float32"} if not config.spatial_blocks else {}
        self.spatial_to_temporal_fc = layers.Dense(config.temporal_dim, name="spatial_to_temporal_fc", **first)
        self.blocks: list[TransformerBlock] = []
        if config.spatial_blocks:
            self.keypoint_embedding = layers.Dense(config.spatial_dim, dtype="float32", name="keypoint_embedding")
            self.spatial_pe = PositionEncoding(name="spatial_pe")
            self.dropout = layers.Dropout(config.drop_rate, name="spatial_dropout")
            self.blocks = [
                TransformerBlock(config, "gelu", rate, name=f"spatial_block_{index}")
                for index, rate in enumerate(_rates(config.drop_path_rate[0], config.spatial_blocks), start=1)
            ]
            self.spatial_norm = layers.LayerNormalization(epsilon=SPATIAL_NORM_EPSILON, name="spatial_norm")

    def build(self, input_shape: Shape) -> None:
        num_joints, width = self.config.num_joints, self.config.spatial_dim
        if not self.blocks:
            self.spatial_to_temporal_fc.build((None, num_joints * 2))
            return
        self.keypoint_embedding.build((None, num_joints, 2))
        for layer in (self.spatial_pe, *self.blocks, self.spatial_norm):
            layer.build((None, num_joints, width))
        self.spatial_to_temporal_fc.build((None, num_joints * width))

    def call(self, poses_2d: Any, training: bool = False) -> Any:
        if not self.blocks:
            return self.spatial_to_temporal_fc(ops.reshape(poses_2d, (-1, self.config.num_joints * 2)))
        x = self.dropout(self.spatial_pe(self.keypoint_embedding(poses_2d)), training=training)  # (F, J, C_s)
        for block in self.blocks:
            x = block(x, training=training)
        x = ops.reshape(self.spatial_norm(x), (-1, self.config.num_joints * self.config.spatial_dim))
        return self.spatial_to_temporal_fc(x)  # (F, C_t)


class TemporalStage(layers.Layer):
    """Lifts the tokens of a window: ``(B, N, C_t)`` and the visibility mask ``(B, N)`` -> ``Lifted``.

    Masked tokens become ``upsampling_token``, behind token dropout and before the position encoding. In the first
    ``first_attention_layer`` blocks they are not keys (deferred upsampling attention). The strided blocks then merge the N tokens
    into the central one.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.token_dropout = TokenDropout(config.token_mask_rate, config.learnable_masked_token, name="token_dropout")
        self.upsampling_token = TOKENS[config.upsampling_token](name="upsampling_token") if config.has_strided_input else None
        self.temporal_pe = PositionEncoding(name="temporal_pe")
        self.blocks = [
            TransformerBlock(config, "relu", rate, config.drop_rate, name=f"temporal_block_{index}")
            for index, rate in enumerate(_rates(config.drop_path_rate[1], config.temporal_blocks), start=1)
        ]
        self.strided_pes = [PositionEncoding(name=f"strided_temporal_pe_{i + 1}") for i in range(len(config.strides))]
        strided = zip(_rates(config.drop_path_rate[2], len(config.strides)), config.strides, config.strided_paddings, strict=True)
        self.strided_blocks = [
            TransformerBlock(config, "relu", rate, config.drop_rate, stride, padding, name=f"strided_temporal_block_{index}")
            for index, (rate, stride, padding) in enumerate(strided, start=1)
        ]
        batch_norm = partial(layers.BatchNormalization, momentum=0.1, epsilon=1e-5)
        self.temporal_norm = self.temporal_fc = None
        if config.has_sequence_head:
            self.temporal_norm = batch_norm(name="temporal_norm") if config.output_bn else None
            self.temporal_fc = layers.Dense(config.num_joints * 3, dtype="float32", name="temporal_fc")
        self.strided_temporal_norm = batch_norm(name="strided_temporal_norm") if config.output_bn else None
        self.strided_temporal_fc = layers.Dense(config.num_joints * 3, dtype="float32", name="strided_temporal_fc")

    def build(self, input_shape: Shape) -> None:
        width = self.config.temporal_dim
        heads = (self.temporal_norm, self.temporal_fc)
        for layer in (self.token_dropout, self.upsampling_token, self.temporal_pe, *self.blocks, *heads):
            if layer is not None:
                layer.build((None, self.config.num_tokens, width))
        for length, encoding, block in zip(self.config.strided_lengths, self.strided_pes, self.strided_blocks, strict=False):
            encoding.build((None, length, width))
            block.build((None, length, width))
        for layer in (self.strided_temporal_norm, self.strided_temporal_fc):
            if layer is not None:
                layer.build((None, width))

    def call(self, tokens: Any, visible: Any = None, training: bool = False, central_only: bool = False,
             sequence_only: bool = False) -> Any:  # fmt: skip
        """``Lifted``, or with ``central_only`` or ``sequence_only`` these poses alone, without the work for the others."""
        config = self.config
        x = self.token_dropout(tokens, training=training)
        sequence = masked_keys = None
        if self.upsampling_token is not None:
            x = self.upsampling_token(x, visible)
            masked_keys = (1.0 - ops.cast(visible, "float32"))[:, None, None, :] * MASKED_LOGIT  # (B, 1, 1, N)
        x = self.temporal_pe(x)
        for index, block in enumerate(self.blocks):
            x = block(x, masked_keys if index < config.first_attention_layer else None, training=training)
        if self.temporal_fc is not None and not central_only:
            head = x if self.temporal_norm is None else self.temporal_norm(x, training=training)
            sequence = ops.reshape(self.temporal_fc(head), (-1, config.num_tokens, config.num_joints, 3))
        if sequence_only:
            return sequence
        for index, (encoding, block) in enumerate(zip(self.strided_pes, self.strided_blocks, strict=True)):
            is_deferred = not self.blocks and index < config.first_attention_layer
            x = block(encoding(x), masked_keys if is_deferred else None, training=training)
        x = x[:, 0] if self.strided_blocks else x[:, config.num_tokens // 2]  # (B, C_t)
        if self.strided_temporal_norm is not None:
            x = self.strided_temporal_norm(x, training=training)
        central = ops.reshape(self.strided_temporal_fc(x), (-1, config.num_joints, 3))
        return central if central_only else Lifted(sequence, central)


@keras.saving.register_keras_serializable("uplift_upsample")
class UpliftUpsampleNetwork(LiftingNetwork):
    """The Uplift and Upsample Transformer (Einfalt et al., WACV 2023). ``model.weights`` has the layout of the official code.

    ``LiftingNetwork``, which has no layers, embeds each 2D pose by ``spatial`` and gives the tokens of a window to ``temporal``.
    """

    config: ModelConfig

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config, self.token_dim = config, config.temporal_dim
        self.spatial = SpatialStage(config, dtype="float32", name="spatial")  # its layers have the precision, its input has not
        self.temporal = TemporalStage(config, name="temporal")


def build_network(config: NetworkConfig, precision: Precision | TrainingPrecision = "float32") -> LiftingNetwork:
    """A network with initial values drawn from Keras' global seed (``keras.utils.set_random_seed``).

    precision: what its layers compute in; weights and outputs are float32.
    """
    with layers_in(precision):
        network = network_class(config)(config, name=config.network)
        network.build()
    return network


def network_class(config: NetworkConfig) -> type[LiftingNetwork]:
    """The layers of a network, by its settings. The module of each is loaded when it is asked for."""
    if isinstance(config, VideoPose3D):
        from uplift_upsample.model.videopose3d import VideoPose3DNetwork

        return VideoPose3DNetwork
    if isinstance(config, PoseFormer):
        from uplift_upsample.model.poseformer import PoseFormerNetwork

        return PoseFormerNetwork
    if isinstance(config, StridedTransformer):
        from uplift_upsample.model.strided_transformer import StridedTransformerNetwork

        return StridedTransformerNetwork
    return UpliftUpsampleNetwork if isinstance(config, ModelConfig) else OwnNetwork
