"""Fixtures for all tests, and the count of golden cases at the end of a run."""

import fcntl
import gc
import os
import pickle
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("UPLIFT_SHARED", PROJECT.parent / "shared"))
SELECTION = PROJECT / "tests" / "golden"
LOOKED = f"looked in {SHARED}; the variable UPLIFT_SHARED names another place"
_COUNTS: Counter[str] = Counter()

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Commands keep what they compile. Hundreds of them start here, and to compile the modules of one takes a quarter of a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of shells in the background; what is interrupted here would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], Any]], Any]:
    """What is dear to make, made by one worker of pytest-xdist for all: a name and what makes it in a folder -> what that returned.

    The others wait, and read a pickle. The folder is theirs too, so nobody may change it.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, build: Callable[[Path], Any]) -> Any:
        folder, made = base / f"once-{name}", base / f"once-{name}.pickle"
        with (base / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets it go when the worker ends, however it ends
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                content = pickle.dumps(build(folder))
                made.write_bytes(content)
        return pickle.loads(made.read_bytes())

    return make


@pytest.fixture(scope="session")
def pose_models(project: Path, once: Any) -> Path:
    """MediaPipe's models; skips where the registry cannot be reached."""
    from world.real_clips import fetch_models  # not every run of the tests needs the library for it

    path = once("pose_models", lambda folder: fetch_models(project, folder))
    if "cannot be reached" in path:
        pytest.skip(path)
    return Path(path)


@pytest.fixture(scope="session")
def real_clips(once: Any) -> Any:
    """Real clips (``world.real_clips.RealClips``); skips where the registry cannot be reached."""
    from world.real_clips import clips_of, fetch_clips

    found = once("real_clips", fetch_clips)
    if isinstance(found, str):
        pytest.skip(found)
    return clips_of(found)


@pytest.fixture(autouse=True)
def graphs_as_written(request: pytest.FixtureRequest) -> Iterator[None]:
    """TensorFlow improves graphs where the official code is compared with; elsewhere that takes longer than their few steps."""
    improve_graphs(is_on=bool({"golden", "golden_file"} & {*request.fixturenames}))
    yield
    improve_graphs(is_on=False)  # fixtures of a whole module come before this one


def improve_graphs(*, is_on: bool) -> None:
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.optimizer.set_experimental_options({"disable_meta_optimizer": not is_on})


def pytest_collection_finish() -> None:
    """The modules of all tests have brought in a framework: a million objects that stay, and that no collection has to look at."""
    improve_graphs(is_on=False)
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the golden outputs of the official code and the motion capture sample."""
    if not (SHARED / "golden").is_dir():
        pytest.skip(f"needs the whole set of golden files, which is no part of the project ({LOOKED})")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """The whole set of golden outputs of the official code."""
    return shared / "golden"


@pytest.fixture(scope="session")
def golden_file() -> Callable[[str], Path]:
    """The path of one golden file, from the whole set or the selection that the project carries; skips where neither has it."""

    def find(name: str) -> Path:
        for folder in (SHARED / "golden", SELECTION):
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"needs {name} of the whole set of golden files ({LOOKED})")

    return find


@pytest.fixture(scope="session")
def golden_count() -> Callable[[str, int], None]:
    """Record how many golden cases of a kind a test compared."""

    def count(kind: str, number: int = 1) -> None:
        _COUNTS[kind] += number

    return count


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then whole workflows and trainings: a worker that begins late with one keeps the other waiting.

    The first two run side by side, and the second builds for itself what most behind it share.
    """
    first = ("test_paper.py", "test_reruns.py", "test_training.py", "test_commands.py")

    def place(item: pytest.Item) -> int:
        if item.path.name in first:
            return first.index(item.path.name)
        return len(first) + (not {"workflow", "train"} & {*item.path.parts})

    items.sort(key=place)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its counts over."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["golden_counts"] = dict(_COUNTS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    _COUNTS.update(getattr(node, "workeroutput", {}).get("golden_counts", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _COUNTS:
        terminalreporter.section("compared with the official code")
        for kind, number in sorted(_COUNTS.items()):
            terminalreporter.line(f"{number:6d} {kind}")
