"""The clips in a folder of the user, each with the plan of what is done with it."""

import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import shown, suggestion
from uplift_upsample.data.keypoints.layouts import layout_named
from uplift_upsample.lift.clip_files import KEYPOINTS, VIDEOS, clip_files, is_clip_video
from uplift_upsample.lift.known_weights import KnownWeights, weights_named
from uplift_upsample.lift.readout import readout_metadata
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.plan.people import OF_KEYPOINTS, ClipPlan, PeoplePlan

# What neither a path of the workflow, nor a file name on every system can hold; surrogates are bytes that are no UTF-8.
_NO_NAME = re.compile(r'[{}<>:"|?*\\\x00-\x1f\ud800-\udfff]|^-|[ .]$')


@dataclass(frozen=True)
class OwnClip:
    """path: of the file or folder. known: the weights. s_in: the number that the plan comes to. readout: what it comes to, where
    that is not the paper's (``readout_metadata``).
    """

    name: str
    path: Path
    is_video: bool
    plan: ClipPlan
    known: KnownWeights
    s_in: int
    readout: Mapping[str, Any]


def own_clips(people: PeoplePlan) -> dict[str, OwnClip]:
    """The clips of the folder by name.

    Raises ``InputError`` for an empty folder, and with all that is wrong with names and plans.
    """
    folder = Path(people.folder)
    found, others = clip_files(folder) if folder.is_dir() else ({}, [])
    if not found:
        beside = f" ({others[0].name} is neither)" if others else ""
        raise InputError(
            f"{folder}: there is no clip{beside}. Put videos ({', '.join(VIDEOS[:5])}, ...) there, keypoint files "
            f"({', '.join(KEYPOINTS)}) or folders with a keypoint file for each frame; docs/own_video.md has the formats"
        )
    faults = [*_name_faults(found), *_reading_faults(found), *_unknown_faults(people, found)]
    clips, named = {}, functools.cache(weights_named)
    for name, [path, *_] in found.items():
        try:
            clips[name] = _own_clip(people, name, path, named)
        except InputError as error:
            where = f"people.clips.{name}" if name in people.clips else "people"
            faults.append(f"{where}: {error}")
    if faults:
        raise InputError("\n".join(dict.fromkeys(faults)))
    return clips


def _own_clip(people: PeoplePlan, name: str, path: Path, named: Callable[..., KnownWeights]) -> OwnClip:
    plan, is_video = people.of_clip(name), is_clip_video(path)
    meaningless = [key for key in OF_KEYPOINTS if is_video and key in people.clips.get(name, {})]
    if meaningless:
        raise InputError(f"{meaningless[0]} is for keypoint files; {path.name} is a video, which contains it")
    if plan.layout is not None:
        layout_named(plan.layout)
    known = named(plan.weights, plan.config, plan.skeleton)
    uplifter = Uplifter(known, readout=plan.readout, hop=plan.hop, blend=plan.blend)
    return OwnClip(name, path, is_video, plan, known, uplifter.stride(plan.s_in), readout_metadata(uplifter.evaluate))


def _name_faults(found: Mapping[str, list[Path]]) -> list[str]:
    faults = []
    for name, paths in found.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            faults.append(f"{paths[0].parent}: {names} have one name, and so would their results; rename one")
        if _NO_NAME.search(name):
            faults.append(f"{paths[0].parent}: {shown(paths[0].name)} cannot be the name of a folder of results; rename it")
    return faults


def _reading_faults(found: Mapping[str, list[Path]]) -> list[str]:
    return [
        f"{path}: it cannot be read; {'the link leads nowhere' if path.is_symlink() and not path.exists() else 'check its rights'}"
        for paths in found.values()
        for path in paths
        if not os.access(path, os.R_OK)
    ]


def _unknown_faults(people: PeoplePlan, found: Mapping[str, list[Path]]) -> list[str]:
    return [
        f"people.clips.{name}: {people.folder} has no such clip{suggestion(name, found)}; it has {', '.join(found)}"
        for name in people.clips
        if name not in found
    ]
