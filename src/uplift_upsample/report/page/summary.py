"""The first screen: does it reproduce (or what came out), at which stride, at what cost; read from the documents of tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from uplift_upsample.base.strict import is_number
from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report.cells import NO_VALUE, NOT_PLANNED, NOT_RUN, duration, weights_title
from uplift_upsample.report.page.contents import Table
from uplift_upsample.report.results import TRAINED
from uplift_upsample.report.verdict import FAIL, NOT_COMPARED, PASS, WARN

JUDGED = (PASS, WARN, FAIL)
VERDICTS = (*JUDGED, NOT_RUN)


@dataclass(frozen=True)
class Cell:
    """A result at one stride. verdict: empty where the value is enough. note: how it stands to the published figure."""

    value: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Row:
    """The results of one kind of weights; a cell is None where the model has no such stride."""

    label: str
    kind: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Cost:
    """What an experiment costs, as texts; ``macs``, of a 3D pose, from the largest to the smallest s_in."""

    label: str
    parameters: str
    macs: str
    training: str


@dataclass(frozen=True)
class Summary:
    """question, headline: what the study is about, and its answer. details: the table behind that answer.

    counts: verdicts, each with its words.
    """

    question: str
    headline: str
    details: str
    notes: Sequence[str]
    counts: Sequence[tuple[str, str]]
    strides: Sequence[int]
    rows: Sequence[Row]
    average: str
    costs: Sequence[Cost]


def summary(tables: Sequence[Table]) -> Summary:
    """What the first screen shows, with NOT RUN where a document is missing."""
    by_name = {table.name: table for table in tables}
    records = [record for record in _records(by_name, "comparison") if record.get("is_compared") == "yes"]
    counts = Counter(str(record.get("verdict")) for record in records)
    strides = sorted({int(record["s_in"]) for record in records})
    kinds = dict.fromkeys((str(record["experiment"]), str(record["weights"])) for record in records)
    has_kinds = len({kind for _, kind in kinds}) > 1
    found = {(str(record["experiment"]), str(record["weights"]), int(record["s_in"])): record for record in records}
    is_own = is_own_study(counts)
    answers = own_answers(_records(by_name, "main_results"), _average(records)) if is_own else []
    return Summary(
        question="What came out?" if is_own else "Does it reproduce?",
        headline=headline(counts, next(iter(answers), "")),
        details="main_results" if is_own and "main_results" in by_name else "comparison",
        notes=[*answers[1:], *_notes(by_name)],
        counts=[(verdict, f"{counts[verdict]} × {verdict}") for verdict in VERDICTS if counts[verdict]],
        strides=strides,
        rows=[
            Row(name, weights_title(kind) if has_kinds else "", [_cell(found.get((name, kind, s_in))) for s_in in strides])
            for name, kind in kinds
        ],
        average=_averages(records),
        costs=_costs(_records(by_name, "cost")),
    )


def is_own_study(counts: Mapping[str, int]) -> bool:
    """Whether nothing of a study can be compared with the paper: it then answers a question of its own."""
    return bool(counts.get(NOT_COMPARED)) and not any(counts.get(verdict) for verdict in JUDGED)


def own_answers(records: Sequence[Mapping[str, Any]], average: str) -> list[str]:
    """What came out, a sentence for each experiment, the smallest error first: against the mean pose, and what sparse input costs.

    records: of the main results. Errors are of all frames by the average that the comparison shows.
    """
    wanted = {"frames": "all_frames", "metric": "mpjpe", "average": average, "weights": TRAINED}
    errors: dict[str, dict[int, float]] = {}
    mean_pose: dict[str, float] = {}
    for record in records:
        if any(record.get(key) != value for key, value in wanted.items()) or not is_number(record.get("mean_mm")):
            continue
        name = str(record["experiment"])
        errors.setdefault(name, {})[int(record["s_in"])] = record["mean_mm"]
        if is_number(record.get("mean_pose_mm")):
            mean_pose[name] = record["mean_pose_mm"]
    best_first = sorted(errors, key=lambda name: min(errors[name].values()))
    return [_own_answer(name, errors[name], mean_pose.get(name)) for name in best_first]


def _own_answer(name: str, errors: Mapping[int, float], mean_pose: float | None) -> str:
    low, high = min(errors), max(errors)
    against = "" if mean_pose is None else f", against {mean_pose:.1f} mm of the mean pose"
    sparse = f"; sparser input, from s_in {low} to {high}: {errors[high] - errors[low]:+.1f} mm" if high > low else ""
    return f"{name}: {errors[low]:.1f} mm at s_in {low}{against}{sparse}."


def headline(counts: Mapping[str, int], own_answer: str = "") -> str:
    """The answer in a sentence. own_answer: of a study without a figure to compare with."""
    judged = {verdict: counts.get(verdict, 0) for verdict in JUDGED}
    total, missing = sum(judged.values()), counts.get(NOT_RUN, 0)
    rest = f" {missing} more are not run." if missing else ""
    if not total:
        is_run = counts.get(NOT_COMPARED, 0) or not missing
        answer = own_answer or "No published figures are comparable: other data than the paper's."
        return f"{answer}{rest}" if is_run else "Not run yet."
    if judged[FAIL]:
        return f"No: {judged['FAIL']} of {total} results are outside the tolerance.{rest}"
    if judged[WARN]:
        return f"Nearly: {judged['WARN']} of {total} results are at the edge of the tolerance.{rest}"
    whole = "Yes" if not missing else "So far"
    return f"{whole}: all {total} results agree with the paper within the tolerance.{rest}"


def _average(records: Sequence[Mapping[str, Any]]) -> str:
    """The average that the comparison shows first."""
    return next((str(record.get("average")) for record in records), "")


def _averages(records: Sequence[Mapping[str, Any]]) -> str:
    """That average in words, and which experiments have another one."""
    first = _average(records)
    others: dict[str, dict[str, None]] = {}
    for record in records:
        if record.get("average") != first:
            others.setdefault(str(record.get("average")), {})[str(record["experiment"])] = None
    rest = [f"{', '.join(names)} {AVERAGES.get(average, average)}" for average, names in others.items()]
    return "; ".join([AVERAGES.get(first, ""), *rest])


def _records(tables: Mapping[str, Table], name: str) -> Sequence[Mapping[str, Any]]:
    return tables[name].records if name in tables else []


def _notes(tables: Mapping[str, Table]) -> list[str]:
    """What pre-training did: the paper's second claim."""
    remarks = tables["pretraining"].remarks if "pretraining" in tables else []
    return [remark for remark in remarks if not remark.startswith(NOT_RUN)][:1]


def _cell(record: Mapping[str, Any] | None) -> Cell | None:
    if record is None:
        return None
    value = _text(record.get("mean_mm"), "{:.1f}")
    published = _text(record.get("published_mm"), "paper {:.1f}")
    difference = _text(record.get("difference_mm"), " ({:+.1f})") if published else ""
    verdict = str(record.get("verdict"))
    return Cell(value, verdict if verdict in JUDGED or not value else "", f"{published}{difference}")


def _costs(records: Sequence[Mapping[str, Any]]) -> list[Cost]:
    """The networks by experiment, with the mean time of the trainings that were run."""
    costs = []
    for name in dict.fromkeys(str(record["experiment"]) for record in records):
        own = [record for record in records if record["experiment"] == name]
        macs = [record["macs_per_pose"] for record in own if record["stage"] == "network" and is_number(record["macs_per_pose"])]
        trainings = [record["wall_seconds"] for record in own if record["stage"] == "train"]
        seconds = [value for value in trainings if is_number(value)]
        parameters = _text(next((record["parameters"] for record in own), None), "{:,.0f}")
        range_of = dict.fromkeys(_millions(value) for value in (min(macs), max(macs))) if macs else [NO_VALUE]
        time = duration(fmean(seconds)) if seconds else NOT_RUN if trainings else NOT_PLANNED
        costs.append(Cost(name, parameters or NO_VALUE, "–".join(range_of) + " M" * bool(macs), time))
    return costs


def _millions(value: float) -> str:
    return f"{value / 1e6:,.0f}" if value >= 1e8 else f"{value / 1e6:#.3g}"


def _text(value: object, form: str) -> str:
    """A number of a record in some form; nothing for the words that stand for one."""
    return form.format(value) if is_number(value) else ""
