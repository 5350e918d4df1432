"""Files out of ``.tar`` (plain, gzip, bzip2, xz) and ``.zip`` archives, one after the other, without unpacking them to the disk.

Archives come from outside, so nothing that they contain is trusted: sizes are counted while they are decompressed, names
cannot point out of the archive, links are never followed. The content decides what kind of archive a file is, not its name.
"""

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, cast

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import found_instead
from uplift_upsample.data.download.tar_stream import DamagedTarError, Member, TotalSizeError, is_tar_header, tar_members

_Opener = Callable[..., object]
_MAGIC: tuple[tuple[bytes, _Opener], ...] = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_CHUNK = 1 << 20  # bytes decompressed at once; any size from some KB on does
_ENCRYPTED = 0x1  # flag of a zip member
_DRIVE = re.compile(r"[A-Za-z]:(/|$)")
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, DamagedTarError)
_UNIX_KINDS = {stat.S_IFLNK: "a link", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a pipe"}


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most; more is taken for an attack or a mistake.

    max_member_bytes: one wanted member, unpacked. max_total_bytes: all that has to be unpacked on the way. max_members: members
    of any kind.
    """

    max_member_bytes: int = 4 << 30
    max_total_bytes: int = 400 << 30
    max_members: int = 1_000_000


def read_members(
    path: str | os.PathLike[str], wanted: Callable[[str], bool], limits: Limits = Limits()
) -> Iterator[tuple[str, bytes]]:
    """Stream the wanted files of an archive: their normalised names (``a/b.npz``) and contents, in archive order.

    Members that are not wanted are passed over and not kept, so that the memory needed is that of the largest wanted one.
    Folders are never asked for. Raises ``InputError``, naming archive and member, for: a file that is not an archive, is empty, a
    web page, encrypted, cut off or damaged (also behind the last wanted member, if the caller iterates to the end);
    a member with an absolute path or ``..``; a wanted member that is a link, device, pipe or sparse file, is there
    twice, or exceeds the limits.
    """
    seen: set[str] = set()
    name = ""
    try:
        for member in _members(path, limits):
            name = member.name
            if member.is_folder or not wanted(name):
                continue
            where = f"{path}: the member {name!r}"
            if member.oddity:
                raise InputError(f"{where} is {member.oddity}, not a file; get the archive from its publisher")
            if name in seen:
                raise InputError(f"{where} occurs twice; get the archive from its publisher")
            seen.add(name)
            yield name, _content(where, member, limits)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, not an archive") from None
    except TotalSizeError as error:
        raise InputError(f"{path}: {error}; this cannot be the archive that is expected") from None
    except NotImplementedError as error:
        raise InputError(f"{path}: packed in an unknown way ({error}); pack it again as a plain zip or tar.gz") from None
    except (*_DAMAGE, OSError, ValueError, struct.error) as error:
        reason = str(error) or type(error).__name__
        where = f"{path}, at the member {name!r}" if name else f"{path}"
        raise InputError(f"{where}: the archive is cut off or damaged ({reason}); get it again") from None


def _content(where: str, member: Member, limits: Limits) -> bytes:
    too_large = f"{where} has more than {limits.max_member_bytes} bytes; this cannot be the archive that is expected"
    if member.size > limits.max_member_bytes:
        raise InputError(too_large)
    content = io.BytesIO()
    for chunk in member.chunks():
        content.write(chunk)
        if content.tell() > limits.max_member_bytes:
            raise InputError(too_large)
    if content.tell() != member.size:
        raise InputError(f"{where} has {content.tell()} bytes where the archive lists {member.size}; it is damaged, get it again")
    return content.getvalue()


def _members(path: str | os.PathLike[str], limits: Limits) -> Iterator[Member]:
    with open(path, "rb") as file:
        start = file.read(512)
    if start.startswith(_ZIP_MAGIC):
        found = _zip_members(path, limits)
    else:
        opener = next((opener for magic, opener in _MAGIC if start.startswith(magic)), open)
        if opener is open and not is_tar_header(start):
            fault = found_instead(path, "an archive", is_text=True)  # a tar begins with a name
            fault = fault or "neither a zip nor a tar archive (tar, tar.gz, tar.bz2, tar.xz); get the original file"
            raise InputError(f"{path}: {fault}")
        found = _tar_members(path, opener, limits)
    for number, member in enumerate(found, start=1):
        if not member.name and not member.is_folder:
            raise InputError(f"{path}: a member has no name; get the archive from its publisher")
        if number > limits.max_members:
            raise InputError(f"{path}: more than {limits.max_members} members; this cannot be the archive that is expected")
        yield member


def _tar_members(path: str | os.PathLike[str], opener: _Opener, limits: Limits) -> Iterator[Member]:
    with cast(IO[bytes], opener(path, "rb")) as stream:
        for member in tar_members(stream, limits.max_total_bytes):
            yield replace(member, name=_normalised(path, member.name))


def _zip_members(path: str | os.PathLike[str], limits: Limits) -> Iterator[Member]:
    left = limits.max_total_bytes

    def chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
        nonlocal left
        with archive.open(info) as file:
            while chunk := file.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise TotalSizeError(f"more than {limits.max_total_bytes} bytes, unpacked")
                yield chunk

    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.flag_bits & _ENCRYPTED:
                raise InputError(f"{path}: the member {info.filename!r} is encrypted; pack the archive again without a password")
            oddity = _UNIX_KINDS.get(stat.S_IFMT(info.external_attr >> 16))
            name = _normalised(path, info.filename.replace("\\", "/"))  # some programs write Windows' separator
            yield Member(name, info.file_size, info.filename.endswith("/"), oddity, lambda info=info: chunks(archive, info))  # type: ignore[misc]


def _normalised(path: str | os.PathLike[str], name: str) -> str:
    """``a/b`` for ``./a//b``, with composed letters (systems differ). Raises ``InputError`` for a name that leads elsewhere."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or _DRIVE.match(name) or ".." in parts or "\0" in name:
        raise InputError(f"{path}: the member {name!r} points out of the archive; get the archive from its publisher")
    return unicodedata.normalize("NFC", "/".join(parts))
