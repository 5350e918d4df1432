"""The network: spatial stage on each 2D pose, temporal stage on the tokens of a window.

Shapes: B batch, N tokens, J = 17 joints, C_s spatial width, C_t temporal width. Source: the model section of the specification.
The two stages are layers of their own, because evaluation computes the first once per 2D pose and the second once per window.
"""

from typing import Any, NamedTuple

import numpy as np

from uplift_upsample.config import ModelConfig, Precision, TrainingPrecision
from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.fused import kernels_allowed
from uplift_upsample.model.layers import MASKED_LOGIT, LearnedToken, PositionEncoding, TokenDropout, TransformerBlock
from uplift_upsample.model.precision import POLICIES, layers_in
from uplift_upsample.strict import from_mapping, to_mapping

SPATIAL_NORM_EPSILON = 1e-6
Shape = tuple[int | None, ...]


class Lifted(NamedTuple):
    """3D poses in metres, camera axes, root-relative.

    sequence: all tokens ``(B, N, J, 3)``, or None without a sequence head. central: the central token ``(B, J, 3)``.
    """

    sequence: Any
    central: Any


def _blocks(config: ModelConfig, stage: str, count: int, drop_path_rate: float, **settings: Any) -> list[TransformerBlock]:
    """The blocks of a stage, with drop path rates that rise linearly from 0."""
    rates = np.linspace(0, drop_path_rate, count)
    return [
        TransformerBlock(
            num_heads=config.num_heads,
            mlp_ratio=config.mlp_ratio,
            qkv_bias=config.qkv_bias,
            drop_rate=config.drop_rate,
            attention_drop_rate=config.attention_drop_rate,
            drop_path_rate=float(rate),
            name=f"{stage}_block_{index}",
            **{key: value[index - 1] if isinstance(value, list) else value for key, value in settings.items()},
        )
        for index, rate in enumerate(rates, start=1)
    ]


def _batch_norm(config: ModelConfig, name: str) -> layers.Layer | None:
    return layers.BatchNormalization(momentum=0.1, epsilon=1e-5, name=name) if config.output_bn else None


class SpatialStage(layers.Layer):
    """Embeds single 2D poses: ``(F, J, 2)`` normalised screen coordinates -> tokens ``(F, C_t)``.

    With 0 spatial blocks: one Dense layer on the flattened pose.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # coordinates are float32 in any precision: with 8 bits, they would be known to some pixels only
        first = {"dtype": "float32"} if not config.spatial_blocks else {}
        self.spatial_to_temporal_fc = layers.Dense(config.temporal_dim, name="spatial_to_temporal_fc", **first)
        self.blocks: list[TransformerBlock] = []
        if config.spatial_blocks:
            self.keypoint_embedding = layers.Dense(config.spatial_dim, dtype="float32", name="keypoint_embedding")
            self.spatial_pe = PositionEncoding(name="spatial_pe")
            self.dropout = layers.Dropout(config.drop_rate, name="spatial_dropout")
            self.blocks = _blocks(config, "spatial", config.spatial_blocks, config.drop_path_rate[0], activation="gelu")
            self.spatial_norm = layers.LayerNormalization(epsilon=SPATIAL_NORM_EPSILON, name="spatial_norm")

    def build(self, input_shape: Shape) -> None:
        num_joints, width = self.config.num_joints, self.config.spatial_dim
        if not self.blocks:
            self.spatial_to_temporal_fc.build((None, num_joints * 2))
            return
        joints: Shape = (None, num_joints, width)
        self.keypoint_embedding.build((None, num_joints, 2))
        for layer in (self.spatial_pe, *self.blocks, self.spatial_norm):
            layer.build(joints)
        self.spatial_to_temporal_fc.build((None, num_joints * width))

    def call(self, poses_2d: Any, training: bool = False) -> Any:
        if not self.blocks:
            return self.spatial_to_temporal_fc(ops.reshape(poses_2d, (-1, self.config.num_joints * 2)))
        x = self.spatial_pe(self.keypoint_embedding(poses_2d))  # (F, J, C_s)
        x = self.dropout(x, training=training)
        if kernels_allowed() and self._fits_kernels():
            from uplift_upsample.model.spatial_op import through_blocks  # compiles its kernels

            x = through_blocks(self.blocks, x, training)
        else:
            for block in self.blocks:
                x = block(x, training=training)
        x = ops.reshape(self.spatial_norm(x), (-1, self.config.num_joints * self.config.spatial_dim))
        return self.spatial_to_temporal_fc(x)  # (F, C_t)

    def _fits_kernels(self) -> bool:
        """Whether ``model.spatial_op`` has been written for such blocks, as all published networks have them."""
        config = self.config
        fits = config.num_joints == 17 and config.spatial_dim == 4 * config.num_heads and config.num_heads % 2 == 0
        fits = fits and int(config.spatial_dim * config.mlp_ratio) % 8 == 0
        has_dropout = config.drop_rate > 0 or config.attention_drop_rate > 0
        return fits and not has_dropout and self.blocks[0].compute_dtype == "float32"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.config.temporal_dim)


class TemporalStage(layers.Layer):
    """Lifts the tokens of a window: ``(B, N, C_t)`` and the visibility mask ``(B, N)`` -> ``Lifted``.

    Masked tokens become the learned upsampling token. In the first ``first_attention_layer`` blocks they are no keys
    (deferred upsampling attention). The strided blocks then merge the N tokens into the central one.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.token_dropout = TokenDropout(config.token_mask_rate, config.learnable_masked_token, name="token_dropout")
        self.upsampling_token = LearnedToken(name="upsampling_token") if config.has_strided_input else None
        self.temporal_pe = PositionEncoding(name="temporal_pe")
        hidden_drop = {"hidden_drop_rate": config.drop_rate, "activation": "relu"}
        self.blocks = _blocks(config, "temporal", config.temporal_blocks, config.drop_path_rate[1], **hidden_drop)
        self.strided_pes = [PositionEncoding(name=f"strided_temporal_pe_{i + 1}") for i in range(len(config.strides))]
        self.strided_blocks = _blocks(
            config,
            "strided_temporal",
            len(config.strides),
            config.drop_path_rate[2],
            stride=list(config.strides),
            padding=list(config.strided_paddings),
            **hidden_drop,
        )
        self.temporal_norm = self.temporal_fc = None
        if config.temporal_blocks and config.sequence_head:
            self.temporal_norm = _batch_norm(config, "temporal_norm")
            self.temporal_fc = layers.Dense(config.num_joints * 3, dtype="float32", name="temporal_fc")
        self.strided_temporal_norm = _batch_norm(config, "strided_temporal_norm")
        self.strided_temporal_fc = layers.Dense(config.num_joints * 3, dtype="float32", name="strided_temporal_fc")

    def build(self, input_shape: Shape) -> None:
        width = self.config.temporal_dim
        window: Shape = (None, self.config.num_tokens, width)
        heads = (self.temporal_norm, self.temporal_fc)
        for layer in (self.token_dropout, self.upsampling_token, self.temporal_pe, *self.blocks, *heads):
            if layer is not None:
                layer.build(window)
        for length, encoding, block in zip(self.config.strided_lengths, self.strided_pes, self.strided_blocks, strict=False):
            encoding.build((None, length, width))
            block.build((None, length, width))
        for layer in (self.strided_temporal_norm, self.strided_temporal_fc):
            if layer is not None:
                layer.build((None, width))

    def call(self, tokens: Any, visible: Any = None, training: bool = False, central_only: bool = False) -> Any:
        """``Lifted``, or with ``central_only`` its central poses alone, without the work for the others."""
        config = self.config
        x = self.token_dropout(tokens, training=training)
        masked_keys = None
        if self.upsampling_token is not None:
            x = self.upsampling_token(x, visible)
            masked_keys = (1.0 - ops.cast(visible, "float32"))[:, None, None, :] * MASKED_LOGIT  # (B, 1, 1, N)
        x = self.temporal_pe(x)
        for index, block in enumerate(self.blocks):
            x = block(x, masked_keys if index < config.first_attention_layer else None, training=training)
        sequence = None
        if self.temporal_fc is not None and not central_only:
            head = x if self.temporal_norm is None else self.temporal_norm(x, training=training)
            sequence = ops.reshape(self.temporal_fc(head), (-1, config.num_tokens, config.num_joints, 3))
        for index, (encoding, block) in enumerate(zip(self.strided_pes, self.strided_blocks, strict=True)):
            is_deferred = not self.blocks and index < config.first_attention_layer
            x = block(encoding(x), masked_keys if is_deferred else None, training=training)
        x = x[:, 0] if self.strided_blocks else x[:, config.num_tokens // 2]  # (B, C_t)
        if self.strided_temporal_norm is not None:
            x = self.strided_temporal_norm(x, training=training)
        central = ops.reshape(self.strided_temporal_fc(x), (-1, config.num_joints, 3))
        return central if central_only else Lifted(sequence, central)


@keras.saving.register_keras_serializable("uplift_upsample")
class UpliftUpsampleNetwork(keras.Model):
    """The Uplift and Upsample Transformer (Einfalt et al., WACV 2023).

    poses_2d: ``(B, N, J, 2)`` normalised screen coordinates; those of masked tokens do not matter.
    visible: ``(B, N)``, 1 where a token has a 2D pose; not used without strided input.
    Returns ``Lifted``: metres, camera axes, root-relative.

    ``save`` writes a .keras file, which ``keras.saving.load_model`` reads where this module is imported. ``export`` writes a
    SavedModel (TensorFlow), whose ``serve`` takes the two inputs and gives the two outputs. ``model.weights`` has the layout of
    the official code.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config = config
        self.spatial = SpatialStage(config, dtype="float32", name="spatial")  # its layers have the precision, its input has not
        self.temporal = TemporalStage(config, name="temporal")

    def build(self, input_shape: Any = None) -> None:
        self.spatial.build((None, self.config.num_joints, 2))
        self.temporal.build((None, self.config.num_tokens, self.config.temporal_dim))
        self.built = True

    def call(self, poses_2d: Any, visible: Any = None, training: bool = False) -> Lifted:
        config = self.config
        frames = ops.reshape(poses_2d, (-1, config.num_joints, 2))  # (B * N, J, 2)
        tokens = ops.reshape(self.spatial(frames, training=training), (-1, config.num_tokens, config.temporal_dim))
        return self.temporal(tokens, visible, training=training)

    def lift_visible(self, frames: Any, token_pose: Any, visible: Any, training: bool = False) -> Lifted:
        """The same from the 2D poses of visible tokens alone, which saves the spatial stage of the others.

        frames: ``(F, J, 2)``. token_pose: which of them each token has, ``(B, N)``; any of them where ``visible`` is false.
        """
        tokens = ops.take(self.spatial(frames, training=training), token_pose, axis=0)  # (B, N, C_t)
        return self.temporal(tokens, visible, training=training)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"config": to_mapping(self.config), "layers_policy": self.temporal.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "UpliftUpsampleNetwork":
        config = dict(config)
        with layers_in(config.pop("layers_policy", "float32")):
            return cls(**{**config, "config": from_mapping(ModelConfig, config["config"], "model")})

    def export(self, filepath: Any, format: str = "tf_saved_model", **options: Any) -> None:
        """Keras' export, for windows in batches of any size."""
        tokens = self.config.num_tokens
        inputs = [keras.InputSpec(shape=(None, tokens, self.config.num_joints, 2), dtype="float32")]
        if self.config.has_strided_input:
            inputs.append(keras.InputSpec(shape=(None, tokens), dtype="bool"))
        super().export(filepath, format=format, **{"input_signature": inputs, **options})


def build_network(config: ModelConfig, precision: Precision | TrainingPrecision = "float32") -> UpliftUpsampleNetwork:
    """A network with initial values drawn from Keras' global seed (``keras.utils.set_random_seed``).

    precision: what its layers compute in; weights and outputs are float32.
    """
    with layers_in(precision):
        network = UpliftUpsampleNetwork(config, name="uplift_upsample")
        network.build()
    return network


def network_in(network: UpliftUpsampleNetwork, precision: Precision) -> UpliftUpsampleNetwork:
    """A network that computes in a precision: the given one if it does, else another with the weights that this one has now."""
    if network.temporal.dtype_policy.name == POLICIES[precision]:
        return network
    other = build_network(network.config, precision)
    for theirs, own in zip(other.variables, network.variables, strict=True):
        theirs.assign(own)
    return other
