"""What TensorFlow says each time that it is loaded, whatever the log level, left out of what a process writes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

# Parts of lines that say nothing of a run: TensorFlow 2.21 writes them before it looks at TF_CPP_MIN_LOG_LEVEL.
CHATTER = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "oneDNN custom operations are on. You may see slightly different numerical results",
    "Could not find cuda drivers on your machine, GPU will not be used",
)
_STDERR = 2
_PATIENCE = 10  # seconds for the last lines


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Leave out these lines of what anything in the block, compiled code too, writes to standard error.

    All else is written, in its order, when the block ends. Another process does it, so that even the last words of a framework
    that ends this one come through. Without a standard error, or without ``sed``, nothing is left out.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    try:
        _flush()
        others = _passed_on(kept)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, _STDERR)
            if others is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):  # a process that was started meanwhile goes on writing
                    others.wait(_PATIENCE)
    finally:
        os.close(kept)


def _passed_on(kept: int) -> "subprocess.Popen[bytes] | None":
    """Turn standard error to a process that passes on what is no chatter; None where there is none."""
    drop = [word for line in CHATTER for word in ("-e", f"/{line.replace('.', '[.]')}/d")]
    try:  # in a session of its own: Ctrl-C is not for it, and it ends when there is nothing more to read
        process = subprocess.Popen(
            ["sed", *drop], stdin=subprocess.PIPE, stdout=kept, stderr=kept, env={"LC_ALL": "C"}, start_new_session=True
        )
    except OSError:
        return None
    assert process.stdin is not None
    os.dup2(process.stdin.fileno(), _STDERR)
    process.stdin.close()
    return process


def _flush() -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # it is closed
            sys.stderr.flush()
