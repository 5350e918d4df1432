"""The table of data sources, and what is known of their files once they are here: manifests, recorded checksums."""

import csv
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file, write_text
from uplift_upsample.base.records import ChecksumOrigin
from uplift_upsample.base.strict import from_mapping, suggestion
from uplift_upsample.data.download.partial_file import locked
from uplift_upsample.plan.ways import BY_HAND, LOGIN_VARIABLES

OPEN, GOOGLE_DRIVE = "open", "google_drive"
ACCESS = (OPEN, GOOGLE_DRIVE, BY_HAND, *LOGIN_VARIABLES)
_LONGEST_PATH = 4096  # PATH_MAX of Linux; other systems know no longer ones
_DIGITS = {"md5": 32, "sha256": 64}  # hexadecimal digits of each kind of checksum
_LOCK_HEAD = (
    "# SHA-256, bytes and name of files whose publishers give no checksum, as they were when they first came.\n"
    "# They are enforced from then on. If a publisher has really changed a file, delete its line.\n"
)


@dataclass(frozen=True)
class Source:
    """One row of the table: one original file.

    file: where it belongs, relative to the folder of original files. access: how to get it, one of ``ACCESS``.
    checksum: ``md5:...`` or ``sha256:...`` as the publisher gives it, or nothing. size: about, in words.
    """

    name: str
    file: str
    url: str
    access: str
    checksum: str
    size: str
    licence: str
    notes: str

    def faults(self) -> list[str]:
        """What is wrong with the row."""
        faults = []
        if not re.fullmatch(r"\w+", self.name):
            faults.append(f"the name {self.name!r} must be made of letters, digits and _")
        path = PurePosixPath(self.file)
        if not self.file or path.is_absolute() or ".." in path.parts or str(path) != self.file or "\\" in self.file:
            faults.append(f"the file {self.file!r} must be a plain path below the folder of original files")
        if not _is_web_address(self.url):
            faults.append(f"the url {self.url!r} must be an http or https address")
        if self.access not in ACCESS:
            faults.append(f"unknown access {self.access!r}{suggestion(self.access, ACCESS)}; known are {', '.join(ACCESS)}")
        algorithm, _, digits = self.checksum.partition(":")
        if self.checksum and not (len(digits) == _DIGITS.get(algorithm) and re.fullmatch("[0-9a-f]+", digits)):
            faults.append(f"the checksum {self.checksum!r} must be md5: or sha256: with 32 or 64 digits 0-9a-f, or nothing")
        return faults


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is not closed
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)


def read_sources(path: str | os.PathLike[str]) -> dict[str, Source]:
    """Read the table of sources, by name. Raises ``InputError`` with every fault and its line."""
    columns = [field.name for field in fields(Source)]
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            rows = [(reader.line_num, cells) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if header != columns:
        raise InputError(f"{path}: the columns are {', '.join(header)}; needed are {', '.join(columns)}")
    sources: dict[str, Source] = {}
    owners: dict[str, str] = {}
    faults = []
    for line, cells in rows:
        if len(cells) != len(columns):
            faults.append(f"{path}, line {line}: {len(cells)} cells where the header has {len(columns)}")
            continue
        source = Source(*(cell.strip() for cell in cells))
        found = source.faults()
        if source.name in sources:
            found.append(f"{source.name} is listed twice")
        if source.file in owners:
            found.append(f"the file {source.file} is also that of {owners[source.file]}")
        faults += [f"{path}, line {line}: {fault}" for fault in found]
        sources[source.name] = source
        owners.setdefault(source.file, source.name)
    if faults:
        raise InputError("\n".join(faults))
    return sources


def source_named(sources: Mapping[str, Source], name: str) -> Source:
    """One row of the table. Raises ``InputError`` with the nearest name if there is none."""
    if name not in sources:
        raise InputError(f"the table of sources has no {name!r}{suggestion(name, sources)}; it has {', '.join(sources)}")
    return sources[name]


@dataclass(frozen=True)
class Sums:
    """The content of a file: length and checksums, as hexadecimal digits."""

    bytes: int
    sha256: str
    md5: str


def sums_of_file(path: str | os.PathLike[str]) -> Sums:
    """All sums of a file, read once."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            size += len(chunk)
            sha256.update(chunk)
            md5.update(chunk)
    return Sums(size, sha256.hexdigest(), md5.hexdigest())


@dataclass(frozen=True)
class SourceFile:
    """An original file that is here and was checked. path: relative to the working folder. origin: its address.

    checked_against: what its content was compared with, ``publisher`` or ``first_download``; older manifests do not say.
    """

    source: str
    path: str
    sha256: str
    bytes: int
    origin: str
    checked_against: ChecksumOrigin | None = None


def write_source_manifest(path: str | os.PathLike[str], file: SourceFile) -> None:
    """Write what is known of an original file. The same file in the same place gives the same bytes."""
    write_text(path, json.dumps(asdict(file), indent=1) + "\n")


def read_source(path: str | os.PathLike[str]) -> SourceFile:
    """The original file of a manifest. Raises ``InputError`` if it is gone, or is another one than was checked."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch the source again") from None
    file = from_mapping(SourceFile, values, str(path))
    advice = f"put the original back, or delete {path} and start again, so that {file.source} is fetched or checked anew"
    if not os.path.isfile(file.path):  # pathlib fails for a path that cannot be
        raise InputError(f"{file.path[:_LONGEST_PATH]}: the original file is gone; {advice}")
    if os.path.getsize(file.path) != file.bytes or sha256_of_file(file.path) != file.sha256:
        raise InputError(f"{file.path}: this is another file than the one that was checked; {advice}")
    return file


class ChecksumLock:
    """Checksums recorded when files first came, in a text file that is kept: ``sha256  bytes  name`` in each line.

    Several processes may read and record at once.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def has(self, name: str) -> bool:
        """Whether the content of a file is recorded."""
        return name in self._read()

    def fault(self, name: str, sums: Sums) -> str | None:
        """What is wrong with the content of a file, if one is recorded."""
        recorded = self._read().get(name)
        if recorded in (None, (sums.sha256, sums.bytes)):
            return None
        assert recorded is not None
        return (
            f"its SHA-256 is {sums.sha256} ({sums.bytes} bytes), but {self.path} has {recorded[0]} ({recorded[1]} bytes) from when "
            f"it first came; if the publisher really changed the file, delete the line of {name} from {self.path}"
        )

    def record(self, name: str, sums: Sums) -> None:
        """Add a file that has passed all checks, unless it is recorded already: then nothing is written.

        Raises ``InputError`` if another content is recorded, and where the lock cannot be written.
        """
        if self._read().get(name) == (sums.sha256, sums.bytes):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path, is_patient=True):
                entries = self._read()
                fault = self.fault(name, sums)
                if fault is not None:
                    raise InputError(f"{name}: {fault}")
                entries[name] = (sums.sha256, sums.bytes)
                lines = [f"{sha256}  {size}  {name}\n" for name, (sha256, size) in sorted(entries.items())]
                write_text(self.path, _LOCK_HEAD + "".join(lines))
        except InputError:
            raise
        except OSError as error:
            raise InputError(
                f"{self.path}: the checksum of {name} cannot be recorded ({error.strerror}); see that this file and its folder can "
                "be written, and start the same command again: what was fetched is kept"
            ) from None

    def _read(self) -> dict[str, tuple[str, int]]:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path}: cannot be read ({error})") from None
        entries: dict[str, tuple[str, int]] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = re.fullmatch(r"([0-9a-f]{64})\s+([0-9]{1,18})\s+(\w+)\s*", line)
            if match is None or match[3] in entries:
                what = "twice the same name" if match else "not 'sha256  bytes  name'"
                raise InputError(f"{self.path}, line {number}: {what}; mend the line or delete it")
            entries[match[3]] = (match[1], int(match[2]))
        return entries
