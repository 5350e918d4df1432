"""Everything that is wrong with a parsed ``config.yaml``, all at once, each fault in one line that names the place.

First the schema (``config_schema``): keys, types, ranges. Then what the parts mean together, by checks that each look at a few of
them: one that needs a part with which the schema found fault reports nothing (``strict.UNKNOWN``), and the others run.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import combinations
from typing import Any

from uplift_upsample.plan.config_schema import is_endless, key_faults, masked, schema_faults, without_wrong_keys
from uplift_upsample.plan.experiment_checks import (
    SequencesOf,
    animations_faults,
    each,
    experiments_faults,
    initial_weights_faults,
    tested_dataset,
    with_differences,
)
from uplift_upsample.plan.study import evaluates_published
from uplift_upsample.plan.study_subjects import amass_faults
from uplift_upsample.strict import UNKNOWN, Check, UnknownValueError, all_faults, suggestion

KnownSubjects = Callable[[str], Collection[str] | None]


def config_faults(
    config: Mapping[str, Any],
    schema: Mapping[str, Any],
    reserved: Collection[str] = (),
    known_subjects: KnownSubjects | None = None,
    weight_files: Collection[str] | None = None,
    sequences_of: SequencesOf | None = None,
) -> list[str]:
    """All faults of a configuration; empty where there is none.

    schema: JSON schema of the configuration. reserved: names of targets, which no study may bear. known_subjects: gives the
    subjects in a table of trials, or in a folder of recordings, that the configuration names; None for a table that does not exist
    and for recordings that do not show it. Left out, subjects of splits are not checked. weight_files: names of the weight files in
    the table of sources; left out, these names are not checked.
    sequences_of: gives the names of test sequences; left out, those of animations are not checked.
    """
    faults = key_faults(config)
    if is_endless(config):  # nothing else can be checked
        return list(dict.fromkeys(faults))
    config = without_wrong_keys(config)
    found = schema_faults(config, schema)
    faults += [line for _, line in found]
    sound = masked(config, {place for place, _ in found})
    checks: list[Check] = [
        _verdict_faults,
        _body_size_faults,
        partial(_names_faults, reserved),
        _reproduce_faults,
        _kinds_faults,
        _bases_faults,
    ]
    for name in _names(sound, "studies"):
        where = f"studies.{name}"
        checks += [
            partial(_of_study, name, partial(_data_faults, f"{where}.data", known_subjects)),
            partial(_of_study, name, partial(_run_faults, where)),
            partial(_of_study, name, partial(experiments_faults, where, sound)),
            partial(_of_study, name, partial(initial_weights_faults, where, sound)),
            partial(_of_study, name, partial(animations_faults, where, name, sequences_of or (lambda *_: ()))),
            partial(_of_study, name, partial(_published_faults, where, weight_files)),
            partial(_of_study, name, partial(_nothing_faults, where, sound)),
            partial(_of_study, name, partial(_test_faults, where, sound)),
        ]
    return list(dict.fromkeys([*faults, *all_faults(sound, checks)]))


def _names(part: Mapping[str, Any], *keys: str) -> list[str]:
    """The keys of a part of a configuration; none where there is no such part."""
    try:
        for key in keys:
            part = part[key]
    except LookupError:  # of an unknown value, too
        return []
    return list(part)


def _of_study(name: str, check: Check, config: Mapping[str, Any]) -> list[str]:
    return check(config["studies"][name])


def _verdict_faults(config: Mapping[str, Any]) -> list[str]:
    def of_kind(kind: str, tolerance: Any) -> list[str]:
        if kind == "average" or tolerance["pass_mm"] <= tolerance["warn_mm"]:
            return []
        return [f"verdict.{kind}: pass_mm {tolerance['pass_mm']} is larger than warn_mm {tolerance['warn_mm']}"]

    return each(config.get("verdict", {}), of_kind)


def _body_size_faults(config: Mapping[str, Any]) -> list[str]:
    smallest, largest = config.get("checks", {}).get("body_size", (0, 1))
    return [] if smallest < largest else [f"checks.body_size: {smallest} is not smaller than {largest}"]


def _names_faults(reserved: Collection[str], config: Mapping[str, Any]) -> list[str]:
    return [
        f"studies.{name}: {name!r} is the name of a target or rule; call the study something else"
        for name in config["studies"]
        if name in reserved
    ]


def _reproduce_faults(config: Mapping[str, Any]) -> list[str]:
    studies = config["studies"]
    return [
        f"reproduce: no study {name!r}{suggestion(name, studies)}; there are {', '.join(studies)}"
        for name in _listed(config.get("reproduce", []))
        if name not in studies
    ]


def _kinds_faults(config: Mapping[str, Any]) -> list[str]:
    kinds: dict[str, dict[str, str]] = {}
    for study in config["studies"]:
        for dataset in _names(config, "studies", study, "data"):
            with contextlib.suppress(UnknownValueError):
                kinds.setdefault(dataset, {})[config["studies"][study]["data"][dataset]["kind"]] = study
    return [
        f"studies: the data set {dataset!r} is {' and '.join(f'{kind} in {study}' for kind, study in found.items())}; "
        "a name must mean one kind"
        for dataset, found in kinds.items()
        if len(found) > 1
    ]


def _bases_faults(config: Mapping[str, Any]) -> list[str]:
    return each(config["experiments"], lambda name, base: with_differences({}, base, f"experiments.{name}")[1])


def _run_faults(where: str, study: Mapping[str, Any]) -> list[str]:
    experiments = study["experiments"]
    return [
        f"{where}.run: no experiment {name!r}{suggestion(name, experiments)}; the study has {', '.join(experiments)}"
        for name in study.get("run", [])
        if name not in experiments
    ]


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _data_faults(where: str, known_subjects: KnownSubjects | None, study: Mapping[str, Any]) -> list[str]:
    def of_dataset(name: str, source: Any) -> list[str]:
        if source["kind"] == "amass":
            return amass_faults(f"{where}.{name}", source)
        if source["kind"] not in ("cmu", "mocap"):
            return []
        place = f"{where}.{name}"
        checks: list[Check] = [partial(_shared_faults, f"{place}.splits")]
        if known_subjects is not None:
            checks.append(partial(_split_faults, place, known_subjects))
        return all_faults(source, checks)

    return each(study["data"], of_dataset)


def _shared_faults(where: str, source: Mapping[str, Any]) -> list[str]:
    splits = {**source["splits"]}
    known = {split: set(subjects) for split, subjects in splits.items() if subjects is not UNKNOWN}
    return [
        f"{where}: {_words('subject', sorted(first & second))} in {one} and in {two}; a subject belongs to one split"
        for (one, first), (two, second) in combinations(known.items(), 2)
        if first & second
    ]


def _split_faults(where: str, known_subjects: KnownSubjects, source: Mapping[str, Any]) -> list[str]:
    """Subjects of splits that have no recording."""
    place = source["trials" if source["kind"] == "cmu" else "folder"]
    known = known_subjects(place)
    if known is None:
        return [f"{where}.trials: there is no table {place}"] if source["kind"] == "cmu" else []

    def of_split(split: str, subjects: Any) -> list[str]:
        unknown = sorted(set(subjects) - set(known))
        near = suggestion(unknown[0], known) if len(unknown) == 1 else ""
        return [f"{where}.splits.{split}: {place} has no trial of {_words('subject', unknown)}{near}"] if unknown else []

    return each(source["splits"], of_split)


def _words(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _published_faults(where: str, weight_files: Collection[str] | None, study: Mapping[str, Any]) -> list[str]:
    """Published weights that do not exist or cannot be evaluated."""

    def of_experiment(name: str, planned: Any) -> list[str]:
        source, place = planned.get("published_weights"), f"{where}.experiments.{name}"
        faults = []
        if source and weight_files is not None and source not in weight_files:
            near, known = suggestion(source, weight_files), ", ".join(weight_files)
            faults.append(f"{place}.published_weights: the table of sources has no weights {source!r}{near}; it has {known}")
        if source and not planned.get("test_subset"):
            faults.append(f"{place}: published_weights without a test_subset; there is nothing to evaluate them on")
        return faults

    return each(study["experiments"], of_experiment)


def _nothing_faults(where: str, config: Mapping[str, Any], study: Mapping[str, Any]) -> list[str]:
    published = [name for name, planned in study["experiments"].items() if planned.get("published_weights")]
    if study.get("run", ["all"]) or (published and evaluates_published(config, study)):
        return []
    reason = "no experiment names published_weights" if not published else "evaluate_published is false"
    return [f"{where}.run: it is empty and {reason}, so there is nothing to do"]


def _test_faults(where: str, config: Mapping[str, Any], study: Mapping[str, Any]) -> list[str]:
    """A study's tables and its baseline compare numbers, so its experiments must be tested on the same people."""
    experiments, is_published = study["experiments"], evaluates_published(config, study)
    run = study.get("run", list(experiments))
    tests: dict[tuple[str, str], str] = {}
    for name in experiments:
        with contextlib.suppress(UnknownValueError):
            planned = experiments[name]
            is_evaluated = name in run or (is_published and planned.get("published_weights"))
            if is_evaluated and planned.get("test_subset"):
                tests.setdefault((tested_dataset(planned), planned["test_subset"]), name)
    if len(tests) < 2:
        return []
    listed = "; ".join(f"{name} on {dataset} {subset}" for (dataset, subset), name in tests.items())
    return [f"{where}: its experiments are tested on different data, but stand in one table ({listed}); make them separate studies"]
