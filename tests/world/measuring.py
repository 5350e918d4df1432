"""Seconds and memory of commands that run in processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from world.processes import Watching

PROJECT = Path(__file__).parents[2]
_PAUSE = 0.02


@dataclass(frozen=True)
class Measured:
    """What a command took.

    cpu: seconds of the processor, those of its own children too. peak: most bytes that it held, pages of mapped files among
    them. private: most bytes of it that are no file's. Both are seen every fiftieth of a second. said: its standard output.
    """

    seconds: float
    cpu: float
    peak: int
    private: int
    said: str
    code: int

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object that a probe printed."""
        return json.loads(self.said.splitlines()[-1])


def measured(command: Sequence[str | Path], folder: Path, *, is_good: bool = True) -> Measured:
    """Run ``python ...`` in a folder and measure it. is_good: whether it must succeed."""
    [one], _ = measured_together([command], folder)
    assert (one.code == 0) == is_good, one.said
    return one


def measured_together(commands: Sequence[Sequence[str | Path]], folder: Path) -> tuple[list[Measured], int]:
    """Run commands at once. The second result is the most bytes that all of them held together, what they share counted once."""
    start = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "OMP_NUM_THREADS": "1"}
    files = [(folder / f".said_{number}").open("w+", encoding="utf-8") for number in range(len(commands))]
    running = [
        subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, text=True
        )
        for command, file in zip(commands, files, strict=True)
    ]
    watch = _Watch([process.pid for process in running])
    found: dict[int, tuple[float, float]] = {}
    with watch:
        for process in running:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            # not ru_maxrss: it counts what the parent held when it started the process
            found[process.pid] = (time.monotonic() - start, usage.ru_utime + usage.ru_stime)
    results = []
    for process, file in zip(running, files, strict=True):
        memory = watch.peak[process.pid], watch.private[process.pid]
        with file:
            file.seek(0)
            results.append(Measured(*found[process.pid], *memory, file.read(), process.returncode))
        Path(file.name).unlink()
    return results, watch.together


class _Watch(Watching):
    """Looks at the memory of processes again and again."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__()
        self.peak = dict.fromkeys(pids, 0)
        self.private = dict.fromkeys(pids, 0)
        self.together = 0

    def watch(self) -> None:
        while not self.is_over.wait(_PAUSE):
            private, files = 0, 0
            for pid, most in self.private.items():
                try:
                    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
                except OSError:
                    continue  # it has just ended
                kilobytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
                own, mapped, peak = (kilobytes.get(name, 0) * 1024 for name in ("RssAnon", "RssFile", "VmHWM"))
                self.peak[pid] = max(self.peak[pid], peak)
                self.private[pid] = max(most, own)
                private += own
                files = max(files, mapped)  # all map the same ones; shares of them would change while they are being asked for
            self.together = max(self.together, private + files)
