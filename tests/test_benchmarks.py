"""The harness of the benchmarks: what passes, what fails, and what of docs/performance.md is written. Nothing is timed here."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from bars import CONVERSIONS, GROUPS, PAGE_ROWS, ROWS, Row
from performance_page import MARKED, Result, Section, printed_table, write_page
from published import NETWORKS, SMALL, published
from timing import LEAST, faster, in_turns

from uplift_upsample.base.errors import InputError

PROJECT = Path(__file__).parents[1]
BENCHMARKS = PROJECT / "benchmarks"


def results(factor: float) -> list[Result]:
    """All rows, each so many times as good as its bar."""
    found = []
    for row in ROWS.values():
        bar = 1.0 if row.bar is None else row.bar
        value = bar / factor if row.kind == "most" else bar * factor
        found.append(Result(row, value, ours=7.0, straightforward=8.0 if row.kind in ("times", "share") else None))
    return found


def test_every_row_has_a_name_and_a_story() -> None:
    assert len(ROWS) == sum(len(group.rows) for group in (*GROUPS, CONVERSIONS))
    for group in (*GROUPS, CONVERSIONS):
        assert group.done.endswith("."), group.title
        assert group.limit.endswith("."), group.title


@pytest.mark.parametrize("name", [*NETWORKS, *SMALL])
def test_networks_that_are_measured_are_configured(name: str) -> None:
    assert published(name).model.num_tokens > 1


@pytest.mark.parametrize(
    ("row", "value", "verdict"),
    [
        (Row("", "frames/s", 2, 3), 1.99, "BELOW THE BAR"),
        (Row("", "frames/s", 2, 3), 2.0, "good, below the aim"),
        (Row("", "frames/s", 2, 3), 3.0, "good"),
        (Row("", "GB", 2, None, "most"), 2.01, "BELOW THE BAR"),
        (Row("", "GB", 2, None, "most"), 2.0, "good"),
        (Row("", "frames/s", 5000, None, "least"), 4999, "BELOW THE BAR"),
        (Row("", "GFLOP/s", 0.65, None, "share"), 0.66, "good"),
        (Row("", "frames/s", None), 0.1, "-"),
    ],
)
def test_verdict(row: Row, value: float, verdict: str) -> None:
    assert Result(row, value, 1.0, None).verdict == verdict


def test_page_is_written_between_its_marks(tmp_path: Path) -> None:
    document, plot = tmp_path / "performance.md", tmp_path / "performance.svg"
    document.write_text("# Head\n\n<!-- measured -->\nold\n<!-- end -->\n\n## Tail\n", encoding="utf-8")
    section = Section("Growth", ("| what | exponent |", "|---|---|", "| frames | 1.00 |"))
    write_page(results(1.1), [section], 123.0, document, plot)
    text = document.read_text("utf-8")
    assert text.startswith("# Head\n\n<!-- measured -->\n")
    assert text.endswith("\n<!-- end -->\n\n## Tail\n")
    assert "old" not in text
    assert "## Growth\n\n| what | exponent |" in text
    assert "123 GFLOP/s" in text
    assert "images/performance.svg" in text
    assert all(f"| {name} |" in text for name in PAGE_ROWS)
    assert all(group.done in text and group.limit in text for group in GROUPS)
    assert "BELOW" not in text
    assert plot.read_text("utf-8").count("<svg") == 1
    write_page(results(0.9), [], 123.0, document, plot)
    text = document.read_text("utf-8")
    assert "Growth" not in text
    assert text.count("BELOW THE BAR") == sum(bool(ROWS[name].bar) for name in PAGE_ROWS)


def test_page_without_marks(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("# Head\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"performance\.md: the marks"):
        write_page(results(1.1), [], 123.0, document, tmp_path / "performance.svg")
    assert len(MARKED.findall((PROJECT / "docs/performance.md").read_text("utf-8"))) == 1


def test_work_in_turns() -> None:
    """Each the asked number of times, and once more before; quick work more often. The ratio is of one unit."""
    calls = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(LEAST)

    pair = in_turns(slow, lambda: calls.append("quick"), units=(1, 10), rounds=3)
    assert calls.count("slow") == 4
    assert calls.count("quick") > 100
    assert pair.straightforward >= LEAST
    assert pair.ratio > 10


def test_the_faster_of_two_versions() -> None:
    def slow() -> None:
        time.sleep(LEAST)

    def quick() -> None:
        time.sleep(LEAST / 50)

    assert faster(slow, quick) is quick
    assert faster(quick, slow) is quick


def test_printed_table_is_aligned() -> None:
    lines = printed_table(results(1.1))
    assert len(lines) == len(ROWS) + 1
    column = lines[0].index("verdict")
    assert {line[column - 1] for line in lines} == {" "}
    assert " " not in {line[column] for line in lines}


def ran(folder: Path, body: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """A run of one benchmark with the fixtures of the real ones."""
    (folder / "test_one.py").write_text(f"def test_one(versus, figure):\n    {body}\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{BENCHMARKS}{os.pathsep}{PROJECT / 'tests'}"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "conftest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        *flags,
        "test_one.py",
    ]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_a_row_below_its_bar_fails_the_run(tmp_path: Path) -> None:
    """Both kinds of fixtures; and an incomplete run leaves the page as it is."""
    page = (PROJECT / "docs/performance.md").read_bytes()
    good = ran(
        tmp_path,
        "figure('the demo from nothing', 240.0); versus('loading', lambda: None, lambda: None, units=(1, 100))",
        "--page",
    )
    assert good.returncode == 0, good.stdout + good.stderr
    assert "docs/performance.md is left as it is: not measured: evaluation, h36m_351, s_in 5" in good.stdout
    assert (PROJECT / "docs/performance.md").read_bytes() == page
    bad = ran(tmp_path, "figure('the demo from nothing', 240.1)")
    assert bad.returncode == 1
    assert "1 passed" in bad.stdout
    assert "BELOW THE BAR" in bad.stdout
