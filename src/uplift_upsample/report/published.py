"""Published figures next to ours, with the published weights between the two."""

import math

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.protocol import reasons_against_published, reasons_against_verdict
from uplift_upsample.report.provenance_rows import row_links
from uplift_upsample.report.render import Section
from uplift_upsample.report.results import PUBLISHED, TRAINED, Results
from uplift_upsample.report.verdict import NOT_COMPARED

FIGURES_NOTE = (
    "Published: README of the official code, one decimal. Whether it shows the frame-wise or the action-wise average is "
    "stated nowhere, so the difference (ours minus published) is given for both."
)
COLUMNS_NOTE = (
    "Published weights, our code: the weight files of the official code, evaluated by this project under the same protocol as its "
    "own. Trained here: mean ± standard deviation over the seeds."
)
COLUMNS = [
    "published",
    "published weights, our code",
    "trained here",
    "seeds",
    "difference, published weights",
    "difference, trained here",
]


def published_mpjpe(results: Results, experiment: PlannedExperiment, s_in: int) -> float:
    """The published MPJPE on all frames, mm; NaN where there is none or it may not stand beside our number."""
    if reasons_against_published(results, experiment):
        return math.nan
    return results.published.get((experiment.name, s_in), math.nan)


def judged_mpjpe(results: Results, experiment: PlannedExperiment, s_in: int, weights: str) -> float:
    """The published MPJPE that a verdict on our number is by, mm; NaN where there is none, or ours is of another test set."""
    if reasons_against_verdict(results, experiment, weights):
        return math.nan
    return published_mpjpe(results, experiment, s_in)


def is_compared(results: Results, name: str) -> bool:
    """Whether there are published figures of an experiment of this study that may stand beside ours."""
    experiment = results.experiment(name)
    has_figures = any(published == name for published, _ in results.published)
    return has_figures and experiment in results.evaluated and not reasons_against_published(results, experiment)


def published_remarks(results: Results) -> list[str]:
    """What published figures are, and why an experiment that has some stands without them."""
    remarks = []
    if any(is_compared(results, experiment.name) for experiment in results.evaluated):
        remarks.append(FIGURES_NOTE)
    for experiment in results.evaluated:
        reasons = reasons_against_published(results, experiment)
        if reasons and any(name == experiment.name for name, _ in results.published):
            remarks.append(f"No published figures beside {experiment.name}: {'; '.join(reasons)}.")
    return [*remarks, *_without_verdict(results)]


def _without_verdict(results: Results) -> list[str]:
    """Which results stand beside published figures and are of another test set, and what is other; one line for each reason."""
    names: dict[str, list[str]] = {}
    for experiment, weights in results.rows:
        reasons = reasons_against_verdict(results, experiment, weights)
        if reasons and is_compared(results, experiment.name):
            names.setdefault("; ".join(reasons), []).append(f"{experiment.name}, {cells.weights_title(weights)}")
    return [
        f"No verdict ({NOT_COMPARED}), because it is not the published test set: {reasons} ({'; '.join(found)})."
        for reasons, found in names.items()
    ]


def three_columns(results: Results) -> Section:
    """MPJPE on all frames: as published, of the published weights, as trained here; one row for each model, s_in and average."""
    rows, links = [], []
    for experiment in results.evaluated:
        figures = {s_in: published_mpjpe(results, experiment, s_in) for s_in in strides(results, experiment)}
        for s_in, figure in figures.items():
            start = [experiment.label, cells.pretraining_text(experiment), f"{s_in}{cells.mark(results, experiment, s_in)}"]
            for average, title in AVERAGES.items():
                rows.append([*start, title, *_numbers(results, experiment, s_in, average, figure)])
                links.append(row_links(results, experiment, s_in))
    baseline = [f"{cells.plain(results.baseline('mpjpe', average))} {title}" for average, title in AVERAGES.items()]
    mean_pose = f"Mean pose, the baseline: {', '.join(baseline) if results.mean_pose else cells.NOT_RUN}."
    remarks = [*published_remarks(results), COLUMNS_NOTE, mean_pose]
    return Section("MPJPE on all frames, mm", ["model", "pre-training", "s_in", "average", *COLUMNS], rows, remarks, links)


def strides(results: Results, experiment: PlannedExperiment) -> list[int]:
    """The strides of an experiment: those that are evaluated, and those with a figure that may stand here."""
    named = [s_in for name, s_in in results.published if name == experiment.name]
    return sorted({*experiment.s_in, *(s_in for s_in in named if not math.isnan(published_mpjpe(results, experiment, s_in)))})


def _numbers(results: Results, experiment: PlannedExperiment, s_in: int, average: str, figure: float) -> list[str]:
    """The cells of ``COLUMNS``."""
    theirs = results.summary(experiment, s_in, average=average, weights=PUBLISHED)
    ours = results.summary(experiment, s_in, average=average, weights=TRAINED)
    return [
        cells.NOT_PLANNED if math.isnan(figure) else f"{figure:.1f}",
        cells.number(theirs) if experiment.published_weights else cells.NOT_PLANNED,
        cells.number(ours),
        cells.seeds_text([ours]),
        cells.difference(theirs, figure) if experiment.published_weights else cells.NOT_PLANNED,
        cells.difference(ours, figure),
    ]


def agreement(results: Results) -> list[str]:
    """Whether the published weights give the published figures, in one sentence; nothing where that cannot be said."""
    figures = {
        (experiment, s_in): figure
        for experiment, weights in results.rows
        for s_in in strides(results, experiment)
        if weights == PUBLISHED and not math.isnan(figure := judged_mpjpe(results, experiment, s_in, PUBLISHED))
    }
    stated = []
    for average, title in AVERAGES.items():
        means = [results.summary(*key, average=average, weights=PUBLISHED).mean - figure for key, figure in figures.items()]
        found = [abs(difference) for difference in means if not math.isnan(difference)]
        if found:
            stated.append(f"{max(found):.2f} mm {title} ({len(found)} of {len(figures)} figures)")
    return [f"Published weights, largest distance from the published figures: {', '.join(stated)}."] if stated else []
