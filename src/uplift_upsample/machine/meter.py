"""What a job uses: time, memory, and energy if the machine reports it."""

import ctypes
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from uplift_upsample.base.files import write_text

POWERCAP = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"  # what nvidia-smi asks, too


class Meter:
    """Measures from its construction on; ``read`` returns what was used so far.

    gpus: UUIDs of the GPUs that the job holds. powercap: folder with the processor's energy counters. nvml: loads the
    driver's library.
    """

    def __init__(
        self, gpus: Sequence[str] = (), powercap: Path = POWERCAP, nvml: Callable[[str], Any] | None = ctypes.CDLL
    ) -> None:
        self._gpus, self._powercap, self._nvml = tuple(gpus), powercap, nvml
        self._start = time.perf_counter()
        self._processors = self._processor_counters()
        self._gpu_energy = self._gpu_counter()

    def read(self) -> dict[str, Any]:
        """Wall seconds since the construction; CPU seconds and peak memory (bytes) of the process and the children it waited for.

        energy_joules: of all processors and of the held GPUs since the construction, whoever used them; null where the machine
        does not report it.
        """
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        peak = max(usage.ru_maxrss for usage in usages)
        return {
            "seconds": round(time.perf_counter() - self._start, 2),
            "cpu_seconds": round(sum(usage.ru_utime + usage.ru_stime for usage in usages), 2),
            "peak_memory_bytes": peak if sys.platform == "darwin" else peak * 1024,
            "energy_joules": {"processors": self._processor_energy(), "gpu": self._used_gpu_energy()},
        }

    def _processor_counters(self) -> dict[str, tuple[int, int]]:
        """Energy counter and its range, microjoules, of each processor package; empty where they cannot be read."""
        counters = {}
        for folder in sorted(self._powercap.glob("intel-rapl:*")):
            if folder.name.count(":") != 1:
                continue  # a part of a package
            try:
                values = [int((folder / name).read_text("ascii")) for name in ("energy_uj", "max_energy_range_uj")]
            except (OSError, ValueError):
                continue
            counters[folder.name] = (values[0], values[1])
        return counters

    def _processor_energy(self) -> float | None:
        now = self._processor_counters()
        if not now or now.keys() != self._processors.keys():
            return None
        # a counter starts again at 0 behind the end of its range
        used = [(value - self._processors[name][0]) % (size + 1) for name, (value, size) in now.items()]
        return round(sum(used) / 1e6, 1)

    def _gpu_counter(self) -> int | None:
        """Millijoules of all held GPUs since the driver was loaded; None where one does not report it."""
        found = [self._energy_of(gpu) for gpu in self._gpus]
        known = [energy for energy in found if energy is not None]
        return sum(known) if known and len(known) == len(found) else None

    def _energy_of(self, gpu: str) -> int | None:
        if self._nvml is None or not gpu.startswith("GPU-"):
            return None
        device, energy = ctypes.c_void_p(), ctypes.c_ulonglong()
        try:
            library = self._nvml(NVML)
            is_known = (
                library.nvmlInit_v2() == 0
                and library.nvmlDeviceGetHandleByUUID(os.fsencode(gpu), ctypes.byref(device)) == 0
                and library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(energy)) == 0
            )
        except (OSError, AttributeError):
            return None
        return energy.value if is_known else None

    def _used_gpu_energy(self) -> float | None:
        now = self._gpu_counter()
        if now is None or self._gpu_energy is None or now < self._gpu_energy:
            return None
        return round((now - self._gpu_energy) / 1e3, 1)


def add_usage(path: str | os.PathLike[str], used: Mapping[str, Any]) -> dict[str, Any]:
    """What all starts of a job used: the sum that ``path`` has of former ones, and ``used`` (``Meter.read``) of this one.

    The new sum is written back, with the number of ``starts``. Those that were killed without warning are in neither. A damaged
    file counts as none.
    """
    try:
        former = json.loads(Path(path).read_text(encoding="utf-8"))
        energy = {key: _sum(former["energy_joules"][key], value) for key, value in used["energy_joules"].items()}
        total = {
            "seconds": round(former["seconds"] + used["seconds"], 2),
            "cpu_seconds": round(former["cpu_seconds"] + used["cpu_seconds"], 2),
            "peak_memory_bytes": max(former["peak_memory_bytes"], used["peak_memory_bytes"]),
            "energy_joules": energy,
            "starts": former["starts"] + 1,
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        total = {**used, "starts": 1}
    write_text(path, json.dumps(total) + "\n")
    return total


def _sum(former: float | None, now: float | None) -> float | None:
    return None if former is None or now is None else round(former + now, 1)
