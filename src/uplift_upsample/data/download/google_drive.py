"""Files on Google Drive, which asks for confirmation or limits the number of downloads.

gdown is the library that keeps up with these pages: it reads them here. The bytes come as from every other site, so that
they are resumed, checked and limited in the same way.
"""

import re
from functools import partial
from urllib.parse import urlsplit

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download.http_answers import Page, Request
from uplift_upsample.data.download.source_files import Source

_HOSTS = (".google.com", ".googleusercontent.com")


def drive_request(source: Source, place: str) -> Request:
    """What to ask Google Drive for. place: where somebody would put the file by hand, for errors."""
    match = re.search(r"/file/d/([\w-]+)|[?&]id=([\w-]+)", source.url)
    if urlsplit(source.url).hostname != "drive.google.com" or match is None:
        raise InputError(
            f"{source.name}: {source.url} is not the address of a file on Google Drive (https://drive.google.com/file/d/...)"
        )
    advice = (
        f"Google Drive limits how often a file is downloaded: try again tomorrow, or open {source.url} in a browser, "
        f"download the file and put it at {place}"
    )
    judge = partial(_address_behind, name=source.name, advice=advice)
    return Request(f"https://drive.google.com/uc?id={match[1] or match[2]}", judge=judge, advice=advice)


def _address_behind(page: Page, name: str, advice: str) -> str:
    """The address behind "download anyway". Raises ``InputError`` for a page without one: too many downloads, no access."""
    # Here, because others need not wait for its page parser.
    from gdown.download import get_url_from_gdrive_confirmation
    from gdown.exceptions import FileURLRetrievalError

    try:
        address = get_url_from_gdrive_confirmation(page.text)
        parts = urlsplit(address)
    except FileURLRetrievalError as error:
        said = " ".join(re.sub(r"<[^>]*>", " ", str(error)).split())[:200]
        raise InputError(f"{name}: Google Drive does not give the file ({said}); {advice}") from None
    except (AssertionError, KeyError, ValueError):  # a form of a kind that it does not know, or to no address
        raise InputError(f"{name}: Google Drive does not give the file, but an unknown page; {advice}") from None
    if parts.scheme != "https" or not (parts.hostname or "").endswith(_HOSTS):
        raise InputError(f"{name}: Google Drive sends to {parts.hostname}, which is not its own; {advice}")
    return address
