"""All result tables of a study: tidy CSV files, and Markdown, LaTeX and JSON views of them."""

import pkgutil
from collections.abc import Callable
from pathlib import Path

from uplift_upsample.base.files import write_text
from uplift_upsample.report.cells import NO_VALUE, NOT_RUN
from uplift_upsample.report.manifest import Manifest
from uplift_upsample.report.render import csv_text, write_document
from uplift_upsample.report.results import COLUMNS, Results, collected, first_columns, planned
from uplift_upsample.report.tables.summaries import record_path
from uplift_upsample.report.topics import SCORES, TABLES
from uplift_upsample.report.view import Document


def documents() -> dict[str, Callable[[Results], Document]]:
    """What makes each table: the function ``document`` of its module."""
    return {name: pkgutil.resolve_name(f"uplift_upsample.report.tables.{name}:document") for name in TABLES}


def write_tables(manifest: Manifest, out_dir: str | Path) -> list[Path]:
    """Write ``topics.FILES_OF_TABLES``: every number of every run, and the tables of each topic. Returns the paths.

    Equal scores give equal bytes, but for ``cost``, ``systems`` and ``provenance``, which show what was measured.
    Raises ``InputError`` for scores that are missing or damaged.
    """
    results = collected(manifest)
    scores = Path(out_dir) / SCORES
    write_text(scores, csv_text(_scores(results)))
    return [scores, *(path for document in documents().values() for path in write_document(document(results), out_dir))]


def _scores(results: Results) -> Document:
    """One value a row; one row for each planned run without scores."""
    columns = ("study", *COLUMNS[:4], "variant", *COLUMNS[4:], "provenance")
    rows = []
    for variant in ("", *results.variants):
        found = results.of_variant(variant)
        start = {"study": results.manifest.study, "variant": variant or NO_VALUE}
        rows += [
            {**start, **dict(zip(COLUMNS, (*first_columns(evaluation), *score), strict=True)), "provenance": path}
            for evaluation, scores in found.evaluations.items()
            for path in [record_path(found, evaluation)]
            for score in scores.rows
        ]
        missing = [evaluation for evaluation in planned(found.manifest) if evaluation not in found.evaluations]
        about = (dict(zip(COLUMNS, first_columns(evaluation), strict=False)) for evaluation in missing)
        rows += [{**dict.fromkeys(columns, NOT_RUN), **start, **each} for each in about]
    return Document("scores", "", results.note, columns, rows, sections=[])
