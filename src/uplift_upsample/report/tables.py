"""All result tables of a study: tidy CSV files, and Markdown, LaTeX and JSON views of them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from uplift_upsample.files import write_text
from uplift_upsample.report import comparison, cost, learned_upsampling, main_results, per_action, pretraining, provenance_rows
from uplift_upsample.report.cells import NOT_RUN
from uplift_upsample.report.manifest import Manifest
from uplift_upsample.report.provenance_rows import record_path
from uplift_upsample.report.render import Document, csv_number, csv_text, write_document
from uplift_upsample.report.results import COLUMNS, Results, collected, first_columns, planned

# Functions, not the modules around them: whatever else these modules hold is no part of the tables (see ``used_code``).
DOCUMENTS: dict[str, Callable[[Results], Document]] = {
    comparison.NAME: comparison.document,
    main_results.NAME: main_results.document,
    per_action.NAME: per_action.document,
    learned_upsampling.NAME: learned_upsampling.document,
    pretraining.NAME: pretraining.document,
    cost.NAME: cost.document,
    provenance_rows.NAME: provenance_rows.document,
}
SUFFIXES = ("csv", "md", "tex", "json")
SCORES = "scores.csv"
# What ``write_tables`` writes for any study, whatever was run.
FILES = (SCORES, *(f"{name}.{suffix}" for name in DOCUMENTS for suffix in SUFFIXES))


def write_tables(manifest: Manifest, out_dir: str | Path) -> list[Path]:
    """Write ``FILES``: every number of every run in ``scores.csv``, and the tables of each topic. Returns the paths.

    Equal scores give equal bytes, but for ``cost`` and ``provenance``, which show what was measured.
    Raises ``InputError`` for scores that are missing or damaged.
    """
    results = collected(manifest)
    scores = Path(out_dir) / SCORES
    write_text(scores, csv_text(_raw(results)))
    return [scores, *(path for document in DOCUMENTS.values() for path in write_document(document(results), out_dir))]


def _raw(results: Results) -> Document:
    """One value a row; one row for each planned run without scores."""
    scores = results.scores.copy()
    scores["value_mm"] = [csv_number(value) for value in scores["value_mm"]]
    missing = [
        {**dict.fromkeys(COLUMNS, NOT_RUN), **dict(zip(COLUMNS, first_columns(evaluation), strict=False))}
        for evaluation in planned(results.manifest)
        if evaluation not in results.protocols
    ]
    records = pd.DataFrame([*scores.to_dict("records"), *missing], columns=COLUMNS)
    records.insert(0, "study", results.manifest.study)
    paths = {first_columns(evaluation): record_path(results, evaluation) for evaluation in results.protocols}
    keys = zip(*(records[column] for column in ("experiment", "weights", "seed", "s_in")), strict=True)
    records["provenance"] = [paths.get(key, NOT_RUN) for key in keys]
    return Document("scores", "", results.note, records, sections=[])
