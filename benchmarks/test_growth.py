"""Growth of time and memory over two decades of everything that can grow; docs/performance.md gets the table and the picture."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from growth import SERIES, Series, growth_table, memory_growth, time_power
from growth_plots import write_growth_plots
from growth_probes import Point

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs/images/growth.svg"
TOLERANCE = 0.4  # of a power: a wrong one is off by about 1
_MEASURED: dict[str, list[Point]] = {}


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.probe)
def test_growth(series: Series) -> None:
    """Time grows as theory has it, and what has to be constant is."""
    command = [sys.executable, str(HERE / "growth_probes.py"), series.probe]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    points = [Point(**values) for values in json.loads(done.stdout.splitlines()[-1])["points"]]
    _MEASURED[series.probe] = points
    found, expected = time_power(points)
    if not math.isnan(found):
        assert found <= (0 if math.isnan(expected) else expected) + TOLERANCE, f"{series.probe}: time grows with power {found:.2f}"
    assert memory_growth(points) <= series.most_megabytes, f"{series.probe}: memory grows by {memory_growth(points):.0f} MB"


def test_page(page_section: Callable[[str, list[str]], None], request: pytest.FixtureRequest) -> None:
    """The table and the picture of a complete run."""
    if len(_MEASURED) < len(SERIES):
        pytest.skip("not all series were measured")
    page_section("Growth", ["![Time and memory over what grows](images/growth.svg)", "", *growth_table(_MEASURED)])
    if request.config.getoption("--page"):
        write_growth_plots(PICTURE, _MEASURED)
