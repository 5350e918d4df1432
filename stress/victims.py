"""A miniature training to be killed, the processes that run it, and the moments at which they are killed."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
from world.people import swinging_record

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.data.frames import build_frames_table, write_frames_table
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.plan.runs import Run, write_run

PROJECT = Path(__file__).parents[1]
OUTPUTS = ("weights.h5", "history.csv")
EPOCHS, STEPS_PER_EPOCH = 16, 8


class Job:
    """A running command line."""

    def __init__(self, pid: int, log: Path, exit_code: Callable[[], int]) -> None:
        self.pid = pid
        self.log = log
        self.exit_code: int | None = None
        self._thread = threading.Thread(target=self._wait, args=(exit_code,), daemon=True)
        self._thread.start()

    def _wait(self, exit_code: Callable[[], int]) -> None:
        self.exit_code = exit_code()

    def is_running(self) -> bool:
        return self.exit_code is None

    def send(self, number: int) -> None:
        if self.is_running():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self, seconds: float = 240) -> int:
        """Its exit code. A process that does not end is killed, and fails the test."""
        self._thread.join(seconds)
        if self.exit_code is None:
            self.send(signal.SIGKILL)
            raise AssertionError(f"{self.log} did not end:\n{self.said()}")
        return self.exit_code

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Forks:
    """Processes that fork command lines (see forks.py); each runs one at a time."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._free: Queue[subprocess.Popen[str]] = Queue()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        words = [sys.executable, str(Path(__file__).with_name("forks.py"))]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._servers = [subprocess.Popen(words, env=environment, start_new_session=True, **pipes) for _ in range(number)]
        for server in self._servers:
            self._free.put(server)

    def start(self, script: str, arguments: Sequence[str | Path], folder: Path, log: Path, fault: str = "") -> Job:
        server = self._free.get()
        assert server.stdin is not None
        assert server.stdout is not None
        job = {"script": script, "arguments": [*map(str, arguments)], "folder": str(folder), "log": str(log), "fault": fault}
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        output = server.stdout

        def exit_code() -> int:
            code = int(output.readline())
            self._free.put(server)
            return code

        return Job(int(output.readline()), log, exit_code)

    def close(self) -> None:
        for server in self._servers:
            server.communicate()


def start_really(script: str, arguments: Sequence[str | Path], folder: Path, log: Path) -> Job:
    """The command line as a user starts it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT / "src")}
    with log.open("a") as file:
        words = [sys.executable, str(PROJECT / "scripts" / script), *map(str, arguments)]
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True)
    return Job(process.pid, log, process.wait)


@dataclass
class Training:
    """One training folder and its command."""

    world: Path
    name: str
    starter: Callable[..., Job]
    run: str = "run.yaml"
    out_dir: Path = field(init=False)
    _num_started: int = 0

    def __post_init__(self) -> None:
        self.out_dir = self.world / self.name
        self.out_dir.mkdir(exist_ok=True)

    def start(self, **more: Any) -> Job:
        self._num_started += 1
        words = ["--config", self.run, "--frames", "frames.h5", "--seed", "1", "--device", "cpu", "--out_dir", self.name]
        return self.starter("train.py", words, self.world, self.world / f"{self.name}.{self._num_started}.log", **more)

    def finish(self, **more: Any) -> str:
        """Run to the end, which must be a good one; what was said."""
        job = self.start(**more)
        assert job.wait() == 0, job.said()
        return job.said()

    def checkpoints(self) -> list[Path]:
        return sorted(self.out_dir.glob("checkpoints/*/step_*.npz"))

    def step(self) -> int:
        """That of the newest checkpoint; 0 where there is none."""
        return max((int(path.stem.removeprefix("step_")) for path in self.checkpoints()), default=0)

    def temporary(self, pattern: str = ".step_*") -> list[Path]:
        folder = "checkpoints/*/" if pattern.startswith(".step") else ""
        return list(self.out_dir.glob(folder + pattern))

    def result(self) -> dict[str, Any]:
        """What must be equal: bytes of weights and history, and the record but for its times and machine."""
        sums = {name: hashlib.sha256((self.out_dir / name).read_bytes()).hexdigest() for name in OUTPUTS}
        record = json.loads((self.out_dir / "training.json").read_text())
        left = sorted(path.name for path in self.out_dir.rglob(".*"))
        kept = {key: value for key, value in record.items() if key not in ("seconds", "measured", "environment")}
        return {**sums, "record": kept, "left over": left}

    def copy(self, name: str) -> "Training":
        """The same folder under another name, times included."""
        other = Training(self.world, name, self.starter, self.run)
        shutil.copytree(self.out_dir, other.out_dir, dirs_exist_ok=True)
        return other


def resumed_at(said: str) -> int:
    """The step from which a run says that it goes on."""
    found = re.search(r"resuming from step (\d+)", said)
    return int(found[1]) if found else 0


def wait_until(condition: Callable[[], Any], job: Job, seconds: float = 120) -> bool:
    """Whether it came to hold while the job ran."""
    end = time.monotonic() + seconds
    while job.is_running() and time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.0005)
    return False


def until_moment(kind: str, training: Training, job: Job, rng: random.Random) -> None:
    """Wait for a random moment: at the ``start``, in ``training``, in a ``checkpoint`` that is being written, at the ``end``."""
    if kind == "start":
        time.sleep(rng.uniform(0, 4))
        return
    if kind == "end":
        wait_until(lambda: any(training.temporary(f".{name}.*") for name in ("weights", "history", "training")), job)
        time.sleep(rng.uniform(0, 0.004))
        return
    step = training.step()
    target = rng.randrange(step, max(step + 1, (EPOCHS - 2) * STEPS_PER_EPOCH))
    wait_until(lambda: training.step() > target, job)
    if kind == "checkpoint":
        wait_until(training.temporary, job)
        time.sleep(rng.uniform(0, 0.006))
    else:
        time.sleep(rng.uniform(0, 0.5))


def make_world(folder: Path) -> None:
    """Data and runs: ``run.yaml``, and ``diverging.yaml`` whose learning rate explodes after 45 steps."""
    generator = np.random.default_rng(1)
    records = [swinging_record(subject, action, 60, generator) for subject in ("S1", "S8") for action in ("Walking", "Eating")]
    metadata = {"dataset": "tiny", "splits": {"train": ["S1"], "val": ["S8"], "test": ["S8"]}}
    write_frames_table(folder / "frames.h5", build_frames_table(records, h36m_cameras(), metadata))
    # large enough that a checkpoint takes some milliseconds to write
    model = ModelConfig(num_tokens=9, s_out=2, s_in=(4, 8), spatial_dim=16, temporal_dim=96, spatial_blocks=1, temporal_blocks=1,
                        strides=(3, 3), num_heads=2, drop_rate=0.1)  # fmt: skip
    common = {"batch_size": 8, "epochs": EPOCHS, "steps_per_epoch": STEPS_PER_EPOCH, "weight_decay": 1e-4, "ema_decay": 0.9,
              "jit_compile": False, "validation_interval": 6, "checkpoint_interval": 100}  # fmt: skip
    decay = {"initial_learning_rate": 1e-3, "decay_steps": 100, "decay_rate": 0.9}
    run = Run(model, TrainConfig(**common, schedule_params=decay), name="tiny", val_subset="val")
    write_run(folder / "run.yaml", run)
    explosion = {"schedule": "PiecewiseConstantDecay", "schedule_params": {"boundaries": [45], "values": [1e-3, 1e30]}}
    write_run(folder / "diverging.yaml", Run(model, TrainConfig(**common, **explosion), name="tiny", val_subset="val"))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """A folder on a disk of its own; False where this machine does not let us mount one."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    try:
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, num_free: int = 0) -> Path:
    """Fill the disk of a folder but for some bytes; the file that does it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        block = bytes(4096)
        while shutil.disk_usage(folder).free >= num_free + len(block):
            try:
                file.write(block)
            except OSError:
                break
    return ballast
