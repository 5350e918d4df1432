"""The members of a tar archive from a stream, read forwards only.

``tarfile`` reads the formats. It takes a damaged header for the end of the archive, and gives memory to extended headers of any
size: a stream that keeps watch makes up for both.
"""

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TypeVar, cast

T = TypeVar("T")

_CHUNK = 1 << 20  # bytes; nothing longer is read at once, extended headers (names and attributes) included
_LONGEST_HEADERS = 1 << 20  # bytes, all of one member
_ODDITIES = {
    tarfile.LNKTYPE: "a link",
    tarfile.SYMTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


class DamagedTarError(Exception):
    """The stream is not a tar archive, is cut off or damaged; the message names the place."""


class TotalSizeError(Exception):
    """The stream is longer than allowed."""


@dataclass(frozen=True)
class Member:
    """A member of an archive of any kind; ``chunks`` gives its content, until the next member is asked for.

    oddity: ``a link`` and the like, for what is neither file nor folder.
    """

    name: str
    size: int
    is_folder: bool
    oddity: str | None
    chunks: Callable[[], Iterator[bytes]]


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes starts a member: its checksum fits."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
    except tarfile.TarError:
        return False
    return True


def tar_members(stream: IO[bytes], max_total_bytes: int) -> Iterator[Member]:
    """All members up to the end of the stream, which is read to its end, so that the checksum of its compression is checked.

    Raises ``DamagedTarError``, ``TotalSizeError``, and whatever the stream raises.
    """
    watched = _Watched(stream, max_total_bytes)
    try:
        with tarfile.open(
            fileobj=cast(IO[bytes], watched), mode="r:", errors="backslashreplace", encoding="utf-8", errorlevel=2
        ) as archive:
            while (member := watched.headers(archive.next)) is not None:
                archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined]  # it would remember all of them
                if member.size < 0:
                    raise DamagedTarError(f"a size of {member.size} bytes in the header before byte {watched.position}, unpacked")
                yield Member(member.name, member.size, member.isdir(), _oddity(member), _reader(archive, member))
    except (tarfile.TarError, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise DamagedTarError(f"{error or 'damaged'}, at byte {watched.position}, unpacked") from None
    if len(watched.last) < tarfile.BLOCKSIZE or any(watched.last):
        raise DamagedTarError(f"no tar header and no end before byte {watched.position}, unpacked")
    while watched.read(_CHUNK):  # the zeros behind the last member
        pass


def _oddity(member: tarfile.TarInfo) -> str | None:
    if member.issparse():
        return "a sparse file"
    if member.isdir() or member.isreg():
        return _ODDITIES.get(member.type)
    return _ODDITIES.get(member.type, f"of the unknown kind {member.type!r}")


def _reader(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        try:
            file = archive.extractfile(member)
            while file is not None and (chunk := file.read(_CHUNK)):
                yield chunk
        except tarfile.TarError as error:
            raise DamagedTarError(f"{error} of the member") from None

    return chunks


class _Watched:
    """A stream for ``tarfile``: read forwards only, in bounded pieces, up to a bounded length; it remembers the last piece."""

    def __init__(self, stream: IO[bytes], max_total_bytes: int) -> None:
        self._stream = stream
        self._max_total_bytes = max_total_bytes
        self._headers_left: int | None = _LONGEST_HEADERS  # to open an archive is to read its first header
        self.position = 0
        self.last = b""

    def headers(self, read_next: Callable[[], T]) -> T:
        """Let the headers of the next member be read: extended ones and maps of holes may be many, but not long all together."""
        self._headers_left = _LONGEST_HEADERS
        found = read_next()
        self._headers_left = None
        return found

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> None:
        if position < self.position:
            raise DamagedTarError(f"a header at byte {self.position}, unpacked, that points back")
        while self.position < position:
            if not self._read(min(_CHUNK, position - self.position)):
                raise DamagedTarError(f"it ends at byte {self.position}, unpacked, in the middle")

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _CHUNK:
            raise DamagedTarError(f"a header of {size} bytes at byte {self.position}, unpacked")
        if self._headers_left is not None:
            self._headers_left -= size
            if self._headers_left < 0:
                raise DamagedTarError(f"headers of more than {_LONGEST_HEADERS} bytes before byte {self.position}, unpacked")
        return self._read(size)

    def _read(self, size: int) -> bytes:
        self.last = self._stream.read(size)
        self.position += len(self.last)
        if self.position > self._max_total_bytes:
            raise TotalSizeError(f"more than {self._max_total_bytes} bytes, unpacked")
        return self.last
