"""HDF5 files that appear whole or not at all, also where the disk is full.

HDF5 keeps what it could not write until the file is closed, and fails there without an ``OSError``, at times with the whole
process. So files are made in memory, and their bytes are written as those of any other output.
"""

import contextlib
import os
from collections.abc import Iterator

import h5py

from uplift_upsample.base.files import replacing


@contextlib.contextmanager
def writing_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Yield a new HDF5 file in memory, and write it to ``path`` when the block ends without an error.

    Equal content gives equal bytes, as long as data sets are made with ``track_times=False``: groups that kept the order of
    their members would also keep the time of day. Raises ``WriteError`` as ``files.replacing``.
    """
    with h5py.File(os.fspath(path), "w", driver="core", backing_store=False, track_order=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    with replacing(path) as aside:
        aside.write_bytes(image)
