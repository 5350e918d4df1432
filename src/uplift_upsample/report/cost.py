"""What it costs: parameters and multiply-accumulates of the networks, and what each job used of the machine that it ran on."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from uplift_upsample.model.cost import network_cost
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.records import Measured, PredictionRecord, ResultRecord, ScoringRecord, Step, TrainingRecord, read_record
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import Job, PlannedExperiment
from uplift_upsample.report.render import Document, Link, Section, csv_number
from uplift_upsample.report.results import PUBLISHED, TRAINED, Evaluation, Results
from uplift_upsample.strict import is_number

NAME = "cost"
STAGES = {"train": "training", "predict": "prediction", "score": "scoring"}
KNOWN_SHARE = 0.9  # of a training's time, of which it must be known what it used
NETWORKS_NOTE = (
    "Exact numbers by formula (multiply-accumulates of Dense layers, attention and convolutions; twice as many floating point "
    "operations), without mirroring, which doubles them. Window: one run of the network for one 3D pose, with all its 2D poses. "
    "Per 3D pose: for each frame of a 50 Hz video as evaluated here, a window every s_out frames with interpolation in between, "
    "and the spatial stage once for each 2D pose. Not counted: the 2D pose detector, which a larger s_in runs less often."
)
MEASURED_NOTE = (
    "Measured when the jobs ran, on the machines that the records name, possibly beside other jobs: other runs give other "
    "numbers. Wall time is the one of the records, of a training that of all its starts; where some of these left no record "
    "of what they used, such as those that were killed, CPU time and energy are n/a. Poses per second: examples in training, video "
    "frames with a 3D pose in prediction (start and reading left out) and in scoring. Energy: of the whole processors and the GPU "
    "while the job ran, if the machine reports it."
)


@dataclass(frozen=True)
class Usage:
    """What a job used; NaN where that is not known. memory: bytes. energy: joules. poses_per_second: see ``MEASURED_NOTE``."""

    seconds: float = math.nan
    cpu_seconds: float = math.nan
    memory: float = math.nan
    poses_per_second: float = math.nan
    energy_processors: float = math.nan
    energy_gpu: float = math.nan
    device: str = cells.NO_VALUE

    @property
    def is_run(self) -> bool:
        return not math.isnan(self.seconds)


def document(results: Results) -> Document:
    """The networks, then the jobs of each stage. What was measured is read from benchmark files and records, where they are."""
    usages = {job: usage(job, results) for job in results.manifest.jobs}
    sections = [_networks(results)]
    sections += [_jobs(stage, usages) for stage in STAGES if any(job.stage == stage for job in usages)]
    return Document(
        name=NAME,
        title=f"Cost of the study {results.manifest.study}",
        note=results.note,
        records=pd.DataFrame(_records(results, usages), columns=COLUMNS),
        sections=sections,
        remarks=[*_totals(usages), cells.LEGEND],
        footer=[MEASURED_NOTE],
    )


def usage(job: Job, results: Results) -> Usage:
    """What a job used, by its own record; its benchmark file counts where the record lacks a number, and for memory."""
    benchmark, record = _benchmark(job.benchmark), _record_of(job)
    measured = Measured() if record is None else record.measured
    trained = record.seconds if isinstance(record, TrainingRecord) else None
    seconds = _first(None if record is None else record.wall_seconds, benchmark.get("s"))
    known = _largest(measured.seconds, benchmark.get("s"))
    is_whole = not known < KNOWN_SHARE * seconds
    pure = record.seconds_of_prediction if isinstance(record, PredictionRecord) else trained
    return Usage(
        seconds=seconds,
        cpu_seconds=_largest(benchmark.get("cpu_time"), measured.cpu_seconds) if is_whole else math.nan,
        memory=_largest(benchmark.get("max_rss", math.nan) * 2**20, measured.peak_memory_bytes),
        poses_per_second=_num_poses(job, record, results) / _first(pure, seconds),
        energy_processors=_first(measured.energy_joules.processors) if is_whole else math.nan,
        energy_gpu=_first(measured.energy_joules.gpu) if is_whole else math.nan,
        device=_device(record, seconds),
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
    if job.stage == "train":
        train = record.run.get("train") if isinstance(record, TrainingRecord) else None
        batch_size = train.get("batch_size") if isinstance(train, Mapping) else None
        known = isinstance(record, TrainingRecord) and record.steps is not None and is_number(batch_size)
        return float(record.steps * batch_size) if known else math.nan  # type: ignore[union-attr,operator]
    assert job.s_in is not None
    protocol = results.protocols.get(Evaluation(job.experiment, job.seed, job.s_in))
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


def _networks(results: Results) -> Section:
    rows = [
        [experiment.label, str(s_in), *_network_cells(experiment.network, s_in)]
        for experiment in results.manifest.experiments
        for s_in in experiment.s_in
    ]
    header = [
        "model",
        "s_in",
        "s_out",
        "parameters",
        "2D poses in a window",
        "MACs per window, M",
        "spatial",
        "temporal",
        "strided",
        "MACs per 3D pose, M",
    ]
    return Section("Networks", header, rows, [NETWORKS_NOTE])


def _network_cells(model: ModelConfig | None, s_in: int) -> list[str]:
    if model is None:
        return [cells.NO_VALUE] * 8
    cost = network_cost(model, s_in)
    stages = [_millions(cost.by_stage[stage]) for stage in ("spatial", "temporal", "strided")]
    start = [str(cost.s_out), f"{cost.parameters:,}", str(cost.num_input_poses), _millions(cost.multiply_accumulates)]
    return [*start, *stages, _millions(cost.per_pose)]


def _millions(value: float) -> str:
    """Three digits that count, at least."""
    return f"{value / 1e6:.1f}" if value >= 1e8 else f"{value / 1e6:.2f}" if value >= 1e6 else f"{value / 1e6:.3f}"


def _jobs(stage: str, usages: Mapping[Job, Usage]) -> Section:
    has_s_in = stage != "train"
    rows, links = [], []
    for job, used in usages.items():
        if job.stage != stage:
            continue
        start = [job.experiment, "published" if job.seed is None else f"seed {job.seed}", *([str(job.s_in)] if has_s_in else [])]
        rows.append([*start, *(_usage_cells(used) if used.is_run else [cells.NOT_RUN] * 6)])
        links.append([Link("record", job.record)] if used.is_run else [])
    header = ["model", "weights", *(["s_in"] if has_s_in else []), "wall time", "CPU time", "peak memory", "poses/s"]
    return Section(STAGES[stage].capitalize(), [*header, "energy", "device"], rows, row_links=links)


def _usage_cells(used: Usage) -> list[str]:
    memory = cells.NO_VALUE if math.isnan(used.memory) else f"{used.memory / 2**20:,.0f} MB"
    speed = cells.NO_VALUE if math.isnan(used.poses_per_second) else f"{used.poses_per_second:,.0f}"
    named = (("processors", used.energy_processors), ("GPU", used.energy_gpu))
    energy = ", ".join(f"{name} {value / 1e3:.2f} kJ" for name, value in named if not math.isnan(value))
    return [duration(used.seconds), duration(used.cpu_seconds), memory, speed, energy or cells.NO_VALUE, used.device]


def duration(seconds: float) -> str:
    """``4.3 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if math.isnan(seconds):
        return cells.NO_VALUE
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def _totals(usages: Mapping[Job, Usage]) -> list[str]:
    """The sum of each stage, one sentence."""
    sums = []
    for stage, title in STAGES.items():
        used = [value for job, value in usages.items() if job.stage == stage]
        run = [value.seconds for value in used if value.is_run]
        if used:
            count = f"{len(run)} of {len(used)}" if len(run) < len(used) else str(len(run))
            sums.append(f"{title} {duration(math.fsum(run))} ({count} jobs)" if run else f"{title} {cells.NOT_RUN}")
    return [f"Wall time of all jobs, one after the other: {', '.join(sums)}."] if sums else []


COLUMNS = [
    "study",
    "experiment",
    "weights",
    "seed",
    "stage",
    "s_in",
    "status",
    "parameters",
    "macs_per_window",
    "macs_per_pose",
    "wall_seconds",
    "cpu_seconds",
    "peak_memory_mb",
    "poses_per_second",
    "energy_processors_joules",
    "energy_gpu_joules",
    "device",
    "provenance",
]


def _records(results: Results, usages: Mapping[Job, Usage]) -> list[dict[str, str]]:
    """The networks as the stage ``network``, which needs no run, then the jobs."""
    experiments = {experiment.name: experiment for experiment in results.manifest.experiments}
    records = []
    for experiment in experiments.values():
        for s_in in experiment.s_in:
            start = {"weights": "any", "seed": "any", "stage": "network", "s_in": str(s_in), "status": "computed"}
            rest = dict.fromkeys(COLUMNS[COLUMNS.index("wall_seconds") :], cells.NO_VALUE)
            records.append(_named(results, experiment, start, _network_fields(experiment, s_in), rest))
    for job, used in usages.items():
        start = {
            "weights": PUBLISHED if job.seed is None else TRAINED,
            "seed": cells.NO_VALUE if job.seed is None else str(job.seed),
            "stage": job.stage,
            "s_in": cells.NO_VALUE if job.s_in is None else str(job.s_in),
            "status": "run" if used.is_run else cells.NOT_RUN,
        }
        experiment = experiments[job.experiment]
        records.append(_named(results, experiment, start, _network_fields(experiment, job.s_in), _fields(job, used)))
    return records


def _named(results: Results, experiment: PlannedExperiment, *parts: Mapping[str, str]) -> dict[str, str]:
    record = {"study": results.manifest.study, "experiment": experiment.name}
    for part in parts:
        record |= part
    return record


def _network_fields(experiment: PlannedExperiment, s_in: int | None) -> dict[str, str]:
    fields = dict.fromkeys(("parameters", "macs_per_window", "macs_per_pose"), cells.NO_VALUE)
    if (model := experiment.network) is None:
        return fields
    cost = network_cost(model, s_in if s_in is not None else model.evaluated_s_in[0])
    fields["parameters"] = str(cost.parameters)
    if s_in is not None:
        fields |= {"macs_per_window": str(cost.multiply_accumulates), "macs_per_pose": f"{cost.per_pose:.1f}"}
    return fields


def _fields(job: Job, used: Usage) -> dict[str, str]:
    numbers = {
        "wall_seconds": used.seconds,
        "cpu_seconds": used.cpu_seconds,
        "peak_memory_mb": used.memory / 2**20,
        "poses_per_second": used.poses_per_second,
        "energy_processors_joules": used.energy_processors,
        "energy_gpu_joules": used.energy_gpu,
    }
    if not used.is_run:
        return {**dict.fromkeys(numbers, cells.NOT_RUN), "device": cells.NOT_RUN, "provenance": cells.NOT_RUN}
    known = {key: cells.NO_VALUE if math.isnan(value) else csv_number(value) for key, value in numbers.items()}
    return {**known, "device": used.device, "provenance": Path(job.record).as_posix()}
