"""What a finished run ends with: where a study's results are, and its main numbers in a few lines."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report.cells import NO_VALUE, NOT_RUN, weights_title
from uplift_upsample.report.results import PUBLISHED

Row = Mapping[str, str]


def outcome(study: str, shown: str | Path, tables: str | Path) -> list[str]:
    """Where to look, then the mean pose and each experiment in a line: MPJPE on all frames in mm, by the average of the comparison.

    shown: the file to look at. tables: the folder of the study's tables. Where these cannot be read, the first line alone: a run
    that went well does not end with an error.
    """
    first = f"{study}: {Path(shown).as_posix()}"
    try:
        compared = [row for row in _rows(tables, "comparison") if row["is_compared"] == "yes"]
        average = compared[0]["average"]
        note = "" if compared[0]["note"] == NO_VALUE else f"; {compared[0]['note']}"
        floor = [f"  mean pose {text} mm" for text in _mean_pose(tables, average)]
        return [f"{first}; MPJPE on all frames, {AVERAGES[average]}{note}:", *floor, *_lines(compared, average)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, csv.Error):
        return [first]


def _rows(tables: str | Path, name: str) -> list[Row]:
    with open(Path(tables) / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mean_pose(tables: str | Path, average: str) -> list[str]:
    """The baseline's error, if the study has one."""
    wanted = {"experiment": "mean_pose", "metric": "mpjpe", "average": average, "status": "run"}
    rows = [row for row in _rows(tables, "main_results") if wanted.items() <= row.items()]
    return [_number(row["mean_mm"]) for row in rows[:1]]


def _lines(rows: Sequence[Row], average: str) -> list[str]:
    """One for each experiment and kind of weights, with all its strides; it says the average where that is another one."""
    lines = []
    for experiment, weights in dict.fromkeys((row["experiment"], row["weights"]) for row in rows):
        own = [row for row in rows if (row["experiment"], row["weights"]) == (experiment, weights)]
        label = f"{experiment}, {weights_title(weights)}," if weights == PUBLISHED else experiment
        values = [_number(row["mean_mm"]) for row in own]
        is_run = any(value[:1].isdigit() for value in values)
        strides = " / ".join(row["s_in"] for row in own)
        strides += "" if own[0]["average"] == average else f", {AVERAGES[own[0]['average']]}"
        lines.append(f"  {label} {' / '.join(values)} mm at s_in {strides}" if is_run else f"  {label} {NOT_RUN}")
    return lines


def _number(text: str) -> str:
    """A number of a table, or the word that stands for it."""
    return f"{float(text):.1f}" if text[:1].isdigit() else text
