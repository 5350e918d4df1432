"""What a machine has of what the workflow needs: findings, each in one line with a remedy, before anything starts.

Only the file system and the installed packages are looked at here; the caller passes what the environment and the driver
report.
"""

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement

from uplift_upsample.base.errors import InputError
from uplift_upsample.lift.clip_files import clip_files, is_clip_video
from uplift_upsample.machine.devices import Devices
from uplift_upsample.plan.sources import missing_data_message
from uplift_upsample.plan.study import Study
from uplift_upsample.plan.ways import LOGIN_SITES, LOGIN_VARIABLES, Surroundings

State = Literal["ok", "note", "warning", "fault"]
# What the demo needs: the studies' own limits are upper ones, and these are what it was seen to take.
DEMO_DISK, DEMO_MEMORY = 500_000_000, 2_500_000_000  # bytes
OLDEST_PYTHON = (3, 11)  # as pyproject.toml requires
VIDEO_PACKAGES = ("av", "ai-edge-litert")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    state: ``ok``; ``note``, nothing has to be done; ``warning``, something will not work or be slow; ``fault``, not even the demo
    can run. details: further lines, such as where to get missing files.
    """

    area: str
    state: State
    what: str
    details: tuple[str, ...] = ()


def demo_can_run(findings: Sequence[Finding]) -> bool:
    """Whether nothing that was found keeps the demo from running."""
    return not any(finding.state == "fault" for finding in findings)


def text_of(findings: Sequence[Finding]) -> str:
    """Findings for people, area by area in the order of their first finding."""
    signs = {"ok": "ok     ", "note": "       ", "warning": "WARNING", "fault": "FAULT  "}
    lines: list[str] = []
    for area in dict.fromkeys(finding.area for finding in findings):
        lines += ["", area]
        for finding in (finding for finding in findings if finding.area == area):
            lines.append(f"  {signs[finding.state]} {finding.what}")
            lines += [f"          {detail}" for detail in finding.details]
    can = "The demo can run." if demo_can_run(findings) else "The demo CANNOT run: see the faults above."
    return "\n".join([*lines[1:], "", can])


# ---- environment


def python_finding(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """The interpreter."""
    shown = ".".join(map(str, version))
    if version >= OLDEST_PYTHON:
        return Finding("Environment", "ok", f"Python {shown}")
    return Finding("Environment", "fault", f"Python {shown} is too old", ("3.11 or newer: make install PYTHON=python3.12",))


def package_findings(
    locks: Mapping[str, str], needed: Collection[str], installed: Callable[[str], str | None] | None = None
) -> list[Finding]:
    """Installed packages against the lock that fits them best: of two that fit equally, the one with more packages was installed.

    locks: text of each lock by its name. needed: distributions that the demo cannot do without. installed: version of a
    distribution, None if it is missing; left out, this interpreter's.
    """
    version_of = installed or _installed
    compared = {name: _differences(text, version_of) for name, text in locks.items()}
    absent = [name for name in needed if version_of(name) is None]
    found = []
    if absent:
        found.append(Finding("Environment", "fault", f"not installed: {', '.join(absent)}", ("make install",)))
    if compared:
        name, (num_pinned, differences) = min(compared.items(), key=lambda item: (len(item[1][1]), -item[1][0]))
        if differences:
            what = f"{len(differences)} of {num_pinned} packages are not those of {name}"
            shown = (*differences[:8], *(["..."] if len(differences) > 8 else []), "make install installs the lock")
            found.append(Finding("Environment", "warning", what, shown))
        else:
            found.append(Finding("Environment", "ok", f"{num_pinned} packages as in {name}"))
    return found


def _differences(lock: str, version_of: Callable[[str], str | None]) -> tuple[int, list[str]]:
    """Packages that a lock pins for this interpreter, and how those that are here differ."""
    num_pinned, differences = 0, []
    for line in re.findall(r"^[A-Za-z0-9][^\\\n]*==[^\\\n]*", lock, re.MULTILINE):
        try:
            requirement = Requirement(line.strip())
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        num_pinned += 1
        there = version_of(requirement.name)
        if there is None:
            differences.append(f"{requirement.name}: not installed, {requirement.specifier} in the lock")
        elif not requirement.specifier.contains(there, prereleases=True):
            differences.append(f"{requirement.name} {there}: {requirement.specifier} in the lock")
    return num_pinned, differences


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def command_finding(command: str, what_for: str) -> Finding:
    """A program that the workflow can do without."""
    if shutil.which(command):
        return Finding("Environment", "ok", command)
    return Finding("Environment", "note", f"{command} is not on the PATH: {what_for}")


# ---- machine


def machine_findings(
    num_cores: int, memory_bytes: int | None, folder: Path, largest_memory: Mapping[str, int], free_bytes: int | None = None
) -> list[Finding]:
    """Cores, memory and disk. largest_memory: MB that the largest job of each study may take. free_bytes: None, asked for here."""
    found = [Finding("Machine", "ok", f"{num_cores} cores")]
    if memory_bytes is None:
        found.append(Finding("Machine", "note", "memory: this system does not report how much there is"))
    else:
        shown = f"{memory_bytes / 1e9:.1f} GB of memory"
        too_large = {name: mega for name, mega in largest_memory.items() if mega * 1e6 > memory_bytes}
        tight = [f"{name}: a job may take {mega / 1e3:.1f} GB" for name, mega in too_large.items()]
        if memory_bytes < DEMO_MEMORY:
            found.append(Finding("Machine", "fault", f"{shown}; the demo needs {DEMO_MEMORY / 1e9:.1f} GB"))
        else:
            found.append(Finding("Machine", "warning" if tight else "ok", shown, tuple(tight)))
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    shown = f"{free / 1e9:.0f} GB of disk free" if free >= 10e9 else f"{free / 1e9:.1f} GB of disk free"
    found.append(Finding("Machine", "ok" if free >= DEMO_DISK else "fault", shown + ("" if free >= DEMO_DISK else "; make room")))
    closed = [name for name in ("results", "logs", ".snakemake") if not _can_write(folder / name)]
    if closed:
        found.append(Finding("Machine", "fault", f"no right to write: {', '.join(closed)}", ("chown or chmod these folders",)))
    return found


def _can_write(folder: Path) -> bool:
    """Whether a folder, or if it is missing the one around it, can be written to."""
    return os.access(folder if folder.exists() else folder.parent, os.W_OK)


def device_findings(devices: Devices, framework: str | None = None) -> list[Finding]:
    """GPUs: what the driver and the environment leave, and, where it was loaded, what the framework really uses.

    framework: the name of its device, ``cpu`` or that of a GPU; None, it was not asked.
    """
    if not devices.names:
        remedy = "fine for demo and open; much too slow for the paper's networks"
        return [Finding("GPU", "note", f"none: {devices.reason}", (remedy,))]
    listed = f"{len(devices.names)} listed by the driver: {', '.join(devices.names)}"
    if framework is None:
        return [Finding("GPU", "note", f"{listed}; whether the framework can use it: --estimate")]
    if framework == "cpu":
        remedies = ("make install GPU=1 installs the framework with CUDA", "TF_CPP_MIN_LOG_LEVEL=0 shows what is wrong")
        return [Finding("GPU", "warning", f"{listed}, but the framework uses none", remedies)]
    return [Finding("GPU", "ok", f"{listed}; the framework uses {framework}")]


# ---- data


def data_findings(study: Study, around: Surroundings, frames_of: Callable[[str], str]) -> list[Finding]:
    """The data sets that a study uses: there, to be made or fetched, or missing with where to get it.

    frames_of: path of the frames table of a data set.
    """
    found = []
    for dataset in study.used_datasets:
        source, frames = study.data[dataset], frames_of(dataset)
        area = f"Data of the study {study.name}"
        try:
            required = source.needs(around, frames)
        except InputError as error:
            found.append(Finding(area, "fault", f"{dataset}: {error}"))
            continue
        absent = [need for need in required if not need.is_met]
        if around.exists(frames) and around.holds(frames, source):
            found.append(Finding(area, "ok", f"{dataset}: ready ({frames})"))
        elif absent:
            # without the first and the last line, which speak of a start of the workflow
            details = _in_folders(missing_data_message(study.name, {dataset: absent}, study.data, around).splitlines()[3:-2])
            what = f"{dataset}: {len(absent)} of {len(required)} missing: {', '.join(need.what for need in absent)}"
            found.append(Finding(area, "warning", what, tuple(details)))
        else:
            found.append(Finding(area, "ok", f"{dataset}: {source.how(required)}"))
    return found


def _in_folders(lines: Sequence[str]) -> list[str]:
    """The lines of a message, with files of one folder that belong together in one line."""
    found: list[str] = []
    for line in lines:
        start, _, name = line.removeprefix("  ").rpartition("/")
        is_same = bool(found) and "put here: " in start and found[-1].startswith(f"{start}/")
        if is_same:
            found[-1] += f", {name}"
        else:
            found.append(line.removeprefix("  "))
    return found


def clip_findings(folder: Path, installed: Callable[[str], str | None] | None = None) -> list[Finding]:
    """The user's own clips: how many there are, and whether the packages that videos need are there."""
    area, version_of = "Your own clips", installed or _installed
    paths = [path for same in clip_files(folder)[0].values() for path in same] if folder.is_dir() else []
    num_videos = sum(is_clip_video(path) for path in paths)
    if paths:
        count = f"{num_videos} videos, {len(paths) - num_videos} of keypoints"
        found = [Finding(area, "ok", f"{len(paths)} in {folder} ({count}): snakemake --cores all people")]
    else:
        found = [Finding(area, "note", f"none in {folder}; docs/own_video.md describes what to put there")]
    absent = [name for name in VIDEO_PACKAGES if version_of(name) is None]
    if absent:
        state: State = "warning" if num_videos else "note"
        what = f"videos cannot be read: {', '.join(absent)} not installed; keypoint files can"
        return [*found, Finding(area, state, what, ("make install",))]
    return [*found, Finding(area, "ok", f"videos can be read: {' and '.join(VIDEO_PACKAGES)}")]


def login_findings(logins: Collection[str]) -> list[Finding]:
    """Logins in the environment: whether they are set, never what they are."""
    found = []
    for login, variables in LOGIN_VARIABLES.items():
        names = " and ".join(variables)
        if login in logins:
            found.append(Finding("Logins", "ok", f"{names}: set (checked before the first download)"))
        else:
            found.append(Finding("Logins", "note", f"{names}: not set; {LOGIN_SITES[login]}"))
    return found
