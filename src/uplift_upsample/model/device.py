"""Choice of the device, before a deep-learning framework is loaded, and deterministic operations on it.

Each job takes the GPUs that it needs, mostly one, and hides the others from the framework, so that no two jobs side by side have
the same one (``machine.devices.claim_devices``). Frameworks read the environment when they are loaded, so that the functions here
get that of the process to change it.
"""

import functools
import logging
import os
import shutil
import tempfile
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from uplift_upsample.base.errors import InputError
from uplift_upsample.machine.devices import (
    VISIBLE,
    Devices,
    Listing,
    Slot,
    claim_devices,
    listed_devices,
    offered_devices,
    too_few_devices,
)

logger = logging.getLogger("uplift_upsample")
LOG_LEVEL, QUIET, SILENT = "TF_CPP_MIN_LOG_LEVEL", "2", "3"  # errors are logged; nothing but what ends the process
_JAX_FLAG = "--xla_gpu_deterministic_ops=true"
INSTALL = "make install GPU=1 installs it with CUDA"


@dataclass(frozen=True)
class Wish:
    """What a job is asked to run on. device: auto takes a GPU if there is one, gpu fails without one, cpu takes none. gpu_id: a
    certain GPU, by its number in nvidia-smi, negative for none; it goes before ``device``. count: how many GPUs share the work.
    """

    device: str = "auto"
    gpu_id: int | None = None
    count: int = 1


@dataclass(frozen=True)
class Device:
    """What a job runs on: the GPUs that it holds until it ends, or none, the CPU."""

    slots: tuple[Slot, ...] = ()

    @property
    def names(self) -> list[str]:
        """The identities of the GPUs."""
        return [slot.device for slot in self.slots]


def _hide_devices(environ: MutableMapping[str, str]) -> None:
    """Let the framework see the CPU only. TensorFlow then reports the missing driver as an error; it is not one."""
    environ[VISIBLE] = "-1"
    if environ.get(LOG_LEVEL) == QUIET:
        environ[LOG_LEVEL] = SILENT


def check_device(wish: Wish, environ: MutableMapping[str, str]) -> Devices:
    """The devices to choose from, none for the CPU, as the driver lists them: neither data nor a framework are needed for that.

    Raises ``InputError`` when a GPU is asked for and there is none; when several are asked for, and there are fewer.
    """
    count, is_certain = wish.count, wish.gpu_id is not None
    if count < 1:
        raise InputError(f"--devices is {count}; it must be at least 1")
    if wish.device == "cpu" or (wish.gpu_id is not None and wish.gpu_id < 0):
        if count > 1:
            raise InputError(f"--devices is {count}, and these are GPUs; it does not go with the CPU")
        return Devices()
    devices = offered_devices(environ, _listing(), wish.gpu_id)
    if few := too_few_devices(devices, count):
        raise InputError(f"--devices is {count}, but {few}")
    if not devices.names and (wish.device == "gpu" or is_certain):
        raise InputError(f"no GPU, but one was asked for: {devices.reason}")
    return devices


@functools.cache
def _listing() -> Listing:
    return listed_devices(shutil.which("nvidia-smi"))


def open_device(wish: Wish, environ: MutableMapping[str, str]) -> Device:
    """Take free GPUs, waiting where too few are free, and let the framework see those only; or hide all of them.

    On the CPU, TensorFlow gets as many threads as the job. Raises ``InputError`` as ``check_device``, and when the framework cannot
    use a GPU that was asked for.
    """
    devices, count = check_device(wish, environ), wish.count
    _hold_threads(environ)
    if not devices.names and not devices.reason:
        _hide_devices(environ)
        return Device()
    # Left to themselves, frameworks take all memory of a device; so a desktop, or somebody else's process, can live on it too.
    environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if devices.names:
        slots = claim_devices(devices.names, count, Path(tempfile.gettempdir()) / f"uplift-upsample-{os.geteuid()}")
        environ[VISIBLE] = ",".join(slot.device for slot in slots)
        if len(_devices_of_framework()) >= count:
            return Device(tuple(slots))
        for slot in slots:
            slot.release()
    _hide_devices(environ)
    reason = devices.reason or _why_unusable()
    if count > 1:
        raise InputError(f"--devices is {count}, but no {count} GPUs can be used: {reason}")
    if wish.device == "gpu" or wish.gpu_id is not None:
        raise InputError(f"no GPU, but one was asked for: {reason}")
    logger.warning("NO GPU: %s. RUNNING ON THE CPU, which is slow for networks of full size (--device cpu asks for it)", reason)
    return Device()


def _hold_threads(environ: MutableMapping[str, str]) -> None:
    """Snakemake tells a job its threads in OMP_NUM_THREADS, which TensorFlow does not read.

    Without this, a job that was given one core takes all of them: two trainings on two cores each took a quarter longer.
    """
    if (threads := environ.get("OMP_NUM_THREADS", "")).isdecimal():
        environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)  # within an operation
        environ.setdefault("TF_NUM_INTEROP_THREADS", threads)  # operations side by side


def log_device(device: Device) -> str:
    """Say which device the framework uses, and return its name."""
    from uplift_upsample.model.backend import keras  # which reports what is missing if there is no backend

    pairs = zip(_devices_of_framework(), device.names, strict=False)
    name = ", ".join(f"{number} ({identity})" for number, identity in pairs) if device.slots else "cpu"
    logger.info("%s backend on %s", keras.backend.backend(), name)
    return name


def _devices_of_framework() -> list[str]:
    from uplift_upsample.model.backend import keras  # which reports what is missing if there is no backend

    return [name for name in map(str, keras.distribution.list_devices()) if "gpu" in name.lower() or "cuda" in name.lower()]


def _why_unusable() -> str:
    """Why the framework has no device, although the driver lists one."""
    from uplift_upsample.model.backend import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        if not tensorflow.test.is_built_with_cuda():
            return f"this TensorFlow is built without CUDA; {INSTALL}"
    return f"the driver lists one, but {backend} cannot use it; {INSTALL}, and TF_CPP_MIN_LOG_LEVEL=0 shows what is wrong"


def set_determinism(environ: MutableMapping[str, str]) -> None:
    """Switch the framework to deterministic operations: equal bytes from equal runs. Called before anything is computed.

    Random states need nothing here: each job sets them from its seed. Raises ``InputError`` for a framework without such a switch.
    """
    # JAX reads this when it is loaded, and TensorFlow does not mind it.
    environ["XLA_FLAGS"] = f"{environ.get('XLA_FLAGS', '')} {_JAX_FLAG}".strip()
    from uplift_upsample.model.backend import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    elif backend != "jax":
        raise InputError(f"--deterministic: not known for Keras on {backend}; leave it out, or use TensorFlow or JAX")
