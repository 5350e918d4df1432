"""Where each set of weights and its scores come from, as a page shows it, out of the records beside the scores."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.records import ChosenBlend, Commit, Environment, ResultRecord, Step, TrainingRecord, read_record
from uplift_upsample.base.strict import to_mapping
from uplift_upsample.evaluate.blend import CENTRAL
from uplift_upsample.report.cells import duration
from uplift_upsample.report.page.contents import link, run_title
from uplift_upsample.report.results import PUBLISHED

UNKNOWN = "not recorded"
CHECKED = {
    "publisher": "the checksum is the one that the publisher gives",
    "first_download": "checksum recorded at the first download; the publisher gives none",
    None: "the same file as when it was checked",  # records of older versions do not say against what
}
_GIB = 1 << 30
_RECORD = re.compile(r"(?P<experiment>[^/]+)/(?P<run>[^/]+)/s_in_(?P<s_in>\d+)(?:/(?P<variant>[^/]+))?/[^/]+$")


@dataclass(frozen=True)
class Run:
    """One set of weights: facts (name, text), records (label, link), and its resolved configuration as YAML."""

    title: str
    facts: list[tuple[str, str]]
    links: list[tuple[str, str]]
    configuration: str


def runs(paths: Iterable[str], page: str | os.PathLike[str]) -> list[Run]:
    """Records ``{experiment}/{run}/s_in_{s_in}/provenance.json``, those of the same weights together.

    Those of other evaluations lie one folder deeper, ``s_in_{s_in}/{variant}/``. A record elsewhere is named by its folder.
    What a run says of its prediction and scoring is that of its first record. Raises ``InputError`` for a record that is missing
    or none.
    """
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for path in paths:
        folder = Path(path).parent
        place = _RECORD.search(Path(path).as_posix())
        experiment, run, label = (place["experiment"], place["run"], _label(place)) if place else ("", folder.name, folder.name)
        groups.setdefault((experiment, run), {})[path] = label
    return [_run(experiment, run, labels, page) for (experiment, run), labels in groups.items()]


def _label(place: re.Match[str]) -> str:
    """One evaluation of some weights: ``s_in = 5``, or ``s_in = 5, linear``."""
    return f"s_in = {place['s_in']}" + (f", {place['variant']}" if place["variant"] else "")


def _run(experiment: str, run: str, labels: Mapping[str, str], page: str | os.PathLike[str]) -> Run:
    """labels: of the records of the run, by their paths."""
    records = {path: read_record(path, ResultRecord) for path in labels}
    missing = [path for path, record in records.items() if record is None]
    if missing:
        raise InputError(f"{missing[0]}: no record of a run; score the predictions again")
    first = next(record for record in records.values() if record is not None)
    links = [(label, link(path, page)) for path, label in labels.items()]
    configuration = first.trained.run if first.trained else {}
    facts = [
        *(_weights(first) if run == PUBLISHED else _training(first.trained)),
        *_step("prediction", first.prediction),
        *_step("scoring", first.scoring),
        ("weights, SHA-256", _text(first.weights_sha256)),
        ("frames table, SHA-256", _text(first.frames_sha256)),
        *_machine(next(step for step in (first.trained, first.prediction, first.scoring) if step is not None).environment),
    ]
    text = yaml.safe_dump(to_mapping(configuration), sort_keys=False, default_flow_style=None) if configuration else ""
    return Run(f"{experiment}, {run_title(run)}", [fact for fact in facts if fact[1]], links, text)


def _weights(record: ResultRecord) -> list[tuple[str, str]]:
    """Weights that others trained are published ones where they are the file that was checked, which says against what."""
    found = record.published
    if found is None:
        return [("weights", UNKNOWN)]
    return [("weights", f"published, {found.source or 'source unknown'}; {CHECKED[found.checked_against]}")]


def _training(record: TrainingRecord | None) -> list[tuple[str, str]]:
    facts = _step("training", record)
    if record is not None:
        facts[1:1] = [("seed", _text(record.identity.seed))]
        facts[2:2] = [
            (f"{part} data", f"{', '.join(data.subjects)}; SHA-256 {_text(data.sha256)}")
            for part, data in record.identity.data.items()
        ]
        facts.append(("read-outs in validation", _readouts(record.readout_both)))
    return facts


def _readouts(chosen: ChosenBlend | None) -> str:
    """What the read-outs give on validation people; "" where a training did not measure their hops."""
    if chosen is None or not chosen.hops_mpjpe_mm:
        return ""
    central, sequence = chosen.mpjpe_mm.get(CENTRAL), chosen.hops_mpjpe_mm
    errors = ", ".join(f"{error:.1f}" for error in sequence.values())
    start = f"central {central:.1f} mm; " if central is not None else ""
    return f"{start}sequence {errors} mm at a hop of {', '.join(sequence)} tokens"


def _step(name: str, record: Step | None) -> list[tuple[str, str]]:
    """Code, time, what was used, and command of one step."""
    if record is None:
        return [(name, UNKNOWN)]
    git, environment = record.environment.git or Commit(), record.environment
    tree = "tree unknown" if git.is_clean is None else "clean tree" if git.is_clean else "changed tree"
    code = f"commit {git.commit[:12]}, {tree}" if git.commit else "no commit recorded"
    facts = [code, environment.time or "time unknown", _used(record)]
    return [(name, "; ".join(filter(None, facts))), (f"command of the {name}", environment.command_line)]


def _used(record: Step) -> str:
    """Wall time, memory and energy of a step, as far as they are recorded."""
    measured, texts = record.measured, []
    if record.wall_seconds is not None:
        texts.append(duration(record.wall_seconds))
    if measured.peak_memory_bytes is not None:
        texts.append(f"at most {measured.peak_memory_bytes / _GIB:.2f} GiB of memory")
    joules = measured.energy_joules.total
    texts += [f"{joules:.0f} J"] if joules is not None else ["energy not reported by the machine"] if texts else []
    return ", ".join(texts)


def _machine(environment: Environment) -> list[tuple[str, str]]:
    packages = ", ".join(f"{name} {version}" for name, version in environment.packages.items())
    machine = [
        environment.cpu,
        f"{environment.num_cores} cores" if environment.num_cores else None,
        f"{environment.memory_bytes / _GIB:.0f} GiB" if environment.memory_bytes else None,
        ", ".join(environment.gpus) or "no GPU",
        environment.platform,
    ]
    return [
        ("machine", ", ".join(part for part in machine if part)),
        ("software", f"Python {environment.python or '?'}, {packages}" if packages else UNKNOWN),
    ]


def _text(value: object) -> str:
    return UNKNOWN if value is None else str(value)
