"""Equal bytes from equal runs, on devices that otherwise sum in an order of their own."""

import argparse
import os

from uplift_upsample.base.errors import InputError

_JAX_FLAG = "--xla_gpu_deterministic_ops=true"


def add_determinism_flag(parser: argparse.ArgumentParser) -> None:
    """``--deterministic``."""
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="only operations that give equal bytes in equal runs; slower, and without XLA on TensorFlow (CPUs do so in any case)",
    )


def set_determinism(options: argparse.Namespace) -> None:
    """Switch the framework to deterministic operations where ``--deterministic`` asks for it: before anything is computed.

    Random states need nothing here: each job sets them from its seed. Raises ``InputError`` for a framework without such a switch.
    """
    if not options.deterministic:
        return
    # JAX reads this when it is loaded, and TensorFlow does not mind it.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_JAX_FLAG}".strip()
    from uplift_upsample.model.backend import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    elif backend != "jax":
        raise InputError(f"--deterministic: not known for Keras on {backend}; leave it out, or use TensorFlow or JAX")
