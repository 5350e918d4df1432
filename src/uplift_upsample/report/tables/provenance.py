"""Where the numbers of all tables come from: the records beside the scores, as a table."""

from collections.abc import Callable
from typing import Any

from uplift_upsample.base.records import Commit, Environment, ResultRecord, Step, read_record
from uplift_upsample.report import cells
from uplift_upsample.report.results import Evaluation, Results
from uplift_upsample.report.tables.summaries import record_path
from uplift_upsample.report.view import Column, Document, Link, Row, Section, section

STEPS = ("training", "prediction", "scoring")
COLUMNS = (
    *("study", "experiment", "weights", "seed", "s_in", "weights_sha256", "frames_sha256"),
    *(f"{step}_{key}" for step in STEPS for key in ("commit", "is_clean", "code", "time", "command", "cpu", "peak_memory_bytes")),
    *("device", "python", "tensorflow", "keras", "provenance"),
)
FOOTER = [
    "Commit: of the project's folder when the step ran; + means that its files were not as committed. Code: fingerprint of what "
    "the step's program does, whatever the commit. Sums: the first 12 digits of SHA-256; the files have them whole, with the "
    "resolved configuration, the command, the versions of all packages, and what was used of the machine.",
    "Records are read when the tables are made. They do not trigger new tables, because they hold times and machines.",
]


def document(results: Results) -> Document:
    """Where each evaluation's numbers come from, one in a row."""
    rows = [_row(results, evaluation) for evaluation in results.evaluations]
    title = "Where each evaluation comes from"
    nothing = Section(title, ["model"], [[cells.NOT_RUN]])
    return Document(
        name="provenance",
        title=f"Provenance of the results of the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[section(title, rows, ("experiment", "seed", "s_in"), SHOWN) if rows else nothing],
        remarks=[cells.LEGEND],
        footer=FOOTER,
    )


def _row(results: Results, evaluation: Evaluation) -> dict[str, Any]:
    """All of a record that the CSV file has, None where nothing is recorded."""
    experiment, path = results.experiment(evaluation.experiment), record_path(results, evaluation)
    assert experiment is not None
    record, protocol = read_record(path, ResultRecord) or ResultRecord(), results.protocols[evaluation]
    row: dict[str, Any] = {
        "study": results.manifest.study,
        "experiment": evaluation.experiment,
        "label": experiment.label,
        "weights": evaluation.weights,
        "seed": evaluation.seed,
        "s_in": evaluation.s_in,
        "weights_sha256": protocol.weights_sha256,
        "frames_sha256": protocol.frames_sha256,
        "trained_on": record.trained and record.trained.device,
        "links": [Link("record", path)],
        "provenance": path,
    }
    steps = {"training": record.trained, "prediction": record.prediction, "scoring": record.scoring}
    for name in STEPS:
        row |= {f"{name}_{key}": value for key, value in _of_step(steps[name]).items()}
    predicted = record.prediction.environment if record.prediction else Environment()
    return {
        **row,
        "device": record.prediction and record.prediction.device,
        "python": predicted.python,
        "tensorflow": predicted.packages.get("tensorflow"),
        "keras": predicted.packages.get("keras"),
    }


def _of_step(step: Step | None) -> dict[str, Any]:
    environment = step.environment if step else Environment()
    git = environment.git or Commit()
    return {
        "commit": git.commit,
        "is_clean": None if git.is_clean is None else "yes" if git.is_clean else "no",
        "code": step and step.code_fingerprint,
        "time": environment.time,
        "command": environment.command_line or None,
        "cpu": environment.cpu,
        "peak_memory_bytes": step and step.measured.peak_memory_bytes,
    }


def _known(key: str, length: int | None = None) -> Callable[[Row], str]:
    """The cell of a value, or of its first letters; ``n/a`` where nothing is recorded."""
    return lambda row: cells.NO_VALUE if row[key] is None else str(row[key])[:length]


def _commit(step: str) -> Callable[[Row], str]:
    """+ where the files were not as committed."""
    return lambda row: _known(f"{step}_commit", 10)(row) + "+" * (row[f"{step}_is_clean"] == "no")


SHOWN = (
    Column("model", cells.label_with_weights),
    Column("s_in", cells.text("s_in")),
    Column("seed", lambda row: cells.NOT_PLANNED if row["seed"] is None else str(row["seed"])),
    *(Column(f"commit, {step}", _commit(step)) for step in STEPS),
    Column("code, training", _known("training_code")),
    Column("weights", _known("weights_sha256", 12)),
    Column("frames table", _known("frames_sha256", 12)),
    Column("trained on", _known("trained_on")),
    Column("predicted on", _known("device")),
    Column("TensorFlow", _known("tensorflow")),
    Column("scored", _known("scoring_time")),
)
