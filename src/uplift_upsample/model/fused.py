"""The work between two matrix products, each piece of it one pass over memory.

TensorFlow on a CPU runs such a piece as half a dozen operations, each of which reads and writes the whole tensor. XLA makes one
loop of them, two to three times as fast, forward and backward; the matrix products around it gain nothing from XLA. On the other
backends, and within a step that XLA compiles as a whole, the marks of this module change nothing.

Shapes: R rows (tokens of all windows), C width. Norms and sums are float32 whatever the precision of the layers.
"""

import contextlib
import contextvars
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

from uplift_upsample.model.backend import keras, ops

_kernels_allowed = contextvars.ContextVar("kernels_allowed", default=False)


@contextlib.contextmanager
def kernels() -> Iterator[None]:
    """Let what is traced within use kernels beside TensorFlow (``model.spatial_op``): XLA cannot compile it, nothing export it."""
    token = _kernels_allowed.set(is_on_cpu())
    try:
        yield
    finally:
        _kernels_allowed.reset(token)


def kernels_allowed() -> bool:
    """Whether the caller is within ``kernels``, on a CPU."""
    return _kernels_allowed.get()


@functools.cache
def is_on_cpu() -> bool:
    """Whether TensorFlow computes on the CPU. The other backends, and GPUs, want large batches that are compiled as a whole."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


def compiled_by_xla(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let XLA compile a function of tensors, wherever TensorFlow traces a graph."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return (compiled if tf.inside_function() else function)(*args)

    return call


def one_pass(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make one loop of a function of tensors, and of floats and words, which returns tensors of the shape of its first argument."""
    compiled = compiled_by_xla(function)
    if compiled is function:
        return function
    import tensorflow as tf

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        if not tf.inside_function():
            return function(*args)
        tensors = [arg if isinstance(arg, float | str) else tf.convert_to_tensor(arg) for arg in args]
        shape = args[0].shape  # XLA's functions do not tell theirs
        return tf.nest.map_structure(lambda result: tf.ensure_shape(result, shape), compiled(*tensors))

    return call


def gelu(x: Any) -> Any:
    """GELU in its exact form; written with erf, which every exporter knows."""
    return 0.5 * x * (1.0 + ops.erf(x / math.sqrt(2.0)))


ACTIVATIONS = {"gelu": gelu, "relu": ops.relu}


def _normalised(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    wide = ops.cast(x, "float32")
    centred = wide - ops.mean(wide, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    return ops.cast(centred * ops.rsqrt(variance + epsilon) * gamma + beta, x.dtype)


def _constant(scale: Any) -> Any:
    """A factor without a gradient, which would take another pass."""
    return scale if isinstance(scale, float) else ops.stop_gradient(scale)


@one_pass
def layer_norm(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """``(..., C)`` with mean 0 and variance 1 over C, times ``gamma``, plus ``beta``, both ``(C,)``."""
    return _normalised(x, gamma, beta, epsilon)


@one_pass
def activated(x: Any, bias: Any, activation: str) -> Any:
    """The activation of ``x + bias``: ``(..., C)`` and ``(C,)``."""
    return ACTIVATIONS[activation](x + bias)


@one_pass
def added(x: Any, branch: Any, bias: Any, scale: Any) -> Any:
    """``x + (branch + bias) * scale``: ``(B, N, C)`` twice, ``(C,)``, and 1 or ``(B, 1, 1)``."""
    return x + (branch + bias) * _constant(scale)


@one_pass
def added_and_normalised(x: Any, branch: Any, bias: Any, scale: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any]:
    """``added``, and the ``layer_norm`` of it."""
    total = x + (branch + bias) * _constant(scale)
    return total, _normalised(total, gamma, beta, epsilon)
