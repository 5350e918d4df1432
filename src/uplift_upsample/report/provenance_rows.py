"""Where the numbers of a table come from: the way from a row to its records, and these records as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from uplift_upsample.evaluate.records import read_record
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.render import Document, Link, Section
from uplift_upsample.report.results import PUBLISHED, Evaluation, Results, scores_path

NAME = "provenance"
FILE = "provenance.json"  # beside the scores
FOOTER = [
    "Commit: of the project's folder when the step ran; + means that its files were not as committed. Code: fingerprint of what "
    "the step's program does, whatever the commit. Sums: the first 12 digits of SHA-256; the files have them whole, with the "
    "resolved configuration, the command, the versions of all packages, and what was used of the machine.",
    "Records are read when the tables are made. They are no reason to make them again, as they hold times and machines.",
]


def row_links(results: Results, experiment: PlannedExperiment, s_in: int, weights: str | None = None) -> list[Link]:
    """The records behind a row: one for each run that has scores."""
    return [
        Link("published weights" if evaluation.seed is None else f"seed {evaluation.seed}", record_path(results, evaluation))
        for evaluation in results.protocols
        if (evaluation.experiment, evaluation.s_in) == (experiment.name, s_in) and weights in (None, evaluation.weights)
    ]


def table_links(results: Results, experiment: PlannedExperiment, weights: str | None = None) -> list[Link]:
    """The records behind all strides of an experiment."""
    return [
        Link(f"s_in = {s_in}, {link.label}", link.path)
        for s_in in experiment.s_in
        for link in row_links(results, experiment, s_in, weights)
    ]


def baseline_links(results: Results) -> list[Link]:
    path = results.manifest.mean_pose
    return [Link("mean pose", Path(path).with_name(FILE).as_posix())] if path else []


def record_field(links: list[Link]) -> str:
    """The same in a field of a tidy table: paths from the project's folder, separated by blanks."""
    return " ".join(link.path for link in links) or cells.NOT_RUN


def record_path(results: Results, evaluation: Evaluation) -> str:
    """The record beside the scores of an evaluation that was run."""
    path = scores_path(results.manifest, evaluation)
    assert path is not None
    return Path(path).with_name(FILE).as_posix()


def document(results: Results) -> Document:
    """Where each evaluation's numbers come from, one in a row."""
    evaluations = list(results.protocols)
    records = {evaluation: read_record(record_path(results, evaluation)) or {} for evaluation in evaluations}
    rows = [_row(results, evaluation, records[evaluation]) for evaluation in evaluations]
    header = list(rows[0]) if rows else ["model"]
    return Document(
        name=NAME,
        title=f"Provenance of the results of the study {results.manifest.study}",
        is_synthetic=results.is_synthetic,
        records=pd.DataFrame([_record(results, evaluation, records[evaluation]) for evaluation in evaluations], columns=COLUMNS),
        sections=[
            Section(
                "Where each evaluation comes from",
                header,
                [list(row.values()) for row in rows] or [[cells.NOT_RUN]],
                row_links=[[Link("record", record_path(results, evaluation))] for evaluation in evaluations],
            )
        ],
        remarks=[cells.LEGEND],
        footer=FOOTER,
    )


STEPS = ("training", "prediction", "scoring")
COLUMNS = [
    "study",
    "experiment",
    "weights",
    "seed",
    "s_in",
    "weights_sha256",
    "frames_sha256",
    *(f"{step}_{key}" for step in STEPS for key in ("commit", "is_clean", "code", "time", "command", "cpu", "peak_memory_bytes")),
    "device",
    "python",
    "tensorflow",
    "keras",
    "provenance",
]


def _row(results: Results, evaluation: Evaluation, record: Mapping[str, Any]) -> dict[str, str]:
    protocol = results.protocols[evaluation]
    experiment = results.experiment(evaluation.experiment)
    assert experiment is not None
    return {
        "model": cells.label(experiment, evaluation.weights),
        "s_in": str(evaluation.s_in),
        "seed": cells.NOT_PLANNED if evaluation.seed is None else str(evaluation.seed),
        **{f"commit, {step}": _commit(record, step) for step in STEPS},
        "code, training": str(_at(record, "training", "code_fingerprint")),
        "weights": str(protocol.get("weights_sha256", cells.NO_VALUE))[:12],
        "frames table": str(protocol.get("frames_sha256", cells.NO_VALUE))[:12],
        "trained on": str(_at(record, "training", "device")),
        "predicted on": str(_at(record, "prediction", "device")),
        "TensorFlow": str(_at(record, "prediction", "environment", "packages", "tensorflow")),
        "scored": str(_at(record, "scoring", "environment", "time")),
    }


def _commit(record: Mapping[str, Any], step: str) -> str:
    commit = _at(record, step, "environment", "git", "commit")
    return str(commit)[:10] + ("+" if _at(record, step, "environment", "git", "is_clean") is False else "")


def _record(results: Results, evaluation: Evaluation, record: Mapping[str, Any]) -> dict[str, str]:
    protocol = results.protocols[evaluation]
    values: dict[str, Any] = {
        "study": results.manifest.study,
        "experiment": evaluation.experiment,
        "weights": evaluation.weights,
        "seed": cells.NO_VALUE if evaluation.weights == PUBLISHED else evaluation.seed,
        "s_in": evaluation.s_in,
        "weights_sha256": protocol.get("weights_sha256", cells.NO_VALUE),
        "frames_sha256": protocol.get("frames_sha256", cells.NO_VALUE),
    }
    for step in STEPS:
        command = _at(record, step, "environment", "command")
        values |= {
            f"{step}_commit": _at(record, step, "environment", "git", "commit"),
            f"{step}_is_clean": {True: "yes", False: "no"}.get(_at(record, step, "environment", "git", "is_clean"), cells.NO_VALUE),
            f"{step}_code": _at(record, step, "code_fingerprint"),
            f"{step}_time": _at(record, step, "environment", "time"),
            f"{step}_command": " ".join(map(str, command)) if isinstance(command, list) else cells.NO_VALUE,
            f"{step}_cpu": _at(record, step, "environment", "cpu"),
            f"{step}_peak_memory_bytes": _at(record, step, "measured", "peak_memory_bytes"),
        }
    values |= {
        "device": _at(record, "prediction", "device"),
        "python": _at(record, "prediction", "environment", "python"),
        "tensorflow": _at(record, "prediction", "environment", "packages", "tensorflow"),
        "keras": _at(record, "prediction", "environment", "packages", "keras"),
        "provenance": record_path(results, evaluation),
    }
    return {key: str(value) for key, value in values.items()}


def _at(record: Mapping[str, Any], *keys: str) -> Any:
    """A value inside a record; ``n/a`` where there is none."""
    value: Any = record
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return cells.NO_VALUE if value is None else value
