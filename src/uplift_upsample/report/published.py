"""Published figures next to ours, with the published weights between the two."""

import math

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report.cells import weights_title
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import UNKNOWN_RECIPE, reasons_against_published, reasons_against_verdict
from uplift_upsample.report.results import PUBLISHED, Results, Source
from uplift_upsample.report.verdict import NOT_COMPARED

FIGURES_NOTE = (
    "Published: README of the official code, or for other systems their publications, one decimal. Whether those of the paper are "
    "the frame-wise or the action-wise average is stated nowhere, so the difference (ours minus published) is given for both. The "
    "codes of VideoPose3D, PoseFormer and StridedTransformer print the action-wise one."
)
NO_SOURCE = Source("", None)


def published_mpjpe(results: Results, experiment: ShownExperiment, s_in: int) -> float:
    """The published MPJPE on all frames, mm; NaN where there is none or it may not stand beside our number."""
    if reasons_against_published(results, experiment):
        return math.nan
    return results.published.get((experiment.name, s_in), math.nan)


def published_share(results: Results, experiment: ShownExperiment, s_in: int, metric: str) -> float:
    """The same of PCK and AUC, per cent."""
    if reasons_against_published(results, experiment):
        return math.nan
    return results.published_shares.get((experiment.name, s_in, metric), math.nan)


def judged_mpjpe(results: Results, experiment: ShownExperiment, s_in: int, weights: str) -> float:
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
            names.setdefault("; ".join(reasons), []).append(f"{experiment.name}, {weights_title(weights)}")
    start = f"No verdict ({NOT_COMPARED}), because "
    return [
        f"{start}{'' if reasons == UNKNOWN_RECIPE else 'it is not the published test set: '}{reasons} ({'; '.join(found)})."
        for reasons, found in names.items()
    ]


def source_of(results: Results, experiment: ShownExperiment) -> Source:
    """Where the published figures of an experiment are from, if there are any."""
    return results.published_sources.get(experiment.name, NO_SOURCE)


def strides(results: Results, experiment: ShownExperiment) -> list[int]:
    """The strides of an experiment: those that are evaluated, and those with a figure that may stand here."""
    named = [s_in for name, s_in in results.published if name == experiment.name]
    return sorted({*experiment.s_in, *(s_in for s_in in named if not math.isnan(published_mpjpe(results, experiment, s_in)))})


def distances_of_published_weights(results: Results, source: str | None = None) -> dict[str, tuple[list[float], int]]:
    """By average: how far published weights are from the published figures, mm, as far as they were run; the number of figures.

    Figures whose average is known count for that one alone. source: of the figures that count; None, all do.
    """
    figures = {
        (experiment, s_in): figure
        for experiment, weights in results.rows
        for s_in in strides(results, experiment)
        if weights == PUBLISHED
        and source in (None, source_of(results, experiment).name)
        and not math.isnan(figure := judged_mpjpe(results, experiment, s_in, PUBLISHED))
    }
    distances = {}
    for average in AVERAGES:
        own = {key: figure for key, figure in figures.items() if source_of(results, key[0]).average in (None, average)}
        found = [results.summary(*key, average=average, weights=PUBLISHED).mean - figure for key, figure in own.items()]
        distances[average] = [abs(distance) for distance in found if not math.isnan(distance)], len(own)
    return {average: (found, count) for average, (found, count) in distances.items() if found}


def agreement(results: Results) -> list[str]:
    """Whether the published weights give the published figures, in one sentence; nothing where that is not known."""
    distances = distances_of_published_weights(results)
    stated = [
        f"{max(found):.2f} mm {AVERAGES[average]} ({len(found)} of {count} figures)"
        for average, (found, count) in distances.items()
    ]
    return [f"Published weights, largest distance from the published figures: {', '.join(stated)}."] if stated else []
