"""What layers compute in: float32, or with half the bits.

Weights, and whatever an optimiser keeps of them, are float32 in any case, and so are the places where half the bits would cost
most: the embedding of 2D coordinates, softmax, the statistics of norms, the heads, and the loss.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from uplift_upsample.model.backend import keras
from uplift_upsample.plan.evaluation import Precision
from uplift_upsample.plan.experiment import TrainingPrecision

# Keras' dtype policies: a mixed one has float32 weights.
POLICIES: dict[str, str] = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
    "mixed_bfloat16": "mixed_bfloat16",
    "mixed_float16": "mixed_float16",
}


@contextmanager
def layers_in(precision: Precision | TrainingPrecision) -> Iterator[None]:
    """Let the layers that are made in this block compute in some precision; those with a dtype of their own keep it."""
    outside = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(outside)
