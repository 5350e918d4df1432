"""The CMU motion capture database as one zip file: the files of a subject out of it."""

import logging
import os
from collections.abc import Sequence
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
    fetched = {name: _checked(cache / name, f"{origin}/{name}", checksums) for name, checksums in wanted.items()}
    missing = {name for name, file in fetched.items() if file is None}
    found: dict[str, str] = {}
    for member, content in read_members(archive, lambda member: _in_layout(member) in missing, _LIMITS) if missing else ():
        name = _in_layout(member)
        if name in found:
            raise InputError(f"{archive}: both {found[name]!r} and {member!r} may be {name}; use the original archive of the site")
        found[name] = member
        with replacing(cache / name) as aside:
            aside.write_bytes(content)
            fault = _fault(aside, wanted[name])
            if fault is not None:
                raise InputError(f"{archive}: the member {member!r}: {fault}")
        fetched[name] = _checked(cache / name, f"{origin}/{name}", wanted[name])
    lost = sorted(missing - set(found))
    if lost:
        raise InputError(
            f"{archive}: it has no {', '.join(lost)}; is it the archive of all ASF/AMC files? Single files come from the site or a "
            "mirror, with its address as the source"
        )
    _LOG.info("%s: %d files, %d of them unpacked now", trials[0].subject, len(fetched), len(found))
    return {name: file for name, file in fetched.items() if file is not None}


def _in_layout(member: str) -> str:
    """The path in the layout of the site: without the folders around ``subjects``."""
    folders = member.split("/")
    return "/".join(folders[folders.index(_LAYOUT) :]) if _LAYOUT in folders else member


def _checked(path: Path, origin: str, checksums: Sequence[str]) -> Fetched | None:
    """An existing file that is the right one."""
    if not path.is_file() or _fault(path, checksums) is not None:
        return None
    local = fetch(path, path)
    return Fetched(path, origin, local.sha256, local.num_bytes, is_downloaded=False)


def _fault(path: Path, checksums: Sequence[str]) -> str | None:
    """What ``fetch`` finds wrong with a file."""
    try:
        fetch(path, path, sha256=checksums, ignore_carriage_returns=True, check=acclaim_fault)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    return None
