"""Outputs that appear whole or not at all, and checksums of inputs."""

import contextlib
import csv
import errno
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from uplift_upsample.base.errors import WriteError

_ROOM, _RIGHTS = "make room and start the same command again", "check the folder and its rights"
# What to do about errors of the system: those while a file is written or moved, and those that show before.
_LATER = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _ROOM),
    errno.ENAMETOOLONG: "take a shorter name",
}
_BEFORE = {
    **_LATER,
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS),
    # a file stands where the folder, or one above it, should be
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.ENOENT), _RIGHTS),
    errno.EISDIR: "name a file",
}
_NUM_LETTERS = 50  # of a name in that of its temporary file: they are 200 bytes at most, and a file system takes 255 for a name


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, and move it to ``path`` when the block ends without an error.

    The temporary file lies in the same folder, so that the move is atomic; it keeps the suffix, because
    some writers choose the format by it. After an error it is removed and ``path`` is as it was. Raises ``WriteError``
    where the disk is full, the folder must not be written to, or a folder stands where the file should be.
    """
    path = Path(path)
    try:
        _check_place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path.stem), suffix=path.suffix)
    except OSError as error:
        raise _named(error, path, _BEFORE) from None
    os.close(descriptor)
    aside = Path(name)
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.chmod(0o666 & ~_umask())  # mkstemp makes files private; outputs follow the user's umask
        os.replace(aside, path)
    except OSError as error:
        raise _named(error, path, _LATER) from None
    finally:
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As ``replacing``, for a folder: yields the path of one that the block makes.

    What stood there before is moved away just before the move, since folders cannot be exchanged in one step everywhere.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(path.name)))
    except OSError as error:
        raise _named(error, path, _BEFORE) from None
    try:
        yield aside / "new"
        if path.exists():
            os.replace(path, aside / "former")
        os.replace(aside / "new", path)
    except OSError as error:
        raise _named(error, path, _LATER) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def require_writable(folder: str | os.PathLike[str], names: Iterable[str] = ()) -> None:
    """Find out whether files can be written into a folder, which need not be there; nothing stays. Raises ``WriteError``.

    names: of the files, which may be too long, or those of folders.
    """
    folder = place = Path(folder)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]  # the deepest first
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for place in (folder / name for name in names):
            _check_place(place)
            with contextlib.suppress(FileNotFoundError):
                place.lstat()
    except OSError as error:
        raise _named(error, place, _BEFORE) from None
    finally:
        for each in missing:
            with contextlib.suppress(OSError):  # it was never made, or somebody else uses it already
                each.rmdir()


def require_room(path: Path, num_bytes: int) -> None:
    """Ask the system for the room of an existing file that is still to be written. Raises ``OSError`` where there is not enough.

    For writers that do not come to an end in good order when they find the disk full on their way.
    """
    if not hasattr(os, "posix_fallocate"):  # macOS
        if shutil.disk_usage(path.parent).free < num_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        file.truncate(0)


def remove_leftovers(folder: Path, *names: str) -> None:
    """Remove the temporary files of ``replacing`` that killed processes left in a folder; names may hold ``*``.

    Only for files that no other process can be writing.
    """
    for name in map(Path, names):
        for path in folder.glob(f"{_prefix(name.stem)}????????{name.suffix}"):
            path.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file in one go (see ``replacing``)."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_csv(path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file in one go (see ``replacing``); the same rows give the same bytes everywhere. None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_text(path, text.getvalue())


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_place(path: Path) -> None:
    """Raise ``IsADirectoryError`` where a folder stands in the place of a file."""
    if os.path.isdir(path):  # of a name that is too long, ``Path`` cannot say
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _named(error: OSError, path: Path, remedies: Mapping[int, str]) -> OSError:
    """One of the errors that have a remedy, with the output that could not be written; others as they are."""
    number = error.errno or 0
    if number not in remedies:
        return error
    return WriteError(
        f"{path}: cannot be written ({os.strerror(number)}); what was there before is untouched. To go on, {remedies[number]}"
    )


def _prefix(name: str) -> str:
    """How the temporary file of a name begins."""
    return f".{name[:_NUM_LETTERS]}."


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
