"""Cores and GPUs of one machine: which there are, which a job may use, and a slot for each, so that no two jobs take the same one.

Snakemake limits how many GPUs are in use at a time, but does not assign a device to each job. So each job takes its own itself: it
locks a file named after each. The kernel gives the locks back when the job ends, however it ends.
"""

import fcntl
import logging
import os
import random
import re
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from uplift_upsample.base.errors import InputError

logger = logging.getLogger(__name__)
PATIENCE = 60.0  # seconds that a driver may take to answer; after a reset of the devices it takes some
PAUSE = 0.5  # seconds between two looks for a free device; chosen: short beside a training
VISIBLE = "CUDA_VISIBLE_DEVICES"


def usable_cores() -> int:
    """Processor cores that this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# What a scheduler sets for the devices that it assigned, where it leaves CUDA's own variable alone.
ASSIGNED = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
QUERY = ("--query-gpu=index,uuid", "--format=csv,noheader")


@dataclass(frozen=True)
class Devices:
    """Devices by their identity (UUIDs where the driver lists them). reason: why there are none; empty where there are."""

    names: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Listing:
    """What the driver lists: UUID by index. is_known: whether it could be asked at all. reason: why there is nothing."""

    uuids: Mapping[str, str] = field(default_factory=dict)
    is_known: bool = True
    reason: str = ""


def listed_devices(nvidia_smi: str | None) -> Listing:
    """Ask the driver's command for the devices of this machine. nvidia_smi: its path, None where there is none."""
    if nvidia_smi is None:
        return Listing(is_known=False, reason="nvidia-smi is not installed, so there is no NVIDIA driver")
    try:
        answer = subprocess.run(
            [nvidia_smi, *QUERY], capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Listing(reason=f"nvidia-smi did not answer within {PATIENCE:.0f} seconds")
    except OSError as error:
        return Listing(reason=f"nvidia-smi cannot be run: {error.strerror}")
    uuids = dict(re.findall(r"^(\d+), *([\w-]+)\s*$", answer.stdout, re.MULTILINE))
    if answer.returncode == 0 and uuids:
        return Listing(uuids)
    said = " ".join(f"{answer.stdout} {answer.stderr}".split())
    return Listing(reason=f"nvidia-smi reports: {said}" if said else "nvidia-smi lists no GPU")


def offered_devices(environment: Mapping[str, str], listing: Listing, index: int | None = None) -> Devices:
    """The devices that the environment variables leave to a job; what a scheduler did not assign is not taken.

    index: of the only one that will do, as ``nvidia-smi`` counts; None, any.
    """
    if listing.is_known and listing.reason:
        return Devices(reason=listing.reason)
    variable = next((name for name in (VISIBLE, *ASSIGNED) if name in environment), None)
    if variable is not None:
        offered = _named_devices(listing, environment[variable], variable)
    elif "SLURM_JOB_ID" in environment and listing.uuids:
        offered = Devices(reason="SLURM gave this job none (--gpus=1 asks for one)")
    else:
        offered = Devices(tuple(listing.uuids.values()), listing.reason)
    if index is None or not offered.names:
        return offered
    chosen = _named_devices(listing, str(index), "the number")
    if chosen.names and chosen.names[0] not in offered.names:
        return Devices(
            reason=f"number {index} is not among those that the environment leaves to this job, {', '.join(offered.names)}"
        )
    return chosen


def too_few_devices(devices: Devices, count: int) -> str:
    """Why a job cannot have several devices; empty where it can, or where it needs no more than one."""
    if count == 1 or len(devices.names) >= count:
        return ""
    return f"no more can be had than {', '.join(devices.names)}" if devices.names else f"there is no GPU: {devices.reason}"


def _named_devices(listing: Listing, visible: str, variable: str) -> Devices:
    """The devices that a value of CUDA_VISIBLE_DEVICES names: indices or UUIDs (their beginnings, too), separated by commas.

    An entry that means no device hides those behind it, as for CUDA. Indices are those of ``nvidia-smi``.
    """
    names: list[str] = []
    for entry in map(str.strip, visible.split(",")):
        name = _identity(entry, listing)
        if name is None:
            break
        if name not in names:
            names.append(name)
    reason = "" if names else f"{variable} is {visible!r}, which leaves no GPU" + _among(listing)
    return Devices(tuple(names), reason)


def _among(listing: Listing) -> str:
    return f" of {', '.join(f'{index} ({uuid})' for index, uuid in listing.uuids.items())}" if listing.uuids else ""


def _identity(entry: str, listing: Listing) -> str | None:
    """What an entry of CUDA_VISIBLE_DEVICES means; None where that is not a device."""
    if re.fullmatch(r"MIG-[\w/-]+", entry):
        return entry  # a part of a GPU, which is not listed
    if not listing.is_known:
        return entry if re.fullmatch(r"\d+|GPU-[\w-]+", entry) else None
    if entry.isdecimal():
        return listing.uuids.get(str(int(entry)))
    matches = [uuid for uuid in listing.uuids.values() if entry.startswith("GPU-") and uuid.startswith(entry)]
    return matches[0] if len(matches) == 1 else None


class Slot:
    """A device that this process holds until it ends, or gives it back; a forked child does not hold it."""

    def __init__(self, device: str, descriptor: int) -> None:
        self.device = device
        self._descriptor: int | None = descriptor
        os.register_at_fork(after_in_child=self.release)  # closes the child's copy only: the lock stays with the parent's

    def release(self) -> None:
        """Give the device back."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def __enter__(self) -> "Slot":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()


def claim_devices(candidates: Sequence[str], count: int, folder: str | os.PathLike[str]) -> list[Slot]:
    """Take the first of some devices that no other job holds, and wait where there are not ``count`` of them.

    All or nothing: a job that waits holds none, so jobs that want several never wait for each other. They look in the same order,
    and after pauses of different lengths, so that one of them gets ahead.

    folder: of the lock files; on this machine's own disk, made if it is missing, for this user alone. Raises ``InputError``
    when it is a link, belongs to somebody else, or others may write there.
    """
    if not 0 < count <= len(candidates):
        raise ValueError(f"{count} of {len(candidates)} devices")
    place = _private_folder(folder)
    ordered = sorted(candidates) if count > 1 else candidates
    try:
        is_reported = False
        while True:
            slots = _free_slots(ordered, count, place, folder)
            if slots:
                if is_reported:
                    logger.info("took %s", ", ".join(slot.device for slot in slots))
                return slots
            if not is_reported:
                held = ", ".join(f"{device} (process {_holder(place, device)})" for device in candidates)
                logger.warning("waiting for %s; jobs of this user hold %s", "a GPU" if count == 1 else f"{count} GPUs", held)
                is_reported = True
            time.sleep(PAUSE * random.uniform(0.5, 1.5))
    finally:
        os.close(place)


def _free_slots(candidates: Sequence[str], count: int, place: int, folder: str | os.PathLike[str]) -> list[Slot]:
    """``count`` devices that nobody held, or none."""
    found: dict[str, int] = {}
    try:
        for device in candidates:
            descriptor = _locked(place, device, folder)
            if descriptor is not None:
                found[device] = descriptor
            if len(found) == count:
                slots = [Slot(*item) for item in found.items()]
                found = {}
                return slots
        return []
    finally:
        for descriptor in found.values():
            os.close(descriptor)


def _private_folder(folder: str | os.PathLike[str]) -> int:
    """Descriptor of the folder with the lock files. Whoever can write there could keep all jobs waiting."""
    try:
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise InputError(
            f"{folder}: jobs note here which GPU they hold, but the folder cannot be used ({error.strerror}); "
            "remove it, or let TMPDIR name another place"
        ) from None
    status = os.fstat(descriptor)
    if status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077:
        return descriptor
    os.close(descriptor)
    fault = "belongs to another user" if status.st_uid != os.geteuid() else "is open to other users (chmod 700 closes it)"
    raise InputError(f"{folder}: jobs note here which GPU they hold, and it {fault}; remove it, or let TMPDIR name another place")


def _file_of(device: str) -> str:
    return re.sub(r"[^\w-]", "_", device) + ".lock"


def _locked(place: int, device: str, folder: str | os.PathLike[str]) -> int | None:
    """Descriptor of the locked file of a device; None when another process has the lock."""
    name = _file_of(device)
    while True:
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=place)
        except OSError as error:
            raise InputError(f"{folder}/{name}: the lock of a GPU cannot be opened ({error.strerror}); remove it") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise InputError(f"{folder}: files cannot be locked here ({error.strerror}); let TMPDIR name another place") from None
        if _is_still(place, name, descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor
        os.close(descriptor)  # somebody who cleans temporary files deleted it between opening and locking: the lock is nobody's


def _is_still(place: int, name: str, descriptor: int) -> bool:
    """Whether an open file is the one that has this name now."""
    try:
        now = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(now, os.fstat(descriptor))


def _holder(place: int, device: str) -> str:
    """The process that holds a device, as it noted itself."""
    try:
        descriptor = os.open(_file_of(device), os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place)
    except OSError:
        return "unknown"
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        return file.read(20).strip() or "unknown"
