"""Keras with its backend, for everything that needs a network. Without a backend, the error names the extra."""

import functools
import gc
import importlib.util
from typing import Any

from uplift_upsample.base.errors import MissingBackendError
from uplift_upsample.model.start_up import without_chatter

__all__ = ["is_on_cpu", "keras"]
_BACKENDS = ("tensorflow", "jax", "torch")

# An import makes a million objects that stay; to look through them for garbage again and again took a third of its time.
_collects = gc.isenabled()
gc.disable()
try:
    with without_chatter():
        import keras
except ModuleNotFoundError as error:
    if error.name not in _BACKENDS:
        raise
    _others = [name for name in _BACKENDS if name != error.name and importlib.util.find_spec(name)]
    _choice = f"; {_others[0]} is installed, and KERAS_BACKEND={_others[0]} takes it" if _others else ""
    raise MissingBackendError(
        f"the network needs {error.name}, the backend that Keras is set to, and it is not installed: "
        f'pip install "uplift-upsample[cpu]" installs TensorFlow ([gpu] with CUDA, [jax] JAX instead){_choice}'
    ) from None
finally:
    if _collects:
        gc.enable()


def __getattr__(name: str) -> Any:
    """Keras' ``layers`` and ``ops``, for those who compute; the command lines ask for devices only."""
    if name in ("layers", "ops"):
        return getattr(keras, name)
    raise AttributeError(name)


@functools.cache
def is_on_cpu() -> bool:
    """Whether TensorFlow computes on the CPU. The other backends, and GPUs, want large batches that are compiled as a whole."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")
