"""All figures of a study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from uplift_upsample.report.figures import (
    error_over_cost,
    error_over_distance,
    error_over_s_in,
    error_per_joint,
    learning_curves,
    per_action,
)
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.figures.style import STYLE, write_figure


class Topic(NamedTuple):
    """NAME: of the figure's files. figure: draws it."""

    NAME: str
    figure: Callable[[Material], Figure]


# Functions, not the modules around them: whatever else these modules import is no part of drawing (see ``used_code``).
TOPICS = (
    Topic(error_over_s_in.NAME, error_over_s_in.figure),
    Topic(per_action.NAME, per_action.figure),
    Topic(error_over_cost.NAME, error_over_cost.figure),
    Topic(learning_curves.NAME, learning_curves.figure),
    Topic(error_per_joint.NAME, error_per_joint.figure),
    Topic(error_over_distance.NAME, error_over_distance.figure),
)
NAMES = tuple(topic.NAME for topic in TOPICS)
SUFFIXES = ("png", "svg")


def write_figures(material: Material, out_dir: str | Path) -> list[Path]:
    """Write each figure as PNG and SVG, whatever was run, and return the paths. Equal results give equal bytes."""
    paths: list[Path] = []
    settings: dict[Any, Any] = {**mpl.rcParamsDefault, **STYLE, "backend": "agg"}  # whatever a matplotlibrc file says
    for topic in TOPICS:
        with mpl.rc_context(settings):
            paths += write_figure(topic.figure(material), out_dir, topic.NAME)
    return paths
