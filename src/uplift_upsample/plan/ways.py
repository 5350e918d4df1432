"""Where the files of a data set come from.

There are three ways: a converted file that the user has, at the place that the configuration names; original archives in
``data/raw``, put there by the user; archives that the workflow downloads, openly or with the user's login. The first available one
is used. Nothing is opened here: the caller passes which files exist and which logins are set.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from uplift_upsample.errors import InputError
from uplift_upsample.plan.amass_subsets import file_names, subset_name

RAW = "data/raw"  # original files, fetched or put there by the user
CONVERTED = "results/data"  # made from them, for all studies
H36M_SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
BODY_MODEL = f"{CONVERTED}/amass/body_model.npz"
BODY_MODEL_SOURCES = ("smplh", "dmpls", "h36m_regressor")
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

    holds: whether a frames table that exists is made of what a data set of the configuration describes.
    """

    sources: Mapping[str, Mapping[str, str]]
    logins: Collection[str]
    exists: Callable[[str], bool]
    holds: Callable[[str, Mapping[str, Any]], bool] = lambda frames, source: True

    def raw(self, source: str) -> str:
        """Where the original file lies, or will."""
        return f"{RAW}/{self.sources[source]['file']}"

    def is_at_hand(self, source: str, *, can_fetch: bool) -> bool:
        """Whether an original file is there, or, if it may be, can be fetched."""
        access = self.sources[source]["access"]
        return self.exists(self.raw(source)) or (can_fetch and (access not in LOGIN_VARIABLES or access in self.logins))


@dataclass(frozen=True)
class Need:
    """One file that a data set is made from.

    what: in words. own: where a converted file of the user belongs. used: the file that jobs take, ``own`` or one that is made;
    ``own``, which is not there, where no way is open.
    sources: the original files behind ``used``. absent: those of them that are neither there nor can be fetched.
    """

    what: str
    own: str
    used: str
    sources: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    is_met: bool = True


def manifest_of(source: str) -> str:
    """The file that says where an original file lies and what its checksum is."""
    return f"{CONVERTED}/sources/{source}.json"


def is_generated(path: str) -> bool:
    """Whether the workflow makes a file, as its path says."""
    return PurePath(path).parts[:1] == ("results",)


def needs(source: Mapping[str, Any], around: Surroundings, frames: str) -> list[Need]:
    """What a data set of the configuration is made from. frames: path of its frames table, ``.../{dataset}.h5``.

    Once there is a frames table of this data, nothing is fetched for it again: its sources may be deleted. Raises ``InputError``
    where two files of the user are one AMASS subset.
    """
    if around.exists(frames):
        found = _needs(source, around, frames, can_fetch=False)
        if all(need.is_met for need in found) or around.holds(frames, source):
            return found
    return _needs(source, around, frames, can_fetch=True)


def _needs(source: Mapping[str, Any], around: Surroundings, frames: str, *, can_fetch: bool) -> list[Need]:
    if source["kind"] == "h36m":
        return _h36m_needs(source, around, can_fetch)
    if source["kind"] == "amass":
        own = source.get("own", {})
        return [
            _own_capture(subset, own[subset], f"{frames.removesuffix('.h5')}/{subset}.npz", around)
            if subset in own
            else _subset(subset, _converted_subset(source["folder"], subset, around), around, can_fetch)
            for subset in [*map(subset_name, source["subsets"]), *(subset for subset in own if subset not in source["subsets"])]
        ]
    if source["kind"] == "mocap":
        return [_own_capture("motion capture", source["folder"], source["folder"], around)]
    return []


def _h36m_needs(source: Mapping[str, Any], around: Surroundings, can_fetch: bool) -> list[Need]:
    archives = tuple(f"h36m_{subject}" for subject in H36M_SUBJECTS)
    input_2d = source["input_2d"]
    own_2d = source["poses_2d"].format(input_2d=input_2d)
    poses_3d = _need("3D poses", source["poses_3d"], f"{CONVERTED}/h36m/data_3d_h36m.npz", archives, around, can_fetch)
    if input_2d == "gt":
        return [poses_3d, _need("2D poses", own_2d, f"{CONVERTED}/h36m/data_2d_h36m_gt.npz", archives, around, can_fetch)]
    detections = f"h36m_{input_2d}"
    if detections not in around.sources:
        return [poses_3d, _need("2D poses", own_2d, None, (), around, can_fetch)]
    return [poses_3d, _need("2D poses", own_2d, manifest_of(detections), (detections,), around, can_fetch)]


def _converted_subset(folder: str, subset: str, around: Surroundings) -> str:
    """The user's converted file of a subset, under whichever of its names it is there."""
    paths = [f"{folder}/{name}.npz" for name in file_names(subset)]
    there = [path for path in paths if not is_generated(path) and around.exists(path)]
    if len(there) > 1:
        raise InputError(f"AMASS: {' and '.join(there)} are files of one subset, {subset}; delete all but one")
    return there[0] if there else paths[0]


def _subset(subset: str, own: str, around: Surroundings, can_fetch: bool) -> Need:
    if f"amass_{subset}" not in around.sources:
        return _need(subset, own, None, (), around, can_fetch)
    sources = (f"amass_{subset}", *(() if around.exists(BODY_MODEL) else BODY_MODEL_SOURCES))
    return _need(subset, own, f"{CONVERTED}/amass/{subset}.npz", sources, around, can_fetch)


def _own_capture(what: str, folder: str, used: str, around: Surroundings) -> Need:
    return Need(what, folder, used, is_met=around.exists(folder))


def _need(what: str, own: str, made: str | None, sources: tuple[str, ...], around: Surroundings, can_fetch: bool) -> Need:
    if is_generated(own) or around.exists(own):
        return Need(what, own, own)
    if made is None:
        return Need(what, own, own, is_met=False)
    if around.exists(made):
        return Need(what, own, made, sources)
    absent = tuple(source for source in sources if not around.is_at_hand(source, can_fetch=can_fetch))
    return Need(what, own, own if absent else made, sources, absent, is_met=not absent)
