"""The rows that most tables show: one quantity of an experiment at one s_in, over the seeds that were run."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import ALL_ACTIONS, AVERAGES
from uplift_upsample.report.cells import NO_VALUE, NOT_RUN, UNTRAINED
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.published import published_mpjpe, published_share
from uplift_upsample.report.results import PUBLISHED, TRAINED, Evaluation, Results, Summary, scores_path
from uplift_upsample.report.view import Link

RECORD = "provenance.json"  # beside the scores


def summary_row(
    results: Results,
    experiment: ShownExperiment,
    s_in: int,
    weights: str = TRAINED,
    *,
    metric: str = "mpjpe",
    frames: str = "all_frames",
    average: str = "frame_wise",
    action: str = ALL_ACTIONS,
    upsampling: str | None = None,
) -> dict[str, Any]:
    """One quantity with all that tables show of it; the arguments are those of ``Results.summary``.

    Beside the columns of CSV files it has ``label`` and ``mark`` for cells, and ``links``.
    """
    quantity = {"metric": metric, "frames": frames, "average": average, "action": action, "upsampling": upsampling}
    summary = results.summary(experiment, s_in, weights=weights, **quantity)
    is_all = frames == "all_frames"
    figure = math.nan
    if is_all and metric == "mpjpe" and average in AVERAGES:
        figure = published_mpjpe(results, experiment, s_in)
    elif is_all and METRICS[metric].is_share and average == "frame_wise":
        figure = published_share(results, experiment, s_in, metric)
    is_untrained, links = results.is_untrained(experiment, s_in), row_links(results, experiment, s_in, weights)
    return {
        "study": results.manifest.study,
        "experiment": experiment.name,
        "label": experiment.label,
        "weights": weights,
        "trained_on": experiment.dataset,
        "tested_on": experiment.tested_on,
        "initial_weights": experiment.initial_weights or "none",
        "s_in": s_in,
        "mark": UNTRAINED if is_untrained else "",
        "is_s_in_trained": NO_VALUE if not summary.is_run else "no" if is_untrained else "yes",
        "frames": frames,
        "metric": metric,
        "average": average,
        "action": action,
        "upsampling": upsampling,
        **numbers(summary),
        "mean_pose_mm": results.baseline(metric, average, action, experiment) if is_all else math.nan,
        "published_mm": figure,
        "difference_mm": summary.mean - figure if summary.is_run or math.isnan(figure) else NOT_RUN,
        "links": links,
        "provenance": provenance_field(links),
    }


def numbers(summary: Summary) -> dict[str, Any]:
    """What was run of a quantity, and what came out."""
    is_published = summary.weights == PUBLISHED
    status = "run" if len(summary.values) == summary.num_planned else "partly run"
    return {
        "status": status if summary.is_run else NOT_RUN,
        "seeds_run": NO_VALUE if is_published else len(summary.values),
        "seeds_planned": NO_VALUE if is_published else summary.num_planned,
        "mean_mm": summary.mean if summary.is_run else NOT_RUN,
        "std_mm": summary.std if summary.is_run else NOT_RUN,
    }


def row_links(results: Results, experiment: ShownExperiment, s_in: int, weights: str) -> list[Link]:
    """The records behind a row: one for each run that has scores."""
    return [
        Link("published weights" if evaluation.seed is None else f"seed {evaluation.seed}", record_path(results, evaluation))
        for evaluation in results.evaluations
        if (evaluation.experiment, evaluation.s_in, evaluation.weights) == (experiment.name, s_in, weights)
    ]


def links_of_strides(results: Results, experiment: ShownExperiment, weights: str = TRAINED) -> list[Link]:
    """The records behind all strides of an experiment."""
    return [
        Link(f"s_in = {s_in}, {link.label}", link.path)
        for s_in in experiment.s_in
        for link in row_links(results, experiment, s_in, weights)
    ]


def provenance_field(links: Iterable[Link]) -> str:
    """The same in a field of a tidy table: paths from the project's folder, separated by blanks."""
    return " ".join(link.path for link in links) or NOT_RUN


def record_path(results: Results, evaluation: Evaluation) -> str:
    """The record beside the scores of an evaluation that was run."""
    path = scores_path(results.manifest, evaluation)
    assert path is not None
    return Path(path).with_name(RECORD).as_posix()
