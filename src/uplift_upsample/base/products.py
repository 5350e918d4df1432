"""NumPy's matrix products on one thread, where bytes are promised.

BLAS divides a large product among threads, and its kernels for the edges of a part round differently from those for the middle:
where an entry lies depends on the number of threads, and so do its last bits. Which products these are differs from kernel to
kernel, that is, from processor to processor.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock

import numpy as np
from threadpoolctl import ThreadpoolController

_TURN = RLock()  # the number is one for the whole process: who ends first would give another one's threads back


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold NumPy's BLAS to one thread; also a decorator. Costs less than 0.1 ms. Threads of a process take turns."""
    with _TURN, _blas().limit(limits=1, user_api="blas"):
        yield


@cache
def _blas() -> ThreadpoolController:
    """The libraries that are loaded, NumPy's among them. Looking for them takes milliseconds."""
    assert np
    return ThreadpoolController()
