"""What a page tells of where each set of weights and its scores come from, out of the records beside the scores."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uplift_upsample.errors import InputError
from uplift_upsample.evaluate.records import read_record
from uplift_upsample.report.page.contents import link, run_title

UNKNOWN = "not recorded"
_GIB = 1 << 30


@dataclass(frozen=True)
class Run:
    """One set of weights: facts (name, text), records (label, link), and its resolved configuration as YAML."""

    title: str
    facts: list[tuple[str, str]]
    links: list[tuple[str, str]]
    configuration: str


def runs(paths: Iterable[str], page: str | os.PathLike[str]) -> list[Run]:
    """Records ``{experiment}/{run}/s_in_{s_in}/provenance.json``, those of the same weights together.

    Raises ``InputError`` for a record that is missing or none.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        parts = Path(path).parts
        groups.setdefault((parts[-4] if len(parts) > 3 else "", parts[-3] if len(parts) > 2 else ""), []).append(path)
    return [_run(experiment, run, files, page) for (experiment, run), files in groups.items()]


def _run(experiment: str, run: str, files: list[str], page: str | os.PathLike[str]) -> Run:
    records = [(path, read_record(path)) for path in files]
    missing = [path for path, record in records if record is None]
    if missing:
        raise InputError(f"{missing[0]}: no record of a run; score the predictions again")
    first = next(record for _, record in records if record is not None)
    training, prediction, scoring = (_mapping(first, name) for name in ("training", "prediction", "scoring"))
    links = [(Path(path).parent.name.replace("s_in_", "s_in = "), link(path, page)) for path, _ in records]
    configuration = training.get("run")
    text = yaml.safe_dump(configuration, sort_keys=False, default_flow_style=None) if isinstance(configuration, Mapping) else ""
    facts = [
        *_step("training", training, run == "published"),
        *_step("prediction", prediction),
        *_step("scoring", scoring),
        ("weights, SHA-256", _text(first.get("weights_sha256"))),
        ("frames table, SHA-256", _text(first.get("frames_sha256"))),
        *_machine(training or prediction or scoring),
    ]
    return Run(f"{experiment}, {run_title(run)}", [fact for fact in facts if fact[1]], links, text)


def _step(name: str, record: Mapping[str, Any], is_foreign: bool = False) -> list[tuple[str, str]]:
    """Code, time and command of one step. is_foreign: weights that others trained."""
    if not record:
        return [(name, UNKNOWN)]
    if is_foreign:
        origin = record.get("origin") or record.get("source") or record.get("file")
        return [("weights", f"published, from {origin}" if origin else "published")]
    environment = _mapping(record, "environment") or record
    git = _mapping(environment, "git")
    is_clean = git.get("is_clean")
    tree = ("clean tree" if is_clean else "changed tree") if isinstance(is_clean, bool) else "tree unknown"
    code = f"commit {str(git['commit'])[:12]}, {tree}" if git.get("commit") else "no commit recorded"
    used = _used(record)
    facts = [(name, f"{code}; {environment.get('time', 'time unknown')}{f'; {used}' if used else ''}")]
    if name == "training":
        identity = _mapping(record, "identity")
        facts.append(("seed", _text(identity.get("seed"))))
        for part, data in _mapping(identity, "data").items():
            facts.append((f"{part} data", f"{', '.join(data.get('subjects', []))}; SHA-256 {data.get('sha256')}"))
    command = environment.get("command")
    if isinstance(command, list):
        facts.append((f"command of the {name}", " ".join(map(str, command))))
    return facts


def _used(record: Mapping[str, Any]) -> str:
    """Time, memory and energy of a step, as far as they are recorded."""
    used = {**record, **_mapping(record, "used"), **_mapping(record, "cost")}
    texts = []
    if isinstance(used.get("seconds"), int | float):
        texts.append(f"{used['seconds']:.1f} s")
    if isinstance(used.get("peak_memory_bytes"), int | float):
        texts.append(f"at most {used['peak_memory_bytes'] / _GIB:.2f} GiB")
    joules = [value for value in _mapping(used, "energy_joules").values() if isinstance(value, int | float)]
    return ", ".join([*texts, *([f"{sum(joules):.0f} J"] if joules else [])])


def _machine(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    environment = _mapping(record, "environment") or record
    packages = ", ".join(f"{name} {version}" for name, version in _mapping(environment, "packages").items())
    memory = environment.get("memory_bytes")
    machine = [
        environment.get("cpu"),
        f"{environment['num_cores']} cores" if environment.get("num_cores") else None,
        f"{memory / _GIB:.0f} GiB" if isinstance(memory, int | float) else None,
        ", ".join(json.dumps(gpu) if isinstance(gpu, Mapping) else str(gpu) for gpu in environment.get("gpus") or []) or "no GPU",
        environment.get("platform"),
    ]
    return [
        ("machine", ", ".join(str(part) for part in machine if part)),
        ("software", f"Python {environment.get('python', '?')}, {packages}" if packages else UNKNOWN),
    ]


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    return UNKNOWN if value is None else str(value)
