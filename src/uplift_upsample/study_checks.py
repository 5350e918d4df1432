"""Everything that is wrong with a parsed ``config.yaml``, all at once, each fault in one line that names the place.

First the schema (``config_schema``): keys, types, ranges; then, where the parts have the right form, what they mean together.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import combinations
from typing import Any

from uplift_upsample.config import Experiment, devices_faults
from uplift_upsample.config_schema import key_faults, schema_faults
from uplift_upsample.errors import InputError
from uplift_upsample.strict import suggestion
from uplift_upsample.study import evaluates_published, planned_resources, resolved
from uplift_upsample.study_subjects import amass_faults, subjects_of_subset

SubjectsOfTrials = Callable[[str], Collection[str] | None]

# What may differ between a network and the one that its weights come from: no weight depends on it.
WITHOUT_WEIGHTS = {
    "s_in",
    "s_out",
    "drop_rate",
    "attention_drop_rate",
    "drop_path_rate",
    "token_mask_rate",
    "first_attention_layer",
}


class _Places:
    """Which places of a configuration the schema found fault with: what is built on a broken part is not checked further."""

    def __init__(self, broken: Collection[str]) -> None:
        self.broken = broken

    def is_usable(self, place: str) -> bool:
        """Whether a part is there in the right form, whatever is wrong inside."""
        return not any(place == broken or place.startswith(f"{broken}.") for broken in self.broken)

    def is_sound(self, place: str) -> bool:
        """Whether nothing at all is wrong with a part."""
        return self.is_usable(place) and not any(broken.startswith(f"{place}.") for broken in self.broken)


def config_faults(
    config: Mapping[str, Any],
    schema: Mapping[str, Any],
    reserved: Collection[str] = (),
    subjects_of_trials: SubjectsOfTrials | None = None,
    weight_files: Collection[str] | None = None,
) -> list[str]:
    """All faults of a configuration; empty where there is none.

    schema: JSON schema of the configuration. reserved: names of targets, which no study may bear. subjects_of_trials: gives the
    subjects in a table of trials that the configuration names, None for a table that does not exist; left out, tables are not
    checked. weight_files: names of the weight files in the table of sources; left out, these names are not checked.
    """
    if faults := key_faults(config):  # nothing else can be told of these places
        return list(dict.fromkeys(faults))
    found = schema_faults(config, schema)
    places = _Places({place for place, _ in found})
    faults = [line for _, line in found]
    faults += [
        f"verdict.{kind}: pass_mm {tolerance['pass_mm']} is larger than warn_mm {tolerance['warn_mm']}"
        for kind, tolerance in (config.get("verdict", {}).items() if places.is_sound("verdict") else ())
        if kind != "average" and tolerance["pass_mm"] > tolerance["warn_mm"]
    ]
    if places.is_usable("studies"):
        faults += _names_faults(config, places, reserved)
    if places.is_usable("studies") and places.is_usable("experiments"):
        bases = config["experiments"]
        for name, base in bases.items():
            if places.is_sound(f"experiments.{name}"):
                faults += _resolved({}, base, f"experiments.{name}")[1]
        for name, study in config["studies"].items():
            if not places.is_usable(f"studies.{name}"):
                continue
            faults += _study_faults(f"studies.{name}", study, bases, places, subjects_of_trials)
            faults += _devices_faults(f"studies.{name}", study, config, places)
            faults += _published_faults(f"studies.{name}", study, evaluates_published(config, study), places, weight_files)
    return list(dict.fromkeys(faults))


def _names_faults(config: Mapping[str, Any], places: _Places, reserved: Collection[str]) -> list[str]:
    """What is wrong with the names of studies and data sets."""
    studies = config["studies"]
    faults = [
        f"studies.{name}: {name!r} is the name of a target or rule; call the study something else"
        for name in studies
        if name in reserved
    ]
    if places.is_sound("reproduce"):
        faults += [
            f"reproduce: no study {name!r}{suggestion(name, studies)}; there are {', '.join(studies)}"
            for name in _listed(config["reproduce"])
            if name not in studies
        ]
    kinds: dict[str, dict[str, str]] = {}
    for study, values in studies.items():
        for dataset, source in values["data"].items() if places.is_usable(f"studies.{study}.data") else ():
            if places.is_sound(f"studies.{study}.data.{dataset}"):
                kinds.setdefault(dataset, {})[source["kind"]] = study
    for dataset, in_studies in kinds.items():
        if len(in_studies) > 1:
            told = " and ".join(f"{kind} in {study}" for kind, study in in_studies.items())
            faults.append(f"studies: the data set {dataset!r} is {told}; a name must mean one kind")
    return faults


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _study_faults(
    where: str, study: Mapping[str, Any], bases: Mapping[str, Any], places: _Places, subjects_of_trials: SubjectsOfTrials | None
) -> list[str]:
    if not places.is_usable(f"{where}.experiments"):
        return []
    experiments, faults = study["experiments"], []
    has_data = places.is_sound(f"{where}.data")
    if has_data:
        faults += _data_faults(f"{where}.data", study["data"], subjects_of_trials)
    if places.is_sound(f"{where}.run"):
        faults += [
            f"{where}.run: no experiment {name!r}{suggestion(name, experiments)}; the study has {', '.join(experiments)}"
            for name in study.get("run", [])
            if name not in experiments
        ]
    complete: dict[str, Experiment] = {}
    for name, planned in experiments.items():
        place = f"{where}.experiments.{name}"
        if not places.is_sound(place):
            continue
        base = planned.get("base", name)
        if base not in bases:
            near = suggestion(base, bases)
            faults.append(f"{place}: no experiment {base!r} to start from{near}; set 'base' to one of {', '.join(bases)}")
        elif places.is_sound(f"experiments.{base}") and _resolved({}, bases[base], "")[0] is not None:
            experiment, own_faults = _resolved(planned, bases[base], place)
            faults += own_faults
            if experiment is not None:
                complete[name] = experiment
                faults += _s_in_faults(place, planned, experiment)
        if has_data:
            faults += _subset_faults(place, planned, study["data"])
    sound = {name: planned for name, planned in experiments.items() if places.is_sound(f"{where}.experiments.{name}")}
    return faults + _initial_weights_faults(where, sound, list(experiments), complete)


def _devices_faults(where: str, study: Mapping[str, Any], config: Mapping[str, Any], places: _Places) -> list[str]:
    faults: list[str] = []  # batches that the devices of a training cannot share
    if not (places.is_usable("devices") and places.is_sound(f"{where}.resources") and places.is_usable(f"{where}.experiments")):
        return faults
    for name, planned in study["experiments"].items():
        place, base = f"{where}.experiments.{name}", planned.get("base", name) if isinstance(planned, Mapping) else None
        if base not in config["experiments"] or not (places.is_sound(place) and places.is_sound(f"experiments.{base}")):
            continue
        experiment, _ = _resolved(planned, config["experiments"][base], place)
        num_devices = 1 if config.get("device") == "cpu" else max(1, planned_resources(planned, study, config).gpus)
        if experiment is not None:
            faults += [f"{place}: {fault}" for fault in devices_faults(experiment.model, experiment.train, num_devices)]
    return faults


def _data_faults(where: str, data: Mapping[str, Any], subjects_of_trials: SubjectsOfTrials | None) -> list[str]:
    faults = []
    for name, source in data.items():
        if source["kind"] == "amass":
            faults += amass_faults(f"{where}.{name}", source)
        if source["kind"] not in ("cmu", "mocap"):
            continue
        splits = source["splits"]
        for (one, first), (two, second) in combinations(splits.items(), 2):
            shared = sorted(set(first) & set(second))
            if shared:
                faults.append(
                    f"{where}.{name}.splits: {_words('subject', shared)} in {one} and in {two}; a subject belongs to one split"
                )
        if subjects_of_trials is None or source["kind"] != "cmu":
            continue
        known = subjects_of_trials(source["trials"])
        if known is None:
            faults.append(f"{where}.{name}.trials: there is no table {source['trials']}")
            continue
        faults += [
            f"{where}.{name}.splits.{split}: {source['trials']} has no trial of {_words('subject', sorted(unknown))}"
            for split, subjects in splits.items()
            if (unknown := set(subjects) - set(known))
        ]
    return faults


def _words(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _resolved(planned: Mapping[str, Any], base: Mapping[str, Any], where: str) -> tuple[Experiment | None, list[str]]:
    try:
        return resolved(planned, base, where), []
    except InputError as error:
        return None, str(error).splitlines()


def _s_in_faults(where: str, planned: Mapping[str, Any], experiment: Experiment) -> list[str]:
    asked = planned.get("evaluate_s_in")
    if asked is None:
        return []
    if not planned.get("test_subset"):
        return [f"{where}: evaluate_s_in without a test_subset; there is nothing to evaluate on"]
    return [f"{where}.evaluate_s_in: {fault}" for s_in in asked for fault in experiment.model.s_in_faults(s_in)]


def _subset_faults(where: str, planned: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Unknown data sets and subsets; training on what is tested; a test without 2D poses."""
    datasets = {role: planned[role] for role in ("dataset", "test_dataset") if role in planned}
    faults = [
        f"{where}.{role}: the study has no data set {dataset!r}{suggestion(dataset, data)}; it has {', '.join(data)}"
        for role, dataset in datasets.items()
        if dataset not in data
    ]
    if faults:
        return faults
    if "test_dataset" in planned and planned.get("test_subset") is None:
        faults.append(f"{where}: test_dataset without a test_subset; there is nothing to evaluate on")
    # a role -> its subjects with their data set: people of different data sets are different people, whatever they are called
    subjects: dict[str, set[tuple[str, str]]] = {}
    for role in ("train_subset", "val_subset", "test_subset"):
        subset = planned.get(role)
        if subset is None:
            continue
        dataset = _test_dataset(planned) if role == "test_subset" else planned["dataset"]
        names, unknown, choices = subjects_of_subset(subset, data[dataset])
        subjects[role] = {(dataset, name) for name in names}
        faults += [
            f"{where}.{role}: {dataset} has no {name!r}{suggestion(name, choices)}; it has {', '.join(choices)}" for name in unknown
        ]
    for role in ("val_subset", "test_subset"):
        shared = sorted(name for _, name in subjects.get("train_subset", set()) & subjects.get(role, set()))
        if shared:
            faults.append(f"{where}: {', '.join(shared)} in train_subset and in {role}; the numbers would mean nothing")
    tested = _test_dataset(planned)
    if data[tested]["kind"] == "amass" and "test_subset" in subjects:
        remedy = "name another data set with test_dataset, or set it to null"
        faults.append(f"{where}.test_subset: {tested} has no 2D poses to test with; {remedy}")
    return faults


def _test_dataset(planned: Mapping[str, Any]) -> str:
    return planned.get("test_dataset", planned["dataset"])


def _initial_weights_faults(
    where: str, experiments: Mapping[str, Any], names: list[str], complete: Mapping[str, Experiment]
) -> list[str]:
    faults = []
    for name, planned in experiments.items():
        place, source = f"{where}.experiments.{name}.initial_weights", planned.get("initial_weights")
        if source is None:
            continue
        if source not in names:
            faults.append(f"{place}: the study has no experiment {source!r}{suggestion(source, names)}; it has {', '.join(names)}")
        elif name in complete and source in complete:
            different = _network_differences(complete[source], complete[name])
            faults += [f"{place}: {source} has another network: {told}" for told in different]
    return faults + _cycle_faults(where, experiments)


def _network_differences(source: Experiment, own: Experiment) -> list[str]:
    theirs, ours = source.to_mapping()["model"], own.to_mapping()["model"]
    told = [
        f"{key} {theirs[key]!r}, here {value!r}"
        for key, value in ours.items()
        if value != theirs[key] and key not in WITHOUT_WEIGHTS
    ]
    if source.model.has_strided_input != own.model.has_strided_input:
        told.append(f"s_in {theirs['s_in']!r}, here {ours['s_in']!r}: only one of them has an upsampling token")
    return told


def _cycle_faults(where: str, experiments: Mapping[str, Any]) -> list[str]:
    cycles: dict[frozenset[str], list[str]] = {}
    for start in experiments:
        path = [start]
        while (source := experiments.get(path[-1], {}).get("initial_weights")) is not None and source not in path:
            path.append(source)
        if source == start:
            cycles.setdefault(frozenset(path), [*path, start])
    return [f"{where}.experiments: initial_weights go in a circle: {' <- '.join(path)}" for path in cycles.values()]


def _published_faults(
    where: str, study: Mapping[str, Any], is_evaluated: bool, places: _Places, weight_files: Collection[str] | None
) -> list[str]:
    """Published weights that do not exist or cannot be evaluated; a study that evaluates nothing, or different things."""
    if not places.is_usable(f"{where}.experiments"):
        return []
    sound = {name: planned for name, planned in study["experiments"].items() if places.is_sound(f"{where}.experiments.{name}")}
    published = {name: planned["published_weights"] for name, planned in sound.items() if planned.get("published_weights")}
    faults = []
    for name, source in published.items():
        place = f"{where}.experiments.{name}"
        if weight_files is not None and source not in weight_files:
            near = suggestion(source, weight_files)
            known = ", ".join(weight_files)
            faults.append(f"{place}.published_weights: the table of sources has no weights {source!r}{near}; it has {known}")
        if not sound[name].get("test_subset"):
            faults.append(f"{place}: published_weights without a test_subset; there is nothing to evaluate them on")
    if not places.is_sound(f"{where}.run"):
        return faults
    run = study.get("run", list(sound))
    evaluated = {*run, *published} if is_evaluated else set(run)
    if not evaluated and places.is_sound(f"{where}.experiments"):
        reason = "no experiment names published_weights" if not published else "evaluate_published is false"
        faults.append(f"{where}.run: it is empty and {reason}, so there is nothing to do")
    return faults + _test_faults(where, {name: planned for name, planned in sound.items() if name in evaluated})


def _test_faults(where: str, evaluated: Mapping[str, Any]) -> list[str]:
    """A study's tables and its baseline compare numbers, so its experiments must be tested on the same people."""
    tests: dict[tuple[str, str], str] = {}
    for name, planned in evaluated.items():
        if planned.get("test_subset"):
            tests.setdefault((_test_dataset(planned), planned["test_subset"]), name)
    if len(tests) < 2:
        return []
    told = "; ".join(f"{name} on {dataset} {subset}" for (dataset, subset), name in tests.items())
    return [f"{where}: its experiments are tested on different data, but stand in one table ({told}); make them separate studies"]
