"""Single rounds: a training is killed, runs out of disk, or finds its files damaged, and is started again."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from victims import EPOCHS, STEPS_PER_EPOCH, Job, Training, fill, resumed_at, start_really, until_moment

from uplift_upsample.train.checkpoint import CheckpointFolder

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
NUM_AT_ONCE = 2
STOPPED = 143  # the exit code of a training that wrote its checkpoint


@dataclass
class Tally:
    """What was done and found; written down at the end."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds_to_end: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **counts: int) -> None:
        with self.lock:
            self.counts.update(counts)

    def say(self, what: str, figure: object) -> None:
        self.lines.append(f"| {what} | {figure} |")


def at_once(work: Sequence[Callable[[], None]]) -> None:
    """Do pieces of work, as many at once as there are processes that fork."""
    with ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        for done in [pool.submit(piece) for piece in work]:
            done.result()


def kill_once(training: Training, kind: str, number: int, rng: random.Random, tally: Tally) -> bool:
    """Start, kill at a moment of a kind, and check what is left; whether it was killed while a checkpoint was written."""
    before = training.step()
    job = training.start()
    until_moment(kind, training, job, rng)
    is_writing = bool(training.temporary())
    sent = time.monotonic()
    job.send(number)
    code = job.wait()
    seconds = time.monotonic() - sent
    if number == signal.SIGKILL:
        is_writing = code == -number and bool(training.temporary())  # what it was writing is still there
    if code == 0:
        tally.add(too_late=1)
        return False
    said = job.said()
    saved = training.step()
    assert "Traceback" not in said or "KeyboardInterrupt" in said, said
    assert saved >= before, "a checkpoint was lost"
    assert not before or resumed_at(said) in (0, before), said  # 0: killed before it came so far
    if code == STOPPED:
        assert f"stopped after step {saved};" in said, said
        with tally.lock:
            tally.seconds_to_end.append(seconds)
    tally.add(kills=1, **{signal.Signals(number).name: 1}, stopped=code == STOPPED, in_checkpoint=is_writing)
    return is_writing


def one_round(index: int, world: Path, starter: Callable[..., Job], expected: dict, tally: Tally) -> None:
    """Several kills, then the end. One kill of three is aimed at a checkpoint, again where it came too late."""
    rng = random.Random(index)
    is_real = starter is start_really
    training = Training(world, f"{'real' if is_real else 'round'}_{index}", starter)
    kinds = ["checkpoint", rng.choice(["start", "training"]), rng.choice(["training", "end"])][: 1 if is_real else 3]
    for turn, kind in enumerate(kinds):
        for attempt in range(3):
            is_hit = kill_once(training, kind, SIGNALS[(index + turn + attempt) % 3], rng, tally)
            if is_hit or kind != "checkpoint" or training.step() > (EPOCHS - 4) * STEPS_PER_EPOCH:
                break
    at = training.step()
    said = training.finish()
    assert resumed_at(said) == at, said
    tally.add(rounds=1, real_rounds=is_real, lost=training.result() != expected)


def damage(kind: str, path: Path, rng: random.Random) -> None:
    """Damage a file in a way that cannot go unnoticed."""
    content = bytearray(path.read_bytes())
    if kind == "cut":
        content = content[: rng.randrange(len(content))]
    elif kind == "flipped":
        for _ in range(64):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    else:
        start = rng.randrange(len(content) - 8192)
        content[start : start + 8192] = bytes(8192)
    path.write_bytes(content)


def assert_one_clear_error(job: Job) -> None:
    assert job.wait() == 2, job.said()
    said = job.said()
    assert sum(line.startswith("error: ") for line in said.splitlines()) == 1, said
    assert "cannot be written (No space left on device)" in said or "cannot be written (File too large)" in said, said
    assert "make room and start the same command again" in said
    assert "Traceback" not in said, said


def assert_newest_is_whole(training: Training, least: int) -> None:
    [folder] = {path.parent for path in training.checkpoints()}
    checkpoint = CheckpointFolder(folder).newest()
    assert checkpoint is not None
    assert checkpoint.step >= least
    assert not training.temporary()


def free_pages(whole: Training) -> list[int | None]:
    """How many bytes are free when a run comes to its end; None: the disk fills up in the middle."""
    page, weights = 4096, (whole.out_dir / "weights.h5").stat().st_size
    size = -(-weights // page) * page
    return [None, None, 0, size // 2, size - page, size, size + page]


def full_disk_round(training: Training, num_free: int | None, rng: random.Random, whole: Training) -> None:
    disk = training.out_dir.parent
    if num_free is None:
        job = training.start()
        until_moment("training", training, job, rng)
        at = training.step()
        ballast = fill(disk)
        assert_one_clear_error(job)
        assert_newest_is_whole(training, at)
    else:
        training.finish()
        for name in ("weights.h5", "history.csv", "training.json"):
            (training.out_dir / name).unlink()
        ballast = fill(disk, num_free)
        assert_one_clear_error(training.start())
        assert not (training.out_dir / "training.json").exists()
    ballast.unlink()
    training.finish()
    assert training.result() == whole.result()
    for path in sorted(disk.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
