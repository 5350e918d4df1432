"""What a job used, on machines with and without counters."""

import ctypes
import json
from pathlib import Path

import pytest

from uplift_upsample.machine.meter import Meter, add_usage


def write_counter(folder: Path, name: str, energy: object, size: int = 1000) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{energy}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{size}\n")


class Driver:
    """NVML with one GPU."""

    def __init__(self, *energies: int, status: int = 0) -> None:
        self.energies, self.status, self.asked = iter(energies), status, []

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, device: object) -> int:  # noqa: N802
        self.asked.append(uuid)
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device: object, energy: object) -> int:  # noqa: N802
        ctypes.cast(energy, ctypes.POINTER(ctypes.c_ulonglong)).contents.value = next(self.energies)
        return self.status


def test_time_and_memory(tmp_path):
    meter = Meter(powercap=tmp_path)
    sum(range(2_000_000))
    used = json.loads(json.dumps(meter.read()))
    assert 0 < used["seconds"] < 60
    assert used["cpu_seconds"] > 0
    assert 2**23 < used["peak_memory_bytes"] < 2**40
    assert used["energy_joules"] == {"processors": None, "gpu": None}


def test_energy_of_processors(tmp_path):
    write_counter(tmp_path, "intel-rapl:0", 5_000_000, 10_000_000)
    write_counter(tmp_path, "intel-rapl:1", 9_000_000, 9_999_999)
    write_counter(tmp_path, "intel-rapl:0:0", 1)  # a part of the first
    meter = Meter(powercap=tmp_path)
    write_counter(tmp_path, "intel-rapl:0", 7_500_000, 10_000_000)
    write_counter(tmp_path, "intel-rapl:1", 1_000_000, 9_999_999)  # began again
    write_counter(tmp_path, "intel-rapl:0:0", 500)
    assert meter.read()["energy_joules"]["processors"] == 4.5


@pytest.mark.parametrize("energy", ["", "secret", "0x1"])
def test_energy_that_cannot_be_read(tmp_path, energy):
    write_counter(tmp_path, "intel-rapl:0", energy)
    assert Meter(powercap=tmp_path).read()["energy_joules"]["processors"] is None


def test_energy_of_the_held_gpu(tmp_path):
    driver = Driver(10_000, 12_500)
    meter = Meter(["GPU-12ab"], tmp_path, lambda name: driver)
    assert meter.read()["energy_joules"]["gpu"] == 2.5
    assert driver.asked == [b"GPU-12ab"] * 2


def test_energy_of_several_gpus_is_their_sum(tmp_path):
    driver = Driver(10_000, 20_000, 12_500, 24_000)
    meter = Meter(["GPU-12ab", "GPU-34cd"], tmp_path, lambda name: driver)
    assert meter.read()["energy_joules"]["gpu"] == 6.5
    assert driver.asked == [b"GPU-12ab", b"GPU-34cd"] * 2
    assert Meter(["GPU-12ab", "MIG-1"], tmp_path, lambda name: Driver(1, 2)).read()["energy_joules"]["gpu"] is None


@pytest.mark.parametrize("gpus", [[], ["MIG-GPU-1/2/3"], ["0"]])
def test_devices_without_a_counter_of_their_own(tmp_path, gpus):
    assert Meter(gpus, tmp_path, lambda name: Driver(1, 2)).read()["energy_joules"]["gpu"] is None


def test_gpus_that_tell_nothing(tmp_path):
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    for driver in (object(), Driver(1, 2, status=3), Driver(5, 2)):
        meter = Meter(["GPU-12ab"], tmp_path, lambda name, driver=driver: driver)
        assert meter.read()["energy_joules"]["gpu"] is None
    for nvml in (missing, None):
        assert Meter(["GPU-12ab"], tmp_path, nvml).read()["energy_joules"]["gpu"] is None


def test_starts_of_a_job_add_up(tmp_path):
    path = tmp_path / "usage.json"
    energy = {"processors": 2.0, "gpu": None}
    used = {"seconds": 10.5, "cpu_seconds": 20.0, "peak_memory_bytes": 300, "energy_joules": energy}
    assert add_usage(path, used) == {**used, "starts": 1}
    total = add_usage(path, {**used, "peak_memory_bytes": 200, "energy_joules": {"processors": 1.5, "gpu": 7.0}})
    energy = {"processors": 3.5, "gpu": None}  # what one start does not report, the sum does not either
    assert total == {"seconds": 21.0, "cpu_seconds": 40.0, "peak_memory_bytes": 300, "energy_joules": energy, "starts": 2}
    assert json.loads(path.read_text()) == total


@pytest.mark.parametrize("text", ["", "[]", '{"seconds": "many"}'])
def test_damaged_sums_count_as_none(tmp_path, text):
    path = tmp_path / "usage.json"
    path.write_text(text)
    used = Meter(powercap=tmp_path).read()
    assert add_usage(path, used) == {**used, "starts": 1}
