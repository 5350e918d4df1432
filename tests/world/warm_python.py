"""An interpreter that starts warm: it has imported what a command line needs before that command line is known.

``warm_python("tensorflow")`` is the path of a program that takes what ``python script ...`` and ``python -m module ...`` take, and
does what they do. The program only hands its arguments, folder, environment and standard streams to a process that has imported
those modules, and ends with the exit code. That process forks for each command line: importing a framework takes longer than most
of them.

Run as a program, this is that process: ``python warm_python.py SOCKET module ...``. It ends with its standard input.
"""

import atexit
import gc
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# What every start of the workflow imports, and what every script imports that has to do with a network. Nothing of the project:
# copies of it bring their own.
SNAKEMAKE = (
    "snakemake.cli",
    "snakemake.report.html_reporter",
    "smart_open",
    "dpath",
    "yte",
    "pydantic",
    "numpy",
    "pandas",
    "h5py",
)
FRAMEWORK = ("tensorflow", "keras", "h5py", "pydantic", "yaml")
DATA = ("numpy", "h5py", "requests", "tqdm", "threadpoolctl", "cdflib")  # of downloads and conversions
# The name of an environment variable: what the command line takes for its interpreter, where that is not the real one.
EXECUTABLE = "WARM_PYTHON_EXECUTABLE"
# Another one: TensorFlow runs graphs as they are written. For jobs of a few steps; to improve a graph takes longer than those.
AS_WRITTEN = "WARM_PYTHON_GRAPHS_AS_WRITTEN"
# The program: started without site-packages, in a fifth of the time. Arguments that are neither a script nor a module go to Python.
PROGRAM = """#!{python} -IS
import os, socket, sys
words = sys.argv[1:]
if not words or words[0].startswith("-") and words[0] != "-m":
    os.execv({python!r}, [{python!r}, *words])
import array, json, signal
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
streams = array.array("i", [0, 1, 2])
job = json.dumps([words, os.getcwd(), dict(os.environ)]).encode()
server.sendmsg([len(job).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
server.sendall(job)
answers = server.makefile()
process = int(answers.readline())
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: os.kill(process, number))
code = int(answers.readline())
if code < 0:  # ended by a signal, and so is this
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@cache
def warm_python(*modules: str) -> Path:
    """The program for these modules, in a folder of its own under the name ``python``; it serves until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="warm_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, __file__, address, *modules], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if server.stdout.readline() != "ready\n":
        raise RuntimeError(f"{Path(__file__).name} ended before it had imported {', '.join(modules)}")
    program = folder / "python"
    program.write_text(PROGRAM.format(python=sys.executable, address=address), "utf-8")
    program.chmod(0o755)
    return program


def serve(address: str) -> None:
    """Take command lines until standard input ends."""
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
        print("ready", flush=True)
        while all(key.fileobj is listener for key, _ in selector.select()):
            connection = listener.accept()[0]
            if os.fork() == 0:
                listener.close()
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> NoReturn:
    """Start one command line in a process of its own, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, *_ = socket.recv_fds(connection, 8, 3)
    length, job = int.from_bytes(size, "big"), b""
    while len(job) < length:
        job += connection.recv(length - len(job))
    ready, go = os.pipe()
    process = os.fork()
    if process == 0:
        connection.close()
        os.close(go)
        os.read(ready, 1)
        os.close(ready)
        become(*json.loads(job), streams)
    with connection:
        connection.sendall(f"{process}\n".encode())
        os.close(go)
        for stream in streams:
            os.close(stream)
        with selectors.DefaultSelector() as selector:  # a program that was killed takes its process with it
            selector.register(os.pidfd_open(process), selectors.EVENT_READ)
            selector.register(connection, selectors.EVENT_READ)
            if any(key.fileobj is connection for key, _ in selector.select()):
                os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        with suppress(BrokenPipeError):
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(words: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> NoReturn:
    """Make this process the one that the command line would have started."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = os.environ.pop(EXECUTABLE, sys.executable)
    if AS_WRITTEN in os.environ and "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    first, *others = words
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    code: object = 0
    try:
        if first == "-m":
            sys.argv, sys.path[0] = others, folder
            runpy.run_module(others[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = words, str(Path(first).parent.absolute())
            runpy.run_path(first, run_name="__main__")
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:
        traceback.print_exc()
        code = 1
    _end(code)


def _end(code: object) -> NoReturn:
    """What Python does at its end, but for taking apart all modules: that would write to all memory that is shared so far."""
    threading._shutdown()  # waits for other threads
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    for module in sys.argv[2:]:
        import_module(module)
    gc.collect()
    gc.freeze()  # a collection writes to what it looks at
    serve(sys.argv[1])
