"""A copy of the project that hands its jobs to a SLURM of one machine."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from slurm_machine import OneMachine
from world.processes import Watching

# What differs from a real cluster: there is no accounting here, and nobody minds being asked about jobs every two seconds.
FLAGS = (
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=2",
    "--seconds-between-status-checks=2",
    "--latency-wait=10",
    "--slurm-keep-successful-logs",
)


@dataclass(frozen=True)
class Project:
    """A copy of the project, and the SLURM that its jobs go to."""

    folder: Path
    slurm: OneMachine

    def command(self, *arguments: str, **changes: Any) -> list[str]:
        """Snakemake with the shipped profile. changes: top-level keys that an overriding configuration file holds."""
        path = self.folder / "changes.yaml"
        path.write_text(yaml.safe_dump(changes), encoding="utf-8")
        flags = ["--workflow-profile", "profiles/slurm", *FLAGS, "--configfile", path.name]
        return [sys.executable, "-m", "snakemake", *flags, *arguments]

    def start(self, *arguments: str, **changes: Any) -> "Start":
        return Start(self.command(*arguments, **changes), self.folder, self.slurm)

    def run(self, *arguments: str, **changes: Any) -> str:
        """Run Snakemake to a good end; what it said."""
        start = self.start(*arguments, **changes)
        code = start.end()
        assert code == 0, start.said
        return start.said

    def rules_of_jobs(self, since: int = 0) -> Counter[str]:
        """How many jobs of each rule SLURM got, from the first number behind ``since`` on."""
        jobs = [fields for number, fields in self.slurm.jobs().items() if int(number) > since]
        return Counter(re.sub(r"^rule_(\w+?)(_wildcards_.*)?$", r"\1", fields["Comment"]) for fields in jobs)

    def last_number(self) -> int:
        """The highest number that SLURM has given to a job."""
        return max(map(int, self.slurm.jobs()), default=0)


class Start:
    """A running Snakemake, in a process group of its own."""

    def __init__(self, command: list[str], folder: Path, slurm: OneMachine, environment: dict[str, str] | None = None) -> None:
        home = folder / ".home"
        home.mkdir(exist_ok=True)
        own = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home), **slurm.environment, **(environment or {})}
        own.pop("PYTHONPATH", None)
        self.said = ""
        self._begin = time.monotonic()
        self._process = subprocess.Popen(
            command, cwd=folder, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until something holds; the test fails where it does not."""
        end = time.monotonic() + seconds
        while not holds():
            assert self._process.poll() is None, f"Snakemake ended before {what}:\n{self.said}"
            assert time.monotonic() < end, f"no {what} within {seconds:.0f} s:\n{self.said}"
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, as a terminal or an administrator does: to Snakemake alone, SIGKILL to its children, too."""
        if number == signal.SIGKILL:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)

    def end(self, seconds: float = 420) -> int:
        """Wait for the end; the exit status."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise AssertionError(f"Snakemake has not ended within {seconds:.0f} s:\n{self.said}") from None
        self._reader.join(10)
        self.seconds = time.monotonic() - self._begin
        return code


class DevicesOfTrainings(Watching):
    """Collects, while the block runs, the SLURM job and the devices of each training: what their processes see."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, str | None] = {}

    def watch(self) -> None:
        while not self.is_over.wait(0.2):
            for process in psutil.process_iter(["cmdline"]):
                words = process.info["cmdline"] or []
                if "scripts/train.py" in words[:2]:
                    try:
                        environment = process.environ()
                    except psutil.Error:
                        continue
                    if "SLURM_JOB_ID" in environment:
                        self.seen[environment["SLURM_JOB_ID"]] = environment.get("CUDA_VISIBLE_DEVICES")
