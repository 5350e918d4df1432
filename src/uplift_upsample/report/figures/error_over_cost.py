"""Error over multiply-accumulates: what a 3D pose costs, and what it is worth."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.error_over_s_in import ERROR_LABEL, RING, experiment_handles, published_label
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.published import published_mpjpe

MILLION = 1e6
MARKERS = ("D", "s", "^", "v", "P", "X", "p", "h", "<", ">")  # of other evaluations of the same weights
SMALLEST, LARGEST = 3.5, 8.0  # points: of the markers of the smallest and the largest stride
EDGE: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.7}  # so that they stay apart


def figure(material: Material) -> Figure:
    """One point for each experiment and stride, joined where they share a network; other read-outs of its weights in its colour.

    Live evaluations are in the figure ``error_over_look_ahead``.
    """
    results = material.results
    shown = {name for experiment in results.evaluated for name in _shown_variants(experiment)}
    variants = [name for name in results.variants if name in shown]
    drawn = style.new_figure(style.COLUMN, 3.3 + 0.08 * len(variants))  # below the axes, a line for two of them
    axes = drawn.subplots()
    with_figures: list[ShownExperiment] = []
    for experiment in results.evaluated:
        look = material.look(experiment)
        published = _points(material, experiment, is_published=True)
        points = _points(material, experiment)
        with_figures += [experiment] if published else []
        axes.plot([cost for _, cost, _ in points], [error for *_, error in points], **{**look.plain(), "marker": "none"})
        for s_in, cost, error in reversed(points):  # the largest stride behind: strides hardly differ in cost
            axes.plot(cost, error, **{**look.plain(), **EDGE}, markersize=_size(results.s_in, s_in))
        for variant in (name for name in _shown_variants(experiment) if name in variants):
            points = _points(material, experiment, variant=variant)
            shape = {"marker": MARKERS[variants.index(variant) % len(MARKERS)], "markerfacecolor": "white", "linestyle": ":"}
            axes.plot(
                [cost for _, cost, _ in points],
                [error for *_, error in points],
                **{**look.plain(), **shape},
                markersize=LARGEST / 2,
            )
        for s_in, cost, error in published:
            size = _size(results.s_in, s_in) + RING["markersize"] - SMALLEST
            axes.plot(cost, error, **{**look.plain(), **RING, "markersize": size})
    if not axes.has_data():
        style.say_not_run(axes)
    else:
        _finish(axes)
    handles = experiment_handles(material)
    grey: dict[str, Any] = {"color": style.GREY, "marker": "o", "linestyle": "none"}
    handles += [Line2D([], [], label=f"$s_{{in}}$ = {s_in}", markersize=_size(results.s_in, s_in), **grey) for s_in in results.s_in]
    handles += [
        Line2D([], [], label=f"evaluation {name}", **{**grey, "marker": MARKERS[place % len(MARKERS)], "markerfacecolor": "white"})
        for place, name in enumerate(variants)
    ]
    if with_figures:
        label = published_label("published error", material, with_figures)
        handles.append(Line2D([], [], label=label, color=style.GREY, marker="o", **RING))
    style.framed(drawn, "Error over cost", results.note, handles, 2)
    return drawn


def _shown_variants(experiment: ShownExperiment) -> list[str]:
    """Experiments may call different evaluations by one name."""
    return [name for name in experiment.variants if not experiment.evaluations[name].is_live]


def _size(strides: list[int], s_in: int) -> float:
    """A marker grows with its stride; labels at the points would stand on each other."""
    return SMALLEST + (LARGEST - SMALLEST) * strides.index(s_in) / max(len(strides) - 1, 1)


def _points(
    material: Material, experiment: ShownExperiment, *, variant: str = "", is_published: bool = False
) -> list[tuple[int, float, float]]:
    """(s_in, million multiply-accumulates for each 3D pose, mm), as far as there are numbers."""
    points: list[tuple[int, float, float]] = []
    results = material.results.of_variant(variant)
    for s_in in sorted(experiment.s_in):
        error = published_mpjpe(results, experiment, s_in) if is_published else results.summary(experiment, s_in).mean
        cost = experiment.macs_per_pose(s_in, variant) / MILLION
        if not math.isnan(error + cost):
            points.append((s_in, cost, error))
    return points


def _finish(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    room = max(1.5, 3 / math.sqrt(high / low))  # or there is not one labelled tick
    axes.set_xlim(low / room, high * room)
    style.logarithmic_ticks(axes.xaxis)
    axes.margins(y=0.12)
    axes.set_xlabel("million multiply-accumulates for each 3D pose,\nwithout mirroring (larger markers: larger $s_{in}$)")
    axes.set_ylabel(ERROR_LABEL)
