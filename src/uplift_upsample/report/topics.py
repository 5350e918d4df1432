"""Which result tables and figures a study has, in the order of its page: the one list of them, for rules, programs and tests.

Each is a module of ``report.tables`` with a function ``document``, or of ``report.figures`` with ``figure``. They are found by
their files, so that rules know the names without importing anything; ``tables.tables`` and ``figures.figures`` import them.
"""

from collections.abc import Sequence
from pathlib import Path


def _topics(folder: str, function: str, first: Sequence[str]) -> tuple[str, ...]:
    """The modules of a folder that define a function: ``first`` in its order, then all others by name."""
    paths = (Path(__file__).parent / folder).glob("[!_.]*.py")
    found = {path.stem for path in paths if f"\ndef {function}(" in path.read_text("utf-8")}
    return (*(name for name in first if name in found), *sorted(found.difference(first)))


TABLES = _topics(
    "tables",
    "document",
    (
        "comparison",
        "main_results",
        "per_action",
        "learned_upsampling",
        "readouts",
        "systems",
        "ablations",
        "pretraining",
        "cost",
        "provenance",
    ),
)
FIGURES = _topics(
    "figures",
    "figure",
    (
        "error_over_s_in",
        "per_action",
        "error_over_cost",
        "learning_curves",
        "error_per_joint",
        "error_over_distance",
        "error_over_look_ahead",
        "systems",
    ),
)
SCORES = "scores.csv"  # every number behind the tables
FILES_OF_TABLES = (SCORES, *(f"{name}.{form}" for name in TABLES for form in ("csv", "md", "tex", "json")))
FILES_OF_FIGURES = tuple(f"{name}.{form}" for name in FIGURES for form in ("png", "svg"))
