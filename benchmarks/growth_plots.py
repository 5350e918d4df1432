"""Time and memory over what grows, as one picture of small panels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from growth import AXES, MEGABYTE, SERIES
from growth_probes import Point
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from uplift_upsample.report.figures.style import GREY, STYLE, legend_below, look, new_figure, write_svg

WIDTH, HEIGHT = 9.5, 4.3  # inches
KINDS = tuple(dict.fromkeys(series.what for series in SERIES))


def write_growth_plots(path: Path, measured: Mapping[str, Sequence[Point]]) -> None:
    """Write an SVG: a column for each thing that grows, time above memory, both axes logarithmic.

    Dashed: the time as theory has it, through the largest size. measured: the points of each series by its probe.
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(WIDTH, HEIGHT)
        grid = figure.subplots(2, len(AXES), sharex="col", squeeze=False)
        for column, axis in enumerate(AXES):
            for series in SERIES:
                if series.axis == axis:
                    _draw(grid[0][column], grid[1][column], KINDS.index(series.what), measured[series.probe])
            for axes in grid[:, column]:
                _scale(axes)
            grid[1][column].set_xlabel(axis)
        grid[0][0].set_ylabel("time of a call (s)")
        grid[1][0].set_ylabel("memory (MB)")
        handles = [Line2D([], [], label=kind, **look(number).plain()) for number, kind in enumerate(KINDS)]
        handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=0.8, label="theory"))
        legend_below(figure, handles, len(handles))
        write_svg(figure, path)


def _draw(time: Axes, memory: Axes, number: int, points: Sequence[Point]) -> None:
    sizes = [point.size for point in points]
    last = points[-1]
    time.plot(sizes, [last.seconds * point.work / last.work for point in points], color=GREY, linestyle="--", linewidth=0.8)
    time.plot(sizes, [point.seconds for point in points], **look(number).plain())
    memory.plot(sizes, [max(point.memory, MEGABYTE) / MEGABYTE for point in points], **look(number).plain())


def _scale(axes: Axes) -> None:
    """Logarithms, and at least a decade of height: what is nearly constant must not look like noise."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high < 10 * low:
        axes.set_ylim(low / 3, high * 3)
    axes.yaxis.set_minor_formatter("")
