"""Learning curves: training loss and validation error over the steps, one panel for each experiment, one line for each seed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.material import Material

THOUSAND = 1000


def figure(material: Material) -> Figure:
    """All trainings of the study, in the order of the configuration, with one logarithmic axis of millimetres."""
    experiments = material.results.manifest.experiments
    drawn, grid = style.panels(len(experiments), style.PAGE, 2.1, columns=4, sharey=True)
    for axes, experiment in zip(grid, experiments, strict=True):
        axes.set_title(experiment.name)
        curves = [curve for (name, _), curve in material.histories.items() if name == experiment.name]
        for place, curve in enumerate(curves):
            _draw(axes, curve, material.look(experiment).colour, place)
        if axes.has_data():
            axes.set_xlabel("steps (thousand)")
            axes.set_xlim(left=0)
        else:
            style.say_not_run(axes, has_axes=True)
            axes.set_xticks([])
    if material.histories:
        _logarithmic(grid)
        grid[0].set_ylabel("mm (logarithmic)")
    handles = [
        Line2D([], [], color=style.GREY, marker=".", markersize=4, label="training loss, mean of an epoch"),
        Line2D(
            [], [], color=style.INK, marker="D", markersize=4, markerfacecolor="white", linestyle="--", label="validation MPJPE"
        ),
    ]
    style.framed(drawn, "Learning curves", material.results.note, handles, 2)
    return drawn


def _draw(axes: Axes, history: Mapping[str, np.ndarray], colour: str, place: int) -> None:
    """place: seeds after the first are fainter, not of another colour."""
    steps, opacity = history["step"] / THOUSAND, 1.0 if place == 0 else 0.5
    axes.plot(steps, history["loss_mm"], color=colour, marker=".", markersize=4 if len(steps) < 40 else 0, alpha=opacity)
    validated = ~np.isnan(history["validation_mpjpe_mm"])
    if validated.any():
        axes.plot(
            steps[validated],
            history["validation_mpjpe_mm"][validated],
            color=style.INK,
            linestyle="--",
            linewidth=1,
            marker="D",
            markersize=3.2,
            markerfacecolor="white",
            alpha=opacity,
        )


def _logarithmic(grid: list[Axes]) -> None:
    for axes in grid:
        axes.set_yscale("log")
        axes.margins(y=0.1)
        style.logarithmic_ticks(axes.yaxis)
        axes.yaxis.set_minor_locator(NullLocator())
