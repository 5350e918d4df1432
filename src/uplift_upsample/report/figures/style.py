"""One look for all figures: sizes of a printed column, colours that the colour-blind can distinguish, and files with equal bytes.

Colours are those of Okabe and Ito (Color Universal Design, 2008). Nothing depends on colour alone: markers and lines differ too.
Experiments keep their look in all figures of a study.
"""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from uplift_upsample.base.files import replacing, write_text
from uplift_upsample.report.cells import NOT_RUN

COLUMN, PAGE = 3.4, 7.0  # inches: one column and the full width of a two-column paper
DPI = 250  # of .png files; chosen: sharp in print and on a screen, .svg has no limit
INK, GREY = "#222222", "#6b6b6b"
VERMILION, BLUE = "#D55E00", "#0072B2"
NOTE_WIDTH = 70  # letters of 6 points in a line that is a column wide
_COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#B07D00", "#56B4E9", "#000000")  # the orange is darkened for white paper
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
    (0, (7, 1, 1, 1)),
    (0, (2, 2)),
    (0, (4, 1, 1, 1, 1, 1)),
)

STYLE = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same letters everywhere
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "hatch.linewidth": 0.5,
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "path.simplify": False,
    "axes.formatter.useoffset": False,
}


@dataclass(frozen=True)
class Look:
    """How one series is drawn."""

    colour: str
    marker: str
    line: Any

    def plain(self) -> dict[str, Any]:
        """The arguments of ``Axes.plot``."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line}


def look(number: int) -> Look:
    """The look of the series with this number; markers and lines go round later than colours, so that no two of 49 are equal."""
    shift = number // len(_COLOURS)
    return Look(
        _COLOURS[number % len(_COLOURS)],
        _MARKERS[(number + shift) % len(_MARKERS)],
        _LINES[(number + 2 * shift) % len(_LINES)],
    )


def stride_marker(strides: Sequence[int], s_in: int) -> str:
    """The marker of a stride among all of a figure; the colour is that of the experiment."""
    return _MARKERS[strides.index(s_in) % 4]  # the first four are told apart best in tints of one colour


def stride_handles(strides: Sequence[int], line: Literal["-", "none"]) -> list[Line2D]:
    """The legend of ``stride_marker``. line: through the markers."""
    return [
        Line2D([], [], color=GREY, marker=stride_marker(strides, s_in), label=f"$s_{{in}}$ = {s_in}", linestyle=line)
        for s_in in strides
    ]


def tints(colour: str, count: int) -> list[str]:
    """Lighter to full shades of a colour, far enough apart for grey print."""
    rgb = mpl.colors.to_rgb(colour)
    weights = [1.0] if count == 1 else [0.35 + 0.65 * index / (count - 1) for index in range(count)]
    shades = [1 - weight * (1 - np.array(rgb)) for weight in weights]
    return [mpl.colors.to_hex((float(red), float(green), float(blue))) for red, green, blue in shades]


def with_spread(axes: Axes, x: Sequence[float], means: Sequence[float], stds: Sequence[float], **look: Any) -> None:
    """A line with the standard deviations as bars. One that is NaN, as of a single seed, has none. look: as of ``Axes.plot``."""
    spread = np.nan_to_num(stds)
    axes.errorbar(x, means, spread, capsize=2.5 if spread.any() else 0, elinewidth=0.9, **look)


def logarithmic_ticks(axis: Axis) -> None:
    """1, 2, 5, 10, ..., written out instead of as powers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches; no display is needed or touched."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(count: int, width: float, height: float, columns: int, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A figure with some axes of equal size in rows of ``columns``. width: of all, height: of one row, inches."""
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    figure = new_figure(width, height * rows)
    grid = figure.subplots(rows, columns, squeeze=False, **shared).ravel().tolist()
    for axes in grid[count:]:
        axes.set_axis_off()
    for axes in grid[:count]:
        axes.tick_params(labelbottom=True)
    return figure, grid[:count]


def framed(figure: Figure, title: str, note: str, handles: Sequence[Any] = (), columns: int = 1) -> None:
    """What stands around the panels: the title above; below, what readers must know, if anything, and the legend, if any.

    The note is the legend's title where there is one: two things at the bottom of a figure would be printed over each other.
    """
    figure.suptitle(title, fontsize=8.5, fontweight="bold")
    note = "\n".join(textwrap.wrap(note, NOTE_WIDTH))
    if not handles:
        if note:  # an empty one would take room
            figure.supxlabel(note, fontsize=6, color=GREY)
        return
    legend_below(figure, handles, columns, note)


def legend_below(figure: Figure, handles: Sequence[Any], columns: int, title: str = "") -> None:
    """One legend of all panels, below them. columns: at most so many entries beside each other; fewer where they are too wide."""
    for ncols in range(max(1, min(columns, len(handles))), 0, -1):
        legend = figure.legend(
            handles=list(handles),
            title=title or None,
            title_fontsize=6,
            loc="outside lower center",
            ncols=ncols,
            handlelength=2.6,
            columnspacing=1.4,
        )
        legend.get_title().set_color(GREY)
        if ncols == 1 or legend.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width <= figure.bbox.width:
            return
        legend.remove()


def say_not_run(axes: Axes, *, has_axes: bool = False) -> None:
    """Write into empty axes why they are empty. has_axes: whether lines and ticks stay, which neighbours may share."""
    if not has_axes:
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    where: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, NOT_RUN, color=GREY, fontsize=9, fontweight="bold", bbox=box, **where)


def write_figure(figure: Figure, out_dir: str | Path, name: str) -> list[Path]:
    """Write ``NAME.png`` and ``NAME.svg``; equal figures give equal bytes. To be called where ``STYLE`` holds."""
    paths = [Path(out_dir) / f"{name}.png", Path(out_dir) / f"{name}.svg"]
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    # Both files take the places that were just found. With an engine, each file is drawn twice: once for the places alone.
    figure.set_layout_engine(None)
    with replacing(paths[0]) as aside:
        figure.savefig(aside, dpi=DPI, metadata={"Software": None})
    write_svg(figure, paths[1])
    return paths


def write_svg(figure: Figure, path: Path) -> None:
    """Write ``NAME.svg`` alone; equal figures give equal bytes. To be called where ``STYLE`` holds."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": path.stem}):  # of its own, so that no two figures of a page share an id
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": path.stem})
    write_text(path, text.getvalue())
