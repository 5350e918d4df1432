"""What all networks share as Keras models: two stages, so that a 2D pose is embedded once for all windows that see it.

Shapes: B windows, N tokens of a window, F 2D poses, J = 17 joints, C width of a token.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from uplift_upsample.base.strict import from_mapping, to_mapping
from uplift_upsample.model.backend import keras, layers, ops
from uplift_upsample.model.exported import teach_erfc
from uplift_upsample.model.precision import layers_in
from uplift_upsample.plan.network_base import NetworkConfig

Shape = tuple[int | None, ...]


class Lifted(NamedTuple):
    """3D poses in metres, camera axes, root-relative.

    sequence: all tokens ``(B, N, J, 3)``, or None without a sequence head. central: the central token ``(B, J, 3)``.
    """

    sequence: Any
    central: Any


class Entry(NamedTuple):
    """One weight of a file: its name there, the variable that it fills, and its shape in the file.

    is_reversed: the file has the axes of a kernel in the order of PyTorch, outputs first; Keras has them last.
    """

    name: str
    variable: keras.Variable
    shape: tuple[int, ...]
    is_reversed: bool = False

    def from_file(self, array: np.ndarray) -> np.ndarray:
        """A value of the file as one of the variable."""
        return (array.T if self.is_reversed else array).reshape(self.variable.shape)

    def to_file(self, array: np.ndarray) -> np.ndarray:
        """A value of the variable as one of the file."""
        return array.reshape(self.shape[::-1]).T if self.is_reversed else array.reshape(self.shape)


class BatchNorm(layers.BatchNormalization):
    """BatchNorm as PyTorch has it, whose momentum a training can change while its step is compiled.

    rate: the share of a batch in the running statistics.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(epsilon=1e-5, **kwargs)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        # float32 like the statistics, also where layers compute with half the bits: to bfloat16, 1 - 0.001 is 1
        initial = keras.initializers.Constant(0.1)
        self.rate = self.add_weight(shape=(), initializer=initial, trainable=False, autocast=False, name="rate")

    @property
    def momentum(self) -> Any:
        return 1.0 - self.rate if self.built else 0.9

    @momentum.setter
    def momentum(self, value: float) -> None:
        """Keras sets one; the rate has its place."""


class LiftingNetwork(keras.Model):
    """A network of a spatial and a temporal stage.

    spatial: single 2D poses ``(F, J, 2)`` -> tokens ``(F, C)``. temporal: tokens ``(B, N, C)``, and the visibility mask ``(B, N)``
    where the network has one -> ``Lifted``; with ``central_only`` or ``sequence_only`` these poses alone, without the work for the
    others.

    poses_2d: ``(B, N, J, 2)`` normalised screen coordinates; those of masked tokens do not matter.
    visible: ``(B, N)``, 1 where a token has a 2D pose; not used without strided input.

    ``save`` writes a .keras file, which ``keras.saving.load_model`` reads where this module is imported. ``export`` writes a
    SavedModel, or a file of ONNX or LiteRT (TensorFlow), that takes the two inputs and gives the two outputs; ``model.exported``
    also names the outputs and compares them.
    """

    config: NetworkConfig
    spatial: keras.Layer
    temporal: keras.Layer
    token_dim: int
    ignored: ClassVar[tuple[str, ...]] = ()
    """Endings of names in published files that are no weights, such as PyTorch's counters."""

    def build(self, input_shape: Any = None) -> None:
        self.spatial.build((None, self.config.num_joints, 2))
        self.temporal.build((None, self.config.num_tokens, self.token_dim))
        self.built = True

    def call(self, poses_2d: Any, visible: Any = None, training: bool = False) -> Lifted:
        if poses_2d.shape[1] != self.config.num_tokens:  # windows of twice as many would pass for two
            raise ValueError(f"windows of {poses_2d.shape[1]} 2D poses; this network takes {self.config.num_tokens}")
        frames = ops.reshape(poses_2d, (-1, self.config.num_joints, 2))  # (B * N, J, 2)
        tokens = ops.reshape(self.spatial(frames, training=training), (-1, self.config.num_tokens, self.token_dim))
        return self.temporal(tokens, visible, training=training)

    def lift_visible(self, frames: Any, token_pose: Any, visible: Any, training: bool = False) -> Lifted:
        """The same from the 2D poses of visible tokens alone, which saves the spatial stage of the others.

        frames: ``(F, J, 2)``. token_pose: which of them each token has, ``(B, N)``; any of them where ``visible`` is false.
        """
        tokens = ops.take(self.spatial(frames, training=training), token_pose, axis=0)  # (B, N, C)
        return self.temporal(tokens, visible, training=training)

    def batch_norms(self) -> list[BatchNorm]:
        """Those whose momentum a training can change."""
        return [layer for layer in self._flatten_layers() if isinstance(layer, BatchNorm)]

    def entries(self) -> list[Entry]:
        """All weights in the order of a weight file, by the names of the published checkpoints; without one, by numbers."""
        weights = [
            variable for variable in self.weights if variable.dtype == "float32"
        ]  # beside these, states of random generators
        return [plain_entry(f"{index:03d}_{variable.name}", variable) for index, variable in enumerate(weights)]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"config": to_mapping(self.config), "layers_policy": self.temporal.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LiftingNetwork":
        config = dict(config)
        with layers_in(config.pop("layers_policy", "float32")):
            return cls(**{**config, "config": from_mapping(NetworkConfig, config["config"], "model")})

    def export(self, filepath: Any, format: str = "tf_saved_model", **options: Any) -> None:
        """Keras' export, for windows in batches of any size."""
        window = (None, self.config.num_tokens)
        inputs = [keras.InputSpec(shape=(*window, self.config.num_joints, 2), dtype="float32", name="poses_2d")]
        inputs += [keras.InputSpec(shape=window, dtype="bool", name="visible")] if self.config.has_strided_input else []
        if format == "onnx":
            teach_erfc()
        super().export(filepath, format=format, **{"input_signature": inputs, **options})


class CentralStage(layers.Layer):
    """A Keras model from windows ``(B, N, C)`` to central poses ``(B, J, 3)`` as the temporal stage of a network."""

    def __init__(self, model: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def build(self, input_shape: Shape) -> None:
        self.built = True

    def call(self, tokens: Any, visible: Any = None, training: bool = False, central_only: bool = False) -> Any:
        central = self.model(tokens, training=training)
        return central if central_only else Lifted(None, central)


@keras.saving.register_keras_serializable("uplift_upsample")
class OwnNetwork(LiftingNetwork):
    """A network that is made of the two Keras models of its options (``NetworkConfig.stages``)."""

    def __init__(self, config: NetworkConfig, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.config = config
        self.spatial, temporal = config.stages()
        self.token_dim = self.spatial.output_shape[-1]
        self.temporal = CentralStage(temporal, name="temporal")

    def build(self, input_shape: Any = None) -> None:
        self.built = True


def kernel_entries(prefix: str, layer: Any, *, axes: int = 0) -> list[Entry]:
    """Kernel and bias of a Dense layer or a convolution under PyTorch's names.

    axes: 3 where the file has the Dense layer as a convolution of kernel 1.
    """
    kernel = layer.kernel
    shape = tuple(kernel.shape)[::-1]
    found = [Entry(f"{prefix}.weight", kernel, (*shape, *(1,) * (axes - len(shape))), is_reversed=True)]
    return found + ([plain_entry(f"{prefix}.bias", layer.bias)] if layer.use_bias else [])


def norm_entries(prefix: str, layer: Any) -> list[Entry]:
    """Scale, offset and, of a BatchNorm, statistics under PyTorch's names."""
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    return [plain_entry(f"{prefix}.{name}", getattr(layer, own)) for name, own in names.items() if hasattr(layer, own)]


def plain_entry(name: str, variable: keras.Variable, shape: Sequence[int] | None = None) -> Entry:
    """A weight that files have as it is, or with axes of length 1 before it."""
    return Entry(name, variable, tuple(variable.shape if shape is None else shape))
