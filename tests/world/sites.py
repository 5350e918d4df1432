"""All the sites that the project fetches from, played by one HTTP(S) proxy on 127.0.0.1.

Commands run unchanged, with the true addresses of the table of sources: ``environment`` gives them the proxy, and the
certificate authority that vouches for the sites.

    with Sites(tmp_path) as sites:
        sites.put_source(source, content)
        sites.fail(source.url, Cut(after=1000), Instead(503))
        subprocess.run(..., env={**os.environ, **sites.environment()})
"""

import hashlib
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.download.source_files import Source

H36M, TUE, DRIVE, DRIVE_FILES = "vision.imar.ro", "download.is.tue.mpg.de", "drive.google.com", "drive.usercontent.google.com"
LOGIN_PAGE = b"""<!DOCTYPE html><html><head><title>Log in</title></head><body><a href="/license">License</a>
<form method="post"><input name="username"><input type="password" name="password"></form>
<p class="error">Wrong user name or password</p></body></html>"""
LICENCE_PAGE = b"<!DOCTYPE html><html><body><p>You have not accepted the license of this dataset yet.</p></body></html>"
QUOTA_PAGE = (
    b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>\n"
    b'<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p>\n</body></html>'
)
CONFIRM_PAGE = (
    '<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body><form id="download-form" '
    'action="https://drive.usercontent.google.com/download" method="get"><input type="submit" value="Download anyway"/>'
    '<input type="hidden" name="id" value="{id}"><input type="hidden" name="export" value="download">'
    '<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="{uuid}"></form></body></html>'
)
_BLOCK = 1 << 16  # bytes


@dataclass(frozen=True)
class Instead:
    """Something else than the file, whole."""

    status: int = 200
    body: bytes = b"sorry"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """The connection ends after so many bytes of the body; ``is_announced``: though the length of all was said."""

    after: int
    is_announced: bool = True


@dataclass(frozen=True)
class Drip:
    """A byte now and then, without an end."""

    seconds: float = 0.01


@dataclass(frozen=True)
class Hold:
    """The body stops after so many bytes until ``go`` is set: ``reached`` is the moment for a kill. Never set, it is a stall."""

    after: int
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


Fault = Instead | Cut | Drip | Hold


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes | Path
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""  # whose script of faults counts


@dataclass(frozen=True)
class Content:
    body: bytes | Path
    etag: str


class Sites:
    """What the sites have, whom they know, and what was asked of them; may be changed while they run.

    sessions: cookies that Human3.6M accepts. accounts: user name and password by domain of the AMASS site (amass, mano,
    smpl). unaccepted: URLs whose licence nobody has accepted. is_redirecting: without login, Human3.6M redirects, and
    sends no page. refusal: status of the AMASS site without login. confirm, quota: ids on Google Drive that ask back, and that
    were downloaded too often.
    """

    def __init__(self, folder: Path) -> None:
        self.sessions: set[str] = set()
        self.accounts: dict[str, tuple[str, str]] = {}
        self.unaccepted: set[str] = set()
        self.is_redirecting = False
        self.refusal = 200
        self.confirm: set[str] = set()
        self.quota: set[str] = set()
        self.seen: list[Seen] = []
        self.ended = threading.Event()
        self._contents: dict[str, Content] = {}
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self._authority = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._bundle = folder / "test_authority.pem"
        self._server = _Proxy(self)

    def put(self, url: str, body: bytes | Path, *, has_etag: bool = True) -> None:
        """Let a site have a file."""
        digest = sha256_of_file(body) if isinstance(body, Path) else hashlib.sha256(body).hexdigest()
        self._contents[url] = Content(body, f'"{digest[:16]}"' if has_etag else "")

    def put_source(self, source: Source, body: bytes | Path, *, has_etag: bool = True) -> None:
        """Let the site of a source have its file."""
        self.put(
            _drive_file(source.url.partition("/file/d/")[2]) if "/file/d/" in source.url else source.url, body, has_etag=has_etag
        )

    def fail(self, url: str, *faults: Fault) -> None:
        """What goes wrong with the next requests for a file, one after the other; then all is well."""
        self._faults[_drive_file(url.partition("/file/d/")[2]) if "/file/d/" in url else url] += faults

    def mend(self) -> None:
        """Nothing more goes wrong."""
        self._faults.clear()

    def environment(self) -> dict[str, str]:
        """What commands need to see these sites and no others."""
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        proxies = {name: proxy for scheme in ("http", "https") for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")}
        bundles = dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), str(self._bundle))
        return proxies | bundles | {"no_proxy": "", "NO_PROXY": "", "all_proxy": "", "ALL_PROXY": ""}

    def __enter__(self) -> "Sites":
        self._authority.cert_pem.write_to_path(str(self._bundle))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def context_of(self, host: str) -> ssl.SSLContext:
        """The TLS certificate of a site."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._authority.issue_cert(host).configure_cert(self._contexts[host])
            return self._contexts[host]

    def next_fault(self, url: str) -> Fault | None:
        with self._lock:
            return self._faults[url].pop(0) if self._faults[url] else None

    def reply_to(self, seen: Seen) -> Reply:
        """What the site says."""
        self.seen.append(seen)
        reply = {H36M: self._human36m, TUE: self._tue, DRIVE: self._drive, DRIVE_FILES: self._drive}.get(seen.host, self._open)(
            seen
        )
        return reply

    def _open(self, seen: Seen, url: str = "", headers: Mapping[str, str] | None = None) -> Reply:
        url = url or seen.url
        content = self._contents.get(url)
        if content is None or (seen.method == "POST" and seen.host != TUE):
            return Reply(404, b"<html><body>There is no such page</body></html>")
        first, last = _range_of(seen.headers, content)
        size = _size(content.body)
        own = {**(headers or {}), **({"ETag": content.etag} if content.etag else {})}
        if first is None:
            return Reply(200, content.body, own, url)
        if first >= size:
            return Reply(416, b"", own | {"Content-Range": f"bytes */{size}"})
        last = min(size - 1, last)
        return Reply(206, content.body, own | {"Content-Range": f"bytes {first}-{last}/{size}"}, url)

    def _human36m(self, seen: Seen) -> Reply:
        cookies = dict(cookie.strip().partition("=")[::2] for cookie in seen.headers.get("Cookie", "").split(";"))
        if cookies.get("PHPSESSID") in self.sessions:
            return self._open(seen)
        return Reply(302, b"", {"Location": "login.php"}) if self.is_redirecting else Reply(200, LOGIN_PAGE)

    def _tue(self, seen: Seen) -> Reply:
        domain = parse_qs(urlsplit(seen.url).query).get("domain", [""])[0]
        form = parse_qs(seen.body.decode())
        account = (form.get("username", [""])[0], form.get("password", [""])[0])
        if seen.method != "POST" or self.accounts.get(domain) != account:
            return Reply(self.refusal, LOGIN_PAGE)
        return Reply(200, LICENCE_PAGE) if seen.url in self.unaccepted else self._open(seen)

    def _drive(self, seen: Seen) -> Reply:
        asked = parse_qs(urlsplit(seen.url).query)
        identity = asked.get("id", [""])[0]
        if seen.host == DRIVE:
            return Reply(303, b"", {"Location": f"https://{DRIVE_FILES}/download?id={identity}&export=download"})
        if identity in self.quota:
            return Reply(200, QUOTA_PAGE)
        if identity in self.confirm and "confirm" not in asked:
            return Reply(200, CONFIRM_PAGE.format(id=identity, uuid=len(self.seen)).encode())
        return self._open(seen, _drive_file(identity), {"Content-Disposition": 'attachment; filename="weights.h5"'})


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, sites: Sites) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sites = sites

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or is killed, is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    origin = ""  # of an address without one: behind CONNECT

    def do_CONNECT(self) -> None:
        host, _, port = self.path.partition(":")
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.sites.context_of(host).wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.origin = f"https://{host}" + ("" if port == "443" else f":{port}")
        self.close_connection = False

    def do_GET(self) -> None:
        sites = self.server.sites
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = sites.reply_to(Seen(self.command, self.origin + self.path, dict(self.headers), body))
        fault = sites.next_fault(reply.url) if reply.url else None
        if isinstance(fault, Instead):
            reply, fault = Reply(fault.status, fault.body, fault.headers), None
        span = reply.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")[0]
        first, last = map(int, span.split("-")) if "-" in span else (0, _size(reply.body) - 1)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(fault, Cut) and not fault.is_announced:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(last + 1 - first))
        if isinstance(reply.body, bytes) and reply.body.startswith(b"<"):
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self._send(reply.body, first, last + 1, fault)

    def do_POST(self) -> None:
        self.do_GET()

    def _send(self, body: bytes | Path, first: int, end: int, fault: Fault | None) -> None:
        ended = self.server.sites.ended
        if isinstance(fault, Drip):
            for block in _blocks(body, first, end, 1):
                self.wfile.write(block)
                if ended.wait(fault.seconds):
                    break
            self.close_connection = True
            return
        stop = min(first + fault.after, end) if fault else end
        for block in _blocks(body, first, stop):
            self.wfile.write(block)
        if isinstance(fault, Cut):
            self.close_connection = True
        elif isinstance(fault, Hold):
            fault.reached.set()
            while not fault.go.wait(0.01) and not ended.is_set():
                pass
            for block in _blocks(body, stop, end):
                self.wfile.write(block)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def _drive_file(identity: str) -> str:
    """The name under which a file of Google Drive is kept here."""
    return f"https://{DRIVE_FILES}/{identity}"


def _file_behind(url: str) -> str:
    identity = url.partition("/file/d/")[2].partition("/")[0]
    return _drive_file(identity) if identity else url


def _range_of(headers: Mapping[str, str], content: Content) -> tuple[int | None, int]:
    """First and last byte that are asked for; None for all."""
    asked = headers.get("Range", "").removeprefix("bytes=")
    first, _, last = asked.partition("-")
    is_for_this = headers.get("If-Range", content.etag) == content.etag
    return (int(first), int(last) if last else 1 << 60) if first and is_for_this else (None, 0)


def _size(body: bytes | Path) -> int:
    return body.stat().st_size if isinstance(body, Path) else len(body)


def _blocks(body: bytes | Path, first: int, end: int, size: int = _BLOCK) -> Iterator[bytes]:
    if isinstance(body, bytes):
        for start in range(first, end, size):
            yield body[start : min(start + size, end)]
        return
    with body.open("rb") as file:
        file.seek(first)
        while first < end:
            block = file.read(min(size, end - first))
            first += len(block)
            yield block
