"""A download that has begun: ``{target}.part``, and beside it what is known of the file on the server.

Both survive a killed process, so that a later run resumes where this one ended.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from uplift_upsample.base.errors import InputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Known:
    """What the server sent about the whole file: ETag or date for ``If-Range``, and the length in bytes; empty where it sent
    nothing.
    """

    validator: str = ""
    total: int | None = None


class PartialFile:
    """The bytes of a file that are here so far. Made by ``partial_file``, and held by this process alone."""

    def __init__(self, target: Path, path: Path, file: FileIO) -> None:
        self.target, self.path = target, path
        self._file = file
        self._sidecar = _sidecar_of(path)
        self.known = self._read_known()

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return os.fstat(self._file.fileno()).st_size

    def tail(self, num_bytes: int) -> bytes:
        """The last bytes."""
        return os.pread(self._file.fileno(), num_bytes, self.size - num_bytes)

    def append(self, data: bytes) -> None:
        """Add bytes at the end. Raises ``InputError`` where the disk takes no more; what is here then stays."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                raise self._not_written(error) from None

    def start_over(self, known: Known | None = None) -> None:
        """Forget all bytes, and keep what is known of the file that now comes."""
        self.known = known or Known()
        self._sidecar.unlink(missing_ok=True)
        self._file.truncate(0)
        if self.known != Known():
            try:
                self._sidecar.write_text(json.dumps(asdict(self.known)) + "\n", encoding="utf-8")
            except OSError as error:
                raise self._not_written(error) from None

    def need_room_for(self, total: int) -> None:
        """Raise ``InputError`` if the disk has no room for the rest of so many bytes: before hours of download."""
        rest, free = total - self.size, shutil.disk_usage(self.path.parent).free
        if rest > free:
            raise self._no_room(f"the disk has not enough room: {rest} more bytes are needed")

    def finish(self, may_replace: bool) -> None:
        """Move the file into its place. Raises ``InputError`` where it must not replace one that has come there meanwhile."""
        if not may_replace and os.path.lexists(self.target):
            raise InputError(
                f"{self.target}: somebody put a file there meanwhile; it was left as it is, the download is {self.path}"
            )
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._not_written(error) from None
        os.replace(self.path, self.target)
        self._sidecar.unlink(missing_ok=True)

    def clean(self) -> None:
        """Leave nothing where nothing came."""
        if self.size == 0 and _is_at(self._file, self.path):
            self._sidecar.unlink(missing_ok=True)
            self.path.unlink()

    def _read_known(self) -> Known:
        try:
            said = json.loads(self._sidecar.read_text(encoding="utf-8"))
            validator, total = said["validator"], said["total"]
        except (OSError, ValueError, TypeError, KeyError):
            return Known()
        is_sane = isinstance(validator, str) and (total is None or type(total) is int)
        return Known(validator, total) if is_sane else Known()

    def _not_written(self, error: OSError) -> InputError:
        if error.errno not in _NO_ROOM:
            return InputError(f"{self.path}: cannot be written ({error.strerror})")
        rest = "" if self.known.total is None else f", {self.known.total - self.size} more bytes are needed"
        return self._no_room(f"the disk takes no more ({error.strerror}){rest}")

    def _no_room(self, what: str) -> InputError:
        free = shutil.disk_usage(self.path.parent).free
        return InputError(
            f"{self.target}: {what}, {free} are free in {self.path.parent}; make room and start the same command again, "
            f"it resumes after the {self.size} bytes that arrived"
        )


def sweep(target: Path) -> None:
    """Take away what a process left that was killed just after its download had been moved into place."""
    if not _partial_of(target).exists():
        _sidecar_of(_partial_of(target)).unlink(missing_ok=True)


@contextmanager
def partial_file(target: Path) -> Iterator[PartialFile]:
    """The partial file of a target. Raises ``InputError`` if another process holds it: the remains of a killed run may
    still be writing.
    """
    path = _partial_of(target)
    with ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(locked(path, is_patient=False))
        except BlockingIOError:
            raise InputError(f"{target}: another process is fetching it; wait for it or end it") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None
        partial = PartialFile(target, path, file)
        stack.callback(partial.clean)
        yield partial


@contextmanager
def locked(path: Path, *, is_patient: bool) -> Iterator[FileIO]:
    """A file that is opened for appending, unbuffered, and that no other process that asks so has open.

    The file under the name may be replaced while it is held. Raises ``BlockingIOError`` if another process has it and
    this one is not to wait.
    """
    while True:
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
            if _is_at(file, path):
                yield file
                return


def _is_at(file: FileIO, path: Path) -> bool:
    """Whether an open file is still the one under its name: the process that had it before may have moved it away."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _partial_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _sidecar_of(path: Path) -> Path:
    return path.with_name(path.name + ".json")
