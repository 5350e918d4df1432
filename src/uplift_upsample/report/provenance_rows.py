"""Where the numbers of a table come from: the way from a row to its records, and these records as a table."""

from pathlib import Path
from typing import Any

import pandas as pd

from uplift_upsample.records import Commit, Environment, ResultRecord, Step, read_record
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
    "Records are read when the tables are made. They do not trigger new tables, because they hold times and machines.",
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
    read = {evaluation: read_record(record_path(results, evaluation), ResultRecord) for evaluation in evaluations}
    records = {evaluation: record or ResultRecord() for evaluation, record in read.items()}
    rows = [_row(results, evaluation, records[evaluation]) for evaluation in evaluations]
    header = list(rows[0]) if rows else ["model"]
    return Document(
        name=NAME,
        title=f"Provenance of the results of the study {results.manifest.study}",
        note=results.note,
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


def _steps(record: ResultRecord) -> dict[str, Step | None]:
    """The steps of ``STEPS`` that led to a result, None where there is no record of one."""
    return {"training": record.trained, "prediction": record.prediction, "scoring": record.scoring}


def _row(results: Results, evaluation: Evaluation, record: ResultRecord) -> dict[str, str]:
    protocol = results.protocols[evaluation]
    experiment = results.experiment(evaluation.experiment)
    assert experiment is not None
    training, prediction = record.trained, record.prediction
    packages = prediction.environment.packages if prediction else {}
    return {
        "model": cells.label(experiment, evaluation.weights),
        "s_in": str(evaluation.s_in),
        "seed": cells.NOT_PLANNED if evaluation.seed is None else str(evaluation.seed),
        **{f"commit, {name}": _commit(step) for name, step in _steps(record).items()},
        "code, training": _text(training and training.code_fingerprint),
        "weights": _text(protocol.weights_sha256)[:12],
        "frames table": _text(protocol.frames_sha256)[:12],
        "trained on": _text(training and training.device),
        "predicted on": _text(prediction and prediction.device),
        "TensorFlow": _text(packages.get("tensorflow")),
        "scored": _text(record.scoring.environment.time),
    }


def _commit(step: Step | None) -> str:
    git = step.environment.git if step else None
    return cells.NO_VALUE if git is None else f"{git.commit or cells.NO_VALUE:.10}{'+' if git.is_clean is False else ''}"


def _record(results: Results, evaluation: Evaluation, record: ResultRecord) -> dict[str, str]:
    protocol = results.protocols[evaluation]
    values: dict[str, Any] = {
        "study": results.manifest.study,
        "experiment": evaluation.experiment,
        "weights": evaluation.weights,
        "seed": cells.NO_VALUE if evaluation.weights == PUBLISHED else evaluation.seed,
        "s_in": evaluation.s_in,
        "weights_sha256": protocol.weights_sha256,
        "frames_sha256": protocol.frames_sha256,
    }
    for name, step in _steps(record).items():
        environment = step.environment if step else Environment()
        git = environment.git or Commit()
        values |= {
            f"{name}_commit": git.commit,
            f"{name}_is_clean": None if git.is_clean is None else "yes" if git.is_clean else "no",
            f"{name}_code": step and step.code_fingerprint,
            f"{name}_time": environment.time,
            f"{name}_command": environment.command_line or None,
            f"{name}_cpu": environment.cpu,
            f"{name}_peak_memory_bytes": step and step.measured.peak_memory_bytes,
        }
    predicted = record.prediction.environment if record.prediction else Environment()
    values |= {
        "device": record.prediction and record.prediction.device,
        "python": predicted.python,
        "tensorflow": predicted.packages.get("tensorflow"),
        "keras": predicted.packages.get("keras"),
        "provenance": record_path(results, evaluation),
    }
    return {key: _text(value) for key, value in values.items()}


def _text(value: object) -> str:
    """``n/a`` where nothing is recorded."""
    return cells.NO_VALUE if value is None else str(value)
