"""Runs command lines of the project in processes that are forked from this one after TensorFlow's import, one at a time.

Between fork and end such a process does what ``python scripts/...`` does, so hundreds can be killed and started again in minutes.
Nothing of TensorFlow runs before a fork: what it starts (threads, devices) belongs to the forked process alone.

One job a line of standard input, as JSON: ``script``, ``arguments``, ``folder``, ``log``, ``fault``. Answers with the process id,
then with the exit code (negative: the signal that ended it).
"""

import json
import os
import runpy
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path[:0] = [str(PROJECT / "scripts"), str(PROJECT / "src")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import uplift_upsample.evaluate.predict  # noqa: E402
import uplift_upsample.train.history  # noqa: E402
import uplift_upsample.train.records  # noqa: E402
import uplift_upsample.train.training  # noqa: E402, F401 - for the processes to come


def become(job: dict) -> None:
    """Make a forked process the one that the command line would have started."""
    os.setsid()
    os.chdir(job["folder"])
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
        descriptor = os.open(path, flags, 0o666)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.dup2(1, 2)
    sys.argv = [str(PROJECT / "scripts" / job["script"]), *job["arguments"]]
    if job["fault"] == "clock":
        turn_back_the_clock()


def turn_back_the_clock() -> None:
    """Each look at the clock is an hour before the last one."""
    first, looks = time.time(), iter(range(1, 1_000_000))
    time.time = lambda: first - 3600.0 * next(looks)


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        process = os.fork()
        if process == 0:
            become(job)
            runpy.run_path(sys.argv[0], run_name="__main__")
            return
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
