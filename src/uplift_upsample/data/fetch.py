"""One file from the outside world, whole and checked, or a clear error.

An address is an HTTP(S) URL or a local path. Local files are used in place. Downloads go to ``{target}.part`` beside
the target, are resumed after a cut (also by a later run), and replace the target only when length, checksum and
content are right. Servers that fail for a while are asked again with growing pauses; what will not get better by
asking again (no such file, no access) fails at once.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import requests

from uplift_upsample import __version__
from uplift_upsample.errors import InputError
from uplift_upsample.files import sha256_of_file

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 18  # bytes
_TRY_AGAIN_STATUS = {408, 425, 429, 500, 502, 503, 504}
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")

Check = Callable[[Path], str | None]  # what is wrong with a file, or nothing


@dataclass(frozen=True)
class FetchPolicy:
    """How patiently servers are asked.

    attempts: requests in a row that bring nothing before giving up; wrong content counts too. pause, longest_pause:
    seconds before the second attempt, doubled each time up to the longest. connect_timeout, read_timeout: seconds of
    silence.
    """

    attempts: int = 5
    pause: float = 1.0
    longest_pause: float = 60.0
    connect_timeout: float = 15.0
    read_timeout: float = 60.0


@dataclass(frozen=True)
class Fetched:
    """A checked file: where it is, where it came from, and whether this call had to ask a server for it."""

    path: Path
    origin: str
    sha256: str
    num_bytes: int
    is_downloaded: bool


class _TryAgainError(Exception):
    """A failure that another request may mend; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, message: str, wait: float = 0.0, is_wrong_content: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.is_wrong_content = is_wrong_content


def fetch(
    origin: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    sha256: Collection[str] = (),
    ignore_carriage_returns: bool = False,
    check: Check | None = None,
    policy: FetchPolicy | None = None,
    session: requests.Session | None = None,
) -> Fetched:
    """Bring one file here.

    origin: URL (``http``, ``https``, ``file``) or path. target: where a download is kept; a local origin is not
    copied. sha256: accepted checksums, one of which must fit; empty accepts any. ignore_carriage_returns: a text
    whose checksum fits after the removal of all CR is accepted as well. check: says what is wrong with the content,
    or None; an HTML page is always wrong. A target that is there already and passes is returned without a request.

    Raises ``InputError`` that says what was wrong, where, how often it was tried.
    """
    origin, target = os.fspath(origin), Path(target)
    policy = policy or FetchPolicy()
    wanted = {checksum.lower() for checksum in sha256 if checksum}

    def fault(path: Path) -> str | None:
        return html_fault(path) or (check(path) if check else None) or _checksum_fault(path, wanted, ignore_carriage_returns)

    local = local_path(origin)
    if local is not None:
        return _checked_local(local, origin, fault)
    if target.is_file():
        found = fault(target)
        if found is None:
            return _fetched(target, origin, is_downloaded=False)
        _LOG.warning("%s: %s; fetching it again", target, found)
    target.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext(session) if session else new_session() as opened:
        _download(opened, origin, target, fault, policy, has_checksum=bool(wanted))
    return _fetched(target, origin, is_downloaded=True)


def new_session() -> requests.Session:
    """A session that names the project to the server and asks for the bytes as they are."""
    session = requests.Session()
    session.headers.update(
        {"User-Agent": f"uplift-upsample/{__version__} (research data, single files)", "Accept-Encoding": "identity"}
    )
    return session


def local_path(origin: str) -> Path | None:
    """The path that an address means, or None for an HTTP address. Raises ``InputError`` for any other scheme."""
    parts = urlsplit(origin)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in origin:
        raise InputError(f"{origin}: only http, https and file addresses, or a path, can be fetched")
    return Path(origin)


def html_fault(path: Path) -> str | None:
    """Says so if a file is a web page: servers send them, with status 200, instead of the file."""
    with path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_page = start.startswith(_HTML_STARTS) or (start.startswith(b"<?xml") and b"<html" in start)
    return "a web page, not the file" if is_page else None


def _checksum_fault(path: Path, wanted: set[str], ignore_carriage_returns: bool) -> str | None:
    if not wanted:
        return None
    found = sha256_of_file(path)
    if found in wanted:
        return None
    if ignore_carriage_returns and hashlib.sha256(path.read_bytes().replace(b"\r", b"")).hexdigest() in wanted:
        return None
    return f"its SHA-256 is {found}, not {' or '.join(sorted(wanted))}"


def _checked_local(path: Path, origin: str, fault: Check) -> Fetched:
    if not path.is_file():
        raise InputError(f"{path}: no such file; is the source the right folder?")
    found = fault(path)
    if found is not None:
        raise InputError(f"{path}: {found}; replace it by the original file")
    return _fetched(path, origin, is_downloaded=False)


def _fetched(path: Path, origin: str, is_downloaded: bool) -> Fetched:
    return Fetched(path, origin, sha256_of_file(path), path.stat().st_size, is_downloaded)


def _download(session: requests.Session, url: str, target: Path, fault: Check, policy: FetchPolicy, has_checksum: bool) -> None:
    part = target.with_name(target.name + ".part")
    validator = target.with_name(target.name + ".part.validator")
    with _locked(part, target) as file:
        failures = wrong_contents = 0
        while True:
            size = part.stat().st_size
            try:
                _request_rest(session, url, file, validator, policy, has_checksum)
                found = fault(part)
                if found is not None:
                    _start_over(file, validator)
                    raise _TryAgainError(found, is_wrong_content=True)
                break
            except (_TryAgainError, requests.RequestException) as error:
                wrong_contents += getattr(error, "is_wrong_content", False)
                failures = 0 if part.stat().st_size > size else failures + 1
                tries = max(failures, wrong_contents)
                if tries >= policy.attempts:
                    raise InputError(
                        f"{url}: {error} (asked {tries} times in vain); try again later, or use another source"
                    ) from None
                wait = min(max(policy.pause * 2 ** max(tries - 1, 0), getattr(error, "wait", 0.0)), policy.longest_pause)
                _LOG.warning("%s: %s; asking again in %.1f s", url, error, wait)
                time.sleep(wait)
        os.fsync(file.fileno())
        os.replace(part, target)
    validator.unlink(missing_ok=True)


@contextmanager
def _locked(part: Path, target: Path) -> Iterator[BinaryIO]:
    """The open partial file, held by this process alone: the remains of a killed run may still be writing."""
    with part.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{target}: another process is fetching it; wait for it or end it") from None
        try:
            yield file
        finally:
            if os.fstat(file.fileno()).st_size == 0:
                part.unlink(missing_ok=True)


def _start_over(file: BinaryIO, validator: Path) -> None:
    file.truncate(0)
    validator.unlink(missing_ok=True)


def _request_rest(
    session: requests.Session, url: str, file: BinaryIO, validator: Path, policy: FetchPolicy, has_checksum: bool
) -> None:
    """Append what is missing. Raises ``_TryAgainError`` for a failure that may pass, ``InputError`` for one that will
    not.
    """
    size = os.fstat(file.fileno()).st_size
    known = validator.read_text() if validator.is_file() else ""
    if size and not known and not has_checksum:  # nothing could tell whether both halves are of the same file
        _start_over(file, validator)
        size = 0
    headers = {"Range": f"bytes={size}-"} | ({"If-Range": known} if known else {}) if size else {}
    timeout = (policy.connect_timeout, policy.read_timeout)
    with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if response.status_code == 416:  # as long as the file, or longer: of another version
            if _total_length(response) == size:
                return
            _start_over(file, validator)
            raise _TryAgainError("the partial file did not fit the one on the server")
        _check_status(response, url)
        is_rest = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {size}-")
        if not is_rest:
            if response.status_code == 206:
                _start_over(file, validator)
                raise _TryAgainError("the server sent another part of the file than was asked for")
            _start_over(file, validator)
            size = 0
            _keep_validator(response, validator)
        try:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
        finally:
            file.flush()
        total = _total_length(response) if is_rest else _content_length(response)
        received = os.fstat(file.fileno()).st_size
        if total is not None and received < total:
            raise _TryAgainError(f"the connection ended after {received} of {total} bytes")
        if total is not None and received > total:
            _start_over(file, validator)
            raise _TryAgainError(f"{received} bytes came instead of {total}", is_wrong_content=True)


def _check_status(response: requests.Response, url: str) -> None:
    status = f"the server answered {response.status_code} {response.reason or ''}".rstrip()
    if response.status_code in _TRY_AGAIN_STATUS:
        wait = response.headers.get("Retry-After", "")
        raise _TryAgainError(status, wait=float(wait) if wait.isdecimal() else 0.0)
    if response.status_code not in (200, 206):
        raise InputError(f"{url}: {status}; check the address of the source")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise InputError(f"{url}: the server sends the file compressed against the request; use another source")


def _keep_validator(response: requests.Response, validator: Path) -> None:
    etag = response.headers.get("ETag", "")
    known = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    if known:
        validator.write_text(known)


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _total_length(response: requests.Response) -> int | None:
    """The length of the whole file from ``Content-Range: bytes 5-9/10`` or ``bytes */10``."""
    length = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(length) if length.isdecimal() else None
