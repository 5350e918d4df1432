"""One request to a site, with or without credentials, and what the site answers: bytes of a file, a page, a failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import requests
from urllib3 import Retry
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import InvalidHeader

from uplift_upsample import __version__
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import PEEK, is_page
from uplift_upsample.data.download.credentials import Credentials, redacted

_CHUNK = 1 << 18  # bytes asked for at once; any size from some KB on does
_LONGEST_PAGE = 1 << 18  # bytes read of a page that came in place of a file; chosen: more than a login page has
_MOST_HOPS = 5  # pages in a row that ask for another one; chosen: more is taken for a circle
# Of busy servers, by HTTP: time-out, too early, too many requests, errors of servers.
_TRY_AGAIN_STATUS = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}  # all redirects of HTTP that name another address
_WILL_NOT_MEND = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)


@dataclass(frozen=True)
class FetchPolicy:
    """How patiently servers are asked.

    attempts: requests in a row that bring nothing before giving up; too slow an answer counts too. wrong_contents: whole
    files with wrong content before giving up. pause, longest_pause: seconds before the second attempt, doubled each time
    up to the longest. longest_wait: seconds that a server may ask to be left alone. connect_timeout, read_timeout: seconds
    of silence. slowest, slow_window: bytes/s that an answer must bring, averaged over so many seconds.
    """

    attempts: int = 5
    wrong_contents: int = 2
    pause: float = 1.0
    longest_pause: float = 60.0
    longest_wait: float = 600.0
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    slowest: float = 1000.0
    slow_window: float = 60.0


class TryAgainError(Exception):
    """A failure that another request may mend; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, message: str, wait: float = 0.0, *, is_slow: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.is_slow = is_slow


@dataclass(frozen=True)
class Page:
    """What came instead of a file: a status, and a web page; or where the server sends us, with an empty text."""

    status: int
    url: str
    text: str = ""
    location: str = ""


Judge = Callable[[Page], str | None]


@dataclass(frozen=True)
class Request:
    """What is asked of a site.

    cookies, form: credentials. A request with a form is a POST. Credentials go to the host of the URL alone: redirects
    are not followed, but for the change to HTTPS. judge: is shown a page or a refusal; it returns the URL to ask instead,
    raises ``InputError`` where the site refuses, or returns None if neither applies. advice: ends an error.
    """

    url: str
    cookies: Credentials = field(default_factory=dict)
    form: Credentials = field(default_factory=dict)
    judge: Judge | None = None
    advice: str = "try again later, or use another source"

    @property
    def is_private(self) -> bool:
        """Whether it carries credentials."""
        return bool(self.cookies or self.form)

    def redacted(self, text: object) -> str:
        """A text without the credentials."""
        return redacted(str(text), [*self.cookies.values(), *self.form.values()])


class Answer:
    """A status of 200, 206 or 416, and the bytes as they arrive; too slow an answer raises ``TryAgainError``."""

    def __init__(self, response: requests.Response, policy: FetchPolicy) -> None:
        self._response, self._policy = response, policy
        self._headers = response.headers
        self._read_ahead = b""
        self._since, self._received = time.monotonic(), 0
        self.status = response.status_code

    @property
    def first(self) -> int | None:
        """Place in the file of the first byte that comes."""
        if self.status == 200:
            return 0
        return _number(self._headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0])

    @property
    def total(self) -> int | None:
        """Length of the whole file, if the server reports it."""
        if self.status == 200:
            return _number(self._headers.get("Content-Length", ""))
        return _number(self._headers.get("Content-Range", "").rpartition("/")[2])

    @property
    def is_end_known(self) -> bool:
        """Whether a connection that breaks too early is noticed."""
        return self.total is not None or "chunked" in self._headers.get("Transfer-Encoding", "").lower()

    @property
    def validator(self) -> str:
        """What only this version of the file has, for ``If-Range``."""
        etag = self._headers.get("ETag", "")
        return etag if etag and not etag.startswith("W/") else self._headers.get("Last-Modified", "")

    def read(self) -> bytes:
        """The next bytes, as many as arrived; none at the end."""
        if self._read_ahead:
            data, self._read_ahead = self._read_ahead, b""
            return data
        data = self._response.raw.read1(_CHUNK) or b""
        if data:
            self._measure(len(data))
        return data

    def take(self, num_bytes: int) -> bytes:
        """Just so many bytes; fewer at the end only."""
        pieces: list[bytes] = []
        while num_bytes > 0 and (data := self.read()):
            pieces.append(data[:num_bytes])
            self._read_ahead = data[num_bytes:]
            num_bytes -= len(pieces[-1])
        return b"".join(pieces)

    def peek(self, num_bytes: int) -> bytes:
        """The next bytes, which stay to be read."""
        data = self.take(num_bytes)
        self._read_ahead = data + self._read_ahead
        return data

    def _measure(self, num_bytes: int) -> None:
        self._received += num_bytes
        seconds = time.monotonic() - self._since
        if seconds < self._policy.slow_window:
            return
        if self._received < self._policy.slowest * seconds:
            raise TryAgainError(f"only {self._received} bytes came in {seconds:.0f} s", is_slow=True)
        self._since, self._received = time.monotonic(), 0


def new_session() -> requests.Session:
    """A session that names the project to the server and asks for the bytes as they are."""
    session = requests.Session()
    session.headers.update(
        {"User-Agent": f"uplift-upsample/{__version__} (research data, single files)", "Accept-Encoding": "identity"}
    )
    return session


@contextmanager
def answer_to(session: requests.Session, request: Request, headers: dict[str, str], policy: FetchPolicy) -> Iterator[Answer]:
    """Ask, and give the answer if it is (part of) a file. What else comes raises ``TryAgainError`` if another request may
    mend it, and ``InputError`` if not; so does a connection that breaks while the answer is read.
    """
    try:
        url = request.url
        for _ in range(_MOST_HOPS):
            with _send(session, request, url, headers, policy) as response:
                answer = Answer(response, policy)
                elsewhere = _elsewhere(response, answer, request)
                if elsewhere is None:
                    yield answer
                    return
                url = elsewhere
        raise InputError(f"{request.url}: the site redirects from page to page and never sends the file; {request.advice}")
    except _WILL_NOT_MEND as error:
        raise InputError(f"{request.url}: {request.redacted(error)}") from None
    except (requests.RequestException, TransportError) as error:
        what = error.args[0] if error.args and isinstance(error.args[0], str) else error
        raise TryAgainError(request.redacted(what)) from None


def _send(session: requests.Session, request: Request, url: str, headers: dict[str, str], policy: FetchPolicy) -> requests.Response:
    headers = dict(headers)
    if request.cookies:
        headers["Cookie"] = "; ".join(f"{name}={secret.reveal()}" for name, secret in request.cookies.items())
    with _redirecting():
        return session.request(
            "POST" if request.form else "GET",
            url,
            headers=headers,
            data={name: secret.reveal() for name, secret in request.form.items()} or None,
            stream=True,
            timeout=(policy.connect_timeout, policy.read_timeout),
            allow_redirects=not request.is_private,
        )


@contextmanager
def _redirecting() -> Iterator[None]:
    """Where a server sends to what is no address, Requests and Python's parser fail with a plain ``ValueError``."""
    try:
        yield
    except (requests.RequestException, TransportError):
        raise
    except ValueError as error:
        raise requests.exceptions.InvalidURL(f"the server sends to what is no address ({error})") from None


def _elsewhere(response: requests.Response, answer: Answer, request: Request) -> str | None:
    """None if an answer is the file, the URL to ask instead if the site sends one; else the failure is raised."""
    status = response.status_code
    said = request.redacted(f"the server answered {status} {response.reason or ''}".rstrip())
    if status in _TRY_AGAIN_STATUS:
        raise TryAgainError(said, wait=_wait_asked_for(response))
    if status in _REDIRECTS:
        with _redirecting():
            location = urljoin(response.url, response.headers.get("Location", ""))
            if _is_same_over_https(response.url, location):
                return location
        page = Page(status, response.url, location=location)
    elif status == 416 or (status in (200, 206) and answer.first != 0):
        return None
    else:
        start = answer.peek(PEEK)
        if status in (200, 206) and not is_page(start):
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise InputError(f"{request.url}: the server compresses the file although it was asked not to; use another source")
            return None
        page = Page(status, response.url, _text(answer.take(_LONGEST_PAGE)))
    elsewhere = request.judge(page) if request.judge else None
    if elsewhere is None and status in (200, 206):
        raise TryAgainError("a web page, not the file")
    if elsewhere is None:
        raise InputError(f"{request.url}: {said}; check the address of the source")
    return elsewhere


def _is_same_over_https(old: str, new: str) -> bool:
    was, now = urlsplit(old), urlsplit(new)
    is_upgrade = (was.scheme, now.scheme) == ("http", "https") and was.port in (None, 80) and now.port in (None, 443)
    return is_upgrade and (was.hostname, was.path, was.query) == (now.hostname, now.path, now.query)


def _wait_asked_for(response: requests.Response) -> float:
    """Seconds, from ``Retry-After: 120`` or a date."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", ""))
    except (InvalidHeader, ValueError, OverflowError):  # neither, or beyond all numbers
        return 0.0


def _text(page: bytes) -> str:
    try:
        return page.decode("utf-8")
    except UnicodeDecodeError:  # an old page, or one that is cut
        return page.decode("latin-1")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
