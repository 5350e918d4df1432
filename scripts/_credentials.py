"""Logins, which come from the environment alone."""

import os

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download.credentials import Credentials, Secret
from uplift_upsample.data.download.site_logins import LOGINS


def credentials_for(access: str) -> Credentials | None:
    """The credentials of a kind of access, by the name of the cookie or field that carries them; None where none are needed.

    Raises ``InputError`` that names the variables that are missing or cannot be right; it never holds their values.
    """
    if access not in LOGINS:
        return None
    login = LOGINS[access]
    words = {variable: os.environ.get(variable, "").rstrip("\r\n") for variable in login.variables}
    missing = [variable for variable, word in words.items() if not word]
    if missing:
        raise InputError(f"{login.title}: {' and '.join(missing)} not set in the environment; {login.how_to_log_in}")
    odd = [variable for variable, word in words.items() if not word.isprintable()]
    if odd:
        raise InputError(f"{login.title}: {' and '.join(odd)} has control characters; {login.how_to_log_in}")
    return {field: Secret(words[variable]) for variable, field in zip(login.variables, login.fields, strict=True)}
