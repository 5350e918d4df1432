"""The parts of the network, bottom-up. Shapes: B batch, N tokens, C width, H heads.

Source: the model section of the specification, after Einfalt et al., WACV 2023. Written with ``keras.ops`` only, so that
the same code runs on the TensorFlow, JAX and PyTorch backends.
"""

from typing import Any

from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.fused import activated, added, added_and_normalised, layer_norm

MASKED_LOGIT = -1e9  # added to the logits of masked keys; absorbs them in float32, as in the reference
BLOCK_EPSILON = 1e-5


def truncated_normal() -> keras.initializers.Initializer:
    """Initial values of position encodings and learned tokens."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def drop_path(rate: float, name: str) -> layers.Dropout:
    """Stochastic depth: in training, drops whole samples of a residual branch and scales the others by 1/keep."""
    return layers.Dropout(rate, noise_shape=(None, 1, 1), name=name)


class PositionEncoding(layers.Layer):
    """Adds a learned vector to each position: ``(B, N, C) -> (B, N, C)``."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.encoding = self.add_weight(shape=input_shape[1:], initializer=truncated_normal(), name="encoding")

    def call(self, x: Any) -> Any:
        return x + ops.cast(self.encoding, x.dtype)


class LearnedToken(layers.Layer):
    """Replaces tokens by one learned vector: ``(B, N, C)`` and a mask ``(B, N)``, 1 where the token is kept."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.token = self.add_weight(shape=(input_shape[-1],), initializer=truncated_normal(), name="token")

    def call(self, x: Any, keep: Any) -> Any:
        return ops.where(ops.expand_dims(ops.cast(keep, "bool"), -1), x, ops.cast(self.token, x.dtype))


class TokenDropout(layers.Layer):
    """In training, replaces each token but the central one with probability ``rate``, by 0 or by a learned vector.

    ``(B, N, C) -> (B, N, C)``.
    """

    def __init__(self, rate: float, learnable: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.replacement = LearnedToken(name="token") if learnable else None
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.replacement is not None:
            self.replacement.build(input_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return x
        num_tokens = x.shape[1]
        draws = keras.random.uniform((ops.shape(x)[0], num_tokens), seed=self.seed_generator)
        is_central = ops.equal(ops.arange(num_tokens), num_tokens // 2)
        keep = ops.logical_or(draws >= self.rate, is_central)
        if self.replacement is not None:
            return self.replacement(x, keep)
        return x * ops.cast(ops.expand_dims(keep, -1), x.dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "learnable": self.replacement is not None}


class MultiHeadAttention(layers.Layer):
    """Self-attention ``(B, N, C) -> (B, N, C)``; ``logit_bias`` ``(B, 1, 1, N)`` is added before the softmax.

    The bias of the last projection is left to the caller, who has to go over its result anyway.
    """

    def __init__(self, num_heads: int, use_bias: bool = True, attention_drop_rate: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.use_bias = use_bias
        self.attention_drop_rate = attention_drop_rate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
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
        num_tokens, width = x.shape[1], x.shape[2]
        head_dim = width // self.num_heads

        def heads(layer: layers.Dense, order: tuple[int, ...], scale: float = 1.0) -> Any:
            projected = ops.matmul(x, layer.kernel * scale if scale != 1 else layer.kernel)
            if layer.bias is not None:
                projected = projected + layer.bias * scale
            return ops.transpose(ops.reshape(projected, (-1, num_tokens, self.num_heads, head_dim)), order)

        query = heads(self.query, (0, 2, 1, 3), head_dim**-0.5)  # (B, H, N, C/H)
        key = heads(self.key, (0, 2, 3, 1))  # (B, H, C/H, N)
        value = heads(self.value, (0, 2, 1, 3))  # (B, H, N, C/H)
        logits = ops.cast(ops.matmul(query, key), "float32")  # (B, H, N, N)
        if logit_bias is not None:  # a float16 makes an infinity of it, and a window without a visible token has no other keys
            logits = logits + ops.maximum(ops.cast(logit_bias, "float32"), MASKED_LOGIT)
        attention = self.attention_dropout(ops.cast(ops.softmax(logits, axis=-1), value.dtype), training=training)
        mixed = ops.transpose(ops.matmul(attention, value), (0, 2, 1, 3))  # (B, N, H, C/H)
        return ops.matmul(ops.reshape(mixed, (-1, num_tokens, width)), self.projection.kernel)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "use_bias": self.use_bias,
            "attention_drop_rate": self.attention_drop_rate,
        }


class TransformerBlock(layers.Layer):
    """Pre-norm block ``(B, N, C) -> (B, N', C)``.

    x += DropPath(MHA(LN(x))); x += DropPath(MLP(LN(x))). With ``stride`` given, the second layer of the MLP is a 1D
    convolution of kernel 3 over the tokens after zero padding ``(left, right)``, and the residual is thinned to match:
    N' = ceil((N + left + right - 2) / stride). Without, N' = N.
    """

    def __init__(
        self,
        num_heads: int,
        mlp_ratio: float = 2.0,
        activation: str = "relu",
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attention_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        hidden_drop_rate: float = 0.0,
        stride: int | None = None,
        padding: tuple[int, int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "activation": activation,
            "qkv_bias": qkv_bias,
            "drop_rate": drop_rate,
            "attention_drop_rate": attention_drop_rate,
            "drop_path_rate": drop_path_rate,
            "hidden_drop_rate": hidden_drop_rate,
            "stride": stride,
            "padding": tuple(padding),
        }
        self.mlp_ratio = mlp_ratio
        self.stride = stride
        self.padding = tuple(padding)
        self.activation = activation
        self.norm_1 = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="norm_1")
        self.attention = MultiHeadAttention(num_heads, qkv_bias, attention_drop_rate, name="attention")
        self.attention_out_dropout = layers.Dropout(drop_rate, name="attention_out_dropout")
        self.attention_drop_path = drop_path(drop_path_rate, "attention_drop_path")
        self.norm_2 = layers.LayerNormalization(epsilon=BLOCK_EPSILON, name="norm_2")
        self.hidden_dropout = layers.Dropout(hidden_drop_rate, name="hidden_dropout")
        self.mlp_dropout = layers.Dropout(drop_rate, name="mlp_dropout")
        self.mlp_drop_path = drop_path(drop_path_rate, "mlp_drop_path")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        assert width is not None
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
        branch = self.attention(layer_norm(x, *_parameters(self.norm_1)), logit_bias, training=training)
        branch, bias = _dropped(self.attention_out_dropout, branch, self.attention.projection.bias, training)
        scale = kept(self.attention_drop_path, x, training)
        x, normed = added_and_normalised(x, branch, bias, scale, *_parameters(self.norm_2))
        branch = activated(ops.matmul(normed, self.mlp_1.kernel), self.mlp_1.bias, self.activation)  # (B, N, hidden)
        branch = self.hidden_dropout(branch, training=training)
        if self.stride is not None:
            branch = ops.pad(branch, ((0, 0), self.padding, (0, 0)))
        branch, bias = _dropped(self.mlp_dropout, self._mlp_2(branch), self.mlp_2.bias, training)  # (B, N', C)
        return added(self._thinned(x), branch, bias, kept(self.mlp_drop_path, x, training))

    def _mlp_2(self, x: Any) -> Any:
        """The second layer of the MLP without its bias."""
        if self.stride is None:
            return ops.matmul(x, self.mlp_2.kernel)
        return ops.conv(x, self.mlp_2.kernel, self.stride, "valid", "channels_last")

    def _thinned(self, x: Any) -> Any:
        """The residual path at the tokens on which the strided convolution is centred: ``(B, N, C) -> (B, N', C)``."""
        if self.stride is None or self.stride == 1:
            return x
        left, right = self.padding
        return x[:, 1 - left : x.shape[1] - (1 - right) : self.stride]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.settings


def _parameters(norm: layers.LayerNormalization) -> tuple[Any, Any, float]:
    return norm.gamma, norm.beta, norm.epsilon


def _dropped(dropout: layers.Dropout, branch: Any, bias: Any, training: bool) -> tuple[Any, Any]:
    """A branch after dropout and the bias that is still to be added, which usually saves a pass over the branch."""
    if training and dropout.rate > 0:
        return dropout(branch + bias, training=training), ops.zeros(bias.shape, branch.dtype)
    return branch, bias


def kept(drop: layers.Dropout, x: Any, training: bool) -> Any:
    """What stochastic depth multiplies the branch of each sample with: ``(B, 1, 1)``, or 1."""
    if not training or drop.rate == 0:
        return 1.0
    return drop(ops.ones((ops.shape(x)[0], 1, 1), x.dtype), training=training)
