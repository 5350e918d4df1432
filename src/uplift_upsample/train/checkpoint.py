"""Checkpoints: everything that a training run needs to resume exactly where it was.

A checkpoint is a zip of NumPy arrays and one JSON document, which also names the arrays. When it is read, checksums and names
are verified (a zip whose own list has lost entries is a sound zip). It is written aside and moved into place; the two newest
are kept, so that a damaged one costs little.
"""

import errno
import io
import json
import logging
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import remove_leftovers, replacing
from uplift_upsample.train.lock import sole_writer

logger = logging.getLogger(__name__)
NUM_KEPT = 2  # the newest, and the one before it if that is damaged
_STATE, _NAMES = "state", "_arrays"


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
        """Hold the folder, and tidy up after killed processes. Raises ``InputError`` when another process trains into it."""
        with sole_writer(self.folder):
            remove_leftovers(self.folder, "step_*.npz", "weights_epoch_*.h5")
            yield

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and delete all but the newest ones."""
        document = np.frombuffer(json.dumps({**checkpoint.state, _NAMES: sorted(checkpoint.arrays)}).encode(), np.uint8)
        with replacing(self.folder / f"step_{checkpoint.step:09d}.npz") as aside, aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_STATE: document, **checkpoint.arrays})
        _sync(self.folder)  # before an older one goes: the power may fail
        for path in self._paths()[NUM_KEPT:]:
            path.unlink()

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that can be read, or None.

        A damaged one is set aside with a warning, lest it counts among the newest ones that are kept. Raises ``InputError``
        for one that must not be read, or that the memory does not suffice for.
        """
        paths = self._paths()
        for path in paths:
            try:
                return _read(path)
            except PermissionError as error:
                raise InputError(f"{path}: cannot be read ({error.strerror})") from None
            except MemoryError:  # no damage: what was trained must not be lost for it
                raise InputError(
                    f"{path}: there is not enough memory to read it; give this command more and start it again, or, where there is "
                    "plenty, delete the file, and the one before is used"
                ) from None
            except Exception as error:  # damage can lead anywhere in NumPy and zipfile
                aside = path.with_name(path.name + ".damaged")
                os.replace(path, aside)
                reason = str(error).partition("\n")[0][:100]
                logger.warning("%s is damaged (%s); it is now %s, the one before is used", path, reason, aside.name)
        if paths:
            logger.warning("%s: no checkpoint is whole; training starts from its first step", self.folder)
        return None

    def newest_step(self) -> int | None:
        """The step of the newest checkpoint, read or not."""
        return next((_step(path) for path in self._paths()), None)

    def _paths(self) -> list[Path]:
        """Checkpoints by step, newest first: by name, because clocks can be set back."""
        return sorted(self.folder.glob("step_*.npz"), reverse=True)


def _read(path: Path) -> Checkpoint:
    with zipfile.ZipFile(path) as archive:  # members as a whole, because their checksums are verified at their ends only
        size = path.stat().st_size
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or max(info.file_size, info.compress_size) > size:
                raise ValueError("its table of contents is damaged")  # and would take any amount of memory
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    arrays = {name: _array(member) for name, member in members.items()}
    state = json.loads(arrays.pop(_STATE).tobytes())
    if state.pop(_NAMES, sorted(arrays)) != sorted(arrays):
        raise ValueError("arrays are missing")
    return Checkpoint(_step(path), arrays, state)


def _array(member: bytes) -> np.ndarray:
    file = io.BytesIO(member)
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if math.prod(shape) * dtype.itemsize > len(member):
        raise ValueError("the header of an array is damaged")  # and would take any amount of memory
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))


def _sync(folder: Path) -> None:
    """Let the names in a folder reach the disk, where its file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
