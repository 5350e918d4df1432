"""What all command lines share: errors in one line, messages with a time, the end of a run by a signal."""

import gc
import logging
import os
import sys
from collections.abc import Callable

# TensorFlow's start-up chatter hides the messages that matter; a user who wants it sets the variable.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from uplift_upsample.base.errors import InputError

BAD_INPUT = 2


def run(main: Callable[[], int | None]) -> int:
    """Run a command line: ``InputError`` becomes ``error: ...`` and status 2, other exceptions keep their traceback."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("uplift_upsample").setLevel(logging.INFO)
    try:
        return main() or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        gc.freeze()  # the process ends: nobody has to look through a framework's million objects for garbage
