"""The plot of docs/performance.md: how many times as fast as a straightforward version each row is, beside its bar and aim."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from bars import Row
from matplotlib.lines import Line2D

from uplift_upsample.report.figures.style import BLUE, GREY, INK, PAGE, STYLE, VERMILION, legend_below, new_figure, write_svg

HEIGHT = 0.21  # inches of a row


def draw_ratios(ratios: Sequence[tuple[Row, float]], path: Path) -> None:
    """Write an SVG with one horizontal bar for each row of kind ``times``; the first on top."""
    with mpl.rc_context(STYLE):
        figure = new_figure(PAGE, HEIGHT * len(ratios) + 0.8)
        axes = figure.subplots()
        places = range(len(ratios))
        values = [value for _, value in ratios]
        reached = [row.reaches(value, row.bar) for row, value in ratios]
        axes.barh(places, values, height=0.62, color=[BLUE if is_good else VERMILION for is_good in reached])
        for place, (row, value) in enumerate(ratios):
            for level, colour, width in ((row.bar, INK, 2.0), (row.aim, GREY, 1.0)):
                if level is not None:
                    axes.plot([level, level], [place - 0.42, place + 0.42], color=colour, linewidth=width)
            end = max(value, *(level for level in (row.bar, row.aim) if level is not None), 1.0)
            axes.text(end * 1.06, place, f"{value:,.0f}x" if value >= 100 else f"{value:.3g}x", va="center")
        axes.set_yticks(places, [row.name for row, _ in ratios])
        axes.set_ylim(len(ratios) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.set_xlim(min(1.0, *values), max(values) * 2)
        axes.xaxis.set_major_formatter("{x:g}x")
        axes.set_xlabel("times as fast as (of memory: as little as) a straightforward version in the same run")
        axes.grid(visible=False, axis="y")
        keys = [
            Line2D([], [], color=BLUE, linewidth=5, label="measured"),
            Line2D([], [], color=INK, linewidth=2, label="bar"),
            Line2D([], [], color=GREY, linewidth=1, label="aim"),
        ]
        if not all(reached):
            keys.insert(1, Line2D([], [], color=VERMILION, linewidth=5, label="measured, below the bar"))
        legend_below(figure, keys, len(keys))
        write_svg(figure, path)
