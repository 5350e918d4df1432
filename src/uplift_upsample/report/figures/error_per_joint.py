"""Error per joint on a drawn skeleton, at the largest stride of each experiment."""

import math
from statistics import fmean

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from uplift_upsample.base.skeleton import MODEL_17, PARENTS, ROOT
from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.figures.per_action import panel_title
from uplift_upsample.report.manifest import ShownExperiment

COLOURS = "cividis_r"  # dark is much; made for the colour-blind, and its lightness alone shows the order
# A person who faces the reader (their right is on the left), in arbitrary units.
# fmt: off
_PLACES = {
    "r_ankle": (-0.30, -1.95), "r_knee": (-0.27, -1.0), "r_hip": (-0.24, -0.04), "l_hip": (0.24, -0.04), "l_knee": (0.27, -1.0),
    "l_ankle": (0.30, -1.95), "pelvis": (0.0, 0.0), "neck": (0.0, 1.08), "torso": (0.0, 0.55), "head": (0.0, 1.46),
    "head_top": (0.0, 1.80), "r_wrist": (-1.08, -0.12), "r_elbow": (-0.84, 0.45), "r_shoulder": (-0.52, 1.0),
    "l_shoulder": (0.52, 1.0), "l_elbow": (0.84, 0.45), "l_wrist": (1.08, -0.12),
}
# fmt: on


def figure(material: Material) -> Figure:
    """One skeleton for each experiment, all with one scale of colours; the number of each joint stands beside it."""
    rows = material.rows
    drawn, grid = style.panels(len(rows), style.PAGE, 2.75, columns=4)
    found = [_errors(material, experiment, weights) for experiment, weights in rows]
    values = [value for errors in found for joint, value in errors.items() if joint != MODEL_17[ROOT] and not math.isnan(value)]
    norm = Normalize(0, max(values, default=1.0) * 1.02)
    for axes, (experiment, weights), errors in zip(grid, rows, found, strict=True):
        title = panel_title(experiment, weights)
        axes.set_title(f"{title}, $s_{{in}}$ = {max(experiment.s_in)}")
        if errors:
            _draw(axes, errors, norm)
        else:
            style.say_not_run(axes)
    if values:
        bar = drawn.colorbar(ScalarMappable(norm, COLOURS), ax=grid, shrink=0.75, aspect=28, pad=0.01)
        bar.set_label("MPJPE, relative to the pelvis (mm)")
        bar.outline.set_visible(False)
    style.framed(drawn, "Error per joint, seen from the front", material.results.note)
    return drawn


def _errors(material: Material, experiment: ShownExperiment, weights: str) -> dict[str, float]:
    """Mean over the seeds by joint; empty where nothing was run."""
    found = [scores.errors for scores in material.evaluations(experiment, weights, max(experiment.s_in))]
    return {joint: fmean(errors.joint[joint] for errors in found) for joint in MODEL_17} if found else {}


def _draw(axes: Axes, errors: dict[str, float], norm: Normalize) -> None:
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-2.2, 1.98)
    colours = mpl.colormaps[COLOURS]
    places = np.array([_PLACES[joint] for joint in MODEL_17])
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            axes.plot(*places[[joint, parent]].T, color="#c4c4c4", linewidth=3.5, solid_capstyle="round", zorder=1)
    for name, (x, y) in zip(MODEL_17, places, strict=True):
        is_root = name == MODEL_17[ROOT]
        colour = "white" if is_root else colours(norm(errors[name]))
        axes.scatter(x, y, s=62, color=colour, edgecolor=style.INK, linewidth=0.6, zorder=2)
        text = "root" if is_root else f"{errors[name]:.0f}"
        dx, dy, align = _beside(name)
        axes.text(x + dx, y + dy, text, ha=align, va="center", fontsize=6.8, zorder=3)


def _beside(joint: str) -> tuple[float, float, str]:
    """Where the number of a joint stands: outside of the body."""
    if joint in ("r_hip", "r_shoulder"):
        return -0.13, 0.10, "right"
    if joint in ("l_hip", "l_shoulder"):
        return 0.13, 0.10, "left"
    if joint == "pelvis":
        return 0.0, -0.27, "center"
    if joint == "neck":
        return 0.11, 0.17, "left"
    return (-0.15, 0.0, "right") if joint.startswith("r_") else (0.15, 0.0, "left")
