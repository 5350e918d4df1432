"""What a file from outside is, by its first bytes, and whether it goes on to its end."""

import bz2
import gzip
import lzma
import os
import re
import zipfile
from contextlib import suppress
from pathlib import Path

PEEK = 512  # bytes that show the type of a file
_CHUNK = 1 << 20  # bytes read at once; any size from some KB on does
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")
_BLANK = b"\xef\xbb\xbf \t\r\n"  # that may stand before a page
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = (b"PK\x03\x04", "a zip file")
# By the end of the name: how a file starts, and what it is called.
_TYPES = {
    (".tgz", ".gz"): (b"\x1f\x8b", "a gzip file"),
    (".bz2",): (b"BZh", "a bzip2 file"),
    (".xz",): (b"\xfd7zXZ\x00", "an xz file"),
    (".zip", ".npz"): _ZIP,
    (".h5",): (_HDF5, "an HDF5 file"),
}
# What is found in the place of another file: how it starts, what it is called, and what to do.
_KINDS = (
    (b"version https://git-lfs", "a Git LFS pointer", "git lfs pull fetches the file itself"),
    (b"/annex/objects/", "a git-annex pointer", "git annex get fetches the file itself"),
    (_HDF5, "an HDF5 file", ""),
    (b"PK\x03\x04", "a zip archive", ""),
    (b"\x1f\x8b", "a gzip file", "unpack it"),
    (b"BZh", "a bzip2 file", "unpack it"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it"),
    (b"\x80", "a pickle", ""),
)
# model.save_weights("name") writes name.index and name.data-00000-of-00001, and beside them a text file, `checkpoint`.
_TENSORFLOW_PART = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
_TENSORFLOW_ADVICE = "load it with the code that wrote it, and save the weights under a name that ends in .h5"


def is_page(start: bytes) -> bool:
    """Whether something is a web page, by its first bytes."""
    start = start.lstrip(_BLANK).lower()
    return start.startswith(_HTML_STARTS) or (start.startswith(b"<?xml") and b"<html" in start)


def found_instead(path: str | os.PathLike[str], wanted: str, *, is_text: bool = False) -> str | None:
    """What a file is that cannot be read as the wanted kind (``an .npz file``), and what to do; None if unknown.

    is_text: the wanted kind may begin with text.
    """
    path = Path(path)
    if path.is_dir():
        return f"a folder, not {wanted}"
    start = _start(path)
    if not start:
        return "the file is empty; get it again"
    if start.lstrip(_BLANK).startswith(b"<"):  # also the XML of a storage service that has no such file
        return f"a web page, not {wanted}; the download asked for a login or failed, get it again"
    for signature, kind, advice in _KINDS:
        if start.startswith(signature) and kind != wanted:
            if kind == "a zip archive" and _is_keras(path):
                kind, advice = (
                    "a .keras file",
                    "keras.saving.load_model reads it, and save_weights writes such a file of its network",
                )
            return f"{kind}, not {wanted}" + (f"; {advice}" if advice else "")
    if _TENSORFLOW_PART.search(path.name):
        return f"a part of a checkpoint of TensorFlow, not {wanted}; {_TENSORFLOW_ADVICE}"
    if is_text or not _is_text(start):
        return None
    if start.startswith(b"model_checkpoint_path:"):
        return f"the list of a folder's checkpoints of TensorFlow, not {wanted}; {_TENSORFLOW_ADVICE}"
    kind = "a JSON file" if start.lstrip(_BLANK).startswith((b"{", b"[")) else "a text file"
    return f"{kind}, not {wanted}"


def _is_text(start: bytes) -> bool:
    """Whether a file is text, by its first bytes, of which the last may be a part of a letter."""
    text = start.decode("utf-8", errors="ignore")
    is_whole = len(start) - len(text.encode("utf-8")) < (4 if len(start) == PEEK else 1)
    return is_whole and all(letter.isprintable() or letter in "\t\r\n\f\ufeff" for letter in text)


def _is_keras(path: Path) -> bool:
    with suppress(OSError, zipfile.BadZipFile, ValueError), zipfile.ZipFile(path) as archive:
        return "model.weights.h5" in archive.namelist()
    return False


def start_fault(start: bytes, name: str) -> str | None:
    """What is wrong with the first bytes of a file of this name, or None. A name without a known suffix admits all but pages."""
    if is_page(start):
        return "a web page, not the file"
    for suffixes, (signature, what) in _TYPES.items():
        if name.lower().endswith(suffixes) and not start.startswith(signature):
            return f"not {what}" if start else "an empty file"
    return None


def html_fault(path: Path) -> str | None:
    """Says so if a file is a web page: servers send them, with status 200, instead of the file."""
    return "a web page, not the file" if is_page(_start(path)) else None


def type_fault(path: Path, name: str | None = None) -> str | None:
    """What is wrong with the beginning of a file. name: what it is to be called, if not as it is."""
    return start_fault(_start(path), name or path.name)


def end_fault(path: Path, name: str | None = None) -> str | None:
    """What is wrong with the end of a file of a known type. It is read to its end: for files whose length is not known."""
    import h5py  # half of the time that a command needs to start, and seldom used

    name = (name or path.name).lower()
    try:
        if name.endswith((".zip", ".npz")):
            with zipfile.ZipFile(path):  # its table of contents stands at the end
                return None
        if name.endswith(".h5"):
            with h5py.File(path, locking=False):  # it knows its own length; we hold the lock
                return None
        for suffixes, open_file in (((".tgz", ".gz"), gzip.open), ((".bz2",), bz2.open), ((".xz",), lzma.open)):
            if name.endswith(suffixes):
                with open_file(path) as file:
                    while file.read(_CHUNK):
                        pass
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, ValueError) as error:
        return f"not whole ({error})"
    return None


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(PEEK)
