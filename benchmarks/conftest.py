"""Ratios instead of seconds: each benchmark times a straightforward version and ours in turns, in the same run.

The rows and their bars are those of ``bars.py``. At the end the table is printed, and the run fails where a row is below its bar.
A complete run with ``--page``, which is what ``make bench`` makes, writes docs/performance.md.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the bars are about the processor

import numpy as np
import pytest
from bars import PAGE_ROWS, ROWS
from performance_page import Result, Section, printed_table, write_page
from timing import Pair, Work, faster, in_turns
from world.large_h36m import write_large_table
from world.people import write_h36m_files

from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.h36m.table import h36m_table

_RESULTS: dict[str, Result] = {}
_SECTIONS: dict[str, Section] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", action="store_true", help="write docs/performance.md at the end of a complete run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conversion: from original files to ours; minutes of its own, in make bench-conversions")


def _record(row: str, value: float, ours: float, straightforward: float | None) -> None:
    if row in _RESULTS:
        raise ValueError(f"{row} is measured twice")
    _RESULTS[row] = Result(ROWS[row], value, ours, straightforward)


def _known(row: str) -> str:
    if row not in ROWS:
        raise KeyError(f"benchmarks/bars.py has no row {row!r}")
    return row


@pytest.fixture(scope="session")
def versus() -> Callable[..., Pair]:
    """Time both versions of something in turns, under the name of a row: ``versus("P-MPJPE", loop, ours, units=(2000, 100_000))``.

    Each is a function without arguments that returns when its result is there. units: the work of one call of each, in what the
    row's unit counts by the second; one number where it is the same. Returns the median seconds for one unit. Rows of kind
    ``share`` take what limits them as the straightforward version, such as ``matrix_product``, with floating point operations as
    units.
    """

    def measure(row: str, straightforward: Work, ours: Work, *, units: float | tuple[float, float] = 1, rounds: int = 5) -> Pair:
        scale = 1e9 if ROWS[_known(row)].unit.startswith("GFLOP") else 1.0
        pair = in_turns(straightforward, ours, units if isinstance(units, tuple) else (units, units), rounds)
        _record(row, pair.ratio, 1 / pair.ours / scale, 1 / pair.straightforward / scale)
        return pair

    return measure


@pytest.fixture(scope="session")
def figure() -> Callable[..., None]:
    """Record one measured figure, in the unit of its row: ``figure("peak memory of evaluation", gigabytes)``.

    straightforward: the same of the straightforward version, for rows of kind ``times`` that are no speeds; the value is then how
    many times as much that takes.
    """

    def record(row: str, ours: float, straightforward: float | None = None) -> None:
        _known(row)
        _record(row, ours if straightforward is None else straightforward / ours, ours, straightforward)

    return record


@pytest.fixture(scope="session")
def page_section() -> Callable[[str, Sequence[str]], None]:
    """Add a section to docs/performance.md: ``page_section("Growth", ["| what | ...", ...])``; lines of Markdown below its title.

    Sections stand behind the table, in alphabetical order of their tests' files.
    """

    def add(title: str, markdown_lines: Sequence[str]) -> None:
        _SECTIONS[title] = Section(title, tuple(markdown_lines))

    return add


@pytest.fixture(scope="session")
def matrix_product() -> tuple[Work, float]:
    """The machine's large float32 matrix product, and the floating point operations of one call.

    The faster one of NumPy's and TensorFlow's: which library knows a processor better differs, by a factor of two on some.
    """
    import tensorflow as tf

    size = 4096
    left, right = np.random.default_rng(0).normal(size=(2, size, size)).astype(np.float32)
    result = np.empty_like(left)
    tensors = tf.constant(left), tf.constant(right)
    return faster(lambda: np.matmul(left, right, out=result), lambda: tf.matmul(*tensors).numpy()), 2.0 * size**3


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> FramesTable:
    """A miniature Human3.6M: recorded people of another database."""
    folder: Path = tmp_path_factory.mktemp("demo")
    write_h36m_files(folder)
    return h36m_table(folder / "data_3d_h36m.npz", folder / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "cpn_ft_h36m_dbb")


@pytest.fixture(scope="session")
def full_h36m(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The frames table of a generated Human3.6M of the true size: 7 subjects, 4 cameras, 2.1 million camera frames."""
    path = tmp_path_factory.mktemp("full") / "h36m.h5"
    write_large_table(path, times=1)
    yield path
    path.unlink()


def matrix_gflops() -> float:
    """What the machine's matrix product reached: the median over the rows that were measured beside it."""
    return statistics.median(r.straightforward for r in _RESULTS.values() if r.row.unit == "GFLOP/s" and r.straightforward)


def pytest_sessionfinish(session: pytest.Session) -> None:
    below = [result for result in _RESULTS.values() if not result.is_reached]
    if below and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if _RESULTS:
        terminalreporter.section("ours against a straightforward version, in turns, medians")
        for line in printed_table(list(_RESULTS.values())):
            terminalreporter.line(line)
    if not config.getoption("--page"):
        return
    missing = [name for name in PAGE_ROWS if name not in _RESULTS]
    if missing or terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.line(f"docs/performance.md is left as it is: not measured: {', '.join(missing) or 'all of some test'}")
        return
    write_page([_RESULTS[name] for name in PAGE_ROWS], list(_SECTIONS.values()), matrix_gflops())
