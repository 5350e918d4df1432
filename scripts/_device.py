"""Choice of the device, before a deep-learning framework is loaded."""

import logging
import os


def select_device(gpu_id: int | None) -> None:
    """Let the framework see one GPU only, or none for a negative number; without a choice the environment decides."""
    if gpu_id is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu_id)


def log_device() -> str:
    """Say which device the framework uses, and return its name."""
    import keras

    names = [name for name in map(str, keras.distribution.list_devices()) if "gpu" in name.lower() or "cuda" in name.lower()]
    device = names[0] if names else "cpu"
    logging.getLogger("uplift_upsample").info("%s backend on %s", keras.backend.backend(), device)
    return device
