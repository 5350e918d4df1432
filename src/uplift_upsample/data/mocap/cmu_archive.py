"""The CMU motion capture database as one zip file: the files of a subject out of it."""

import contextlib
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing
from uplift_upsample.data.download.archives import Limits, read_members
from uplift_upsample.data.download.fetch import Fetched, fetch
from uplift_upsample.data.mocap.cmu_trials import Trial, acclaim_fault, files_of

_LOG = logging.getLogger(__name__)
# The whole database is 1.1 GB packed, its largest file 20 MB unpacked.
_LIMITS = Limits(max_member_bytes=256 << 20, max_total_bytes=16 << 30)
_LAYOUT = "subjects"


def unpack_subject(
    archive: str | os.PathLike[str], trials: Sequence[Trial], cache: str | os.PathLike[str], origin: str | None = None
) -> dict[str, Fetched]:
    """Take the skeleton and all motions of one subject out of the zip file of the whole database.

    The site has it as ``allasfamc.zip``, with members ``all_asfamc/subjects/01/01_08.amc``; the first folder may be missing. Files
    that ``cache`` has already, whole, are not read again; the others are decompressed alone, checked like a download, and kept
    there with the layout of the site. origin: where the archive came from, if the path does not show it.

    Returns what ``cmu_trials.fetch_subject`` does. Raises ``InputError`` for an archive that cannot be read, a file that it
    does not have, or has twice, and for one with another checksum.
    """
    origin, cache = os.fspath(archive) if origin is None else origin, Path(cache)
    wanted = files_of(trials)
    fetched: dict[str, Fetched] = {}
    for name, checksums in wanted.items():
        with contextlib.suppress(InputError):  # it is not there, or damaged
            fetched[name] = _checked(cache / name, checksums)
    missing = wanted.keys() - fetched.keys()
    found: dict[str, str] = {}
    for member, content in read_members(archive, lambda member: _in_layout(member) in missing, _LIMITS) if missing else ():
        name = _in_layout(member)
        if name in found:
            raise InputError(f"{archive}: both {found[name]!r} and {member!r} may be {name}; use the original archive of the site")
        found[name] = member
        with replacing(cache / name) as aside:
            aside.write_bytes(content)
            try:
                fetched[name] = replace(_checked(aside, wanted[name]), path=cache / name)
            except InputError as error:
                fault = str(error).removeprefix(f"{aside}: ")
                raise InputError(f"{archive}: the member {member!r}: {fault}") from None
    lost = sorted(missing - found.keys())
    if lost:
        raise InputError(
            f"{archive}: it has no {', '.join(lost)}; is it the archive of all ASF/AMC files? Single files come from the site or a "
            "mirror, with its address as the source"
        )
    _LOG.info("%s: %d files, %d of them unpacked now", trials[0].subject, len(fetched), len(found))
    return {name: replace(fetched[name], origin=f"{origin}/{name}") for name in wanted}


def _in_layout(member: str) -> str:
    """The path in the layout of the site: without the folders around ``subjects``."""
    folders = member.split("/")
    return "/".join(folders[folders.index(_LAYOUT) :]) if _LAYOUT in folders else member


def _checked(path: Path, checksums: Sequence[str]) -> Fetched:
    """A file that is here. Raises ``InputError`` where it is not the right one."""
    return fetch(path, path, sha256=checksums, ignore_carriage_returns=True, check=acclaim_fault)
