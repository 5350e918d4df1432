"""Keras with its backend, for everything that needs a network. Importing it says which extra installs one, where there is none."""

import functools
import gc
import importlib.util
import os
from typing import Any

from uplift_upsample.base.errors import MissingBackendError

__all__ = ["cpu_threads", "is_on_cpu", "keras"]
_BACKENDS = ("tensorflow", "jax", "torch")

# Snakemake tells a job its number of threads in this variable, which TensorFlow does not read: a job that was given one core took
# all of them, and two trainings side by side waited for each other (on two cores, a quarter more time for each).
THREADS = "OMP_NUM_THREADS"
if os.environ.get(THREADS, "").isdecimal():
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", os.environ[THREADS])  # within an operation
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", os.environ[THREADS])  # operations side by side

# An import makes a million objects that stay; to look through them for garbage again and again took a third of its time.
_collects = gc.isenabled()
gc.disable()
try:
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


def cpu_threads(most: int) -> int:
    """How many threads may share a computation on the CPU: ``most``, or fewer where the environment says so."""
    limit = os.environ.get(THREADS, "")
    return max(1, min(most, int(limit))) if limit.isdecimal() else most
