"""What one would use instead: each network at each stride of 2D poses, with its error, its smoothness, its work and its speed."""

from typing import Any

from uplift_upsample.base.strict import is_number
from uplift_upsample.plan.evaluation import InputInterpolation
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import PUBLISHED, Results
from uplift_upsample.report.tables.cost import one_pass, steady_speed
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.view import Column, Document, Row, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "network", "s_in", "between_key_poses", "key_poses_per_second", "metric", "average"),
    *("status", "seeds_run", "seeds_planned", "mean_mm", "std_mm", "parameters", "macs_per_pose", "frames_per_second"),
    "provenance",
)
LINE = ("experiment", "weights", "s_in", "between_key_poses")
NOTE = (
    "Key poses: 2D poses that a detector has to find in a second of video. Between them, the network has its upsampling token, or "
    "the 2D poses are interpolated, linearly or cubically, and seen as if they were dense. MACs per 3D pose: as in the table of "
    "costs, where each network sees windows by themselves. Frames/s: 3D poses of video frames a second in the prediction jobs, "
    "mirrored where the evaluation is, without the first windows, with which a program is compiled (where a record tells that "
    "apart); of the fastest seed, because other jobs ran beside on the same machine."
)


def document(results: Results) -> Document:
    """A line for each network, stride and way of filling the gaps, at each stride the smallest error first."""
    rows = [
        row
        for experiment, weights in results.rows
        for way, variant in experiment.input_ways.items()
        for s_in in experiment.s_in
        for row in _rows(results, experiment, weights, s_in, way, variant)
    ]
    return Document(
        name="systems",
        title=f"Systems in the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[section("Systems on all frames, by stride and error", sorted(rows, key=_order), LINE, _columns(results))],
        remarks=[NOTE, *one_pass(results), cells.LEGEND],
        footer=footer(results),
        decimals={"macs_per_pose": 1, "frames_per_second": 0, "key_poses_per_second": 2},
    )


def filled(experiment: ShownExperiment, s_in: int, way: InputInterpolation) -> str:
    """What stands between two key poses, in words."""
    network = experiment.network
    if network is not None and s_in == network.s_out:
        return "nothing: dense"
    return {"none": "upsampling token", "linear": "2D linear", "cubic": "2D cubic"}[way]


def _rows(
    results: Results, experiment: ShownExperiment, weights: str, s_in: int, way: InputInterpolation, variant: str
) -> list[dict[str, Any]]:
    """One row for each metric and average; none for dense input once more, which no interpolation changes."""
    network, found = experiment.network, results.of_variant(variant)
    if network is not None and s_in == network.s_out and variant:
        return []
    cost = experiment.cost(s_in, variant)
    start = {
        "network": cells.NO_VALUE if network is None else network.network,
        "between_key_poses": filled(experiment, s_in, way),
        "key_poses_per_second": FRAME_RATE / s_in,
        "parameters": cells.NO_VALUE if cost is None else cost.parameters,
        "macs_per_pose": experiment.macs_per_pose(s_in, variant),
        "frames_per_second": _speed(results, experiment, weights, s_in, variant),
    }
    averages, metrics = ("frame_wise", "action_wise"), results.metrics_for(experiment)
    quantities = [{"metric": metric, "average": average} for metric in metrics for average in averages]
    rows = [{**summary_row(found, experiment, s_in, weights, **quantity), **start} for quantity in quantities]
    [shown] = matching(rows, metric="mpjpe", average="frame_wise")
    return [{**row, "error": shown["mean_mm"]} for row in rows]


def _speed(results: Results, experiment: ShownExperiment, weights: str, s_in: int, variant: str) -> float | str:
    """Video frames with a 3D pose a second, of the fastest seed: the others had more beside them."""
    jobs = [
        job
        for job in results.manifest.jobs
        if (job.experiment, job.stage, job.s_in, job.variant) == (experiment.name, "predict", s_in, variant)
        and (job.seed is None) == (weights == PUBLISHED)
    ]
    return max((speed for job in jobs if (speed := steady_speed(job, results)) > 0), default=cells.NOT_RUN)


def _order(row: Row) -> tuple:
    """By stride, then by MPJPE; what was not run comes last."""
    return row["s_in"], not is_number(row["error"]), row["error"] if is_number(row["error"]) else 0.0


def _columns(results: Results) -> list[Column]:
    frame_wise = {"average": "frame_wise"}
    return [
        Column("s_in", cells.stride),
        Column("key poses/s", lambda row: f"{row['key_poses_per_second']:g}"),
        Column("model", cells.label_with_weights),
        Column("network", cells.text("network")),
        Column("between key poses", cells.text("between_key_poses")),
        *(Column(metric.label, cells.mean, {"metric": name, **frame_wise}) for name, metric in results.metrics.items()),
        Column("seeds", cells.seeds, {"metric": "mpjpe", **frame_wise}),
        Column("parameters", lambda row: f"{row['parameters']:,}" if is_number(row["parameters"]) else row["parameters"]),
        Column("MACs per 3D pose, M", lambda row: cells.millions(row["macs_per_pose"])),
        Column("frames/s", lambda row: cells.plain(row["frames_per_second"], 0)),
    ]
