"""Rounds of jobs that want more GPUs than there are, some of them killed while they hold one; the GPUs are stand-ins."""

import fcntl
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from world.devices import UUIDS, Machine, collisions, device_of, times_of

ROUNDS = 40
JOBS = 6  # side by side, on two devices
KILLED = 2  # of each round


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_devices(tmp_path: Path, recorded: Callable[[str, Sequence[str]], None]) -> None:
    machine = Machine(tmp_path / "machine")
    dice = random.Random(0)
    num_ended = num_killed = num_killed_holding = num_collisions = num_lost = 0
    for _ in range(ROUNDS):
        jobs = [machine.start("--device", "gpu", "--seconds", round(dice.uniform(0.02, 0.2), 3)) for _ in range(JOBS)]
        time.sleep(dice.uniform(0.1, 0.8))
        victims = dice.sample(jobs, KILLED)
        for job in victims:
            job.kill()
        held = []
        for job in jobs:
            said, complaint = job.communicate(timeout=60)
            if job.returncode == 0:
                num_ended += 1
                held.append((device_of(said), times_of(said)))
            else:
                assert job in victims, complaint
                num_killed += 1
                num_killed_holding += "runs on" in said
        num_collisions += collisions(held)
        num_lost += sum(is_locked(machine.slots / f"{device}.lock") for device in UUIDS)
    assert num_collisions == num_lost == 0
    assert num_killed_holding > 0, "no job was killed while it held a device"
    recorded(
        "devices",
        [
            "| what | count |",
            "|---|---|",
            f"| rounds of {JOBS} jobs for {len(UUIDS)} stand-in devices | {ROUNDS} |",
            f"| jobs that ended well | {num_ended} |",
            f"| jobs killed (SIGKILL), of them while they held a device | {num_killed}, {num_killed_holding} |",
            f"| times that two jobs had one device | {num_collisions} |",
            f"| devices that were not free after a round | {num_lost} |",
        ],
    )
