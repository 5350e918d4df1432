"""Ratios instead of seconds: each benchmark times a straightforward version and ours in the same run."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uplift_upsample.data.demo.synthetic import generate_demo
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.h36m.table import h36m_table

_FIGURES: list[str] = []
_MEDIANS: dict[str, dict[str, float]] = defaultdict(dict)


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> FramesTable:
    """A miniature Human3.6M: the demo's generated people."""
    folder: Path = tmp_path_factory.mktemp("demo")
    generate_demo(folder, amass_sequences={"CMU": 2, "SFU": 1})
    return h36m_table(folder / "data_3d_h36m.npz", folder / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "cpn_ft_h36m_dbb")


@pytest.fixture
def versus(benchmark, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Time one version of something: ``versus("P-MPJPE", "ours", function, units)`` with the units of work of one call."""

    def measure(what: str, version: str, function: Callable[[], object], units: int, rounds: int = 5) -> None:
        benchmark.group = what
        benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
        _MEDIANS[what][version] = benchmark.stats.stats.median / units

    return measure


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Print a line with a measured figure at the end of the run, such as a time or a peak of memory with its bar."""
    return _FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _FIGURES:
        terminalreporter.section("measured")
    for line in _FIGURES:
        terminalreporter.line(line)
    pairs = {what: times for what, times in _MEDIANS.items() if {"straightforward", "ours"} <= times.keys()}
    if pairs:
        terminalreporter.section("ours against a straightforward version, same run, medians")
    for what, times in pairs.items():
        ratio = times["straightforward"] / times["ours"]
        terminalreporter.line(f"{ratio:7.1f} x  {what}: {1 / times['straightforward']:.0f} -> {1 / times['ours']:.0f} per second")


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)
