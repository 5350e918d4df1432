"""docs/performance.md, from what one complete run of the benchmarks measured; the table of the terminal too."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from bars import GROUPS, Group, Row
from performance_plot import draw_ratios

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs/performance.md"
PLOT = PROJECT / "docs/images/performance.svg"
MARKED = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
LIBRARIES = ("keras", "tensorflow", "numpy", "snakemake")
HEAD = ("row", "straightforward", "ours", "ratio", "bar", "aim", "verdict")


@dataclass(frozen=True)
class Result:
    """A measured row. value: what the bar is about; ours and straightforward: in the unit of the row."""

    row: Row
    value: float
    ours: float
    straightforward: float | None

    @property
    def is_reached(self) -> bool:
        return self.row.reaches(self.value, self.row.bar)

    @property
    def verdict(self) -> str:
        """In words, for a table."""
        if self.row.bar is None:
            return "-"
        if not self.is_reached:
            return "BELOW THE BAR"
        return "good" if self.row.reaches(self.value, self.row.aim) else "good, below the aim"


@dataclass(frozen=True)
class Section:
    """A part of the page below the table. lines: Markdown."""

    title: str
    lines: tuple[str, ...]


def printed_table(results: Sequence[Result]) -> list[str]:
    """Aligned columns for a terminal."""
    lines = [list(HEAD), *map(_cells, results)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def write_page(
    results: Sequence[Result], sections: Sequence[Section], matrix_gflops: float, document: Path = DOCUMENT, plot: Path = PLOT
) -> None:
    """Rewrite what stands between the marks of the page, and the plot that it shows.

    results: of all rows. matrix_gflops: the machine's own large float32 matrix product, GFLOP/s. Raises ``InputError`` where the
    marks are not there once.
    """
    text = document.read_text("utf-8")
    if len(MARKED.findall(text)) != 1:
        raise InputError(f"{document}: the marks '<!-- measured -->' and '<!-- end -->' are not there once; put them back")
    draw_ratios([(result.row, result.value) for result in results if result.row.kind == "times"], plot)
    found = {result.row.name: result for result in results}
    blocks = [
        [_machine(matrix_gflops)],
        [f"![Speed-up of each row over a straightforward implementation](images/{plot.name})"],
        *([f"## {group.title}", "", *_group_lines(group, found)] for group in GROUPS),
        *([f"## {section.title}", "", *section.lines] for section in sections),
    ]
    body = "\n\n".join("\n".join(lines).strip() for lines in blocks)
    write_text(document, MARKED.sub(lambda match: f"{match[1]}\n{body}\n\n{match[2]}", text))


def _group_lines(group: Group, results: dict[str, Result]) -> list[str]:
    table = [HEAD, ("---",) + ("---:",) * 5 + ("---",), *(_cells(results[row.name]) for row in group.rows)]
    story = [f"Straightforward: {group.straightforward}.", ""] if group.straightforward else []
    story += [*(f"| {' | '.join(line)} |" for line in table), "", f"**Done:** {group.done}", "", f"**Limit now:** {group.limit}"]
    return story


def _cells(result: Result) -> list[str]:
    """In the order of ``HEAD``."""
    row = result.row

    def limit(value: float | None) -> str:
        if value is None:
            return "-"
        texts = {"times": f"{value:g}x", "share": f"{value:.0%}", "most": f"at most {value:g}", "least": f"at least {value:g}"}
        return texts[row.kind]

    straightforward = "-" if result.straightforward is None else f"{_number(result.straightforward)} {row.unit}"
    ratio = {"times": f"{_number(result.value)}x", "share": f"{result.value:.0%}"}.get(row.kind, "-")
    return [row.name, straightforward, f"{_number(result.ours)} {row.unit}", ratio, limit(row.bar), limit(row.aim), result.verdict]


def _number(value: float) -> str:
    """Three digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1e-3 or value == 0 else f"{value:.5f}"


def _machine(matrix_gflops: float) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {date.today()}: {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()}; "
        f"Python {platform.python_version()}, {libraries}. Its own large float32 matrix product (4096 by 4096, the "
        f"faster one of NumPy's and TensorFlow's): {matrix_gflops:.0f} GFLOP/s."
    )


def _processor() -> str:
    """The name that Linux gives it, elsewhere that of the architecture."""
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        names = []
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()
