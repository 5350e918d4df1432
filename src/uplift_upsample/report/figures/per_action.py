"""Error per action: bars by stride, one panel for each experiment."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from uplift_upsample.report.cells import weights_title
from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.results import Summary

_HATCHES = ("", "/////")  # in turn: neighbouring shades differ without colour
_HEIGHT = 0.82  # of the bars of an action


def figure(material: Material) -> Figure:
    """The actions from top to bottom in the order of the data set, and the mean of the actions below them."""
    results = material.results
    rows, actions = material.rows, _shown_actions(material)
    height = max(1.8, 0.9 + 0.26 * (len(actions) + 1))
    drawn, grid = style.panels(len(rows), style.PAGE, height, columns=4, sharex=True, sharey=True)
    for axes, (experiment, weights) in zip(grid, rows, strict=True):
        _draw(axes, material, experiment, weights, actions)
        axes.set_title(panel_title(experiment, weights))
    for axes in grid[:1]:
        axes.set_yticks(_places(len(actions) + 1), [*actions, "mean of actions"])
        axes.set_ylim(_places(len(actions) + 1)[-1] + 0.6, -0.7)
    if not any(axes.containers for axes in grid):
        grid[0].set_xlim(0, 1)
    handles = [
        Patch(facecolor=shade, edgecolor="white", hatch=hatch, label=f"$s_{{in}}$ = {s_in}")
        for s_in, (shade, hatch) in _looks(style.GREY, results.s_in).items()
    ]
    style.framed(drawn, "Error per action, all frames", results.note, handles, len(handles))
    return drawn


def panel_title(experiment: ShownExperiment, weights: str) -> str:
    return experiment.name if weights != "published" else f"{experiment.name}\n{weights_title(weights)}"


def _looks(colour: str, strides: list[int]) -> dict[int, tuple[str, str]]:
    """Shade and hatch of the bars of each stride; of all strides of the figure, so that its panels and its legend agree."""
    shades, hatches = style.tints(colour, len(strides)), [_HATCHES[place % len(_HATCHES)] for place in range(len(strides))]
    return dict(zip(strides, zip(shades, hatches, strict=True), strict=True))


def _shown_actions(material: Material) -> list[str]:
    """The actions of the data set that anything was measured of, in its order."""
    results = material.results
    return [
        action
        for action in results.actions
        if any(
            not math.isnan(results.summary(experiment, s_in, average="per_action", action=action, weights=weights).mean)
            for experiment, weights in material.rows
            for s_in in experiment.s_in
        )
    ]


def _draw(axes: Axes, material: Material, experiment: ShownExperiment, weights: str, actions: list[str]) -> None:
    results, strides = material.results, sorted(experiment.s_in)
    looks = _looks(material.look(experiment).colour, results.s_in)
    has_any = False
    for place, s_in in enumerate(strides):
        summaries = [results.summary(experiment, s_in, average="per_action", action=action, weights=weights) for action in actions]
        summaries.append(results.summary(experiment, s_in, average="action_wise", weights=weights))
        thickness = _HEIGHT / len(strides)
        offset = (place - (len(strides) - 1) / 2) * thickness
        has_any = _bars(axes, summaries, offset, thickness, *looks[s_in]) or has_any
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("MPJPE (mm)")
    if not has_any:
        style.say_not_run(axes, has_axes=True)


def _bars(axes: Axes, summaries: list[Summary], offset: float, thickness: float, colour: str, hatch: str) -> bool:
    means = np.array([summary.mean for summary in summaries])
    spread = np.nan_to_num([summary.std for summary in summaries])
    where = ~np.isnan(means)
    if not where.any():
        return False
    places = _places(len(summaries))[where] + offset
    errors = {"xerr": spread[where], "error_kw": {"elinewidth": 0.7, "ecolor": style.INK}} if spread.any() else {}
    axes.barh(places, means[where], thickness, color=colour, edgecolor="white", linewidth=0.3, hatch=hatch, **errors)
    return True


def _places(count: int) -> np.ndarray:
    """The actions, and a gap before the mean."""
    return np.append(np.arange(count - 1), count - 0.6)
