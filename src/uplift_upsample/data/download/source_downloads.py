"""From a row of the table of sources to a checked file in the folder of original files."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import requests

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import type_fault
from uplift_upsample.base.records import ChecksumOrigin
from uplift_upsample.data.download.credentials import Credentials
from uplift_upsample.data.download.fetch import Progress, download
from uplift_upsample.data.download.google_drive import drive_request
from uplift_upsample.data.download.http_answers import FetchPolicy, Request
from uplift_upsample.data.download.partial_file import sweep
from uplift_upsample.data.download.site_logins import LOGINS, RefusedError, login_request
from uplift_upsample.data.download.source_files import GOOGLE_DRIVE, ChecksumLock, Source, SourceFile, Sums, sums_of_file
from uplift_upsample.plan.ways import BY_HAND

_LOG = logging.getLogger(__name__)


def place_of(source: Source, folder: str | os.PathLike[str]) -> Path:
    """Where the file of a source belongs."""
    return Path(folder) / source.file


def absent(sources: Sequence[Source], folder: str | os.PathLike[str]) -> list[Source]:
    """The sources of which there is nothing in the folder of original files yet."""
    return [source for source in sources if not os.path.lexists(place_of(source, folder))]


def fetch_source(
    source: Source,
    folder: str | os.PathLike[str],
    lock: ChecksumLock,
    credentials: Credentials | None = None,
    *,
    policy: FetchPolicy | None = None,
    session: requests.Session | None = None,
    progress: Progress | None = None,
) -> SourceFile:
    """The file of a source, checked by type and checksum; downloaded if it is missing.

    folder: of original files. What lies there, whoever put it there, is never replaced or removed: a wrong file is an
    error. lock: checksums of former downloads, for files whose publishers give none; the sum of this file is added.
    credentials: for sources behind a login. progress: called with the bytes that are here and the number of all, if known.

    Raises ``InputError`` that names the source or the file, and never holds credentials.
    """
    place = place_of(source, folder)
    checked: dict[str, Sums] = {}

    def fault(path: Path) -> str | None:
        found = type_fault(path, place.name)
        if found is not None:
            return found
        checked["file"] = sums_of_file(path)
        return _checksum_fault(source, lock, checked["file"])

    if os.path.lexists(place):
        _check_own(place, fault(place) if place.is_file() else "not a file")
        sweep(place)
        _LOG.info("%s: it is at %s already", source.name, place)
    else:
        request = _request(source, place, credentials)
        try:
            download(
                request,
                place,
                check=fault,
                has_checksum=bool(source.checksum) or lock.has(source.name),
                may_replace=False,
                policy=policy,
                session=session,
                progress=progress,
            )
        except RefusedError as error:
            raise InputError(f"{source.name}: {error}") from None
    if not source.checksum:
        lock.record(source.name, checked["file"])
    sums = checked["file"]
    checked_against: ChecksumOrigin = "publisher" if source.checksum else "first_download"
    return SourceFile(source.name, os.path.relpath(place), sums.sha256, sums.bytes, source.url, checked_against)


def _request(source: Source, place: Path, credentials: Credentials | None) -> Request:
    if source.access == GOOGLE_DRIVE:
        return drive_request(source, str(place))
    if source.access == BY_HAND:
        raise InputError(
            f"{source.name} cannot be fetched by a program: open {source.url} in a browser, and put the file at {place}"
        )
    advice = f"try again later, or put the file at {place} by hand"
    if source.access in LOGINS:
        if not credentials:
            raise InputError(f"{source.name} needs a login; {LOGINS[source.access].how_to_log_in}, or put the file at {place}")
        return login_request(source, credentials, advice)
    return Request(source.url, advice=advice)


def _checksum_fault(source: Source, lock: ChecksumLock, sums: Sums) -> str | None:
    if not source.checksum:
        return lock.fault(source.name, sums)
    algorithm, _, wanted = source.checksum.partition(":")
    found = {"md5": sums.md5, "sha256": sums.sha256}[algorithm]
    return None if found == wanted else f"its {algorithm} is {found}, but the table of sources has {wanted}"


def _check_own(place: Path, fault: str | None) -> None:
    if fault is not None:
        raise InputError(
            f"{place}: {fault}. The file was left as it is: put the original one in its place, "
            "or move it away so that it is fetched"
        )
