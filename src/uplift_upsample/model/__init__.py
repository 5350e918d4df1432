"""The network, which needs Keras with a backend. Importing this says which extra installs one, where there is none."""

import importlib.util

from uplift_upsample.errors import MissingBackendError

_BACKENDS = ("tensorflow", "jax", "torch")

try:
    import keras  # noqa: F401 - the first to ask for the backend
except ModuleNotFoundError as error:
    if error.name not in _BACKENDS:
        raise
    _others = [name for name in _BACKENDS if name != error.name and importlib.util.find_spec(name)]
    _choice = f"; {_others[0]} is installed, and KERAS_BACKEND={_others[0]} takes it" if _others else ""
    raise MissingBackendError(
        f"the network needs {error.name}, the backend that Keras is set to, and it is not installed: "
        f'pip install "uplift-upsample[cpu]" installs TensorFlow ([gpu] with CUDA, [jax] JAX instead){_choice}'
    ) from None
