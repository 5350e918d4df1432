"""A folder that one process at a time writes into, so that a job that outlived its workflow does not mix with the next one."""

import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from uplift_upsample.base.errors import InputError, WriteError

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a folder to the end of the block. Raises ``InputError``, which names the holder, when another process has it.

    The system gives the lock back when the process ends, in whatever way: there is nothing to clean up.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # unbuffered: a failed write on a full disk would be repeated, and raise, at close
        file = (folder / "lock").open("a+b", buffering=0)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the latter on some network file systems
            file.seek(0)
            text = file.read(200).decode(errors="replace").strip()
            holder = f"another process ({text})" if text else "another process"
            raise InputError(
                f"{folder}: {holder} is training into this folder; wait for it or stop it, then start the same command again "
                "(perhaps it was left behind by an interrupted workflow)"
            ) from None
        except OSError as error:
            logger.warning(
                "%s: no locks on this file system (%s); make sure yourself that no other process trains here", folder, error
            )
        _sign(file, f"{os.getpid()} on {socket.gethostname()}")
        yield
        _sign(file, "")


def _sign(file: FileIO, holder: str) -> None:
    """Say who holds the lock; the lock works without that, on a full disk too."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(holder.encode())
