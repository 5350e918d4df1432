"""What each part does: experiments and evaluations that differ from another in one thing, and the difference of their errors."""

import statistics
from collections.abc import Iterator
from typing import Any

from uplift_upsample.base.strict import is_number
from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.differences import BOUND, beyond_seeds, cell, fields, paired
from uplift_upsample.report.tables.summaries import links_of_strides, numbers, provenance_field
from uplift_upsample.report.view import Column, Document, Row, matching, section

COLUMNS = (
    *("study", "experiment", "variant", "compared_with", "s_in", "metric", "average", "status", "seeds_run", "seeds_planned"),
    *("mean_mm", "difference_mm", "difference_std_mm", "effect_mm", "beyond_seeds", "provenance"),
)
LINE = ("experiment", "variant", "compared_with")
Pair = tuple[ShownExperiment, ShownExperiment, str]  # what is compared with what, and the variant of the former, or ""
NOTE = (
    "Difference: the error minus that of the experiment that it is compared with, as that is configured, of the same seeds, "
    "frame-wise; its mean and standard deviation over the seeds. Positive: the change makes it worse. Mean: of the differences at "
    f"those s_in that all lines have; lines are sorted by it. Beyond the seeds: at which s_in the difference is {BOUND}; "
    "yes, at all of them, with one sign."
)
ALONE = (
    "Nothing is compared here; compared_with of an experiment names the one that it differs from, and evaluate_variants adds other "
    "evaluations of that."
)


def document(results: Results) -> Document:
    """A line for each evaluation of an experiment that is compared with another one, and for each other evaluation of those."""
    found = list(_pairs(results))
    pairs = [pair for pair in found if _strides(pair)]
    shared = set.intersection(*(set(_strides(pair)) for pair in pairs)) if pairs else set()
    rows = [row for pair in pairs for row in _line(results, pair, shared)]
    strides = sorted({row["s_in"] for row in rows})
    return Document(
        name="ablations",
        title=f"Ablations of the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[section("Differences on all frames, mm", sorted(rows, key=_order), LINE, _columns(strides))],
        remarks=[ALONE if not found else NOTE, *_longer(pairs), *_apart(found), cells.LEGEND],
        footer=footer(results),
    )


def _pairs(results: Results) -> Iterator[Pair]:
    by_name = {experiment.name: experiment for experiment in results.evaluated}
    compared = [experiment for experiment in by_name.values() if experiment.compared_with in by_name]
    for experiment in compared:
        for variant in experiment.evaluations:
            yield experiment, by_name[str(experiment.compared_with)], variant
    for reference in dict.fromkeys(by_name[str(experiment.compared_with)] for experiment in compared):
        for variant in reference.variants:
            yield reference, reference, variant


def _longer(pairs: list[Pair]) -> list[str]:
    """Which changes have more training steps than what they are compared with, each once."""
    longer = [
        f"{experiment.name} has the training steps of {experiment.initial_weights}, whose weights it starts from, on top of as "
        f"many as {reference.name}."
        for experiment, reference, _ in pairs
        if experiment.initial_weights is not None and experiment.initial_weights != reference.initial_weights
    ]
    return list(dict.fromkeys(longer))


def _apart(pairs: list[Pair]) -> list[str]:
    """Which changes are not shown, because there is no stride at which both sides are evaluated."""
    apart = {(pair[0].name, pair[1].name): None for pair in pairs if not _strides(pair)}
    return [f"{name} is not shown: it is evaluated at no s_in of {other}." for name, other in apart]


def _strides(pair: Pair) -> list[int]:
    """Those that both sides have."""
    experiment, reference, _ = pair
    return [s_in for s_in in experiment.s_in if s_in in reference.s_in]


def _line(results: Results, pair: Pair, shared: set[int]) -> list[dict[str, Any]]:
    """The rows of a line: one for each stride that both have, and metric. shared: the strides that all lines have."""
    experiment, reference, variant = pair
    rows = [
        _row(results, experiment, reference, variant, s_in, metric, average)
        for s_in in _strides(pair)
        for metric in results.metrics_for(experiment)
        for average in ("frame_wise", "action_wise")
    ]
    shown = matching(rows, metric="mpjpe", average="frame_wise")
    is_run = bool(shown) and all(is_number(row["difference_mm"]) for row in shown)
    differences = [row["difference_mm"] for row in shown if row["s_in"] in shared]
    effect = statistics.fmean(differences) if is_run and differences else cells.NOT_RUN if shared else cells.NOT_PLANNED
    links = links_of_strides(results.of_variant(variant), experiment)
    whole = {
        "effect_mm": effect,
        "beyond_seeds": beyond_seeds({row["s_in"]: row["difference"] for row in shown}) if is_run else cells.NOT_RUN,
        "links": links,
        "provenance": provenance_field(links),
    }
    return [{**row, **whole} for row in rows]


def _row(
    results: Results, experiment: ShownExperiment, reference: ShownExperiment, variant: str, s_in: int, metric: str, average: str
) -> dict[str, Any]:
    ours, theirs = results.of_variant(variant), results
    quantity = {"metric": metric, "average": average}
    without = theirs.by_seed(reference, s_in, **quantity)
    num_planned = len(set(experiment.seeds) & set(reference.seeds))
    difference = paired(ours.by_seed(experiment, s_in, **quantity), without, num_planned)
    own = numbers(ours.summary(experiment, s_in, **quantity))
    return {
        "study": results.manifest.study,
        "experiment": experiment.name,
        "variant": variant or cells.NO_VALUE,
        "compared_with": reference.name,
        "s_in": s_in,
        **quantity,
        **numbers(difference),
        "mean_mm": own["mean_mm"],
        **fields(difference, "difference"),
    }


def _order(row: Row) -> tuple[bool, float]:
    """What makes it worst first; what was not run comes last."""
    return not is_number(row["effect_mm"]), -row["effect_mm"] if is_number(row["effect_mm"]) else 0.0


def _change(row: Row) -> str:
    """An experiment under its own evaluation goes by its name, and its other evaluations by both."""
    is_own = row["variant"] == cells.NO_VALUE
    return row["experiment"] if is_own else f"{row['experiment']}, {row['variant']}"


def _columns(strides: list[int]) -> list[Column]:
    shown = {"metric": "mpjpe", "average": "frame_wise"}
    return [
        Column("change", _change),
        Column("compared with", cells.text("compared_with")),
        *(Column(f"s_in {s_in}", cell, {"s_in": s_in, **shown}) for s_in in strides),
        Column("mean", lambda row: cells.signed(row["effect_mm"]), shown),
        Column("beyond the seeds", cells.text("beyond_seeds"), shown),
        *(
            Column(f"{METRICS['mpjve'].label}, s_in {s_in}", cell, {**shown, "metric": "mpjve", "s_in": s_in})
            for s_in in strides[-1:]
        ),
        Column("seeds", lambda row: cells.seeds(row), shown),
    ]
