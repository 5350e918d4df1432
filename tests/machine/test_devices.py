"""Every job gets a GPU of its own, on machines with GPUs that stand-ins make up."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from world.devices import PROJECT, UUIDS, Machine, collisions, device_of, times_of

from uplift_upsample.base.errors import InputError
from uplift_upsample.machine.devices import Listing, Slot, claim_devices, listed_devices, offered_devices
from uplift_upsample.model.device import Wish, open_device

FIRST, SECOND = UUIDS
TWO = Listing({"0": FIRST, "1": SECOND})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def test_jobs_side_by_side_share_no_device(machine: Machine) -> None:
    jobs = [machine.start("--device", "gpu", "--seconds", 0.3) for _ in range(6)]
    ends = [job.communicate(timeout=60) for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 6, ends
    held = [(device_of(said), times_of(said)) for said, _ in ends]
    assert {device for device, _ in held} == set(UUIDS)
    assert collisions(held) == 0
    assert any("waiting for a GPU; jobs of this user hold" in told for _, told in ends)


def test_jobs_with_two_devices_and_with_one_side_by_side(machine: Machine) -> None:
    """Those that want both never wait for each other, and no device is anybody else's."""
    jobs = [machine.start("--device", "gpu", "--devices", count, "--seconds", 0.2) for count in (2, 1, 2, 1, 2)]
    ends = [job.communicate(timeout=60) for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 5, ends
    held = [(device, times_of(said)) for said, _ in ends for device in device_of(said).split(",")]
    assert len(held) == 8
    assert collisions(held) == 0
    assert f"runs on gpu:0 ({FIRST}), gpu:1 ({SECOND}) {FIRST},{SECOND}" in ends[0][0]


def test_more_devices_than_there_are_fail_at_once(machine: Machine) -> None:
    for flags, told in (
        (["--devices", 3], f"--devices is 3, but no more can be had than {FIRST}, {SECOND}"),
        (["--devices", 2, "--gpu_id", 1], f"--devices is 2, but no more can be had than {SECOND}"),
        (["--devices", 2, "--device", "cpu"], "--devices is 2, and these are GPUs; it does not go with the CPU"),
        (["--devices", 0], "--devices is 0; it must be at least 1"),
    ):
        done = machine.run(*flags)
        assert done.returncode == 2
        assert f"error: {told}" in done.stderr


def claim_device(candidates: list[str], folder: Path) -> Slot:
    [slot] = claim_devices(candidates, 1, folder)
    return slot


def test_a_job_that_waits_for_two_holds_none(tmp_path: Path) -> None:
    with claim_device(["a"], tmp_path / "slots"):
        waiting = threading.Thread(target=lambda: [slot.release() for slot in claim_devices(["a", "b"], 2, tmp_path / "slots")])
        waiting.start()
        for _ in range(20):
            claim_device(["b"], tmp_path / "slots").release()
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()


def test_collisions_are_counted() -> None:
    assert collisions([(FIRST, (0, 10)), (FIRST, (9, 12)), (SECOND, (0, 99)), (FIRST, (12, 13))]) == 1


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_job_frees_its_device(tmp_path: Path, by: int) -> None:
    machine = Machine(tmp_path / "machine", UUIDS[:1])
    first = machine.start("--device", "gpu", "--seconds", 60)
    assert FIRST in first.stdout.readline()
    second = machine.start("--device", "gpu")
    assert f"{FIRST} (process {first.pid})" in second.stderr.readline()  # it waits
    time.sleep(0.6)
    assert second.poll() is None, "two jobs have one device"
    first.send_signal(by)
    first.communicate(timeout=10)
    said, told = second.communicate(timeout=10)
    assert second.returncode == 0, told
    assert device_of(said) == FIRST


def test_a_child_does_not_keep_the_device(tmp_path: Path) -> None:
    for child in ("os.fork() or time.sleep(60)", "subprocess.Popen(['sleep', '60'], close_fds=False)"):
        code = (
            "import os, subprocess, sys, time\n"
            "from uplift_upsample.machine.devices import claim_devices\n"
            f"slots = claim_devices(['x'], 1, {str(tmp_path / 'slots')!r})\n"
            f"print(os.getpid(), flush=True)\n{child}\nprint('parent', flush=True)\ntime.sleep(60)\n"
        )
        command = [sys.executable, "-c", code]
        process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, start_new_session=True)
        try:
            while process.stdout.readline() != "parent\n":
                pass
            process.kill()
            process.wait()
            with claim_device(["x"], tmp_path / "slots"):
                pass
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()


def test_released_slot_is_free(tmp_path: Path) -> None:
    with claim_device(["a", "b"], tmp_path / "slots") as first, claim_device(["a", "b"], tmp_path / "slots") as second:
        assert (first.device, second.device) == ("a", "b")
    assert claim_device(["b"], tmp_path / "slots").device == "b"
    assert (tmp_path / "slots").stat().st_mode & 0o777 == 0o700


def test_deleted_lock_file_is_made_again(tmp_path: Path) -> None:
    claim_device(["a"], tmp_path / "slots").release()
    (tmp_path / "slots/a.lock").unlink()
    with claim_device(["a"], tmp_path / "slots"):
        assert (tmp_path / "slots/a.lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize(
    ("variables", "index", "expected"),
    [
        ({}, None, UUIDS),
        ({"CUDA_VISIBLE_DEVICES": "1"}, None, (SECOND,)),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, None, (SECOND, FIRST)),
        ({"CUDA_VISIBLE_DEVICES": " 1 , 1"}, None, (SECOND,)),
        ({"CUDA_VISIBLE_DEVICES": SECOND}, None, (SECOND,)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bbbb"}, None, (SECOND,)),
        ({"CUDA_VISIBLE_DEVICES": "0,7,1"}, None, (FIRST,)),
        ({"CUDA_VISIBLE_DEVICES": "1,-1,0"}, None, (SECOND,)),
        ({"CUDA_VISIBLE_DEVICES": "MIG-12ab"}, None, ("MIG-12ab",)),
        ({"SLURM_JOB_ID": "3", "SLURM_JOB_GPUS": "1"}, None, (SECOND,)),
        ({"SLURM_JOB_ID": "3", "SLURM_JOB_GPUS": "0,1", "SLURM_STEP_GPUS": "0"}, None, (FIRST,)),
        ({"SLURM_JOB_ID": "3", "SLURM_JOB_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0"}, None, (FIRST,)),
        ({}, 1, (SECOND,)),
        ({"CUDA_VISIBLE_DEVICES": "1"}, 1, (SECOND,)),
    ],
)
def test_environment_is_respected(variables: dict[str, str], index: int | None, expected: tuple[str, ...]) -> None:
    assert offered_devices(variables, TWO, index).names == expected


@pytest.mark.parametrize(
    ("variables", "index", "told"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, None, "CUDA_VISIBLE_DEVICES is '', which leaves no GPU of 0 (GPU-aaaa1111-0000), 1"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, None, "CUDA_VISIBLE_DEVICES is '-1'"),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, None, "CUDA_VISIBLE_DEVICES is 'NoDevFiles'"),
        ({"CUDA_VISIBLE_DEVICES": "2"}, None, "CUDA_VISIBLE_DEVICES is '2'"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-"}, None, "CUDA_VISIBLE_DEVICES is 'GPU-'"),
        ({"SLURM_JOB_ID": "3"}, None, "SLURM gave this job none (--gpus=1 asks for one)"),
        ({"SLURM_JOB_ID": "3", "SLURM_JOB_GPUS": "5"}, None, "SLURM_JOB_GPUS is '5'"),
        ({}, 2, "the number is '2'"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, 1, "number 1 is not among those that the environment leaves to this job, GPU-aaaa"),
    ],
)
def test_no_device_for_a_reason(variables: dict[str, str], index: int | None, told: str) -> None:
    devices = offered_devices(variables, TWO, index)
    assert devices.names == ()
    assert told in devices.reason


def test_without_the_drivers_command_the_environment_is_believed() -> None:
    unknown = listed_devices(None)
    assert offered_devices({"CUDA_VISIBLE_DEVICES": "0,GPU-1"}, unknown).names == ("0", "GPU-1")
    assert offered_devices({}, unknown).reason == "nvidia-smi is not installed, so there is no NVIDIA driver"
    assert offered_devices({"SLURM_JOB_ID": "3"}, unknown).reason == unknown.reason


def test_a_broken_driver_tells_its_reason(machine: Machine) -> None:
    machine.write_driver("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", status=9)
    done = machine.run("--device", "gpu", CUDA_VISIBLE_DEVICES="0")
    assert done.returncode == 2
    assert "nvidia-smi reports: NVIDIA-SMI has failed because it couldn't communicate" in done.stderr
    machine.write_driver("", status=0)
    assert "nvidia-smi lists no GPU" in machine.run("--device", "gpu").stderr


@pytest.mark.parametrize(
    ("kind", "variables", "reason"),
    [
        ({"uuids": None}, {}, "nvidia-smi is not installed"),
        ({}, {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES is ''"),
        ({"is_blind": True, "is_built_with_cuda": False}, {}, "TensorFlow is built without CUDA; make install GPU=1"),
        ({"is_blind": True}, {}, "tensorflow cannot use it; make install GPU=1"),
    ],
)
def test_without_a_gpu(tmp_path: Path, kind: dict, variables: dict[str, str], reason: str) -> None:
    machine = Machine(tmp_path / "machine", **kind)
    done = machine.run("--device", "gpu", **variables)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "no GPU, but one was asked for" in line
    assert reason in line
    done = machine.run("--device", "auto", **variables)
    assert done.returncode == 0, done.stderr
    assert device_of(done.stdout) == "-1"
    [line] = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert "NO GPU: " in line
    assert "RUNNING ON THE CPU" in line
    assert reason in line
    quiet = machine.run("--device", "cpu", **variables)
    assert "WARNING" not in quiet.stderr
    assert "runs on cpu" in quiet.stdout


def test_official_flag_takes_a_certain_device(machine: Machine) -> None:
    done = machine.run("--gpu_id", 1)
    assert f"runs on gpu:0 ({SECOND})" in done.stdout
    assert device_of(machine.run("--gpu_id", -1).stdout) == "-1"
    assert "the number is '2'" in machine.run("--gpu_id", 2).stderr
    assert machine.run("--gpu_id", 1, "--device", "gpu").returncode == 2


def test_real_scripts_fail_before_they_read_data(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", None)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"SEQUENCE_LENGTH": 9, "STRIDES": [3, 3], "NUM_HEADS": 2}))
    flags = {
        "train": ["--out_dir", tmp_path / "out"],
        "predict_poses": ["--weights", "w", "--s_in", 1, "--output", tmp_path / "out"],
        "eval": ["--weights", "w"],
    }
    for name, rest in flags.items():
        command = [sys.executable, PROJECT / f"scripts/{name}.py", "--config", config, "--frames", "nowhere.h5", *rest]
        done = subprocess.run(
            [*map(str, command), "--device", "gpu"], env=machine.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "error: no GPU, but one was asked for: nvidia-smi is not installed" in done.stderr, done.stderr
        assert "nowhere.h5" not in done.stderr


def test_foreign_places_for_the_locks_are_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(mine)
    (tmp_path / "file").write_text("")
    lax = tmp_path / "lax"
    lax.mkdir()
    lax.chmod(0o777)
    for place, reason in [
        ("link", "cannot be used"),
        ("file", "cannot be used"),
        ("nowhere/x", "cannot be used"),
        ("lax", "open to other users"),
    ]:
        with pytest.raises(InputError, match=reason):
            claim_device(["a"], tmp_path / place)
    assert list(mine.iterdir()) == []
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (mine / "a.lock").symlink_to(victim)
    with pytest.raises(InputError, match="the lock of a GPU cannot be opened"):
        claim_device(["a"], mine)
    assert victim.read_text() == "precious"


def test_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match="belongs to another user"):
        claim_device(["a"], tmp_path / "theirs")


def test_names_of_devices_cannot_leave_the_folder(tmp_path: Path) -> None:
    with claim_device(["../../x/y"], tmp_path / "slots"):
        assert [path.name for path in (tmp_path / "slots").iterdir()] == ["______x_y.lock"]


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({"OMP_NUM_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "3", "TF_NUM_INTRAOP_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "2,1"}, None),
    ],
)
def test_the_framework_gets_the_threads_of_the_job(given: dict[str, str], threads: str | None) -> None:
    environment = dict(given)
    open_device(Wish("cpu"), environment)
    assert environment.get("TF_NUM_INTRAOP_THREADS") == threads
    assert environment.get("TF_NUM_INTEROP_THREADS") == ("3" if threads else None)
