"""Error over the key poses that a second of video needs: each network with each way of filling the gaps between them."""

import math
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.report.figures import style
from uplift_upsample.report.figures.error_over_s_in import ERROR_LABEL, experiment_handles
from uplift_upsample.report.figures.material import Material

LINES: dict[str, Any] = {"none": "-", "linear": ":", "cubic": "--"}
WORDS = {"none": "upsampling token", "linear": "2D linear", "cubic": "2D cubic"}  # as in the table


def figure(material: Material) -> Figure:
    """A line for each experiment, in its colour, and way, solid, dotted or dashed; the standard deviation over seeds as bars."""
    results = material.results
    drawn = style.new_figure(style.COLUMN, 3.3)
    axes = drawn.subplots()
    used: dict[str, None] = {}
    for experiment in results.evaluated:
        look = material.look(experiment)
        for way, variant in experiment.input_ways.items():
            found = {s_in: results.of_variant(variant).summary(experiment, s_in) for s_in in experiment.s_in}
            points = sorted((FRAME_RATE / s_in, each.mean, each.std) for s_in, each in found.items() if not math.isnan(each.mean))
            if points:
                x, means, stds = zip(*points, strict=True)
                style.with_spread(axes, x, means, stds, **{**look.plain(), "linestyle": LINES[way]})
                used[way] = None
    if not axes.has_data():
        style.say_not_run(axes)
    else:
        rates = sorted({FRAME_RATE / s_in for s_in in results.s_in})
        axes.set_xscale("log")
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("Key poses that a detector finds in a second of video")
        axes.set_ylabel(ERROR_LABEL)
        axes.margins(x=0.06, y=0.12)
    handles = experiment_handles(material, linestyle="none")
    handles += [Line2D([], [], label=WORDS[way], color=style.GREY, linestyle=LINES[way]) for way in used]
    style.framed(drawn, "Error over the 2D poses that are needed", results.note, handles, 2)
    return drawn
