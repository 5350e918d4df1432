"""Error over the stride of 2D poses: as published, of published weights in this code, as trained here."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uplift_upsample.report.cells import NOT_RUN
from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.published import published_mpjpe, source_of
from uplift_upsample.report.results import PUBLISHED, TRAINED

ERROR_LABEL = "MPJPE, all frames, frame-wise (mm)"
# Chosen by eye, in points.
RING: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "none", "markersize": 7, "markeredgewidth": 1.1}
LEGEND_WIDTH = 45  # letters of an entry that is nearly a column wide
DOT: dict[str, Any] = {"linestyle": "none", "markersize": 2.6}  # chosen by eye, in points


def figure(material: Material) -> Figure:
    """One line for each experiment; what has no number is named in the legend."""
    results = material.results
    drawn = style.new_figure(style.COLUMN, 3.3)
    axes = drawn.subplots()
    for experiment in results.evaluated:
        _draw(axes, material, experiment)
    if not axes.has_data():
        style.say_not_run(axes)
    else:
        strides = sorted(
            {*results.s_in, *(stride for experiment in results.evaluated for stride in _published(material, experiment))}
        )
        axes.set_xticks(strides, [str(stride) for stride in strides])
        axes.set_xlabel("$s_{in}$: frames between two 2D poses, at 50 Hz")
        axes.set_ylabel(ERROR_LABEL)
        axes.margins(x=0.06, y=0.12)
    style.framed(drawn, "Error over the stride of 2D poses", results.note, _handles(material), 2)
    return drawn


def _draw(axes: Axes, material: Material, experiment: ShownExperiment) -> None:
    results, look = material.results, material.look(experiment)
    figures = _published(material, experiment)
    axes.plot(list(figures), list(figures.values()), **{**look.plain(), **RING})
    for weights in (PUBLISHED, TRAINED):
        found = {s_in: results.summary(experiment, s_in, weights=weights) for s_in in sorted(experiment.s_in)}
        found = {s_in: summary for s_in, summary in found.items() if summary.is_run and not math.isnan(summary.mean)}
        means = [summary.mean for summary in found.values()]
        if weights == PUBLISHED:
            axes.plot(list(found), means, **{**look.plain(), **DOT})
        elif found:
            style.with_spread(axes, list(found), means, [summary.std for summary in found.values()], **look.plain())


def _published(material: Material, experiment: ShownExperiment) -> dict[int, float]:
    """Published figures of an experiment that may stand beside ours, by stride."""
    strides = sorted(s_in for name, s_in in material.results.published if name == experiment.name)
    figures = {s_in: published_mpjpe(material.results, experiment, s_in) for s_in in strides}
    return {s_in: value for s_in, value in figures.items() if not math.isnan(value)}


def _handles(material: Material) -> list[Line2D]:
    handles = experiment_handles(material)
    if published := [experiment for experiment in material.results.evaluated if _published(material, experiment)]:
        label = published_label("published", material, published)
        handles.append(Line2D([], [], label=label, color=style.GREY, marker="o", **RING))
    if any(weights == PUBLISHED for _, weights in material.rows):
        handles.append(Line2D([], [], label="published weights, our code", color=style.GREY, marker="o", **DOT))
    return handles


def published_label(word: str, material: Material, experiments: Sequence[ShownExperiment]) -> str:
    """The legend of published figures of some experiments: which of them are another average than the axis."""
    averages = {experiment.name: source_of(material.results, experiment).average for experiment in experiments}
    others = [name for name, average in averages.items() if average not in (None, "frame_wise")]
    return "\n".join(textwrap.wrap(f"{word} (action-wise: {', '.join(others)})" if others else word, LEGEND_WIDTH))


def experiment_handles(material: Material, **changes: Any) -> list[Line2D]:
    """The legend of the evaluated experiments, each with the number of its seeds. changes: of their looks."""
    return [
        Line2D([], [], label=_seeds_label(material, experiment), **{**material.look(experiment).plain(), **changes})
        for experiment in material.results.evaluated
    ]


def _seeds_label(material: Material, experiment: ShownExperiment) -> str:
    """The name of an experiment, and how many of its seeds were run: ``h36m_81, 3 seeds``."""
    counts = {len(material.results.summary(experiment, s_in).values) for s_in in experiment.s_in}
    most = max(counts, default=0)
    if most == 0:
        return f"{experiment.name}: {NOT_RUN}"
    return f"{experiment.name}, {most} seed{'s' if most > 1 else ''}"
