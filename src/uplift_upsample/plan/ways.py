"""Where the files of a data set come from.

There are three ways: a converted file that the user has, at the place that the configuration names; original archives in
``data/raw``, put there by the user; archives that the workflow downloads, openly or with the user's login. The first available one
is used. Nothing is opened here: the caller passes which files exist and which logins are set.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

RAW = "data/raw"  # original files, fetched or put there by the user
CONVERTED = "results/data"  # made from them, for all studies
BY_HAND = "by_hand"  # in the column `access`: behind an address that a program cannot fetch a file from
# The environment variables that hold a login, by the word in the column `access` of the table of sources.
LOGIN_VARIABLES = {
    "h36m_cookie": ("H36M_PHPSESSID",),
    "amass_login": ("AMASS_USERNAME", "AMASS_PASSWORD"),
    "mano_login": ("MANO_USERNAME", "MANO_PASSWORD"),
    "smpl_login": ("SMPL_USERNAME", "SMPL_PASSWORD"),
}

# Where to register and log in.
LOGIN_SITES = {
    "h36m_cookie": "http://vision.imar.ro/human3.6m",
    "amass_login": "https://amass.is.tue.mpg.de",
    "mano_login": "https://mano.is.tue.mpg.de",
    "smpl_login": "https://smpl.is.tue.mpg.de",
}


@dataclass(frozen=True)
class Surroundings:
    """What there is: rows of the table of sources by name, logins (keys of ``LOGIN_VARIABLES``), files.

    holds: whether a frames table that exists is made of what a data set of the configuration (``datasets.DataSet``) describes.
    """

    sources: Mapping[str, Mapping[str, str]]
    logins: Collection[str]
    exists: Callable[[str], bool]
    holds: Callable[[str, Any], bool] = lambda frames, source: True

    def raw(self, source: str) -> str:
        """Where the original file lies, or will."""
        return f"{RAW}/{self.sources[source]['file']}"

    def is_at_hand(self, source: str, *, can_fetch: bool) -> bool:
        """Whether an original file exists, or, if it may be, can be fetched."""
        access = self.sources[source]["access"]
        is_open = access != BY_HAND and (access not in LOGIN_VARIABLES or access in self.logins)
        return self.exists(self.raw(source)) or (can_fetch and is_open)


@dataclass(frozen=True)
class Need:
    """One file that a data set is made from.

    what: in words. own: where a converted file of the user belongs. used: the file that jobs read: ``own`` or a generated one.
    If it can be neither found nor made (``is_met`` is false), ``used`` is ``own``, the place where the user should put it.
    sources: the original files behind ``used``. absent: those of them that are neither there nor can be fetched.
    """

    what: str
    own: str
    used: str
    sources: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    is_met: bool = True


def frames_of(study: str, dataset: str) -> str:
    """The frames table of a data set of a study."""
    return f"results/{study}/data/{dataset}.h5"


def manifest_of(source: str) -> str:
    """The file with the place of an original file and its checksum."""
    return f"{CONVERTED}/sources/{source}.json"


def is_generated(path: str) -> bool:
    """Whether the workflow makes a file, by its path."""
    return PurePath(path).parts[:1] == ("results",)


def of_the_user(what: str, own: str, around: Surroundings) -> Need:
    """A need that only a file or folder of the user meets."""
    return Need(what, own, own, is_met=is_generated(own) or around.exists(own))


def of_archives(what: str, own: str, made: str, sources: tuple[str, ...], around: Surroundings, *, can_fetch: bool) -> Need:
    """A need that a file of the user meets, or one that is made from original files."""
    if is_generated(own) or around.exists(own):
        return Need(what, own, own)
    if around.exists(made):
        return Need(what, own, made, sources)
    absent = tuple(source for source in sources if not around.is_at_hand(source, can_fetch=can_fetch))
    return Need(what, own, own if absent else made, sources, absent, is_met=not absent)
