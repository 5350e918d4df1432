"""Error over the distance in time to the nearest frame with a 2D pose: what upsampling costs, learned and plain."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.figures.per_action import panel_title
from uplift_upsample.report.manifest import ShownExperiment

LOOKS: dict[str, tuple[Any, bool]] = {"learned": ("-", True), "plain": ((0, (3, 1.5)), False)}  # line, filled markers


def figure(material: Material) -> Figure:
    """One panel for each experiment, a pair of lines for each stride up to half of it: farther frames are at the ends of videos."""
    rows = material.rows
    drawn, grid = style.panels(len(rows), style.PAGE, 2.6, columns=4, sharex=True)
    strides = material.results.s_in
    has_any = False
    for axes, (experiment, weights) in zip(grid, rows, strict=True):
        axes.set_title(panel_title(experiment, weights))
        is_drawn = _draw(axes, material, experiment, weights, strides)
        has_any = has_any or is_drawn
        if not is_drawn:
            style.say_not_run(axes, has_axes=True)
            axes.set_yticks([])
    if has_any:
        grid[0].set_ylabel("MPJPE, frame-wise (mm)")
        _scale_equally([axes for axes in grid if axes.lines])
        grid[0].set_xticks(range(0, max(strides) // 2 + 1, 2 if max(strides) <= 40 else 10))
    for axes in grid:
        axes.set_xlabel(f"frames to the nearest\n2D pose, at {FRAME_RATE:g} Hz")
    handles = style.stride_handles(strides, "none")
    names = {"learned": "learned upsampling", "plain": "linear interpolation alone"}
    for kind, (line, is_filled) in LOOKS.items():
        face = style.GREY if is_filled else "white"
        handles.append(Line2D([], [], color=style.GREY, linestyle=line, marker="o", markerfacecolor=face, label=names[kind]))
    style.framed(drawn, "Error over the distance to the input", material.results.note, handles, 6)
    return drawn


def _scale_equally(grid: list[Axes]) -> None:
    """As many millimetres in each panel, around what it shows: slopes compare, and a bad model does not flatten the others."""
    limits = [axes.get_ylim() for axes in grid]
    half = max(high - low for low, high in limits) / 2
    for axes, (low, high) in zip(grid, limits, strict=True):
        axes.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)


def _draw(axes: Axes, material: Material, experiment: ShownExperiment, weights: str, strides: list[int]) -> bool:
    own = sorted(experiment.s_in)
    colours = style.tints(material.look(experiment).colour, len(own))
    has_any = False
    for s_in, colour in zip(own, colours, strict=True):
        for kind, (line, is_filled) in LOOKS.items():
            means = _means(material, experiment, weights, s_in, kind)
            if not means:
                continue
            has_any = True
            face = colour if is_filled else "white"
            axes.plot(
                list(means),
                list(means.values()),
                color=colour,
                linestyle=line,
                marker=style.stride_marker(strides, s_in),
                markersize=3,
                markerfacecolor=face,
                linewidth=1.1,
                zorder=3 if is_filled else 2,
            )
    return has_any


def _means(material: Material, experiment: ShownExperiment, weights: str, s_in: int, kind: str) -> dict[int, float]:
    """Mean over the seeds, which share their frames, by distance."""
    scores = material.evaluations(experiment, weights, s_in)
    found = [each.errors_by[kind].distance for each in scores if kind in each.errors_by]
    distances = sorted({distance for part in found for distance in part if distance <= s_in // 2})
    return {distance: sum(part[distance][0] for part in found) / len(found) for distance in distances}
