"""What is wrong with the experiments of a study, in lines that name the place; ``checks`` has the rest, and how it goes."""

import contextlib
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from uplift_upsample.base.strict import UNKNOWN, Check, UnknownValueError, all_faults, examined, suggestion, to_mapping
from uplift_upsample.plan.configuration import Base, Configuration, ExperimentSettings, StudySettings
from uplift_upsample.plan.datasets import DataSet
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import Experiment, TrainConfig, devices_faults, evaluation_faults
from uplift_upsample.plan.network_base import NetworkConfig
from uplift_upsample.plan.settings import Differences
from uplift_upsample.plan.study import GROUPS, merged, planned_resources, varied

T = TypeVar("T")
# (study, data set, its description, subset, subjects of the subset) -> the names of all test sequences, empty where nobody knows
SequencesOf = Callable[[str, str, DataSet, str, list[str]], Collection[str]]
_RECORDING = re.compile(r"_\d+(?=_cam\d+$)")  # which recording of an action, as in S9_Walking_1_cam2

ANIMATION = "animation"  # the folder of animations, beside those of variants
ROLES = ("train_subset", "val_subset", "test_subset")


def each(part: Mapping[str, T], check: Callable[[str, T], list[str]]) -> list[str]:
    """The faults that a check finds in each entry; entries already reported as wrong are skipped."""
    return all_faults(part, [partial(lambda key, known: check(key, known[key]), key) for key in part])


def animations_faults(sequences_of: SequencesOf, where: str, config: Configuration, study: StudySettings) -> list[str]:
    """Sequences to be drawn that no test set of a study has. A name of the whole study has to be one in each test."""

    def of_experiment(name: str, planned: ExperimentSettings) -> list[str]:
        place = f"{where}.animations" if planned.animations is None else f"{where}.experiments.{name}.animations"
        asked = planned.drawn(study)
        dataset, subset = planned.tested_dataset, planned.test_subset
        if not asked or not subset or dataset not in study.data:
            return []
        source = study.data[dataset]
        subjects, unknown, _ = source.subjects_of(subset)
        known = [] if unknown else sequences_of(where.removeprefix("studies."), dataset, source, subset, sorted(subjects))
        return [
            f"{place}: {dataset} {subset} has no sequence {sequence!r}{suggestion(sequence, known)}"
            for sequence in asked
            if known and sequence not in known and _RECORDING.sub("", sequence) not in known
        ]

    return each(study.experiments, of_experiment)


def experiments_faults(where: str, config: Configuration, study: StudySettings) -> list[str]:
    """What is wrong with each experiment of a study."""

    def of_experiment(name: str, planned: ExperimentSettings) -> list[str]:
        place = f"{where}.experiments.{name}"
        checks: list[Check] = [
            partial(_base_faults, place, name, config),
            lambda planned: _complete(config, name, planned, place)[1],
            partial(_s_in_faults, place, name, config),
            partial(_evaluation_faults, where, name, config, study),
            partial(_devices_faults, place, name, config, study),
            partial(_subset_faults, place, study),
            partial(_compared_faults, place, name, study),
        ]
        return all_faults(planned, checks)

    return each(study.experiments, of_experiment)


def with_differences(base: Base, planned: ExperimentSettings | None, where: str) -> tuple[Experiment | None, list[str]]:
    """A base configuration with an experiment's differences, if nothing is wrong with it, and what is."""
    groups: dict[str, Any] = {}
    for group in GROUPS:
        try:
            groups[group] = merged(getattr(base, group), getattr(planned, group) if planned else None)
        except UnknownValueError:
            groups[group] = UNKNOWN
    return examined(Experiment, groups, where)


def _complete(config: Configuration, name: str, planned: ExperimentSettings, where: str) -> tuple[Experiment | None, list[str]]:
    """As ``with_differences``, for an experiment of a study by its name; without the faults that its base has."""
    base = _base(config, name, planned)
    experiment, faults = with_differences(base, planned, where)
    known = with_differences(base, None, where)[1] if faults else []
    return experiment, [fault for fault in faults if fault not in known]


def _part(cls: type[T], config: Configuration, name: str, planned: ExperimentSettings) -> T | None:
    """The network, training or evaluation of an experiment, whatever is wrong with the others; None where something is with it."""
    group = {NetworkConfig: "model", TrainConfig: "train", EvaluateConfig: "evaluate"}[cls]
    return examined(cls, merged(getattr(_base(config, name, planned), group), getattr(planned, group)), "")[0]


def _base(config: Configuration, name: str, planned: ExperimentSettings) -> Base:
    base = planned.base_of(name)
    if base not in config.experiments:
        raise UnknownValueError(base)
    return config.experiments[base]


def _base_faults(where: str, name: str, config: Configuration, planned: ExperimentSettings) -> list[str]:
    base, bases = planned.base_of(name), config.experiments
    if base in bases:
        return []
    return [f"{where}: no experiment {base!r} to start from{suggestion(base, bases)}; set 'base' to one of {', '.join(bases)}"]


def _s_in_faults(where: str, name: str, config: Configuration, planned: ExperimentSettings) -> list[str]:
    if planned.evaluate_s_in is None:
        return []
    if not planned.test_subset:
        return [f"{where}: evaluate_s_in without a test_subset; there is nothing to evaluate on"]
    model, evaluate = _part(NetworkConfig, config, name, planned), _part(EvaluateConfig, config, name, planned)
    if model is None or evaluate is None:
        return []
    faults = [fault for s_in in planned.evaluate_s_in for fault in model.s_in_faults(s_in, evaluate.input_interpolation)]
    return [f"{where}.evaluate_s_in: {fault}" for fault in faults]


def _evaluation_faults(
    where: str, name: str, config: Configuration, study: StudySettings, planned: ExperimentSettings
) -> list[str]:
    """Variants of an evaluation that its network cannot have or that have no name of their own; a blend that nobody chooses."""
    own, _ = _complete(config, name, planned, where)
    if own is None or not planned.test_subset:
        return []
    place = f"{where}.experiments.{name}"
    variants = f"{where}.evaluate_variants" if planned.evaluate_variants is None else f"{place}.evaluate_variants"

    def of_variant(variant: str, differences: Differences) -> list[str]:
        at = f"{variants}.{variant}" + (f" ({name})" if planned.evaluate_variants is None else "")
        if variant == ANIMATION:
            return [f"{at}: {ANIMATION!r} is the folder of the animations; call the variant something else"]
        evaluate, faults = examined(EvaluateConfig, varied(own.evaluate, differences), at)
        if evaluate is None:
            return faults
        strides = planned.evaluate_s_in or own.model.evaluated_s_in
        faults = [f"{at}: {fault}" for fault in evaluation_faults(own.model, evaluate, strides)]
        return faults + _blend_faults(at, config, study, name, evaluate)

    return _blend_faults(f"{place}.evaluate", config, study, name, own.evaluate) + each(planned.variants(study), of_variant)


def _blend_faults(where: str, config: Configuration, study: StudySettings, name: str, evaluate: EvaluateConfig) -> list[str]:
    """A blend that is to be the one that training chose, for weights that no training chooses one for."""
    planned, reasons = study.experiments[name], []
    if evaluate.readout != "both" or evaluate.blend != "auto":
        return []
    if study.runs(name) and planned.val_subset is None:
        reasons.append("without a val_subset, no training chooses it")
    if planned.published_weights and config.evaluates_published(study):
        reasons.append("no training chose one for published weights")
    return [f"{where}.blend is auto, but {reason}; give a number from 0 to 1" for reason in reasons]


def _compared_faults(where: str, name: str, study: StudySettings, planned: ExperimentSettings) -> list[str]:
    """An experiment that is to be compared with what does not exist, or cannot be evaluated."""
    other, experiments = planned.compared_with, study.experiments
    if other is None:
        return []
    if other not in experiments or other == name:
        return [f"{where}.compared_with: the study has no other experiment {other!r}{suggestion(other, experiments)}"]
    untested = [each for each, settings in ((name, planned), (other, experiments[other])) if settings.test_subset is None]
    return [f"{where}.compared_with: {each} has no test_subset, so there is nothing to compare" for each in untested]


def _devices_faults(where: str, name: str, config: Configuration, study: StudySettings, planned: ExperimentSettings) -> list[str]:
    """Batches that the devices of a training cannot share."""
    experiment, _ = _complete(config, name, planned, where)
    num_devices = 1 if config.device == "cpu" else max(1, planned_resources(planned, study, config).gpus)
    faults = devices_faults(experiment.model, experiment.train, num_devices) if experiment is not None else []
    return [f"{where}: {fault}" for fault in faults]


def _subset_faults(where: str, study: StudySettings, planned: ExperimentSettings) -> list[str]:
    """Unknown data sets and subsets; training on what is tested; a test without 2D poses."""
    data = study.data

    def of_dataset(role: str, planned: ExperimentSettings) -> list[str]:
        name = getattr(planned, role)
        if name is None or name in data:
            return []
        return [f"{where}.{role}: the study has no data set {name!r}{suggestion(name, data)}; it has {', '.join(data)}"]

    if faults := all_faults(planned, [partial(of_dataset, role) for role in ("dataset", "test_dataset")]):
        return faults
    checks: list[Check] = [partial(_tested_faults, where), *(partial(_role_faults, where, data, role) for role in ROLES)]
    checks += [partial(_overlap_faults, where, data, role) for role in ROLES[1:]]
    return all_faults(planned, [*checks, partial(_no_2d_faults, where, data)])


def _tested_faults(where: str, planned: ExperimentSettings) -> list[str]:
    if planned.test_dataset is None or planned.test_subset is not None:
        return []
    return [f"{where}: test_dataset without a test_subset; there is nothing to evaluate on"]


def _role_faults(where: str, data: Mapping[str, DataSet], role: str, planned: ExperimentSettings) -> list[str]:
    subset, dataset = getattr(planned, role), _dataset_of(role, planned)
    if subset is None:
        return []
    _, unknown, choices = data[dataset].subjects_of(subset)
    names = (
        [] if subset in data[dataset].all_splits() else [data[dataset].subject_named(name.strip()) for name in subset.split(",")]
    )
    twice = [f"{where}.{role}: {name!r} occurs twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    return twice + [
        f"{where}.{role}: {dataset} has no {name!r}{suggestion(name, choices)}; it has {', '.join(choices)}" for name in unknown
    ]


def _overlap_faults(where: str, data: Mapping[str, DataSet], role: str, planned: ExperimentSettings) -> list[str]:
    """People of different data sets are different people, whatever they are called."""
    subset = getattr(planned, role)
    if subset is None or _dataset_of(role, planned) != planned.dataset:
        return []
    source = data[planned.dataset]
    shared = sorted(source.subjects_of(planned.train_subset)[0] & source.subjects_of(subset)[0])
    return [f"{where}: {', '.join(shared)} in train_subset and in {role}; the numbers would mean nothing"] if shared else []


def _no_2d_faults(where: str, data: Mapping[str, DataSet], planned: ExperimentSettings) -> list[str]:
    tested = planned.tested_dataset
    if planned.test_subset is None or data[tested].has_2d_poses():
        return []
    remedy = "name another data set with test_dataset, or set it to null"
    return [f"{where}.test_subset: {tested} has no 2D poses to test with; {remedy}"]


def _dataset_of(role: str, planned: ExperimentSettings) -> str:
    return planned.tested_dataset if role == "test_subset" else planned.dataset


def initial_weights_faults(where: str, config: Configuration, study: StudySettings) -> list[str]:
    """Initial weights that are nobody's, do not fit, or go in a circle."""
    experiments = study.experiments

    def of_experiment(name: str, planned: ExperimentSettings) -> list[str]:
        place, source = f"{where}.experiments.{name}.initial_weights", planned.initial_weights
        if source is None:
            return []
        if source not in experiments:
            near = suggestion(source, experiments)
            return [f"{place}: the study has no experiment {source!r}{near}; it has {', '.join(experiments)}"]
        theirs, ours = (_part(NetworkConfig, config, key, experiments[key]) for key in (source, name))
        different = _network_differences(theirs, ours) if theirs and ours else []
        return [f"{place}: {source} has another network: {difference}" for difference in different]

    return each(experiments, of_experiment) + _cycle_faults(where, experiments)


def training_faults(where: str, config: Configuration, study: StudySettings) -> list[str]:
    """Schedules with the parameters of others, and strides that would be ignored."""

    def of_experiment(name: str, planned: ExperimentSettings) -> list[str]:
        place = f"{where}.experiments.{name}"
        train, model = _part(TrainConfig, config, name, planned), _part(NetworkConfig, config, name, planned)
        faults = [f"{place}.train.{line}" for line in (train.schedule_misfits() if train else [])]
        if model and len(model.s_in) > 1 and not model.has_strided_input:
            strides = f"{list(model.s_in)}"
            faults.append(
                f"{place}.model.s_in is {strides}: it begins with 1, so every token has a 2D pose and the others are ignored"
            )
        return faults

    return each(study.experiments, of_experiment)


def pretraining_faults(where: str, _: Configuration, study: StudySettings) -> list[str]:
    """Test people who were seen by a training that the weights started from."""

    def people(planned: ExperimentSettings, role: str) -> set[tuple[str, str]]:
        name = _dataset_of(role, planned)
        if name not in study.data:
            raise UnknownValueError(name)
        source = study.data[name]
        return {(source.people() or name, subject) for subject in source.subjects_of(getattr(planned, role))[0]}

    def of_experiment(name: str, planned: ExperimentSettings) -> list[str]:
        if planned.test_subset is None or planned.initial_weights is None:
            return []
        tested, before, faults = people(planned, "test_subset"), [name], []
        start: str | None = planned.initial_weights
        while start is not None and start in study.experiments and start not in before:
            shared = sorted(subject for _, subject in tested & people(study.experiments[start], "train_subset"))
            if shared:
                faults.append(
                    f"{where}.experiments.{name}: {', '.join(shared)} in test_subset, and in train_subset of {start}, which its "
                    "weights start from; the numbers would mean nothing"
                )
            before.append(start)
            start = study.experiments[start].initial_weights
        return faults

    return each(study.experiments, of_experiment)


def _network_differences(source: NetworkConfig, own: NetworkConfig) -> list[str]:
    if source.network != own.network:
        return [f"network {source.network!r}, here {own.network!r}"]
    theirs, ours = to_mapping(source), to_mapping(own)
    differences = [
        f"{key} {theirs[key]!r}, here {value!r}"
        for key, value in ours.items()
        if value != theirs[key] and key not in own.options_without_weights
    ]
    if source.has_strided_input != own.has_strided_input:
        differences.append(f"s_in {theirs['s_in']!r}, here {ours['s_in']!r}: only one of them has an upsampling token")
    return differences


def _cycle_faults(where: str, experiments: Mapping[str, ExperimentSettings]) -> list[str]:
    sources = {}
    for name, planned in experiments.items():
        with contextlib.suppress(UnknownValueError):
            sources[name] = planned.initial_weights
    cycles: dict[frozenset[str], list[str]] = {}
    for start in sources:
        path = [start]
        while (source := sources.get(path[-1])) is not None and source not in path:
            path.append(source)
        if source == start:
            cycles.setdefault(frozenset(path), [*path, start])
    return [f"{where}.experiments: initial_weights go in a circle: {' <- '.join(path)}" for path in cycles.values()]
