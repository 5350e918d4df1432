"""What it costs: parameters and multiply-accumulates of the networks, and what each job used of the machine that it ran on."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from uplift_upsample.base.records import Measured, PredictionRecord, ResultRecord, ScoringRecord, Step, TrainingRecord, read_record
from uplift_upsample.base.strict import is_number
from uplift_upsample.model.cost import NetworkCost, network_cost
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import Job, ShownExperiment
from uplift_upsample.report.results import PUBLISHED, TRAINED, Evaluation, Results
from uplift_upsample.report.view import Column, Document, Link, Row, matching, section

COLUMNS = (
    *(
        "study",
        "experiment",
        "weights",
        "seed",
        "stage",
        "s_in",
        "variant",
        "status",
        "parameters",
        "macs_per_window",
        "macs_per_pose",
    ),
    *("wall_seconds", "cpu_seconds", "peak_memory_mb", "poses_per_second", "energy_processors_joules", "energy_gpu_joules"),
    *("device", "provenance"),
)
JOB = ("experiment", "seed", "s_in", "variant")
STAGES = {"train": "training", "predict": "prediction", "score": "scoring"}
KNOWN_SHARE = 0.9  # of a training's time, of which it must be known what it used
NETWORKS_NOTE = (
    "Exact numbers by formula (multiply-accumulates of Dense layers, attention and convolutions; twice as many floating point "
    "operations), without mirroring, which doubles them. Window: one run of the network for one 3D pose, with all its 2D poses. "
    "Per 3D pose: for each frame of a 50 Hz video as evaluated here: in the paper's protocol, a window every s_out frames with "
    "interpolation in between, and the spatial stage once for each 2D pose. Not counted: the 2D pose detector, which a larger s_in "
    "runs less often."
)
ONE_PASS_NOTE = (
    "VideoPose3D is counted by separate windows, as all networks are. Its published code evaluates a whole video in one pass, "
    "where each convolution runs once for a frame: about as many multiply-accumulates a pose as there are weights (for windows of "
    "243 frames, 17 M instead of 176 M)."
)
MEASURED_NOTE = (
    "Measured when the jobs ran, on the machines that the records name, possibly beside other jobs: other runs give other "
    "numbers. Wall time is the one of the records, of a training that of all its starts; where some of these left no record "
    "of what they used, such as those that were killed, CPU time and energy are n/a. Poses per second: examples in training, video "
    "frames with a 3D pose in prediction (start and reading left out) and in scoring. Energy: of the whole processors and the GPU "
    "while the job ran, if the machine reports it."
)


def document(results: Results) -> Document:
    """The networks, then the jobs of each stage. What was measured is read from benchmark files and records, where they are."""
    jobs = [_job_row(results, job) for job in results.manifest.jobs]
    networks = [_network_row(results, experiment, s_in) for experiment in results.manifest.experiments for s_in in experiment.s_in]
    stages = {stage: found for stage in STAGES if (found := matching(jobs, stage=stage))}
    return Document(
        name="cost",
        title=f"Cost of the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=[*networks, *jobs],
        sections=[
            section("Networks", networks, ("experiment", "s_in"), NETWORK_COLUMNS, [NETWORKS_NOTE, *one_pass(results)]),
            *(
                section(STAGES[stage].capitalize(), found, JOB, _job_columns(stage, bool(results.variants)))
                for stage, found in stages.items()
            ),
        ],
        remarks=[*_totals(stages), cells.LEGEND],
        footer=[MEASURED_NOTE],
        decimals={"macs_per_pose": 1},
    )


def one_pass(results: Results) -> list[str]:
    """What is to be said of the cost of a network that could do with less; empty without one."""
    networks = [experiment.network for experiment in results.manifest.experiments]
    return [ONE_PASS_NOTE] if any(network is not None and network.network == "videopose3d" for network in networks) else []


def usage(job: Job, results: Results) -> dict[str, Any]:
    """What a job used, by its own record; its benchmark file counts where the record lacks a number, and for memory.

    The columns of the CSV file; NaN where a number is not known, also the wall time of a job that was not run.
    """
    benchmark, record = _benchmark(job.benchmark), _record_of(job)
    measured = Measured() if record is None else record.measured
    trained = record.seconds if isinstance(record, TrainingRecord) else None
    seconds = _first(None if record is None else record.wall_seconds, benchmark.get("s"))
    known = _largest(measured.seconds, benchmark.get("s"))
    is_whole = not known < KNOWN_SHARE * seconds
    pure = record.seconds_of_prediction if isinstance(record, PredictionRecord) else trained
    memory = _largest(benchmark.get("max_rss", math.nan) * 2**20, measured.peak_memory_bytes)
    return {
        "wall_seconds": seconds,
        "cpu_seconds": _largest(benchmark.get("cpu_time"), measured.cpu_seconds) if is_whole else math.nan,
        "peak_memory_mb": memory / 2**20,
        "poses_per_second": _num_poses(job, record, results) / _first(pure, seconds),
        "energy_processors_joules": _first(measured.energy_joules.processors) if is_whole else math.nan,
        "energy_gpu_joules": _first(measured.energy_joules.gpu) if is_whole else math.nan,
        "device": _device(record, seconds),
    }


def steady_speed(job: Job, results: Results) -> float:
    """Video frames with a 3D pose a second in a prediction job once its program is compiled.

    NaN where it was not run; where the record does not tell that time, compilation is part of it.
    """
    record = _record_of(job)
    rest = record if isinstance(record, PredictionRecord) else PredictionRecord()
    share = _first(rest.num_windows_after_first) / _first(rest.num_windows)
    return _first(
        share * _num_poses(job, record, results) / _first(rest.seconds_after_first), usage(job, results)["poses_per_second"]
    )


def _record_of(job: Job) -> Step | None:
    """The record of a job; a scoring's is a part of its result's."""
    if job.stage == "score":
        result = read_record(job.record, ResultRecord)
        return None if result is None else result.scoring
    if job.stage == "predict":
        return read_record(job.record, PredictionRecord)
    return read_record(job.record, TrainingRecord)


def _num_poses(job: Job, record: Step | None, results: Results) -> float:
    """Of a prediction, all frames, where its record says how many: scores may leave out most of them, as of MPI-INF-3DHP."""
    if job.stage == "train":
        train = record.run.get("train") if isinstance(record, TrainingRecord) else None
        batch_size = train.get("batch_size") if isinstance(train, Mapping) else None
        known = isinstance(record, TrainingRecord) and record.steps is not None and is_number(batch_size)
        return float(record.steps * batch_size) if known else math.nan  # type: ignore[union-attr,operator]
    if isinstance(record, PredictionRecord) and record.num_frames is not None:
        return float(record.num_frames)
    assert job.s_in is not None
    protocol = results.of_variant(job.variant).protocols.get(Evaluation(job.experiment, job.seed, job.s_in))
    return float(protocol.num_frames["all_frames"]) if protocol else math.nan


def _device(record: Step | None, seconds: float) -> str:
    """Scoring knows the processor only."""
    if isinstance(record, TrainingRecord | PredictionRecord) and record.device:
        return record.device
    return "cpu" if isinstance(record, ScoringRecord) and seconds > 0 else cells.NO_VALUE


def _benchmark(path: str) -> dict[str, float]:
    """The numbers of a benchmark file of Snakemake; what is missing or not a number is left out."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error):
        return {}
    numbers = {}
    for key, text in (rows[-1] if rows else {}).items():
        try:
            numbers[str(key)] = float(text)
        except (TypeError, ValueError):
            continue  # "-" or "NA"
    return {key: value for key, value in numbers.items() if math.isfinite(value) and value >= 0}


def _first(*values: float | None) -> float:
    """The first of some numbers that is known, above 0; NaN where none is."""
    return next((float(value) for value in values if value is not None and value > 0), math.nan)


def _largest(*values: float | None) -> float:
    return max((value for value in values if value is not None and not math.isnan(value)), default=math.nan)


def _totals(stages: Mapping[str, Sequence[Row]]) -> list[str]:
    """The sum of each stage, one sentence."""
    sums = []
    for stage, jobs in stages.items():
        run = [row["wall_seconds"] for row in jobs if row["status"] == "run"]
        count = f"{len(run)} of {len(jobs)}" if len(run) < len(jobs) else str(len(run))
        total = f"{cells.duration(math.fsum(run))} ({count} jobs)" if run else cells.NOT_RUN
        sums.append(f"{STAGES[stage]} {total}")
    return [f"Wall time of all jobs, one after the other: {', '.join(sums)}."] if sums else []


def _network_row(results: Results, experiment: ShownExperiment, s_in: int) -> dict[str, Any]:
    """A network as the stage ``network``, which needs no run."""
    start = {"weights": "any", "seed": "any", "stage": "network", "variant": cells.NO_VALUE, "status": "computed"}
    rest = dict.fromkeys(COLUMNS[COLUMNS.index("wall_seconds") :], cells.NO_VALUE)
    return {**_named(results, experiment, s_in), **start, "label": experiment.label, **rest}


def _job_row(results: Results, job: Job) -> dict[str, Any]:
    experiment = results.experiment(job.experiment)
    assert experiment is not None
    used = {**usage(job, results), "provenance": Path(job.record).as_posix()}
    is_run = not math.isnan(used["wall_seconds"])
    return {
        **_named(results, experiment, job.s_in, job.variant),
        "weights": PUBLISHED if job.seed is None else TRAINED,
        "seed": cells.NO_VALUE if job.seed is None else job.seed,
        "stage": job.stage,
        "variant": job.variant or cells.NO_VALUE,
        "status": "run" if is_run else cells.NOT_RUN,
        **(used if is_run else dict.fromkeys(used, cells.NOT_RUN)),
        "links": [Link("record", job.record)] if is_run else [],
    }


def _named(results: Results, experiment: ShownExperiment, s_in: int | None, variant: str = "") -> dict[str, Any]:
    """What a row is about, and the numbers of its network. A training has no s_in of its own."""
    model = experiment.network
    row: dict[str, Any] = {
        "study": results.manifest.study,
        "experiment": experiment.name,
        "s_in": cells.NO_VALUE if s_in is None else s_in,
        **dict.fromkeys(("parameters", "macs_per_window", "macs_per_pose", "cost"), cells.NO_VALUE),
    }
    if model is not None and s_in is None:
        row["cost"] = network_cost(model, model.evaluated_s_in[0])
    elif s_in is not None:
        row["macs_per_pose"] = experiment.macs_per_pose(s_in, variant)
        if (cost := experiment.cost(s_in, variant)) is not None:
            row |= {"cost": cost, "macs_per_window": cost.multiply_accumulates}
    if row["cost"] != cells.NO_VALUE:
        row["parameters"] = row["cost"].parameters
    return row


def _of_network(text: Callable[[NetworkCost], str]) -> Callable[[Row], str]:
    """A cell about a network; ``n/a`` where the manifest does not describe it."""
    return lambda row: cells.NO_VALUE if row["cost"] == cells.NO_VALUE else text(row["cost"])


NETWORK_COLUMNS = (
    Column("model", cells.text("label")),
    Column("s_in", cells.text("s_in")),
    Column("s_out", _of_network(lambda cost: str(cost.s_out))),
    Column("parameters", _of_network(lambda cost: f"{cost.parameters:,}")),
    Column("2D poses in a window", _of_network(lambda cost: str(cost.num_input_poses))),
    Column("MACs per window, M", _of_network(lambda cost: cells.millions(cost.multiply_accumulates))),
    Column("spatial", _of_network(lambda cost: cells.millions(cost.by_stage["spatial"]))),
    Column("temporal", _of_network(lambda cost: cells.millions(cost.by_stage["temporal"]))),
    Column("strided", _of_network(lambda cost: cells.millions(cost.by_stage["strided"]))),
    Column("MACs per 3D pose, M", lambda row: cells.millions(row["macs_per_pose"])),
)


def _job_columns(stage: str, has_variants: bool) -> list[Column]:
    return [
        Column("model", cells.text("experiment")),
        Column("weights", lambda row: PUBLISHED if row["weights"] == PUBLISHED else f"seed {row['seed']}"),
        *([Column("s_in", cells.text("s_in"))] if stage != "train" else []),
        *([Column("evaluation", cells.variant)] if stage != "train" and has_variants else []),
        Column("wall time", lambda row: cells.duration(row["wall_seconds"])),
        Column("CPU time", lambda row: cells.duration(row["cpu_seconds"])),
        Column("peak memory", lambda row: _whole(row["peak_memory_mb"], " MB")),
        Column("poses/s", lambda row: _whole(row["poses_per_second"])),
        Column("energy", _energy),
        Column("device", cells.text("device")),
    ]


def _whole(value: float | str, unit: str = "") -> str:
    return f"{value:,.0f}{unit}" if is_number(value) else cells.plain(value)


def _energy(row: Row) -> str:
    joules = {"processors": row["energy_processors_joules"], "GPU": row["energy_gpu_joules"]}
    known = ", ".join(f"{name} {value / 1e3:.2f} kJ" for name, value in joules.items() if is_number(value))
    return known or cells.plain(joules["processors"])
