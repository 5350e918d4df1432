"""Downloads that are slow, silent, endless, cut without a word, or have no room; two processes at one file."""

import errno
import gzip
import io
import os
import resource
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import h5py
import pytest
from world.sites import Cut, Drip, Hold, Instead, Sites

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import end_fault, type_fault
from uplift_upsample.data.download import fetch as fetch_module
from uplift_upsample.data.download import partial_file as partial_module
from uplift_upsample.data.download.fetch import FetchPolicy, download, fetch
from uplift_upsample.data.download.http_answers import Request
from uplift_upsample.data.download.partial_file import locked, partial_file

CONTENT = bytes(range(256)) * 2000
URL = "https://dl.fbaipublicfiles.com/file.bin"
QUICK = FetchPolicy(attempts=3, pause=0.01, longest_pause=0.05, connect_timeout=5, read_timeout=5)
HASTY = FetchPolicy(attempts=2, pause=0.01, longest_pause=0.05, read_timeout=0.2, slowest=1000, slow_window=0.2)


@pytest.fixture
def target(sites: Sites, tmp_path: Path) -> Path:
    sites.put(URL, CONTENT)
    return tmp_path / "raw" / "file.bin"


def test_slow_answer_is_given_up_and_goes_on(sites: Sites, target: Path) -> None:
    sites.fail(URL, Cut(200_000), Drip())
    assert fetch(URL, target, policy=HASTY).path.read_bytes() == CONTENT
    assert sites.seen[-1].headers["Range"] == sites.seen[-2].headers["Range"]  # what dripped was the overlap


def test_endless_slow_answer_ends(sites: Sites, target: Path) -> None:
    sites.fail(URL, Cut(200_000), *[Drip()] * 9)
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"only \d+ bytes came in 0 s \(tried 2 times\); the 200000 bytes that came are kept"):
        fetch(URL, target, policy=HASTY)
    assert time.monotonic() - begin < 5
    sites.mend()
    assert fetch(URL, target, policy=HASTY).path.read_bytes() == CONTENT


def test_silence_is_no_answer(sites: Sites, target: Path) -> None:
    sites.fail(URL, Hold(100_000))
    assert fetch(URL, target, policy=HASTY).path.read_bytes() == CONTENT
    sites.fail(URL, Hold(0), Hold(0), Hold(0))
    target.unlink()
    with pytest.raises(InputError, match=r"timed out.* \(tried 2 times\); try again later"):
        fetch(URL, target, policy=HASTY)


def test_little_by_little_is_no_progress(sites: Sites, target: Path) -> None:
    """A server that sends a few bytes and falls silent would otherwise be asked for ever."""
    sites.fail(URL, *[Hold(600 + 100 * number) for number in range(9)])
    with pytest.raises(InputError, match="tried 2 times"):
        fetch(URL, target, policy=replace(HASTY, slowest=10_000))
    assert len(sites.seen) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_may_ask_for_a_pause(sites: Sites, target: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    said = "7" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)
    pauses: list[float] = []
    monkeypatch.setattr(fetch_module.time, "sleep", pauses.append)
    sites.fail(URL, Instead(503, headers={"Retry-After": said}), Instead(429, headers={"Retry-After": "9999"}))
    fetch(URL, target, policy=FetchPolicy(pause=1, longest_wait=30))
    assert pauses == [pytest.approx(7, abs=1.1), 30]


def _archives() -> dict[str, bytes]:
    zipped, table = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a", os.urandom(70_000))
    with h5py.File(table, "w") as file:
        file["a"] = list(os.urandom(20_000))
    return {"a.tgz": gzip.compress(os.urandom(70_000)), "a.npz": zipped.getvalue(), "a.h5": table.getvalue()}


@pytest.mark.parametrize("name", ["a.tgz", "a.npz", "a.h5"])
def test_of_unknown_length_it_must_have_an_end(sites: Sites, tmp_path: Path, name: str) -> None:
    """Without a length, a connection that breaks looks like the end of the file."""
    content, url = _archives()[name], f"http://mocap.cs.cmu.edu/{name}"
    sites.put(url, content)
    sites.fail(url, Cut(len(content) - 30, is_announced=False))
    assert fetch(url, tmp_path / name, policy=QUICK).path.read_bytes() == content
    assert len(sites.seen) == 2
    (tmp_path / name).unlink()
    sites.fail(url, Cut(len(content), is_announced=False))
    assert fetch(url, tmp_path / name, policy=QUICK).path.read_bytes() == content
    assert len(sites.seen) == 3
    sites.fail(url, *[Cut(len(content) - 30, is_announced=False)] * 2)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"not whole .*tried 2 times"):
        fetch(url, tmp_path / name, policy=QUICK)


@pytest.mark.parametrize("name", ["a.tgz", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.zip", "a.npz", "A.H5"])
def test_types_of_files(sites: Sites, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content, fault in ((b"a,b\n1,2\n", "not a"), (b"", "an empty file"), (b" <!doctype HTML>", "a web page")):
        path.write_bytes(content)
        assert fault in (type_fault(path) or "")
    path.write_bytes(b"BZh\x1f\x8b")
    assert (type_fault(path) is None) == (name == "a.tar.bz2")
    assert end_fault(path) is not None
    sites.put("http://mocap.cs.cmu.edu/x", b"a,b\n1,2\n")
    with pytest.raises(InputError, match=r"not an? .* file"):
        fetch("http://mocap.cs.cmu.edu/x", tmp_path / "other" / name, policy=QUICK)
    assert list((tmp_path / "other").iterdir()) == []


def test_no_room_is_told_before_the_download(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(partial_module.shutil, "disk_usage", lambda _: free)
    with pytest.raises(InputError, match=r"has not enough room: 512000 more bytes are needed, 1000 are free in .*raw"):
        fetch(URL, target, policy=QUICK)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_disk_that_gets_full(sites: Sites, target: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """What came before stays, and the same command resumes after it."""
    append = partial_module.PartialFile.append

    def append_some(self: partial_module.PartialFile, data: bytes) -> None:
        if self.size + len(data) > 300_000:
            raise self._not_written(OSError(code, os.strerror(code)))
        append(self, data)

    with monkeypatch.context() as patch, pytest.raises(InputError) as error:
        patch.setattr(partial_module.PartialFile, "append", append_some)
        fetch(URL, target, policy=QUICK)
    kept = target.with_name("file.bin.part").stat().st_size
    if code == errno.EIO:
        assert "file.bin.part: cannot be written (Input/output error)" in str(error.value)
    else:
        assert f"({os.strerror(code)}), {len(CONTENT) - kept} more bytes are needed" in str(error.value)
        assert f"resumes after the {kept} bytes" in str(error.value)
    assert fetch(URL, target, policy=QUICK).path.read_bytes() == CONTENT
    assert int(sites.seen[-1].headers["Range"][6:-1]) > 0


def test_full_disk_for_real(sites: Sites, target: Path) -> None:
    """The system refuses a write in the middle of a block."""
    code = (
        "import resource, sys\n"
        "from uplift_upsample.data.download.fetch import fetch\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (333_333, {resource.RLIM_INFINITY}))\n"
        f"fetch({URL!r}, {str(target)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "the disk takes no more (File too large), 178667 more bytes are needed" in done.stderr
    assert target.with_name("file.bin.part").stat().st_size == 333_333
    assert fetch(URL, target, policy=QUICK).path.read_bytes() == CONTENT


def test_folder_that_cannot_be(target: Path) -> None:
    target.parent.write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"cannot be written \(File exists\)"):
        fetch(URL, target, policy=QUICK)


def test_file_that_came_meanwhile_is_left_alone(sites: Sites, target: Path) -> None:
    hold = Hold(1000)
    sites.fail(URL, hold)
    thread = threading.Thread(target=lambda: (hold.reached.wait(), target.write_bytes(b"mine"), hold.go.set()))
    thread.start()
    with pytest.raises(InputError, match=r"file\.bin: somebody put a file there meanwhile"):
        download(Request(URL), target, check=lambda path: None, may_replace=False, policy=QUICK)
    thread.join()
    assert target.read_bytes() == b"mine"


def test_lock_is_on_the_file_that_is_there(tmp_path: Path) -> None:
    """Whoever waited for a file that was replaced meanwhile gets the new one."""
    path, seen = tmp_path / "file", []
    with locked(path, is_patient=False):
        with pytest.raises(BlockingIOError), locked(path, is_patient=False):
            pass
        thread = threading.Thread(target=lambda: _read_locked(path, seen))
        thread.start()
        time.sleep(0.1)
        (tmp_path / "new").write_bytes(b"new")
        os.replace(tmp_path / "new", path)
    thread.join(timeout=5)
    assert seen == [b"new"]


def _read_locked(path: Path, seen: list[bytes]) -> None:
    with locked(path, is_patient=True) as file:
        seen.append(os.pread(file.fileno(), 10, 0))


def test_finished_file_is_out_of_reach(tmp_path: Path) -> None:
    """A second process that opened the partial file before it was moved must not write to the target."""
    target = tmp_path / "file.bin"
    with partial_file(target) as first:
        first.append(b"whole")
        first.finish(may_replace=True)
        with partial_file(target) as second:
            assert second.size == 0
    assert target.read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]
