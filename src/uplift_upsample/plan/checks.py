"""Everything that is wrong with a parsed ``config.yaml``, all at once, each fault in one line that names the place.

First each value by itself (``configuration``): keys, types, ranges. Then what the parts mean together, by checks that each look at
a few of them: one that needs a value with a fault reports nothing (``strict.Known``), and the others run. ``experiment_checks`` has
those of experiments.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from uplift_upsample.base.strict import Check, UnknownValueError, all_faults, examined, suggestion
from uplift_upsample.plan.configuration import Configuration, ExperimentSettings, StudySettings
from uplift_upsample.plan.datasets import DataSet, in_words
from uplift_upsample.plan.experiment_checks import (
    SequencesOf,
    animations_faults,
    each,
    experiments_faults,
    initial_weights_faults,
    pretraining_faults,
    training_faults,
    with_differences,
)
from uplift_upsample.plan.thresholds import Checks, VerdictRule

KnownSubjects = Callable[[str], Collection[str] | None]


def config_faults(
    config: Mapping[str, Any],
    reserved: Collection[str] = (),
    known_subjects: KnownSubjects | None = None,
    weight_files: Collection[str] | None = None,
    sequences_of: SequencesOf | None = None,
    meant: Callable[[str], str] = lambda path: "",
) -> list[str]:
    """All faults of a configuration; empty where there is none.

    reserved: names of targets, which no study may bear. known_subjects: gives the subjects in a table of trials, or in a folder of
    recordings, that the configuration names; None for a table that does not exist and for recordings that do not show it. Left out,
    subjects of splits are not checked. weight_files: names of the weight files in the table of sources; left out, these names are
    not checked. sequences_of: gives the names of test sequences; left out, those of animations are not checked.
    meant: the end of a message about a table that is not there, with the one that is likely meant.
    """
    _, known, faults = Configuration.read(config)
    of_study: list[Callable[..., list[str]]] = [
        partial(_data_faults, known_subjects, meant),
        _run_faults,
        experiments_faults,
        initial_weights_faults,
        pretraining_faults,
        training_faults,
        partial(animations_faults, sequences_of or (lambda *_: ())),
        partial(_published_faults, weight_files),
        _nothing_faults,
        _test_faults,
    ]

    def study_faults(name: str, study: StudySettings) -> list[str]:
        return all_faults(study, [partial(check, f"studies.{name}", known) for check in of_study])

    checks: list[Check] = [
        lambda config: examined(VerdictRule, config.verdict.given(), "verdict")[1],
        lambda config: examined(Checks, config.checks.given(), "checks")[1],
        partial(_names_faults, reserved),
        _reproduce_faults,
        _kinds_faults,
        lambda config: each(config.experiments, lambda name, base: with_differences(base, None, f"experiments.{name}")[1]),
        lambda config: each(config.studies, study_faults),
    ]
    return list(dict.fromkeys([*faults, *all_faults(known, checks)]))


def _own_faults(where: str, part: Any) -> list[str]:
    """What the values of one part mean together and cannot."""
    return [f"{where}.{line}" for line in part.faults()]


def _names_faults(reserved: Collection[str], config: Configuration) -> list[str]:
    return [
        f"studies.{name}: {name!r} is the name of a target or rule; call the study something else"
        for name in config.studies
        if name in reserved
    ]


def _reproduce_faults(config: Configuration) -> list[str]:
    return [
        f"reproduce: no study {name!r}{suggestion(name, config.studies)}; there are {', '.join(config.studies)}"
        for name in config.reproduce
        if name not in config.studies
    ]


def _kinds_faults(config: Configuration) -> list[str]:
    kinds: dict[str, dict[str, str]] = {}
    for name, study in config.studies.items():
        with contextlib.suppress(UnknownValueError):
            for dataset, source in study.data.items():
                with contextlib.suppress(UnknownValueError):
                    kinds.setdefault(dataset, {})[source.kind] = name
    return [
        f"studies: the data set {dataset!r} is {' and '.join(f'{kind} in {study}' for kind, study in found.items())}; "
        "a name must mean one kind"
        for dataset, found in kinds.items()
        if len(found) > 1
    ]


def _data_faults(
    known_subjects: KnownSubjects | None,
    meant: Callable[[str], str],
    where: str,
    config: Configuration,
    study: StudySettings,
) -> list[str]:
    """What is wrong with each data set of a study by itself, and subjects of its splits that have no recording."""

    def of_dataset(name: str, source: DataSet) -> list[str]:
        place = f"{where}.data.{name}"
        return all_faults(source, [partial(_own_faults, place), partial(people_faults, place)])

    def people_faults(place: str, source: DataSet) -> list[str]:
        people = source.people()
        if people is None or known_subjects is None:
            return []
        listed = known_subjects(people)
        if listed is None:
            return [f"{place}.{line}{meant(people)}" for line in source.without_people()]

        def of_split(split: str, subjects: Collection[str]) -> list[str]:
            unknown = sorted({*subjects} - {*listed})
            near = suggestion(unknown[0], listed) if len(unknown) == 1 else ""
            return [f"{place}.splits.{split}: {people} has no trial of {in_words('subject', unknown)}{near}"] if unknown else []

        return each(source.all_splits(), of_split)

    return each(study.data, of_dataset)


def _run_faults(where: str, config: Configuration, study: StudySettings) -> list[str]:
    return [
        f"{where}.run: no experiment {name!r}{suggestion(name, study.experiments)}; the study has {', '.join(study.experiments)}"
        for name in study.run or ()
        if name not in study.experiments
    ]


def _published_faults(weight_files: Collection[str] | None, where: str, config: Configuration, study: StudySettings) -> list[str]:
    """Published weights that do not exist or cannot be evaluated."""

    def of_experiment(name: str, planned: ExperimentSettings) -> list[str]:
        source, place = planned.published_weights, f"{where}.experiments.{name}"
        faults = []
        if source and weight_files is not None and source not in weight_files:
            near, known = suggestion(source, weight_files), ", ".join(weight_files)
            faults.append(f"{place}.published_weights: the table of sources has no weights {source!r}{near}; it has {known}")
        if source and not planned.test_subset:
            faults.append(f"{place}: published_weights without a test_subset; there is nothing to evaluate them on")
        return faults

    return each(study.experiments, of_experiment)


def _nothing_faults(where: str, config: Configuration, study: StudySettings) -> list[str]:
    published = [name for name, planned in study.experiments.items() if planned.published_weights]
    if study.run is None or study.run or (published and config.evaluates_published(study)):
        return []
    reason = "no experiment names published_weights" if not published else "evaluate_published is false"
    return [f"{where}.run: it is empty and {reason}, so there is nothing to do"]


def _test_faults(where: str, config: Configuration, study: StudySettings) -> list[str]:
    """A study's tables and its baseline compare numbers, so its experiments must be tested on the same people."""
    tests: dict[tuple[str, str], str] = {}
    for name, planned in study.experiments.items():
        with contextlib.suppress(UnknownValueError):
            is_evaluated = study.runs(name) or (config.evaluates_published(study) and planned.published_weights)
            if is_evaluated and planned.test_subset:
                tests.setdefault((planned.tested_dataset, planned.test_subset), name)
    if len(tests) < 2:
        return []
    listed = "; ".join(f"{name} on {dataset} {subset}" for (dataset, subset), name in tests.items())
    return [f"{where}: its experiments are tested on different data, but stand in one table ({listed}); make them separate studies"]
