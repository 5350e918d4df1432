"""Checkpoints: everything that a training run needs to go on exactly where it was.

A checkpoint is a zip of NumPy arrays and one JSON document, whose checksums are verified when it is read. It is
written aside and moved into place; the two newest are kept, so that a damaged one costs little.
"""

import fcntl
import json
import logging
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.errors import InputError
from uplift_upsample.files import replacing

logger = logging.getLogger(__name__)
NUM_KEPT = 2
_STATE = "state"


@dataclass(frozen=True)
class Checkpoint:
    """Arrays by name, and plain JSON values."""

    step: int
    arrays: Mapping[str, np.ndarray]
    state: Mapping[str, Any]


class CheckpointFolder:
    """The checkpoints of one run, and a lock so that no two processes write them."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder. Raises ``InputError`` when another process trains into it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(
                    f"{self.folder}: another process is training into this folder; wait for it or stop it "
                    "(perhaps it was left behind by an interrupted workflow)"
                ) from None
            yield

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and delete all but the newest ones."""
        document = np.frombuffer(json.dumps(checkpoint.state).encode(), np.uint8)
        with replacing(self.folder / f"step_{checkpoint.step:09d}.npz") as aside, aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_STATE: document, **checkpoint.arrays})
        for path in self._paths()[NUM_KEPT:]:
            path.unlink()

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that can be read, or None. A damaged one is passed over with a warning."""
        for path in self._paths():
            try:
                return _read(path)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                logger.warning("%s is damaged (%s); trying the one before", path, error)
        return None

    def _paths(self) -> list[Path]:
        """Checkpoints by step, newest first: by name, because clocks can be set back."""
        return sorted(self.folder.glob("step_*.npz"), reverse=True)


def _read(path: Path) -> Checkpoint:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    state = json.loads(arrays.pop(_STATE).tobytes())
    return Checkpoint(int(path.stem.removeprefix("step_")), arrays, state)
