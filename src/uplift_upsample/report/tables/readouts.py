"""The same weights under every evaluation that a study has of them: what each gives, how smooth it is, and what it costs."""

from typing import Any

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer, readout_text
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.differences import cell, fields, paired
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.view import Column, Document, section

COLUMNS = (
    *(
        "study",
        "experiment",
        "weights",
        "s_in",
        "variant",
        "readout",
        "hop",
        "blend",
        "input_interpolation",
        "look_ahead",
        "mirror",
    ),
    *(
        "macs_per_pose",
        "metric",
        "average",
        "status",
        "seeds_run",
        "seeds_planned",
        "mean_mm",
        "std_mm",
        "difference_mm",
        "difference_std_mm",
        "provenance",
    ),
)
LINE = ("experiment", "weights", "s_in", "variant")
NOTE = (
    "One line for each evaluation of the same weights; the first is the one that all other tables show. Difference: to that one, "
    "MPJPE frame-wise, negative where the error is smaller; of the same seeds, ± its standard deviation over them. MACs per 3D "
    "pose: as in the table of costs, without mirroring, for each frame of a 50 Hz video. Published figures belong to the central "
    "read-out alone."
)
ALONE = (
    "No other evaluation is configured; evaluate_variants of a study or an experiment adds some, without training anything again."
)


def document(results: Results) -> Document:
    """A line for each experiment, s_in and evaluation."""
    rows = [
        row
        for experiment, weights in results.rows
        for s_in in experiment.s_in
        for variant in experiment.evaluations
        for row in _rows(results, experiment, weights, s_in, variant)
    ]
    has_variants = any(len(experiment.evaluations) > 1 for experiment in results.evaluated)
    return Document(
        name="readouts",
        title=f"Read-outs in the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[section("Read-outs on all frames, mm", rows, LINE, _columns(results))],
        remarks=[NOTE if has_variants else ALONE, cells.LEGEND],
        footer=footer(results),
        decimals={"macs_per_pose": 1},
    )


def _rows(results: Results, experiment: ShownExperiment, weights: str, s_in: int, variant: str) -> list[dict[str, Any]]:
    """One row for each metric and average of an evaluation."""
    evaluate, found = experiment.evaluations[variant], results.of_variant(variant)
    start = {
        "variant": variant or cells.NO_VALUE,
        "readout": evaluate.readout,
        "hop": evaluate.hop,
        "blend": _blend(found, experiment, weights, s_in, evaluate),
        "input_interpolation": evaluate.input_interpolation,
        "look_ahead": evaluate.look_ahead,
        "mirror": "yes" if evaluate.mirror else "no",
        "text": "; ".join([readout_text(evaluate), *_other_differences(evaluate, experiment.evaluations[""])]),
        "macs_per_pose": experiment.macs_per_pose(s_in, variant),
    }
    rows = []
    for metric in results.metrics_for(experiment):
        for average in AVERAGES:
            quantity = {"metric": metric, "average": average}
            row = summary_row(found, experiment, s_in, weights, **quantity)
            ours, theirs = (each.by_seed(experiment, s_in, weights=weights, **quantity) for each in (found, results))
            rows.append({**row, **start, **fields(paired(ours, theirs, len(experiment.seeds)), "difference")})
    return rows


def _other_differences(evaluate: EvaluateConfig, own: EvaluateConfig) -> list[str]:
    """What else a variant changes."""
    names = ("mirror", "test_step", "learned_upsampling", "interpolate", "precision")
    changed = {name: getattr(evaluate, name) for name in names if getattr(evaluate, name) != getattr(own, name)}
    return [f"{name} {'on' if value is True else 'off' if value is False else value}" for name, value in changed.items()]


def _blend(results: Results, experiment: ShownExperiment, weights: str, s_in: int, evaluate: EvaluateConfig) -> str:
    """What trainings chose, where they did: one number, or the smallest and the largest over the seeds."""
    if evaluate.readout != "both":
        return cells.NO_VALUE
    protocols = results.protocols_of(experiment, s_in, weights)
    used = sorted({protocol.blend for protocol in protocols if protocol.blend is not None})
    if not used:
        return cells.NOT_RUN if evaluate.blend == "auto" else f"{evaluate.blend:g}"
    return f"{used[0]:g}" if len(used) == 1 else f"{used[0]:g} to {used[-1]:g}"


def _columns(results: Results) -> list[Column]:
    frame_wise = {"average": "frame_wise"}
    return [
        Column("model", cells.label_with_weights),
        Column("s_in", cells.stride),
        Column("evaluation", cells.variant),
        Column("read-out", cells.text("text")),
        Column("weight of the central head", lambda row: cells.NOT_PLANNED if row["blend"] == cells.NO_VALUE else row["blend"]),
        Column("MACs per 3D pose, M", lambda row: cells.millions(row["macs_per_pose"])),
        *(Column(metric.label, cells.mean, {"metric": name, **frame_wise}) for name, metric in results.metrics.items()),
        Column("MPJPE, action-wise", cells.mean, {"metric": "mpjpe", "average": "action_wise"}),
        Column("difference", cell, {"metric": "mpjpe", **frame_wise}),
        Column("seeds", cells.seeds, {"metric": "mpjpe", **frame_wise}),
    ]
