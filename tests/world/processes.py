"""What the process list shows while something runs."""

import threading
import time
from collections.abc import Collection
from pathlib import Path

import psutil


class CommandLines:
    """Collects the command lines of all processes of this machine, again and again, until the block ends."""

    def __init__(self) -> None:
        self.lines: set[str] = set()
        self._is_over = threading.Event()

    def __enter__(self) -> "CommandLines":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.lines.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has just ended
            time.sleep(0.02)


class KilledJob:
    """Kills one job of a workflow in a folder: the first that is still running some time after it was first seen.

    seconds: that time. spared: scripts whose jobs are left alone. killed: the script whose job was killed, if one was.
    """

    def __init__(self, folder: Path, seconds: float, spared: Collection[str] = ()) -> None:
        self.killed: list[str] = []
        self._folder = folder
        self._seconds = seconds
        self._spared = frozenset(spared)
        self._is_over = threading.Event()

    def __enter__(self) -> "KilledJob":
        self._thread = threading.Thread(target=self._kill, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _kill(self) -> None:
        seen: dict[psutil.Process, float] = {}
        while not self._is_over.wait(0.005):
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
            script = next((Path(word).stem for word in words[:2] if word.startswith("scripts/")), None)
            if script is None:
                continue
            try:
                if Path(process.cwd()) == self._folder:
                    found.append((process, script))
            except psutil.Error:
                continue
        return found
