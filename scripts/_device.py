"""Choice of the device, before a deep-learning framework is loaded.

Each job takes one GPU and hides the others from the framework, so that jobs side by side get one each (``devices.claim_device``).
"""

import argparse
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from uplift_upsample.devices import VISIBLE, Slot, claim_device, listed_devices, offered_devices
from uplift_upsample.errors import InputError

logger = logging.getLogger("uplift_upsample")
INSTALL = "make install GPU=1 installs it with CUDA"


@dataclass(frozen=True)
class Device:
    """What a job runs on: the GPU that it holds until it ends, or none, the CPU."""

    slot: Slot | None = None


def add_device_flags(parser: argparse.ArgumentParser) -> None:
    """``--device``, and the official flag for a certain GPU."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--device",
        choices=["auto", "gpu", "cpu"],
        default="auto",
        help="auto takes a GPU where there is one, gpu fails without (auto)",
    )
    choice.add_argument("--gpu_id", type=int, help="a certain GPU, by its number in nvidia-smi; negative for none")


def open_device(options: argparse.Namespace) -> Device:
    """Take a free GPU, waiting for one where all are taken, and let the framework see that one only; or hide all of them.

    Raises ``InputError`` when a GPU is asked for and there is none, or none that the framework can use.
    """
    is_certain = options.gpu_id is not None
    if options.device == "cpu" or (is_certain and options.gpu_id < 0):
        os.environ[VISIBLE] = "-1"
        return Device()
    # Left to themselves, frameworks take all memory of a device; so a desktop, or somebody else's process, can live on it too.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    devices = offered_devices(os.environ, listed_devices(shutil.which("nvidia-smi")), options.gpu_id)
    if devices.names:
        slot = claim_device(devices.names, Path(tempfile.gettempdir()) / f"uplift-upsample-{os.geteuid()}")
        os.environ[VISIBLE] = slot.device
        if _devices_of_framework():
            return Device(slot)
        slot.release()
    os.environ[VISIBLE] = "-1"
    reason = devices.reason or _why_unusable()
    if options.device == "gpu" or is_certain:
        raise InputError(f"no GPU, but one was asked for: {reason}")
    logger.warning("NO GPU: %s. RUNNING ON THE CPU, which is slow for networks of full size (--device cpu asks for it)", reason)
    return Device()


def log_device(device: Device) -> str:
    """Say which device the framework uses, and return its name."""
    import keras

    name = f"{_devices_of_framework()[0]} ({device.slot.device})" if device.slot else "cpu"
    logger.info("%s backend on %s", keras.backend.backend(), name)
    return name


def _devices_of_framework() -> list[str]:
    import keras

    return [name for name in map(str, keras.distribution.list_devices()) if "gpu" in name.lower() or "cuda" in name.lower()]


def _why_unusable() -> str:
    """Why the framework has no device, although the driver lists one."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        if not tensorflow.test.is_built_with_cuda():
            return f"this TensorFlow is built without CUDA; {INSTALL}"
    return f"the driver lists one, but {backend} cannot use it; {INSTALL}, and TF_CPP_MIN_LOG_LEVEL=0 shows what is wrong"
