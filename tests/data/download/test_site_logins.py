"""Logins: what is sent and to whom, what a refusal means, and that credentials stay hidden."""

import html
import pickle
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from world.sites import LOGIN_PAGE, Instead, Sites

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download.credentials import Secret, redacted
from uplift_upsample.data.download.fetch import FetchPolicy
from uplift_upsample.data.download.site_logins import LOGINS, check_login, login_request
from uplift_upsample.data.download.source_files import Source, read_sources

QUICK = FetchPolicy(attempts=2, pause=0.01, longest_pause=0.05, connect_timeout=5, read_timeout=5)
COOKIE = {"PHPSESSID": Secret("k7Ju2session")}
ACCOUNT = {"username": Secret("jane@example.org"), "password": Secret("wörd & <pass>")}


@pytest.fixture
def table(project: Path, sites: Sites) -> dict[str, Source]:
    """All archives are there, and the logins are good."""
    table = read_sources(project / "workflow" / "resources" / "sources.csv")
    for source in table.values():
        start = {".tgz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00"}.get(Path(source.file).suffix, b"")
        sites.put_source(source, start + b"x" * 5000)
    sites.sessions = {"k7Ju2session"}
    sites.accounts = {"amass": ("jane@example.org", "wörd & <pass>")}
    return table


def h36m(table: dict[str, Source]) -> list[Source]:
    return [source for source in table.values() if source.access == "h36m_cookie"]


def amass(table: dict[str, Source]) -> list[Source]:
    return [source for source in table.values() if source.access == "amass_login"]


def refusal(access: str, credentials: dict[str, Secret], sources: list[Source]) -> str:
    with pytest.raises(InputError) as error:
        check_login(access, credentials, sources, QUICK)
    message = str(error.value)
    assert not any(secret.reveal() in message for secret in credentials.values())
    return message


def test_good_logins_are_asked_for_the_first_bytes_only(sites: Sites, table: dict[str, Source]) -> None:
    check_login("h36m_cookie", COOKIE, h36m(table), QUICK)
    check_login("amass_login", ACCOUNT, amass(table), QUICK)
    assert [seen.url for seen in sites.seen] == [source.url for source in h36m(table) + amass(table)]
    assert {seen.headers["Range"] for seen in sites.seen} == {"bytes=0-511"}
    assert {(seen.method, seen.headers.get("Cookie")) for seen in sites.seen[:7]} == {("GET", "PHPSESSID=k7Ju2session")}
    body = b"username=jane%40example.org&password=w%C3%B6rd+%26+%3Cpass%3E"
    assert {(seen.method, seen.body) for seen in sites.seen[7:]} == {("POST", body)}


@pytest.mark.parametrize("is_redirecting", [False, True])
def test_expired_session(sites: Sites, table: dict[str, Source], is_redirecting: bool) -> None:
    sites.sessions, sites.is_redirecting = {"another"}, is_redirecting
    message = refusal("h36m_cookie", COOKIE, h36m(table))
    assert message.startswith("Human3.6M: nothing was downloaded yet.\nthe session has expired, or was never logged in; log in at")
    assert "http://vision.imar.ro/human3.6m and set H36M_PHPSESSID to the value of the cookie PHPSESSID" in message
    assert ("the site says: Wrong user name or password" in message) != is_redirecting
    assert len(sites.seen) == 1


@pytest.mark.parametrize("status", [200, 401, 403])
def test_wrong_password_is_tried_once(sites: Sites, table: dict[str, Source], status: int) -> None:
    """A page with status 200 is no archive; trying on would lock the account."""
    sites.accounts, sites.refusal = {"amass": ("jane@example.org", "another")}, status
    message = refusal("amass_login", ACCOUNT, amass(table))
    assert "the login was refused; register at https://amass.is.tue.mpg.de and set AMASS_USERNAME and AMASS_PASSWORD" in message
    assert message.endswith("the site says: Wrong user name or password (asked for amass_CMU)")
    assert len(sites.seen) == 1


def test_all_licences_that_are_not_accepted_are_told(sites: Sites, table: dict[str, Source]) -> None:
    sites.unaccepted = {table["amass_KIT"].url, table["amass_SFU"].url}
    message = refusal("amass_login", ACCOUNT, amass(table))
    assert "its licence has not been accepted: read it and accept it yourself at https://amass.is.tue.mpg.de" in message
    assert message.endswith("You have not accepted the license of this dataset yet. (asked for amass_KIT, amass_SFU)")
    assert {seen.url for seen in sites.seen} == {source.url for source in amass(table)}  # no link, no button


@pytest.mark.parametrize(
    ("page", "meaning"),
    [
        (LOGIN_PAGE.replace(b"</body>", b"By logging in you accept our terms</body>"), "the login was refused"),
        (b"<html><body>Please <b>agree</b> to the terms of use first</body></html>", "licence has not been accepted"),
        (b"<html><body><a href=/license>License</a> <a href=/login>Log in</a></body></html>", "the login was refused"),
        (b"<!-- x --><html></html>", "the login was refused"),
    ],
)
def test_meaning_of_pages(sites: Sites, table: dict[str, Source], page: bytes, meaning: str) -> None:
    source = table["amass_KIT"]
    sites.fail(source.url, Instead(200, page))
    assert meaning in refusal("amass_login", ACCOUNT, [source])


def test_redirect_to_a_licence(sites: Sites, table: dict[str, Source]) -> None:
    source = table["amass_KIT"]
    sites.fail(source.url, Instead(302, b"", {"Location": "https://amass.is.tue.mpg.de/license.html"}))
    assert "licence has not been accepted" in refusal("amass_login", ACCOUNT, [source])


def test_other_failures_are_told_as_such(sites: Sites, table: dict[str, Source]) -> None:
    kit, sfu, cmu = (table[f"amass_{name}"] for name in ("KIT", "SFU", "CMU"))
    sites.fail(kit.url, Instead(404, b"<html>"))
    sites.fail(sfu.url, Instead(200, b"plain words"))
    sites.fail(cmu.url, Instead(503))
    message = refusal("amass_login", ACCOUNT, [kit, sfu, cmu])
    assert "the server answered 404 Not Found; check the address of the source (asked for amass_KIT)" in message
    assert "not a bzip2 file (asked for amass_SFU)" in message
    assert "amass_CMU" not in message


def test_site_that_is_down_is_not_asked_for_each_file(sites: Sites, table: dict[str, Source]) -> None:
    sites.fail(table["amass_CMU"].url, Instead(503), Instead(503))
    assert "tried 2 times" in refusal("amass_login", ACCOUNT, amass(table))
    assert len(sites.seen) == 2


@pytest.mark.parametrize(
    "location", ["http://collector.example.org/x", "https://vision.imar.ro:8443{path}", "https://vision.imar.ro/other"]
)
def test_credentials_go_nowhere_else(sites: Sites, table: dict[str, Source], location: str) -> None:
    source = table["h36m_S1"]
    path = source.url.partition("vision.imar.ro")[2]
    sites.fail(source.url, Instead(302, b"", {"Location": location.format(path=path)}))
    assert "the session has expired" in refusal("h36m_cookie", COOKIE, [source])
    assert len(sites.seen) == 1
    amass = table["amass_KIT"]
    for status in (302, 307):
        sites.fail(amass.url, Instead(status, b"", {"Location": location.format(path="/")}))
        assert "the login was refused" in refusal("amass_login", ACCOUNT, [amass])
    assert len(sites.seen) == 3


def test_change_to_https_is_followed(sites: Sites, table: dict[str, Source]) -> None:
    source = table["h36m_S1"]
    secure = source.url.replace("http:", "https:")
    sites.put(secure, b"\x1f\x8bx")
    sites.fail(source.url, Instead(301, b"", {"Location": secure}))
    check_login("h36m_cookie", COOKIE, [source], QUICK)
    assert sites.seen[1].url == secure
    assert sites.seen[1].headers["Cookie"] == "PHPSESSID=k7Ju2session"
    sites.fail(secure, Instead(301, b"", {"Location": source.url}))
    sites.fail(source.url, Instead(301, b"", {"Location": secure}))
    assert "expired" in refusal("h36m_cookie", COOKIE, [source])


def test_what_a_site_says_is_cleaned(sites: Sites, table: dict[str, Source]) -> None:
    """A site may repeat what it was sent, in its own spelling."""
    words = [secret.reveal() for secret in ACCOUNT.values()]
    said = " ".join([*words, *map(html.escape, words), *map(quote_plus, words)])
    page = f"<html><style>p {{}}</style><script>x</script><body><p>x</p><p>Wrong password \x1b[1m{said}{'y' * 400}</p>"
    sites.fail(table["amass_KIT"].url, Instead(200, page.encode()))
    message = refusal("amass_login", ACCOUNT, [table["amass_KIT"]])
    quote = message.partition("the site says: ")[2].removesuffix(" (asked for amass_KIT)")
    assert quote.startswith("Wrong password [1m(hidden) (hidden) (hidden)")
    assert len(quote) == 200
    assert "example" not in message
    assert "pass>" not in message


def test_old_spelling_of_a_page(sites: Sites, table: dict[str, Source]) -> None:
    sites.fail(table["amass_KIT"].url, Instead(200, "<html>wörd & <pass> is not your password".encode("latin-1")))
    assert "the site says: (hidden) is not your password" in refusal("amass_login", ACCOUNT, [table["amass_KIT"]])


@pytest.mark.parametrize("word", ["a b", "a;b", "a\r\nX: y", "ä", ""])
def test_no_session_cookie(table: dict[str, Source], word: str) -> None:
    with pytest.raises(InputError, match="the value of H36M_PHPSESSID is not a session cookie; log in at") as error:
        login_request(table["h36m_S1"], {"PHPSESSID": Secret(word)})
    assert not word or word not in str(error.value).replace("a b", "")


def test_secrets_hide(table: dict[str, Source]) -> None:
    secret = Secret("k7Ju2session")
    request = login_request(table["h36m_S1"], {"PHPSESSID": secret})
    assert "k7Ju2" not in f"{secret} {secret!r} {request} {[request]!r} {LOGINS}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_redaction() -> None:
    secrets = [Secret("a+b c"), Secret("a+b"), Secret("")]
    assert redacted("x a+b c y a%2Bb+c z a+b a", secrets) == "x (hidden) y (hidden) z (hidden) a"
    assert redacted("nothing", []) == "nothing"
