"""From a row of the table to a checked file, by every kind of access, with all that can go wrong on the way."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from world.sites import DRIVE, DRIVE_FILES, LICENCE_PAGE, LOGIN_PAGE, QUOTA_PAGE, Cut, Drip, Fault, Hold, Instead, Sites

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download.credentials import Secret
from uplift_upsample.data.download.fetch import OVERLAP, FetchPolicy
from uplift_upsample.data.download.source_downloads import fetch_source
from uplift_upsample.data.download.source_files import ChecksumLock, Source, SourceFile, read_sources

QUICK = FetchPolicy(attempts=3, pause=0.01, longest_pause=0.05)
HASTY = replace(QUICK, read_timeout=0.3, slow_window=0.2)  # where silence is part of the play
SOURCES = {  # one of each kind of access
    "h36m_S1": b"\x1f\x8b",
    "h36m_cpn_ft_h36m_dbb": b"PK\x03\x04",
    "amass_KIT": b"BZh",
    "smplh": b"\xfd7zXZ\x00",
    "dmpls": b"\xfd7zXZ\x00",
    "weights_h36m_81": b"\x89HDF\r\n\x1a\n",
}
CREDENTIALS = {
    "h36m_cookie": {"PHPSESSID": Secret("k7Ju2session")},
    **{
        access: {"username": Secret("jane"), "password": Secret("opensesame")}
        for access in ("amass_login", "mano_login", "smpl_login")
    },
}
ONE_OF_EACH_SITE = ["h36m_S1", "h36m_cpn_ft_h36m_dbb", "amass_KIT", "weights_h36m_81"]
Fetch = Callable[..., SourceFile]


def content_of(name: str) -> bytes:
    return SOURCES[name] + hashlib.shake_256(name.encode()).digest(500_000)


@pytest.fixture
def table(project: Path, sites: Sites) -> dict[str, Source]:
    table = read_sources(project / "workflow" / "resources" / "sources.csv")
    md5 = hashlib.md5(content_of("h36m_S1")).hexdigest()
    table["h36m_S1"] = replace(table["h36m_S1"], checksum=f"md5:{md5}")
    for name in SOURCES:
        sites.put_source(table[name], content_of(name))
    sites.sessions = {"k7Ju2session"}
    sites.accounts = dict.fromkeys(("amass", "mano", "smpl"), ("jane", "opensesame"))
    sites.confirm = {"1Gba54Tf86YNEhSkLEl48miJvzWy8HQS3"}
    return table


@pytest.fixture
def lock() -> ChecksumLock:
    return ChecksumLock("data/checksums.lock")


@pytest.fixture
def fetch(table: dict[str, Source], lock: ChecksumLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    monkeypatch.chdir(tmp_path)

    def fetch(name: str, policy: FetchPolicy = QUICK) -> SourceFile:
        return fetch_source(table[name], "data/raw", lock, CREDENTIALS.get(table[name].access), policy=policy)

    return fetch


def leftovers() -> list[str]:
    return sorted(path.name for path in Path("data/raw").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ONE_OF_EACH_SITE)
@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Cut(200_000)],
        [Cut(200_000), Instead(503), Cut(200_000)],
        [Instead(503, LOGIN_PAGE), Instead(429)],
        [Hold(300_000)],
        [Cut(100_000), Drip()],
        [Instead(200, b"an apology in plain words")],
    ],
    ids=["ok", "cut", "cut 503 cut", "503 429", "stall", "drip", "other type"],
)
def test_it_arrives_whole(
    sites: Sites, table: dict[str, Source], lock: ChecksumLock, fetch: Fetch, name: str, faults: list[Fault]
) -> None:
    sites.fail(table[name].url, *faults)
    file = fetch(name, HASTY if any(isinstance(fault, Hold | Drip) for fault in faults) else QUICK)
    content = content_of(name)
    assert Path(file.path).read_bytes() == content
    sha256 = hashlib.sha256(content).hexdigest()
    checked_against = "publisher" if table[name].checksum else "first_download"
    assert file == SourceFile(name, f"data/raw/{table[name].file}", sha256, len(content), table[name].url, checked_against)
    assert leftovers() == [Path(table[name].file).name]
    assert lock.has(name) == (name != "h36m_S1")


@pytest.mark.parametrize("name", SOURCES)
def test_a_cut_is_resumed(sites: Sites, table: dict[str, Source], fetch: Fetch, name: str) -> None:
    sites.fail(table[name].url, Cut(200_000))
    fetch(name)
    assert sites.seen[-1].headers["Range"] == f"bytes={200_000 - OVERLAP}-"
    assert "If-Range" in sites.seen[-1].headers
    assert sites.seen[-1].method == ("POST" if table[name].access.endswith("_login") else "GET")


def test_a_cut_is_resumed_where_nothing_tells_the_version(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    sites.put_source(table["amass_KIT"], content_of("amass_KIT"), has_etag=False)
    sites.fail(table["amass_KIT"].url, Cut(200_000))
    fetch("amass_KIT")
    assert sites.seen[-1].headers["Range"] == f"bytes={200_000 - OVERLAP}-"


def test_login_that_expires_in_the_middle_costs_nothing(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    sites.fail(table["h36m_S1"].url, Cut(200_000), Instead(200, LOGIN_PAGE))
    with pytest.raises(InputError, match=r"^h36m_S1: the session has expired"):
        fetch("h36m_S1")
    assert Path("data/raw/h36m/Poses_D3_Positions_S1.tgz.part").stat().st_size == 200_000
    fetch("h36m_S1")
    assert sites.seen[-1].headers["Range"] == f"bytes={200_000 - OVERLAP}-"


@pytest.mark.parametrize(
    ("name", "page", "message"),
    [
        ("h36m_S1", LOGIN_PAGE, "h36m_S1: the session has expired, or was never logged in"),
        ("amass_KIT", LOGIN_PAGE, "amass_KIT: the login was refused"),
        ("amass_KIT", LICENCE_PAGE, "amass_KIT: its licence has not been accepted"),
        ("dmpls", LOGIN_PAGE, "set SMPL_USERNAME and SMPL_PASSWORD"),
        ("smplh", LOGIN_PAGE, "set MANO_USERNAME and MANO_PASSWORD"),
        ("weights_h36m_81", QUOTA_PAGE, r"Google Drive does not give the file \(.*Too many users"),
        ("weights_h36m_81", LOGIN_PAGE, "put it at data/raw/weights/h36m_81.h5"),
        ("weights_h36m_81", b'<html><form id="download-form" action="http://example.org/x">', "sends to example.org"),
        ("weights_h36m_81", b'<html><form id="download-form">', "an unknown page"),
        ("weights_h36m_81", b'<html><form id="download-form" action="https://[x">', "an unknown page"),
    ],
)
def test_page_is_a_refusal(sites: Sites, table: dict[str, Source], fetch: Fetch, name: str, page: bytes, message: str) -> None:
    sites.fail(table[name].url, Instead(200, page))
    with pytest.raises(InputError, match=message):
        fetch(name)
    assert leftovers() == []
    assert not Path("data/checksums.lock").exists()


def test_page_from_an_open_site_may_pass(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    name = "h36m_cpn_ft_h36m_dbb"
    sites.fail(table[name].url, *[Instead(200, LOGIN_PAGE)] * 2)
    fetch(name)
    Path("data/raw", table[name].file).unlink()
    sites.fail(table[name].url, *[Instead(200, LOGIN_PAGE)] * 3)
    with pytest.raises(InputError, match=r"a web page, not the file \(tried 3 times\); try again later, or put the file at"):
        fetch(name)


@pytest.mark.parametrize("name", ["h36m_S1", "amass_KIT"])
def test_wrong_content_is_dropped(sites: Sites, table: dict[str, Source], fetch: Fetch, name: str) -> None:
    """Wrong bytes of the right length, and too few with the length that goes with them."""
    fetch(name)
    place = Path("data/raw", table[name].file)
    content = content_of(name)
    for wrong in (content[:-1] + b"!", content[:-1]):
        place.unlink()
        sites.fail(table[name].url, *[Instead(200, wrong)] * 2)
        with pytest.raises(InputError, match=r"its (md5|SHA-256) is .*tried 2 times"):
            fetch(name)
        assert leftovers() == []
        sites.fail(table[name].url, Instead(200, wrong))
        assert Path(fetch(name).path).read_bytes() == content


def test_first_checksum_is_enforced(sites: Sites, table: dict[str, Source], fetch: Fetch, lock: ChecksumLock) -> None:
    """The publisher changes the file: an error, until the user says that it is meant."""
    first = fetch("amass_KIT")
    recorded = lock.path.read_bytes()
    Path(first.path).unlink()
    sites.put_source(table["amass_KIT"], b"BZhanother")
    with pytest.raises(InputError, match=r"really changed the file, delete the line of amass_KIT from data/checksums\.lock"):
        fetch("amass_KIT")
    assert lock.path.read_bytes() == recorded
    lock.path.unlink()
    assert fetch("amass_KIT").bytes == 10


def test_file_of_the_user_is_taken_without_a_request(
    sites: Sites, table: dict[str, Source], fetch: Fetch, lock: ChecksumLock
) -> None:
    for name in SOURCES:
        place = Path("data/raw", table[name].file)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content_of(name))
        modified = place.stat().st_mtime_ns
        assert fetch(name).sha256 == hashlib.sha256(content_of(name)).hexdigest()
        assert place.stat().st_mtime_ns == modified
        assert lock.has(name) == (name != "h36m_S1")
    assert sites.seen == []


def test_file_of_the_user_needs_no_credentials(table: dict[str, Source], fetch: Fetch, lock: ChecksumLock) -> None:
    with pytest.raises(
        InputError, match=r"amass_KIT needs a login; register at .* or put the file at data/raw/amass/KIT\.tar\.bz2"
    ):
        fetch_source(table["amass_KIT"], "data/raw", lock, policy=QUICK)
    fetch("amass_KIT")
    assert fetch_source(table["amass_KIT"], "data/raw", lock, policy=QUICK) == fetch("amass_KIT")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("h36m_S1", b"\x1f\x8bother", "its md5 is .*, but the table of sources has"),
        ("amass_KIT", b"BZhother", "its SHA-256 is .*, but data/checksums.lock has"),
        ("amass_KIT", LOGIN_PAGE, "a web page, not the file"),
        ("amass_KIT", b"PK\x03\x04", "not a bzip2 file"),
        ("amass_KIT", b"", "an empty file"),
    ],
)
def test_wrong_file_of_the_user_stays(
    sites: Sites, table: dict[str, Source], fetch: Fetch, name: str, content: bytes, fault: str
) -> None:
    place = Path(fetch(name).path)
    place.write_bytes(content)
    requests = len(sites.seen)
    with pytest.raises(InputError, match=f"^{place}: {fault}.* The file was left as it is: put the original one in its place"):
        fetch(name)
    assert place.read_bytes() == content
    assert len(sites.seen) == requests


def test_file_that_the_user_puts_there_meanwhile_stays(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    hold, place = Hold(1000), Path("data/raw", table["amass_KIT"].file)
    sites.fail(table["amass_KIT"].url, hold)
    thread = threading.Thread(target=lambda: (hold.reached.wait(), place.write_bytes(b"BZhmine"), hold.go.set()))
    thread.start()
    with pytest.raises(InputError, match="somebody put a file there meanwhile"):
        fetch("amass_KIT")
    thread.join()
    assert fetch("amass_KIT").bytes == 7


def test_link_to_nothing_and_folder_stay(table: dict[str, Source], fetch: Fetch, tmp_path: Path) -> None:
    place = Path("data/raw", table["amass_KIT"].file)
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "disk that is not there")
    with pytest.raises(InputError, match="not a file"):
        fetch("amass_KIT")
    assert place.is_symlink()
    (tmp_path / "disk that is not there").write_bytes(content_of("amass_KIT"))
    assert fetch("amass_KIT").bytes == 500_003


def test_google_drive(
    sites: Sites, table: dict[str, Source], fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is answered, nothing is left in the home folder, and the quota is named as such."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    fetch("weights_h36m_81")
    assert [seen.host for seen in sites.seen] == [DRIVE, DRIVE_FILES, DRIVE_FILES]
    assert not (tmp_path / "home").exists()
    sites.confirm.clear()
    Path("data/raw/weights/h36m_81.h5").unlink()
    fetch("weights_h36m_81")
    assert len(sites.seen) == 5
    sites.quota = {"1Gba54Tf86YNEhSkLEl48miJvzWy8HQS3"}
    Path("data/raw/weights/h36m_81.h5").unlink()
    with pytest.raises(InputError, match=r"try again tomorrow, or open https://drive\.google\.com/file/d/1Gba.* in a browser"):
        fetch("weights_h36m_81")


def test_google_drive_that_asks_for_ever(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    page = b'<html><form id="download-form" action="https://drive.usercontent.google.com/download?id=x"></form>'
    sites.put(f"https://{DRIVE_FILES}/x", page)
    sites.fail(table["weights_h36m_81"].url, Instead(200, page))
    with pytest.raises(InputError, match="from page to page and never sends the file"):
        fetch("weights_h36m_81")


def test_google_drive_that_fails(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    sites.fail(table["weights_h36m_81"].url, *[Instead(500)] * 3)
    with pytest.raises(InputError, match=r"500 .*tried 3 times\); Google Drive limits .* put it at data/raw/weights/h36m_81\.h5"):
        fetch("weights_h36m_81")


def test_address_that_is_not_of_google_drive(table: dict[str, Source], fetch: Fetch) -> None:
    table["weights_h36m_81"] = replace(table["weights_h36m_81"], url="https://drive.google.com/drive/folders/x")
    with pytest.raises(InputError, match="is not the address of a file on Google Drive"):
        fetch("weights_h36m_81")


def test_what_is_kept_of_a_partial_file_has_no_secret(sites: Sites, table: dict[str, Source], fetch: Fetch) -> None:
    sites.fail(table["amass_KIT"].url, Cut(1000), *[Instead(503)] * 3)
    with pytest.raises(InputError):
        fetch("amass_KIT")
    known = json.loads(Path("data/raw/amass/KIT.tar.bz2.part.json").read_text())
    assert set(known) == {"validator", "total"}


def test_what_no_program_can_fetch_is_put_there_by_hand(fetch: Fetch) -> None:
    name, place = "weights_strided_transformer_243", Path("data/raw/weights/strided_transformer_243.pth")
    with pytest.raises(
        InputError, match=rf"{name} cannot be fetched by a program: open https://drive.* and put the file at .*{place}"
    ):
        fetch(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"weights")
    assert fetch(name).bytes == len(b"weights")
