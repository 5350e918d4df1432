"""The list of trials, and the fetching of their files from a folder and from a site."""

import csv
import functools
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from world.acclaim_files import HEADER, amc_text, asf_text, text_file, trial

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download.fetch import FetchPolicy
from uplift_upsample.data.mocap.cmu_trials import (
    ACTIONS,
    acclaim_fault,
    fetch_subject,
    read_manifest,
    read_trials,
    trials_of,
    write_manifest,
)


def test_list_of_trials(project: Path) -> None:
    trials = read_trials(project / "workflow" / "resources" / "cmu_trials.csv")
    assert len(trials) == 161
    assert len({trial.subject for trial in trials}) == 15
    assert {trial.action for trial in trials} == set(ACTIONS)
    assert all(
        len(checksum) == 64
        for trial in trials
        for checksum in (trial.sha256, trial.sha256_lf, trial.asf_sha256, trial.asf_sha256_lf)
    )


def test_list_of_trials_is_that_of_the_sample(project: Path, shared: Path) -> None:
    trials = {trial.trial: trial for trial in read_trials(project / "workflow" / "resources" / "cmu_trials.csv")}
    with (shared / "data" / "cmu" / "index.csv").open(newline="") as file:
        index = list(csv.DictReader(file))
    assert {row["trial"] for row in index} == set(trials)
    for row in index:
        found = trials[row["trial"]]
        assert (found.amc, found.asf) == (row["file"], row["asf"])
        assert (found.subject, found.description, str(found.frames)) == (row["subject"], row["description"], row["frames"])
        assert (found.sha256, found.sha256_lf, found.asf_sha256) == (row["sha256"], row["sha256_lf"], row["asf_sha256"])
        assert found.fps == float(row["fps"])
        asf = (shared / "data" / "cmu" / row["asf"]).read_bytes()
        assert hashlib.sha256(asf.replace(b"\r", b"")).hexdigest() == found.asf_sha256_lf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "has no trials"),
        ("subject,trial\n01,01_01\n", "no column description, action, frames"),
        (HEADER + "01,01_01,walk,Wakl,10,120,,,,\n", "line 2: unknown action 'Wakl', did you mean 'Walk'?"),
        (HEADER + "# a comment\n01,02_01,walk,Walk,10,120,,,,\n", "line 3: trial '02_01' is not of subject '01'"),
        (HEADER + "01,01_01,walk,Walk,ten,120,,,,\n", "frames 'ten'"),
        (HEADER + "01,01_01,walk,Walk,10\n", "line 2: 5 cells where the header has 10"),
        (HEADER + "../x,../x_01,walk,Walk,10,120,,,,\n", "subject '../x' and trial '../x_01' must read like 01 and 01_08"),
        (HEADER + "01,01_/etc,walk,Walk,10,120,,,,\n", "must read like 01 and 01_08"),
        (HEADER + "01,01_01,walk,Walk,0,120,,,,\n", "frames '0' and fps '120' must be positive"),
        (HEADER + "01,01_01,walk,Walk,10,nan,,,,\n", "fps 'nan' must be positive"),
        (HEADER + '01,01_01,"walk,Walk,10,120,,,,\n', "no CSV table"),
        (HEADER + "01,01_01," + "w" * 200_000 + ",Walk,10,120,,,,\n", "no CSV table"),
        (HEADER + "01,01_01,walk,Walk,10,120,,,,\n" * 2, "line 3: trial 01_01 is listed twice"),
    ],
)
def test_broken_list(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_trials(text_file(tmp_path / "trials.csv", text))
    assert message in str(error.value)
    assert "trials.csv" in str(error.value)


def test_a_list_that_a_spreadsheet_wrote(tmp_path: Path) -> None:
    """It begins with a byte order mark, which belongs to no column."""
    text = HEADER + "01,01_01,walk,Walk,10,120,,,,\n"
    (tmp_path / "trials.csv").write_text(text, encoding="utf-8-sig")
    assert read_trials(tmp_path / "trials.csv") == read_trials(text_file(tmp_path / "plain.csv", text))


def test_a_list_of_ones_own_says_neither_frames_nor_checksums(tmp_path: Path) -> None:
    text = HEADER + "08,08_01,walk,Walk,,120,,,,\n08,08_02,walk,Walk, ,119.9999999,,,,\n"
    first, second = read_trials(text_file(tmp_path / "trials.csv", text))
    assert (first.frames, first.fps, first.sha256, first.asf) == (None, 120.0, "", "subjects/08/08.asf")
    assert (second.frames, second.fps) == (None, 120.0)


def test_unknown_subject() -> None:
    with pytest.raises(InputError, match="no subject '1'; it has 01"):
        trials_of([trial("01_01", 1)], "1")


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_folder_and_site_give_the_same_files(folder: Path, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trials = [trial("02_01", 600), trial("02_02", 240)]
    manifests = {}
    for name, source in (("folder", str(folder)), ("site", site)):
        write_manifest(f"{name}.csv", fetch_subject(source, trials, "cache", pause=0))
        manifests[name] = read_manifest(f"{name}.csv")
    assert list(manifests["site"]) == ["subjects/02/02.asf", "subjects/02/02_01.amc", "subjects/02/02_02.amc"]
    for file, row in manifests["site"].items():
        assert (row.sha256, row.bytes) == (manifests["folder"][file].sha256, manifests["folder"][file].bytes)
        assert row.path == f"cache/{file}"
        assert row.origin == site + file
        assert manifests["folder"][file].path == f"site/{file}"
    again = fetch_subject(site, trials, "cache", pause=100)
    assert not any(file.is_downloaded for file in again.values())


def test_pauses_only_between_requests(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("uplift_upsample.data.mocap.cmu_trials.time.sleep", pauses.append)
    fetch_subject(site, [trial("02_01", 600), trial("02_02", 240)], tmp_path / "cache", pause=1.5)
    assert pauses == [1.5, 1.5]


def test_wrong_file_is_refused(folder: Path, site: str, tmp_path: Path) -> None:
    wrong = replace(trial("01_01", 241), sha256="0" * 64)
    with pytest.raises(InputError, match=r"01_01\.amc: its SHA-256 is"):
        fetch_subject(site, [wrong], tmp_path / "cache", 0, FetchPolicy(attempts=2, pause=0))
    with pytest.raises(InputError, match=r"01_01\.amc: its SHA-256 is"):
        fetch_subject(str(folder), [wrong], tmp_path / "cache")
    with pytest.raises(InputError, match=r"no such file"):
        fetch_subject(str(folder / "subjects"), [trial("01_01", 241)], tmp_path / "cache")


def test_other_line_ends_are_accepted(folder: Path, tmp_path: Path) -> None:
    path = folder / "subjects" / "01" / "01_01.amc"
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    fetched = fetch_subject(str(folder), [replace(trial("01_01", 241), sha256_lf=checksum)], tmp_path / "cache")
    assert fetched["subjects/01/01_01.amc"].sha256 != checksum


@pytest.mark.parametrize(
    ("name", "text", "is_good"), [("a.asf", asf_text(), True), ("a.amc", amc_text(2), True), ("a.amc", "GIF89a", False)]
)
def test_what_an_acclaim_file_looks_like(tmp_path: Path, name: str, text: str, is_good: bool) -> None:
    assert (acclaim_fault(text_file(tmp_path / name, text)) is None) == is_good
    assert (acclaim_fault(text_file(tmp_path / f"{name}.part", text)) is None) == is_good
