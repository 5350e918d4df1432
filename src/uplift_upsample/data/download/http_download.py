"""One request for the missing rest of a file, which is added to the part that is already here."""

from collections.abc import Callable

import requests

from uplift_upsample.base.file_types import PEEK
from uplift_upsample.data.download.http_answers import Answer, FetchPolicy, Request, TryAgainError, answer_to
from uplift_upsample.data.download.partial_file import Known, PartialFile

OVERLAP = 1 << 16  # bytes that are fetched twice, to see that both halves are of one file

Progress = Callable[[int, int | None], None]  # bytes that are here, of how many
StartCheck = Callable[[bytes], str | None]  # what is wrong with the first bytes of a file, or nothing


def append_rest(
    session: requests.Session,
    request: Request,
    partial: PartialFile,
    policy: FetchPolicy,
    *,
    check_start: StartCheck,
    has_checksum: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Add what is missing to a partial file; returns whether the server reported where the file ends.

    Nothing is written, nor is what is here forgotten, before the first bytes of a whole answer have passed
    ``check_start``. has_checksum: the content is checked afterwards, so that halves may be put together that nothing else shows
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
            fault = check_start(answer.peek(PEEK))
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
