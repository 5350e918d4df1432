"""One file from the outside world, whole and checked, or a clear error.

An address is an HTTP(S) URL or a local path. Local files are used in place. Downloads go to ``{target}.part`` beside
the target, are resumed after a cut (also by a later run), and replace the target only when length, checksum and
content are right. Servers that fail for a while are asked again with growing pauses; what will not get better by
asking again (no such file, no access, no room on the disk) fails at once.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import PEEK, end_fault, html_fault, start_fault
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.download.http_answers import Answer, FetchPolicy, Request, TryAgainError, answer_to, new_session
from uplift_upsample.data.download.partial_file import Known, PartialFile, partial_file

__all__ = [
    "OVERLAP",
    "Check",
    "FetchPolicy",
    "Fetched",
    "GaveUpError",
    "Patience",
    "Progress",
    "download",
    "fetch",
    "local_path",
    "new_session",
]

_LOG = logging.getLogger(__name__)

Check = Callable[[Path], str | None]  # what is wrong with a file, or nothing
Progress = Callable[[int, int | None], None]  # bytes that are here, of how many
OVERLAP = 1 << 16  # bytes that are fetched twice, to see that both halves are of one file


@dataclass(frozen=True)
class Fetched:
    """A checked file: where it is, where it came from, and whether this call had to ask a server for it."""

    path: Path
    origin: str
    sha256: str
    num_bytes: int
    is_downloaded: bool


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
    """Bring one file here that needs no login.

    origin: URL (``http``, ``https``, ``file``) or path. target: where a download is kept; a local origin is not
    copied. sha256: accepted checksums, one of which must fit; empty accepts any. ignore_carriage_returns: a text
    whose checksum fits after the removal of all CR is accepted as well. check: reports what is wrong with the content,
    or None; an HTML page is always wrong. A target that exists already and passes is returned without a request.

    Raises ``InputError`` that states what was wrong, where, how often it was tried.
    """
    origin, target = os.fspath(origin), Path(target)
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
    download(Request(origin), target, check=fault, has_checksum=bool(wanted), policy=policy, session=session)
    return _fetched(target, origin, is_downloaded=True)


def download(
    request: Request,
    target: Path,
    *,
    check: Check,
    has_checksum: bool = False,
    may_replace: bool = True,
    policy: FetchPolicy | None = None,
    session: requests.Session | None = None,
    progress: Progress | None = None,
) -> None:
    """Ask a site for a file until it is here, whole and right, and move it to ``target``.

    check: what is wrong with the whole file, wherever it lies, or None. has_checksum: ``check`` knows the content to the
    byte. may_replace: a file that is at ``target`` then is replaced, otherwise an error. The first bytes must be those of
    a file with the name of the target. Raises ``InputError``, without credentials.
    """
    policy = policy or FetchPolicy()
    patience = Patience(policy, request)
    with nullcontext(session) if session else new_session() as opened, partial_file(target) as partial:
        while True:
            size, begin = partial.size, time.monotonic()
            try:
                is_end_known = _append_rest(opened, request, partial, policy, has_checksum=has_checksum, progress=progress)
            except TryAgainError as error:
                is_progress = partial.size - size > policy.slowest * (time.monotonic() - begin) and not error.is_slow
                patience.wait_after(error, is_progress=is_progress, kept=partial.size)
                continue
            fault = check(partial.path) or (None if is_end_known or has_checksum else end_fault(partial.path, target.name))
            if fault is None:
                partial.finish(may_replace)
                return
            partial.start_over()
            patience.wait_after_wrong_content(fault)


def _append_rest(
    session: requests.Session,
    request: Request,
    partial: PartialFile,
    policy: FetchPolicy,
    *,
    has_checksum: bool,
    progress: Progress | None,
) -> bool:
    """Ask once for what is missing of a partial file, and add it; returns whether the server reported where the file ends.

    Nothing is written, nor is what is here forgotten, before the first bytes of a whole answer were found to be those of such a
    file. has_checksum: the content is checked afterwards, so that halves may be put together that nothing else shows
    to be of one file. Raises ``TryAgainError`` for a failure that may pass, ``InputError`` for one that will not.
    """
    if partial.known == Known() and not has_checksum:
        partial.start_over()
    overlap = min(partial.size, OVERLAP)
    first, validator = partial.size - overlap, partial.known.validator
    headers = {}
    if overlap:
        headers = {"Range": f"bytes={first}-"} | ({"If-Range": validator} if validator else {})
    with answer_to(session, request, headers, policy) as answer:
        if answer.status == 200:
            fault = start_fault(answer.peek(PEEK), partial.target.name)
            if fault is not None:
                raise TryAgainError(fault)
            partial.start_over(Known(answer.validator, answer.total))
        elif not _goes_on(answer, partial, first, overlap):
            partial.start_over()
            raise TryAgainError("what the server sent does not continue the partial file")
        total = answer.total
        if total is not None:
            partial.need_room_for(total)
        while data := answer.read():
            partial.append(data)
            if progress:
                progress(partial.size, total)
        if total is not None and partial.size < total:
            raise TryAgainError(f"the connection ended after {partial.size} of {total} bytes")
        if total is not None and partial.size > total:
            partial.start_over()
            raise TryAgainError("the server sent more bytes than it announced")
        return answer.is_end_known


def _goes_on(answer: Answer, partial: PartialFile, first: int, overlap: int) -> bool:
    """Whether an answer is the rest of the file that is here; takes the bytes that both have."""
    if answer.status != 206 or answer.first != first or partial.known.total not in (None, answer.total):
        return False
    return answer.take(overlap) == partial.tail(overlap)


class GaveUpError(InputError):
    """A site that was asked again and again gives nothing."""


class Patience:
    """Waits longer after each failure in a row, and gives up after some."""

    def __init__(self, policy: FetchPolicy, request: Request) -> None:
        self._policy, self._request = policy, request
        self._failures = self._wrong_contents = 0

    def wait_after(self, error: TryAgainError, *, is_progress: bool = False, kept: int = 0) -> None:
        """Wait before the next request. is_progress: the last one brought something after all. Raises
        ``GaveUpError`` if it is time to.
        """
        self._failures = 0 if is_progress else self._failures + 1
        self._wait(str(error), self._failures, self._policy.attempts, min(error.wait, self._policy.longest_wait), kept)

    def wait_after_wrong_content(self, fault: str) -> None:
        """The same after a whole file that was wrong."""
        self._wrong_contents += 1
        self._wait(fault, self._wrong_contents, self._policy.wrong_contents, 0.0, 0)

    def _wait(self, failure: str, tries: int, most_tries: int, asked_for: float, kept: int) -> None:
        request, policy = self._request, self._policy
        failure = request.redacted(failure)
        if tries >= most_tries:
            rest = f"; the {kept} bytes that came are kept, and the same command resumes after them" if kept else ""
            raise GaveUpError(f"{request.url}: {failure} (tried {tries} times){rest}; {request.advice}")
        wait = max(min(policy.pause * 2 ** max(tries - 1, 0), policy.longest_pause), asked_for)
        _LOG.warning("%s: %s; asking again in %.1f s", request.url, failure, wait)
        time.sleep(wait)


def local_path(origin: str) -> Path | None:
    """The path that an address means, or None for an HTTP address. Raises ``InputError`` for anything else."""
    try:
        parts = urlsplit(origin)
    except ValueError as error:  # a bracket that is not closed
        raise InputError(f"{origin}: neither an address nor a path ({error})") from None
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in origin:
        raise InputError(f"{origin}: only http, https and file addresses, or a path, can be fetched")
    return Path(origin)


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
