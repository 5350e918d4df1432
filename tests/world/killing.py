"""Commands that are killed in the middle and started again: the outputs must be the bytes of an undisturbed run."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from world.warm_python import DATA, warm_python

PROJECT = Path(__file__).parents[2]
Moment = Callable[[], bool]


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, *, is_warm: bool = True
) -> subprocess.Popen[str]:
    """Start ``python scripts/...`` of this project in a folder, in a process group of its own.

    is_warm: another process does the work (``world.warm_python``); a signal that ends the group ends that too, a moment later.
    """
    python = str(warm_python(*DATA)) if is_warm else sys.executable
    words = [python, str(PROJECT / "scripts" / command[0]), *command[1:]]
    own = {**os.environ, **(environment or {}), "PYTHONPATH": str(PROJECT / "src")}
    return subprocess.Popen(
        words, cwd=folder, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> float:
    """Run a command to its end, which must be a good one; seconds that it took."""
    begin = time.monotonic()
    process = start(command, folder, environment)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return time.monotonic() - begin


def kill_at(
    moment: float | Moment,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    by: int = signal.SIGKILL,
) -> bool:
    """Start a command and kill it after some seconds, or as soon as a condition holds; whether it was killed before its end."""
    process = start(command, folder, environment)
    begin = time.monotonic()
    while process.poll() is None:
        if moment() if callable(moment) else time.monotonic() - begin >= moment:
            os.killpg(process.pid, by)
            break
        time.sleep(0.002)
    process.communicate(timeout=60)
    return process.returncode != 0


def sums(folder: Path, outputs: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the outputs that are there."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in outputs if (folder / name).exists()}
