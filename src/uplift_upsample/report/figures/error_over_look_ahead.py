"""Error over the time that a pose waits for later 2D poses: what live costs."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.figures.per_action import panel_title
from uplift_upsample.report.manifest import ShownExperiment

_NOTHING = "no evaluation with a look_ahead\n(evaluate_variants adds some)"


def figure(material: Material) -> Figure:
    """A panel for each experiment that has such evaluations, a line for each stride; dashed, the same with the whole video."""
    rows = [(experiment, weights) for experiment, weights in material.rows if look_aheads(experiment.evaluations)]
    drawn, grid = style.panels(max(1, len(rows)), style.COLUMN if len(rows) < 2 else style.PAGE, 3.0, columns=4, sharey=True)
    strides = sorted({s_in for experiment, _ in rows for s_in in experiment.s_in})
    for axes, (experiment, weights) in zip(grid, rows, strict=bool(rows)):
        axes.set_title(panel_title(experiment, weights))
        if not _draw(axes, material, experiment, weights, strides):
            style.say_not_run(axes, has_axes=True)
        axes.set_xlabel("look-ahead (ms)")
    if rows:
        grid[0].set_ylabel("MPJPE, all frames, frame-wise (mm)")
    else:
        style.say_not_run(grid[0])
        grid[0].text(0.5, 0.3, _NOTHING, ha="center", va="center", color=style.GREY, fontsize=6, transform=grid[0].transAxes)
    handles = style.stride_handles(strides, "-")
    if any(whole_video(experiment.evaluations) is not None for experiment, _ in rows):
        handles.append(Line2D([], [], color=style.GREY, linestyle=(0, (3, 1.5)), label="with the whole video"))
    style.framed(drawn, "Error over the look-ahead", material.results.note, handles, 4)
    return drawn


def look_aheads(evaluations: Mapping[str, EvaluateConfig]) -> dict[int, str]:
    """Evaluations that differ from the experiment's own in their look-ahead alone: frames -> name, ascending."""
    own = evaluations[""]
    found = {
        evaluate.look_ahead: name
        for name, evaluate in evaluations.items()
        if evaluate.look_ahead != "all" and evaluate == replace(own, look_ahead=evaluate.look_ahead)
    }
    return dict(sorted(found.items()))


def whole_video(evaluations: Mapping[str, EvaluateConfig]) -> str | None:
    """The evaluation that knows the whole video and differs in nothing else; None where there is none, as beside a live own one."""
    own = evaluations[""]
    return next((name for name, evaluate in evaluations.items() if evaluate == replace(own, look_ahead="all")), None)


def _draw(axes: Axes, material: Material, experiment: ShownExperiment, weights: str, strides: list[int]) -> bool:
    own = sorted(experiment.s_in)
    colours = style.tints(material.look(experiment).colour, len(own))
    has_any = False
    for s_in, colour in zip(own, colours, strict=True):
        points: dict[float, Any] = {}
        for frames, name in look_aheads(experiment.evaluations).items():
            summary = material.results.of_variant(name).summary(experiment, s_in, weights=weights)
            if summary.is_run and not math.isnan(summary.mean):
                points[1000 * frames / FRAME_RATE] = summary
        if not points:
            continue
        has_any = True
        means, stds = [summary.mean for summary in points.values()], [summary.std for summary in points.values()]
        style.with_spread(axes, list(points), means, stds, color=colour, marker=style.stride_marker(strides, s_in))
        name_of_whole = whole_video(experiment.evaluations)
        if name_of_whole is None:
            continue
        whole = material.results.of_variant(name_of_whole).summary(experiment, s_in, weights=weights)
        if whole.is_run and not math.isnan(whole.mean):
            axes.axhline(whole.mean, color=colour, linestyle=(0, (3, 1.5)), linewidth=0.9)
    return has_any
