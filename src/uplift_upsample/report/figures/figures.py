"""All figures of a study."""

import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.figures.style import STYLE, write_figure
from uplift_upsample.report.topics import FIGURES


def drawings() -> dict[str, Callable[[Material], Figure]]:
    """What draws each figure: the function ``figure`` of its module."""
    return {name: pkgutil.resolve_name(f"uplift_upsample.report.figures.{name}:figure") for name in FIGURES}


def write_figures(material: Material, out_dir: str | Path) -> list[Path]:
    """Write ``topics.FILES_OF_FIGURES``, whatever was run, and return the paths. Equal results give equal bytes."""
    paths: list[Path] = []
    settings: dict[Any, Any] = {**mpl.rcParamsDefault, **STYLE, "backend": "agg"}  # whatever a matplotlibrc file holds
    for name, figure in drawings().items():
        with mpl.rc_context(settings):
            paths += write_figure(figure(material), out_dir, name)
    return paths
