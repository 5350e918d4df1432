"""What the process list shows while something runs."""

import os
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Self

import psutil

YOUNG = 1.0  # seconds after which a process has the command line that it keeps: it may have been forked to become another program


class Watching:
    """Does something in a thread while a block runs: ``watch``, which has to look at ``is_over`` again and again."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self._first_seen: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self._thread.join()

    def watch(self) -> None:
        raise AssertionError("for classes that say what is watched")

    def young(self) -> list[tuple[int, list[str]]]:
        """Ids and command lines of the processes that were first seen a moment ago; to read all of them each time costs a core."""
        now, found = time.monotonic(), []
        for name in os.listdir("/proc"):
            if name.isdigit() and now - self._first_seen.setdefault(int(name), now) < YOUNG:
                try:
                    found.append((int(name), Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace").split("\0")))
                except OSError:
                    continue  # it has just ended
        return found


class CommandLines(Watching):
    """Collects the command lines of all processes of this machine, again and again, until the block ends."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[str] = set()

    def watch(self) -> None:
        while not self.is_over.wait(0.02):
            self.lines.update(" ".join(words) for _, words in self.young())


class KilledJob(Watching):
    """Kills one job of a workflow in a folder: the first that is still running some time after it was first seen.

    seconds: that time. spared: scripts whose jobs are left alone. killed: the script whose job was killed, if one was.
    """

    def __init__(self, folder: Path, seconds: float, spared: Collection[str] = ()) -> None:
        super().__init__()
        self.killed: list[str] = []
        self._folder = folder
        self._seconds = seconds
        self._spared = frozenset(spared)

    def watch(self) -> None:
        seen: dict[psutil.Process, tuple[float, str]] = {}
        while not self.is_over.wait(0.005):
            for process, script in self._young_jobs():
                seen.setdefault(process, (time.monotonic(), script))
            for process, (since, script) in seen.items():
                if script not in self._spared and time.monotonic() - since >= self._seconds and _is_alive(process):
                    process.kill()
                    self.killed.append(script)
                    return

    def _young_jobs(self) -> list[tuple[psutil.Process, str]]:
        """The running ones, with their scripts."""
        found = []
        for number, words in self.young():
            script = next((Path(word).stem for word in words if word.startswith("scripts/")), None)
            if script is None:
                continue
            try:
                process = psutil.Process(number)
                if Path(process.cwd()) == self._folder:
                    found.append((process, script))
            except psutil.Error:
                continue
        return found


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
