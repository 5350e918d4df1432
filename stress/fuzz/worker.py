"""One process that feeds damaged files to readers: ``python -m fuzz.worker FOLDER SEED MEMORY``.

``FOLDER/plan.json`` says which cases: a list of (reader, first, stop, step). Without it, the readers are listed in
``FOLDER/readers.json``. MEMORY: bytes that reading may take. The case at hand stands in ``FOLDER/at.json``, so that a crash is
known too; outcomes go to ``FOLDER/outcomes.jsonl``, and files that were not dealt with lie beside it.
"""

import contextlib
import json
import logging
import os
import resource
import signal
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

SECONDS = 10  # of one case, of the processor; more is a hang
REPORT = 500  # cases


class HangError(BaseException):
    """A case took too long. Not an ``Exception``, which a reader may turn into its own."""


def seeded(seed: int, reader: str, case: int) -> Random:
    """The generator of one case."""
    return Random(f"{seed} {reader} {case}")


def fault_of(error: BaseException, path: Path) -> str | None:
    """What is wrong with what a reader raised, None where nothing is."""
    from uplift_upsample.base.errors import InputError

    if not isinstance(error, InputError):
        return "".join(traceback.format_exception(error))[-1500:]
    text = str(error)
    if path.name not in text:
        return f"the message does not name the file: {text[:500]}"
    if len(text) > 25_000 or not all(letter.isprintable() or letter == "\n" for letter in text):
        return f"the message is not readable: {ascii(text)[:500]} ({len(text)} letters)"
    return None


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """A hang is raised."""

    def hang(*_: Any) -> None:
        raise HangError(f"not done after {SECONDS} s")

    signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def outcome(reader: Any, content: bytes, folder: Path) -> tuple[str, str | None, float]:
    """``read``, ``refused`` or ``failed``; what went wrong; seconds."""
    path = folder / f"case{reader.suffix}"
    path.write_bytes(content)
    start = time.process_time()
    try:
        with limited():
            reader.read(path)
        result: tuple[str, str | None] = ("read", None)
    except (KeyboardInterrupt, HangError) as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        result = ("failed", str(error))
    except BaseException as error:
        fault = fault_of(error, path)
        result = ("failed", fault) if fault else ("refused", None)
    return *result, time.process_time() - start


def run(reader: Any, cases: range, seed: int, folder: Path) -> None:
    """Feed some cases to a reader, and write down what comes of them."""
    for content in reader.intact:
        kind, fault, _ = outcome(reader, content, folder)
        assert kind == "read", f"{reader.name}: a file that is not damaged is not read: {kind}, {fault}"
    tally = {"cases": 0, "read": 0, "refused": 0, "failed": 0, "slowest": 0.0, "slowest_case": 0}
    with (folder / "outcomes.jsonl").open("a") as outcomes, (folder / "at.json").open("w") as at:
        for case in cases:
            at.seek(0)
            at.write(json.dumps({"reader": reader.name, "case": case}).ljust(100))
            at.flush()
            content = reader.damaged(seeded(seed, reader.name, case))
            kind, fault, seconds = outcome(reader, content, folder)
            tally["cases"] += 1
            tally[kind] += 1
            if seconds > tally["slowest"]:
                tally |= {"slowest": seconds, "slowest_case": case}
            if fault is not None:
                kept = folder / f"failed_{zlib.crc32(reader.name.encode()):x}_{case}{reader.suffix}"
                kept.write_bytes(content)
                outcomes.write(json.dumps({"failure": fault, "reader": reader.name, "case": case, "file": str(kept)}) + "\n")
            if tally["cases"] == REPORT:
                outcomes.write(json.dumps({"reader": reader.name, "next": case + cases.step, **tally}) + "\n")
                outcomes.flush()
                tally = dict.fromkeys(tally, 0)
        outcomes.write(json.dumps({"reader": reader.name, "next": cases.stop, **tally}) + "\n")


def main() -> None:
    place, seed, memory = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.environ["FUZZ_FOLDER"] = str(place)
    from fuzz.readers import all_readers

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error", RuntimeWarning)
    readers = {reader.name: reader for reader in all_readers()}
    if not (place / "plan.json").exists():
        (place / "readers.json").write_text(json.dumps({name: reader.share for name, reader in readers.items()}))
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    for name, first, stop, step in json.loads((place / "plan.json").read_text()):
        run(readers[name], range(first, stop, step), seed, place)


if __name__ == "__main__":
    main()
