"""Secrets, which appear in no message, log, representation or pickle."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn
from urllib.parse import quote, quote_plus

HIDDEN = "(hidden)"


class Secret:
    """A word that shows itself only when it is asked to, for sending it to the site that it is for."""

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def reveal(self) -> str:
        """The word itself."""
        return self._word

    def __repr__(self) -> str:
        return f"Secret{HIDDEN}"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is written nowhere")


Credentials = Mapping[str, Secret]  # by the name of the cookie or the field of the form that carries them


def redacted(text: str, secrets: Iterable[Secret]) -> str:
    """A text without the secrets, also where they stand in the spelling of an address, a form or a page."""
    words = {secret.reveal() for secret in secrets} - {""}
    spellings = {spell(word) for word in words for spell in (str, quote, _quote_all, quote_plus, html.escape, _inside_quotes)}
    if not spellings:
        return text
    return re.sub("|".join(re.escape(word) for word in sorted(spellings, key=len, reverse=True)), HIDDEN, text)


def _quote_all(word: str) -> str:
    return quote(word, safe="")


def _inside_quotes(word: str) -> str:
    return repr(word)[1:-1]
