"""Fetching from a server that cuts, fails, lies and changes; all of it on 127.0.0.1."""

import fcntl
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import html_fault
from uplift_upsample.data.download import fetch as fetch_module
from uplift_upsample.data.download.credentials import Secret
from uplift_upsample.data.download.fetch import OVERLAP, FetchPolicy, download, fetch
from uplift_upsample.data.download.http_answers import Request

CONTENT = bytes(range(256)) * 4000  # about 1 MB
SUM = hashlib.sha256(CONTENT).hexdigest()
QUICK = FetchPolicy(attempts=3, pause=0.01, longest_pause=0.05, connect_timeout=5, read_timeout=5)
PAGE = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"


class Server(ThreadingHTTPServer):
    """Answers from a script: one word for each request, the last one for all that follow."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = ["ok"]
        self.content = CONTENT
        self.etag = '"1"'
        self.requests: list[dict[str, str]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error here."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        script = self.server.script
        word = script.pop(0) if len(script) > 1 else script[0]
        self.server.requests.append(dict(self.headers))
        if word.isdecimal():
            self.answer(int(word), b"sorry", {"Retry-After": "0"})
        elif word == "page":
            self.answer(200, PAGE)
        elif word == "wrong":
            self.answer(200, self.server.content[::-1])
        elif word == "no_range":
            self.answer(200, self.server.content)
        elif word == "cut_no_range":
            self.answer(200, self.server.content, send=300_000)
        elif word == "other_part":
            self.answer(
                206,
                self.server.content[5:],
                {"Content-Range": f"bytes 5-{len(self.server.content) - 1}/{len(self.server.content)}"},
            )
        elif word == "astray":
            self.answer(302, b"", {"Location": "https://[example.org/x"})
        elif word == "compressed":
            self.answer(200, self.server.content, {"Content-Encoding": "gzip"})
        else:
            self.answer_range(send=300_000 if word == "cut" else None)

    def answer_range(self, send: int | None) -> None:
        content, etag = self.server.content, self.server.etag
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start and self.headers.get("If-Range", etag) == etag:
            if start >= len(content):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], {"Content-Range": span, "ETag": etag}, send)
        else:
            self.answer(200, content, {"ETag": etag} if etag else {}, send)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, send: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:send])
        if send is not None and send < len(body):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def leftovers(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


@pytest.mark.parametrize(
    "script",
    [
        ["ok"],
        ["cut", "ok"],
        ["cut", "cut", "cut", "ok"],
        ["503", "ok"],
        ["429", "500", "ok"],
        ["page", "ok"],
        ["wrong", "ok"],
        ["cut", "503", "cut", "ok"],
        ["cut", "no_range"],
        ["cut", "other_part", "ok"],
        ["cut_no_range", "ok"],
    ],
    ids=" ".join,
)
def test_the_file_arrives_whole(server: Server, tmp_path: Path, script: list[str]) -> None:
    server.script = script
    requests = len(script)
    fetched = fetch(server.url, tmp_path / "folder" / "file.bin", sha256=[SUM], policy=QUICK)
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.sha256, fetched.num_bytes, fetched.is_downloaded, fetched.origin) == (SUM, len(CONTENT), True, server.url)
    assert leftovers(fetched.path) == []
    assert len(server.requests) == requests


def test_a_cut_is_resumed_not_repeated(server: Server, tmp_path: Path) -> None:
    server.script = ["cut", "ok"]
    fetch(server.url, tmp_path / "file.bin", policy=QUICK)
    assert server.requests[1]["Range"] == f"bytes={300_000 - OVERLAP}-"
    assert server.requests[1]["If-Range"] == '"1"'
    assert "uplift-upsample/" in server.requests[0]["User-Agent"]


def test_a_later_run_resumes(server: Server, tmp_path: Path) -> None:
    server.script = ["cut", "503"]
    with pytest.raises(InputError, match=r"503 .*\(tried 3 times\); the 300000 bytes that came are kept"):
        fetch(server.url, tmp_path / "file.bin", policy=QUICK)
    assert not (tmp_path / "file.bin").exists()
    partial = (tmp_path / "file.bin.part").stat().st_size
    assert partial > 0
    server.script = ["ok"]
    fetch(server.url, tmp_path / "file.bin", policy=QUICK)
    assert server.requests[-1]["Range"] == f"bytes={partial - OVERLAP}-"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_file_that_changed_on_the_server_is_not_mixed(server: Server, tmp_path: Path) -> None:
    server.script = ["cut", "503"]
    with pytest.raises(InputError):
        fetch(server.url, tmp_path / "file.bin", policy=QUICK)
    server.script, server.content, server.etag = ["ok"], CONTENT[::-1], '"2"'
    assert fetch(server.url, tmp_path / "file.bin", policy=QUICK).path.read_bytes() == CONTENT[::-1]


def test_without_a_validator_the_overlap_tells(server: Server, tmp_path: Path) -> None:
    server.script, server.etag = ["cut", "ok"], ""
    assert fetch(server.url, tmp_path / "file.bin", policy=QUICK).path.read_bytes() == CONTENT
    assert "If-Range" not in server.requests[1]
    assert server.requests[1]["Range"] == f"bytes={300_000 - OVERLAP}-"


def test_without_a_validator_a_file_that_changed_is_not_mixed(server: Server, tmp_path: Path) -> None:
    server.script, server.etag = ["cut", "503"], ""
    with pytest.raises(InputError):
        fetch(server.url, tmp_path / "file.bin", policy=QUICK)
    server.script, server.content = ["ok"], CONTENT[:10] + b"!" + CONTENT[10:290_000] + CONTENT[290_001:]
    assert fetch(server.url, tmp_path / "file.bin", policy=QUICK).path.read_bytes() == server.content


@pytest.mark.parametrize("remains", ["", "{", "[]", '{"validator": 1, "total": "x"}'])
def test_of_an_unknown_file_without_a_checksum_it_starts_over(server: Server, tmp_path: Path, remains: str) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:100_000])
    (tmp_path / "file.bin.part.json").write_text(remains)
    assert fetch(server.url, tmp_path / "file.bin", policy=QUICK).path.read_bytes() == CONTENT
    assert "Range" not in server.requests[0]


def test_complete_partial_file_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert fetch(server.url, tmp_path / "file.bin", sha256=[SUM], policy=QUICK).sha256 == SUM
    assert len(server.requests) == 1


def test_too_long_partial_file_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(server.url, tmp_path / "file.bin", sha256=[SUM], policy=QUICK).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("script", "message", "requests"),
    [
        (["404"], "answered 404 Not Found; check the address", 1),
        (["403"], "answered 403 Forbidden; check the address", 1),
        (["503"], "503 Service Unavailable (tried 3 times)", 3),
        (["page"], "a web page, not the file (tried 3 times)", 3),
        (["wrong"], f"not {SUM} (tried 2 times)", 2),
        (["cut_no_range"], "tried 3 times", 4),
        (["compressed"], "compresses the file although it was asked not to", 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_it_gives_up_with_a_reason(server: Server, tmp_path: Path, script: list[str], message: str, requests: int) -> None:
    server.script = script
    with pytest.raises(InputError) as error:
        fetch(server.url, tmp_path / "file.bin", sha256=[SUM], policy=QUICK)
    assert message in str(error.value)
    assert server.url in str(error.value)
    assert not (tmp_path / "file.bin").exists()
    assert len(server.requests) == requests


@pytest.mark.parametrize("cookies", [{}, {"session": Secret("k7Ju2")}], ids=["open", "private"])
def test_a_server_that_sends_to_no_address(server: Server, tmp_path: Path, cookies: dict[str, Secret]) -> None:
    """Requests follows a redirect itself, unless there are credentials."""
    server.script = ["astray"]
    with pytest.raises(InputError, match=r"file\.bin: the server sends to what is no address \(.*\)"):
        download(Request(server.url, cookies=cookies), tmp_path / "file.bin", check=lambda path: None, policy=QUICK)
    assert len(server.requests) == 1


def test_no_server(tmp_path: Path) -> None:
    server = Server()
    server.server_close()
    with pytest.raises(InputError, match="tried 3 times"):
        fetch(server.url, tmp_path / "file.bin", policy=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_pauses_grow_up_to_the_longest(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script = ["503"]
    pauses: list[float] = []
    monkeypatch.setattr(fetch_module.time, "sleep", pauses.append)
    with pytest.raises(InputError):
        fetch(server.url, tmp_path / "file.bin", policy=FetchPolicy(attempts=6, pause=1, longest_pause=5))
    assert pauses == [1, 2, 4, 5, 5]


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert not fetch(server.url, tmp_path / "file.bin", sha256=["0" * 64, SUM.upper()], policy=QUICK).is_downloaded
    assert server.requests == []


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT[:-1])
    assert fetch(server.url, tmp_path / "file.bin", sha256=[SUM], policy=QUICK).is_downloaded
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_check_of_ones_own(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not what I want"):
        fetch(server.url, tmp_path / "file.bin", check=lambda path: "not what I want", policy=QUICK)


def test_another_process_at_the_same_file(server: Server, tmp_path: Path) -> None:
    with (tmp_path / "file.bin.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process is fetching it"):
            fetch(server.url, tmp_path / "file.bin", policy=QUICK)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_local_files_are_used_in_place(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "a file.txt").write_bytes(b"a\r\nb\r\n")
    expected = hashlib.sha256(b"a\nb\n").hexdigest()
    origin = scheme + str(tmp_path / "a file.txt")
    fetched = fetch(origin, tmp_path / "cache" / "file.txt", sha256=[expected], ignore_carriage_returns=True)
    assert fetched.path == tmp_path / "a file.txt"
    assert not (tmp_path / "cache").exists()
    with pytest.raises(InputError, match=r"a file\.txt: its SHA-256 is .* replace it by the original file"):
        fetch(origin, tmp_path / "cache" / "file.txt", sha256=[expected])


def test_local_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing: no such file"):
        fetch(tmp_path / "nothing", tmp_path / "target")


def test_unknown_scheme(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only http, https and file"):
        fetch("ftp://127.0.0.1/file", tmp_path / "target")


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"https://\[example\.org/file: neither an address nor a path"):
        fetch("https://[example.org/file", tmp_path / "target")


@pytest.mark.parametrize(
    ("content", "is_page"),
    [
        (b"\xef\xbb\xbf <HTML>", True),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC ""><html>', True),
        (b'<?xml version="1.0"?><data>', False),
        (b":version 1.10\n", False),
        (b"", False),
    ],
)
def test_web_pages(tmp_path: Path, content: bytes, is_page: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert (html_fault(tmp_path / "file") is not None) == is_page
