"""All figures of a study."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

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

TOPICS = (error_over_s_in, per_action, error_over_cost, learning_curves, error_per_joint, error_over_distance)
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
