"""Command lines in processes that are forked from one that has imported what they need: an import takes longer than most of them.

Between fork and end such a process does what ``python -m module ...`` or ``python script ...`` does. Run as a program, this is the
process that forks; its arguments are the modules to import. One job a line of standard input, as JSON (``words``, ``folder``,
``environment``, ``said``); it answers with the exit code.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

# What every start of the workflow imports; nothing of the project, since copies of it bring their own.
SNAKEMAKE = ("snakemake.cli", "jsonschema", "numpy", "pandas")


def run(
    imported: Sequence[str], words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run ``python {words}`` in a folder with this environment alone. imported: modules that are imported beforehand."""
    with tempfile.TemporaryDirectory() as place:
        said = [f"{place}/stdout", f"{place}/stderr"]
        job = {"words": list(words), "folder": str(folder), "environment": dict(environment), "said": said}
        server = _server(tuple(imported))
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        texts = [Path(path).read_text("utf-8") for path in said]
    return subprocess.CompletedProcess(words, code, *texts)


@cache
def _server(imported: tuple[str, ...]) -> subprocess.Popen[str]:
    """One for each process of tests and each list of modules; it ends with its standard input."""
    return subprocess.Popen([sys.executable, __file__, *imported], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def become(job: dict) -> None:
    """Make a forked process the one that the command line would have started."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, path in enumerate([os.devnull, *job["said"]]):
        descriptor = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    first, *others = job["words"]
    if first == "-m":
        sys.argv, sys.path[0] = others, job["folder"]
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = [first, *others], str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


def main() -> None:
    for name in sys.argv[1:]:
        import_module(name)
    for line in iter(sys.stdin.readline, ""):
        process = os.fork()
        if process == 0:
            become(json.loads(line))
            return
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
