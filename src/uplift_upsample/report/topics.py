"""Which result tables and figures a study has, in the order of its page: the one list of them, for rules, programs and tests.

The functions are imported when something is made, so that rules can read the names at once. They are functions and not the modules
around them: whatever else these modules hold does not enter what is made (see ``used_code``).
"""

from collections.abc import Callable
from typing import Any

TABLES = (
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
)
FIGURES = (
    "error_over_s_in",
    "per_action",
    "error_over_cost",
    "learning_curves",
    "error_per_joint",
    "error_over_distance",
    "error_over_look_ahead",
    "systems",
)
SCORES = "scores.csv"  # every number behind the tables
FILES_OF_TABLES = (SCORES, *(f"{name}.{form}" for name in TABLES for form in ("csv", "md", "tex", "json")))
FILES_OF_FIGURES = tuple(f"{name}.{form}" for name in FIGURES for form in ("png", "svg"))


def documents() -> dict[str, Callable[[Any], Any]]:
    """What makes each table: ``report.view.Document`` of ``report.results.Results``."""
    from uplift_upsample.report.tables import (
        ablations,
        comparison,
        cost,
        learned_upsampling,
        main_results,
        per_action,
        pretraining,
        provenance,
        readouts,
        systems,
    )

    return {
        "comparison": comparison.document,
        "main_results": main_results.document,
        "per_action": per_action.document,
        "learned_upsampling": learned_upsampling.document,
        "readouts": readouts.document,
        "systems": systems.document,
        "ablations": ablations.document,
        "pretraining": pretraining.document,
        "cost": cost.document,
        "provenance": provenance.document,
    }


def drawings() -> dict[str, Callable[[Any], Any]]:
    """What draws each figure: ``Figure`` of Matplotlib of ``report.figures.material.Material``."""
    from uplift_upsample.report.figures import (
        error_over_cost,
        error_over_distance,
        error_over_look_ahead,
        error_over_s_in,
        error_per_joint,
        learning_curves,
        per_action,
        systems,
    )

    return {
        "error_over_s_in": error_over_s_in.figure,
        "per_action": per_action.figure,
        "error_over_cost": error_over_cost.figure,
        "learning_curves": learning_curves.figure,
        "error_per_joint": error_per_joint.figure,
        "error_over_distance": error_over_distance.figure,
        "error_over_look_ahead": error_over_look_ahead.figure,
        "systems": systems.figure,
    }
