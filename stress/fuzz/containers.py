"""Damage inside of containers (npz, zip, tar, HDF5) whose checksums are right again, so that it reaches the reader behind."""

import bz2
import gzip
import io
import lzma
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from random import Random
from typing import Any

import h5py
import numpy as np

from fuzz.damage import damaged_array, damaged_bytes, hostile_value

NAMES = [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "C:/x",
    "",
    ".",
    "x" * 300,
    "日本",
    "é",
    "e\u0301",
    "a\\b",
    "\x1b[31m",
    "a\nb",
    "con",
    "x/",
]
_BOMB = 24 << 20  # bytes, unpacked


def npz(rng: Random, members: Mapping[str, Any]) -> bytes:
    """An ``.npz`` file of arrays with something wrong in its arrays, its members or its zip archive."""
    content: dict[str, Any] = dict(members)
    key = rng.choice(list(content))
    kind = rng.randrange(10)
    if kind == 0:
        del content[key]
    elif kind == 1:
        content[rng.choice((key + "x", "日本", "../x", key.upper()))] = content.pop(key)
    elif kind < 6:
        content[key] = damaged_array(rng, content[key])
    files = {f"{name}.npy": npy(array) for name, array in content.items()}
    if kind == 6 and files:
        files[f"{key}.npy"] = damaged_bytes(rng, files[f"{key}.npy"])
    elif kind == 7:
        files[f"{key}.npy"] = claimed_npy(rng, members[key])
    elif kind == 8:
        files[rng.choice(NAMES)] = b"x"
    packed = zipped(rng, files, twice=f"{key}.npy" if kind == 9 else None)
    return damaged_bytes(rng, packed) if rng.random() < 0.2 else packed


def npy(value: Any) -> bytes:
    """The bytes of one array, pickled where it has to be."""
    buffer = io.BytesIO()
    try:
        np.lib.format.write_array(buffer, np.asanyarray(value), allow_pickle=True)
    except (RecursionError, UnicodeEncodeError):  # nothing that could be pickled: a pickle of very many open lists
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        buffer.write(b"\x80\x04" + b"]" * 5000 + b"a" * 4999 + b".")
    return buffer.getvalue()


def claimed_npy(rng: Random, array: Any) -> bytes:
    """A header that claims another shape or type than there are bytes for, and sometimes very many zeros behind it."""
    array = np.asarray(array)
    shapes = [(10**6, 17, 3), (2**40,), (2**62, 4), (0,), (-1, 17, 3), (), (1, 17, 3), (10**5, 10**5), (2**63,), (1, 0, 2**60)]
    descr = rng.choice((array.dtype.str, "<f4", "<f8", "|O", "<U2000000000", "|V9", "<M8[s]", "[('a','<f4')]", "?", "<f16"))
    header = (
        f"{{'descr': {descr if descr.startswith('[') else repr(descr)}, 'fortran_order': False, 'shape': {rng.choice(shapes)}, }}"
    )
    text = header.encode().ljust(118 if len(header) < 118 else len(header)) + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    body = bytes(_BOMB) if rng.random() < 0.01 else array.tobytes() if not array.dtype.hasobject else b"x" * 100
    return start + body


def zipped(rng: Random, files: Mapping[str, bytes], twice: str | None = None) -> bytes:
    """A zip archive of any method."""
    buffer = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method, compresslevel=1)
        if twice is not None:
            archive.writestr(zipfile.ZipInfo(twice), b"x")
    return buffer.getvalue()


def archive(rng: Random, files: Mapping[str, bytes]) -> bytes:
    """A tar or zip archive with hostile members; sometimes packed again, sometimes damaged."""
    if rng.random() < 0.3:
        content = dict(files)
        if rng.random() < 0.5:
            content[rng.choice(NAMES)] = b"x"
        if rng.random() < 0.02:
            content["a/bomb.npz"] = bytes(_BOMB)
        packed = zipped(rng, content, twice=rng.choice([None, next(iter(files))]))
    else:
        packed = rng.choice((bytes, gzip.compress, bz2.compress, lzma.compress))(_tar(rng, files))
    return damaged_bytes(rng, packed) if rng.random() < 0.6 else packed


def _tar(rng: Random, files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    form = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=buffer, mode="w", format=form) as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
        if rng.random() < 0.6:
            info = tarfile.TarInfo(rng.choice([*(name for name in NAMES if len(name) < 90 and name), next(iter(files))]))
            info.type = rng.choice(
                (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"Z", b"S")
            )
            info.linkname = rng.choice(("/etc/passwd", "../x", "a"))
            packed.addfile(info)
    content = buffer.getvalue()
    if rng.random() < 0.3:  # a header with a right checksum and a wrong size
        block = bytearray(content[:512])
        block[124:136] = rng.choice((b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"00000000000\0", b"-0000000001\0"))
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        content = bytes(block) + content[512:]
    return content


def hdf5(rng: Random, content: bytes) -> bytes:
    """An HDF5 file with one to three objects or attributes changed."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        for _ in range(rng.choice((1, 1, 2, 3))):
            names: list[str] = []
            file.visit(names.append)
            if names and rng.random() < 0.75:
                _change_object(rng, file, rng.choice(names))
            else:
                holder = file[rng.choice(["/", *names])] if names else file
                _change_attribute(rng, holder)
    return buffer.getvalue()


def _change_object(rng: Random, file: h5py.File, name: str) -> None:
    try:
        old = file[name]
    except KeyError:  # a link to nowhere, made before
        return
    array = old[()] if isinstance(old, h5py.Dataset) and old.size is not None and old.size < 10**6 else np.zeros(3)
    is_text = getattr(array, "dtype", np.dtype("f4")).hasobject
    del file[name]
    kind = rng.randrange(11)
    if kind == 0:
        return
    if kind == 1:
        file[name] = h5py.SoftLink(rng.choice(("/nowhere", "/", name)))
    elif kind == 2:
        file[name] = h5py.ExternalLink(rng.choice(("/etc/passwd", "nowhere.h5", ".")), "/x")
    elif kind == 3:
        file.create_group(name)
    elif kind == 4:  # never written, so it takes no space
        file.create_dataset(
            name, shape=rng.choice(((2**40,), (10**9, 17, 3), (2**33, 17, 2), (0, 17, 3))), dtype=rng.choice(("f4", "f8", "i8"))
        )
    elif kind == 5:
        file.create_dataset(name, shape=(4 * 10**6, 17, 3), dtype="f4", chunks=(10**5, 17, 3), compression="gzip")
    elif kind == 6:
        file.create_dataset(name, data=rng.choice((np.bytes_(b"\xff\xfe"), "日本", 7, np.nan, np.zeros(2, [("a", "f4")]))))
    elif kind == 7:
        file.create_dataset(name, data=np.array([b"\xff", b"a\x1b[31m"], object), dtype=h5py.string_dtype())
    elif kind == 8:
        file.create_dataset(name, data=h5py.Empty("f4"))
    elif kind == 9 and not is_text and np.ndim(array):
        file.create_dataset(name, data=array, compression="gzip", chunks=True) if array.size else None
    else:
        changed = (
            damaged_array(rng, np.asarray(array)) if not is_text else np.array(rng.choice(([], [b"x"], [b"a", b"a"] * 9)), object)
        )
        if isinstance(changed, np.ndarray) and changed.dtype.kind in "fiuc?":
            file.create_dataset(name, data=changed)
        elif is_text:
            file.create_dataset(name, data=changed, dtype=h5py.string_dtype())


def _change_attribute(rng: Random, holder: Any) -> None:
    keys = list(holder.attrs)
    key = rng.choice(keys) if keys else "x"
    if rng.random() < 0.25:
        if key in holder.attrs:
            del holder.attrs[key]
        return
    old = holder.attrs.get(key)
    if isinstance(old, str) and rng.random() < 0.5:
        holder.attrs[key] = damaged_bytes(rng, old.encode()).decode("latin-1").replace("\0", "") or "x"
        return
    value = rng.choice(
        (hostile_value(rng), np.bytes_(b"\xff\xfe"), np.arange(3), "[]", "null", "{}", '{"splits": 3}', np.array([b"x", b"\xff"]))
    )
    try:
        holder.attrs[key] = value
    except (TypeError, ValueError, OverflowError, RuntimeError, OSError, UnicodeError, AttributeError):
        holder.attrs[key] = 7
