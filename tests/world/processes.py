"""What the process list shows while something runs."""

import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Self

import psutil


class Watching:
    """Does something in a thread while a block runs: ``watch``, which has to look at ``is_over`` again and again."""

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self._thread.join()

    def watch(self) -> None:
        raise AssertionError("for classes that say what is watched")


class CommandLines(Watching):
    """Collects the command lines of all processes of this machine, again and again, until the block ends."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[str] = set()

    def watch(self) -> None:
        while not self.is_over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.lines.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has just ended
            time.sleep(0.02)


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
        seen: dict[psutil.Process, float] = {}
        while not self.is_over.wait(0.005):
            for process, script in self._jobs():
                if script not in self._spared and time.monotonic() - seen.setdefault(process, time.monotonic()) >= self._seconds:
                    process.kill()
                    self.killed.append(script)
                    return

    def _jobs(self) -> list[tuple[psutil.Process, str]]:
        """The running ones, with their scripts."""
        found = []
        for process in psutil.process_iter(["name", "cmdline"]):
            words = process.info["cmdline"] or []
            script = next((Path(word).stem for word in words if word.startswith("scripts/")), None)
            if script is None:
                continue
            try:
                if Path(process.cwd()) == self._folder:
                    found.append((process, script))
            except psutil.Error:
                continue
        return found
