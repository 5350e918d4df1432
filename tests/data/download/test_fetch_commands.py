"""The commands that fetch: killed in the middle and started again; credentials that show nowhere; what they print."""

import csv
import hashlib
import json
import random
import secrets
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from world.killing import finish, kill_at, start
from world.processes import CommandLines
from world.sites import LICENCE_PAGE, Cut, Fault, Hold, Instead, Sites

from uplift_upsample.data.download.fetch import OVERLAP
from uplift_upsample.data.download.source_files import Source, read_source, read_sources

SOURCES = {  # one of each kind of access
    "cmu_all": b"PK\x03\x04",
    "h36m_S1": b"\x1f\x8b",
    "amass_SFU": b"BZh",
    "smplh": b"\xfd7zXZ\x00",
    "dmpls": b"\xfd7zXZ\x00",
    "weights_h36m_351": b"\x89HDF\r\n\x1a\n",
}
WORDS = ("H36M_PHPSESSID", *(f"{site}_{word}" for site in ("AMASS", "MANO", "SMPL") for word in ("USERNAME", "PASSWORD")))
SIZE = 1_000_000


@pytest.fixture
def environment(sites: Sites) -> dict[str, str]:
    """Random credentials that the sites accept; the accounts hold a few signs that forms and pages spell in their own way."""
    words = {name: secrets.token_hex(8) + ("" if name.endswith("ID") else "+ä <&'") for name in WORDS}
    sites.sessions = {words["H36M_PHPSESSID"]}
    sites.accounts = {site.lower(): (words[f"{site}_USERNAME"], words[f"{site}_PASSWORD"]) for site in ("AMASS", "MANO", "SMPL")}
    return words


@pytest.fixture
def table(project: Path, sites: Sites, environment: dict[str, str], tmp_path: Path) -> dict[str, Source]:
    """The table of the project, with the checksum of the file that the test site has; in ``tmp_path/sources.csv``."""
    with (project / "workflow" / "resources" / "sources.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    contents = {name: begin + hashlib.shake_128(name.encode()).digest(SIZE) for name, begin in SOURCES.items()}
    for row in rows:
        if row["name"] in contents and row["checksum"]:
            row["checksum"] = f"md5:{hashlib.md5(contents[row['name']]).hexdigest()}"
    with (tmp_path / "sources.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    table = read_sources(tmp_path / "sources.csv")
    for name, content in contents.items():
        (tmp_path / "sites" / name).write_bytes(content)
        sites.put_source(table[name], tmp_path / "sites" / name)
    sites.confirm = {"1tzDf2IiTQDmsHiNQLmrPlFwN4arGUORa"}
    return table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def fetching(name: str) -> list[str]:
    table = ["--sources", "../sources.csv", "--folder", "data/raw", "--lock", "data/checksums.lock"]
    return ["fetch_source.py", "--source", name, *table, "--output", f"results/{name}.json"]


def checking(login: str, *names: str) -> list[str]:
    return [
        "check_login.py",
        "--login",
        login,
        "--sources",
        "../sources.csv",
        "--names",
        *names,
        "--folder",
        "data/raw",
        "--output",
        "ok.json",
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "by"), [*((name, signal.SIGKILL) for name in SOURCES), ("amass_SFU", signal.SIGTERM)])
def test_killed_and_started_again(
    sites: Sites, table: dict[str, Source], environment: dict[str, str], folder: Path, tmp_path: Path, name: str, by: int
) -> None:
    """In the middle of the transfer; the second run goes on there, and no byte is another."""
    (tmp_path / "quiet").mkdir()
    finish(fetching(name), tmp_path / "quiet", environment)
    place = folder / "data" / "raw" / table[name].file
    part = place.with_name(place.name + ".part")
    half = random.randrange(SIZE // 2, SIZE)
    hold = Hold(half)
    sites.fail(table[name].url, hold)
    assert kill_at(lambda: part.exists() and part.stat().st_size == half, fetching(name), folder, environment, by)
    hold.go.set()
    assert not place.exists()
    finish(fetching(name), folder, environment)
    assert sites.seen[-1].headers["Range"] == f"bytes={half - OVERLAP}-"
    assert contents(folder) == contents(tmp_path / "quiet")


@pytest.mark.long
def test_killed_at_any_time(table: dict[str, Source], environment: dict[str, str], folder: Path, tmp_path: Path) -> None:
    """Also while it starts, checks, moves the file into place, and records the checksum."""
    (tmp_path / "quiet").mkdir()
    seconds = finish(fetching("amass_SFU"), tmp_path / "quiet", environment)
    rng, killed = random.Random(3), 0
    for _ in range(
        12
    ):  # runs that came to their end are no kills: the next one is killed earlier, on a machine that became quicker
        was_killed = kill_at(seconds * rng.uniform(0.6, 1.0), fetching("amass_SFU"), folder, environment)
        killed += was_killed
        seconds *= 1.0 if was_killed else 0.7
        finish(fetching("amass_SFU"), folder, environment)
        found = {path: content for path, content in contents(folder).items() if not Path(path).name.startswith(".")}
        assert found == contents(tmp_path / "quiet")
        for path in found:
            (folder / path).unlink()
        if killed == 3:
            break
    assert killed == 3


def test_manifest_is_of_the_file(
    table: dict[str, Source], environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(fetching("amass_SFU"), folder, environment)
    monkeypatch.chdir(folder)
    assert read_source("results/amass_SFU.json").bytes == SIZE + 3
    first = contents(folder)
    finish(fetching("amass_SFU"), folder)  # without credentials: there is nothing to download
    assert contents(folder) == first


def run_watched(command: Sequence[str], folder: Path, environment: dict[str, str], words: Sequence[str]) -> tuple[int, str]:
    """Run a command; no process on the machine has one of the words in its command line meanwhile."""
    with CommandLines() as seen:
        process = start(command, folder, environment)
        said, _ = process.communicate(timeout=60)
    assert not [line for line in seen.lines if any(word in line for word in words)]
    return process.returncode, said


@pytest.mark.parametrize(
    ("name", "faults", "status"),
    [
        ("h36m_S1", [], 0),
        ("amass_SFU", [Cut(300_000)], 0),
        ("h36m_S1", ["echo"], 2),
        ("amass_SFU", ["echo"], 2),
        ("amass_SFU", [Instead(403, b"<html>")], 2),
        ("amass_SFU", [Instead(200, LICENCE_PAGE)], 2),
        ("amass_SFU", [Instead(404, headers={"Location": "x"})], 2),
        ("dmpls", [Cut(300_000), "echo"], 2),
    ],
    ids=str,
)
def test_credentials_show_nowhere(
    sites: Sites,
    table: dict[str, Source],
    environment: dict[str, str],
    folder: Path,
    name: str,
    faults: list[Fault | str],
    status: int,
) -> None:
    """A hostile page repeats what it was sent."""
    prefix = {"h36m_S1": "H36M", "amass_SFU": "AMASS", "dmpls": "SMPL"}[name]
    sent = [word for variable, word in environment.items() if variable.startswith(prefix)]
    echo = Instead(200, f"<html><p>Wrong: {' '.join(sent)}".encode(), {"ETag": '"x"'})
    sites.fail(table[name].url, *(echo if isinstance(fault, str) else fault for fault in faults))
    words = [word.partition("+")[0] for word in environment.values()]
    returned, said = run_watched(fetching(name), folder, environment, words)
    assert returned == status, said
    for where, content in {"what it says": said.encode(), **contents(folder)}.items():
        assert not [word for word in words if word.encode() in content], where


def test_logins_are_checked_and_show_nowhere(
    sites: Sites, table: dict[str, Source], environment: dict[str, str], folder: Path
) -> None:
    good = checking("amass_login", "amass_SFU")
    assert run_watched(good, folder, environment, list(environment.values()))[0] == 0
    assert json.loads((folder / "ok.json").read_text()) == {"login": "amass_login", "sources": ["amass_SFU"]}
    (folder / "ok.json").unlink()
    sites.accounts["amass"] = ("another", "other")
    returned, said = run_watched(good, folder, environment, list(environment.values()))
    assert (returned, list(folder.iterdir())) == (2, [])
    assert "error: AMASS: nothing was downloaded yet.\nthe login was refused" in said
    assert not any(word.partition("+")[0] in said for word in environment.values())


def test_files_that_are_there_are_not_asked_for(sites: Sites, table: dict[str, Source], folder: Path) -> None:
    """Nor are credentials."""
    place = folder / "data" / "raw" / table["amass_SFU"].file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"BZh")
    finish(checking("amass_login", "amass_SFU"), folder)
    assert sites.seen == []


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({}, "error: AMASS: AMASS_USERNAME and AMASS_PASSWORD not set in the environment; register at https://amass.is.tue.mpg.de"),
        ({"AMASS_USERNAME": "jane", "AMASS_PASSWORD": ""}, "error: AMASS: AMASS_PASSWORD not set"),
        ({"AMASS_USERNAME": "jane", "AMASS_PASSWORD": "\n"}, "error: AMASS: AMASS_PASSWORD not set"),
        ({"AMASS_USERNAME": "ja\tne", "AMASS_PASSWORD": "x"}, "error: AMASS: AMASS_USERNAME has control characters"),
    ],
)
def test_missing_credentials(sites: Sites, table: dict[str, Source], folder: Path, own: dict[str, str], message: str) -> None:
    for command in (fetching("amass_SFU"), checking("amass_login", "amass_SFU")):
        process = start(command, folder, {**dict.fromkeys(WORDS, ""), **own})
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 2
        assert message in said
        assert "ja\tne" not in said
    assert sites.seen == []


def test_line_end_behind_a_credential_is_no_part_of_it(table: dict[str, Source], environment: dict[str, str], folder: Path) -> None:
    finish(checking("h36m_cookie", "h36m_S1"), folder, {**environment, "H36M_PHPSESSID": environment["H36M_PHPSESSID"] + "\r\n"})


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (fetching("amass_SF"), "did you mean 'amass_SFU'?"),
        (checking("amass_login", "smplh"), "smplh: not behind the login amass_login"),
    ],
)
def test_wrong_names(table: dict[str, Source], folder: Path, command: list[str], message: str) -> None:
    process = start(command, folder)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in said
    assert "Traceback" not in said
