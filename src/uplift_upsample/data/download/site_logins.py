"""Sites that need a login: the request that is sent, and the reason if no file comes back.

A licence is accepted by the user, on the site; it is never accepted here.
"""

import html
import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import requests

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import PEEK, start_fault
from uplift_upsample.data.download.credentials import Credentials, Secret, redacted
from uplift_upsample.data.download.fetch import GaveUpError, Patience
from uplift_upsample.data.download.http_answers import FetchPolicy, Page, Request, TryAgainError, answer_to, new_session
from uplift_upsample.data.download.source_files import Source
from uplift_upsample.plan.ways import LOGIN_SITES, LOGIN_VARIABLES

_LOG = logging.getLogger(__name__)
_LONGEST_QUOTE = 200  # characters; chosen: a sentence
# Answers of sites that ask for a login: a page, a redirect to one, or a refusal; others are faults.
_LOGIN_STATUS = {200, 206, 301, 302, 303, 307, 308, 401, 403}
_LICENCE = re.compile(r"(accept|agree)[^.]{0,80}(licen[cs]e|terms)|(licen[cs]e|terms)[^.]{0,80}(accept|agree)", re.IGNORECASE)
_REASON = re.compile(r"wrong|incorrect|invalid|denied|expired|refused|\bnot\b|error|must|accept|agree|please", re.IGNORECASE)


@dataclass(frozen=True)
class Login:
    """A site that wants a login. address: where to register and log in. fields: what it calls the values of ``variables``."""

    title: str
    address: str
    variables: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def is_cookie(self) -> bool:
        """Whether a session of the browser is used, and not a password."""
        return self.fields == ("PHPSESSID",)

    @property
    def how_to_log_in(self) -> str:
        """What the user is to do, before or after a refusal."""
        if self.is_cookie:
            return f"log in at {self.address} and set {self.variables[0]} to the value of the cookie {self.fields[0]}"
        return f"register at {self.address} and set {' and '.join(self.variables)}"


_TITLES = {"h36m_cookie": "Human3.6M", "amass_login": "AMASS", "mano_login": "SMPL+H (MANO)", "smpl_login": "DMPL (SMPL)"}
_FIELDS = {"h36m_cookie": ("PHPSESSID",)}
LOGINS = {
    access: Login(_TITLES[access], LOGIN_SITES[access], variables, _FIELDS.get(access, ("username", "password")))
    for access, variables in LOGIN_VARIABLES.items()
}


def credentials_for(access: str, environ: Mapping[str, str]) -> Credentials | None:
    """The credentials of a kind of access, from the environment alone; None where none are needed.

    Raises ``InputError`` that names the variables that are missing or cannot be right; it never holds their values.
    """
    if access not in LOGINS:
        return None
    login = LOGINS[access]
    words = {variable: environ.get(variable, "").rstrip("\r\n") for variable in login.variables}
    missing = [variable for variable, word in words.items() if not word]
    if missing:
        raise InputError(f"{login.title}: {' and '.join(missing)} not set in the environment; {login.how_to_log_in}")
    odd = [variable for variable, word in words.items() if not word.isprintable()]
    if odd:
        raise InputError(f"{login.title}: {' and '.join(odd)} has control characters; {login.how_to_log_in}")
    return {field: Secret(words[variable]) for variable, field in zip(login.variables, login.fields, strict=True)}


class RefusedError(InputError):
    """A site does not give a file. is_login: nor will it give others with this login."""

    def __init__(self, message: str, *, is_login: bool) -> None:
        super().__init__(message)
        self.is_login = is_login


def login_request(source: Source, credentials: Credentials, advice: str = "try again later") -> Request:
    """What to ask the site of a source for. credentials: by the ``fields`` of the login. advice: ends an error."""
    login = LOGINS[source.access]
    judge = partial(_refuse, login=login, credentials=credentials)
    if not login.is_cookie:
        return Request(source.url, form=credentials, judge=judge, advice=advice)
    for secret in credentials.values():
        if not re.fullmatch(r"[!#-+\--:<-\[\]-~]+", secret.reveal()):  # what a cookie may hold
            raise InputError(f"the value of {login.variables[0]} is not a session cookie; {login.how_to_log_in}")
    return Request(source.url, cookies=credentials, judge=judge, advice=advice)


def check_login(
    access: str,
    credentials: Credentials,
    sources: Sequence[Source],
    policy: FetchPolicy | None = None,
    session: requests.Session | None = None,
) -> None:
    """Ask for the first bytes of each source, and raise one ``InputError`` with all that the site refuses.

    A login that is wrong is tried once, lest the account be locked.
    """
    policy = policy or FetchPolicy()
    refused: defaultdict[str, list[str]] = defaultdict(list)
    with session or new_session() as opened:
        for source in sources:
            try:
                _check_source(opened, source, login_request(source, credentials), policy)
            except InputError as error:
                refused[str(error)].append(source.name)
                if isinstance(error, GaveUpError) or (isinstance(error, RefusedError) and error.is_login):
                    break
    if refused:
        lines = [f"{message} (asked for {', '.join(names)})" for message, names in refused.items()]
        raise InputError("\n".join([f"{LOGINS[access].title}: nothing was downloaded yet.", *lines]))
    _LOG.info("%s: the login is good for %s", LOGINS[access].title, ", ".join(source.name for source in sources))


def _check_source(session: requests.Session, source: Source, request: Request, policy: FetchPolicy) -> None:
    patience = Patience(policy, request)
    while True:
        try:
            with answer_to(session, request, {"Range": f"bytes=0-{PEEK - 1}"}, policy) as answer:
                fault = start_fault(answer.peek(PEEK), source.file)
        except TryAgainError as error:
            patience.wait_after(error)
            continue
        if fault is not None:
            raise InputError(f"{source.url}: {fault}")
        return


def _refuse(page: Page, login: Login, credentials: Credentials) -> None:
    """Raise ``RefusedError`` with what a page means that came instead of a file, unless it has nothing to do with the login."""
    if page.status not in _LOGIN_STATUS:
        return
    secrets = credentials.values()
    # Before the markup is taken out, because a secret may look like markup, and after, because it may have been spelt as such.
    line = redacted(_likely_reason(redacted(page.text, secrets)), secrets)[:_LONGEST_QUOTE]
    said = f"; the site says: {line}" if line else ""
    if login.is_cookie:
        message = f"the session has expired, or was never logged in; {login.how_to_log_in}{said}"
        raise RefusedError(message, is_login=True)
    if _asks_for_licence(page):
        message = f"its licence has not been accepted: read it and accept it yourself at {login.address}{said}"
        raise RefusedError(message, is_login=False)
    message = f"the login was refused; {login.how_to_log_in}, and accept the licence there{said}"
    raise RefusedError(message, is_login=True)


def _asks_for_licence(page: Page) -> bool:
    if re.search(r"licen[cs]e|terms", page.location, re.IGNORECASE):
        return True
    if re.search(r"<input[^>]+type\s*=\s*[\"']?password", page.text, re.IGNORECASE):  # the form to log in
        return False
    return bool(_LICENCE.search(" ".join(_lines(page.text))))


def _likely_reason(page: str) -> str:
    """The line of a page that most likely states why it came."""
    lines = _lines(page)
    return next((line for line in lines if _REASON.search(line)), lines[0] if lines else "")


def _lines(page: str) -> list[str]:
    """What a page shows, without its markup."""
    text = re.sub(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", " ", page, flags=re.IGNORECASE | re.DOTALL)
    text = re.sub(r"</?(p|div|br|h\d|li|tr|td|title|form|label|a)\b[^>]*>", "\n", text, flags=re.IGNORECASE)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return ["".join(c for c in line if c.isprintable()) for line in lines if line]
