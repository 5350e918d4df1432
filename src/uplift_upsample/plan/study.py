"""What is planned: the studies of a parsed ``config.yaml``, each experiment resolved to a complete configuration.

A *study* is a set of experiments on the same data; an experiment of a study is a named base configuration with the study's own
differences. ``plan`` expects a configuration that ``study_checks.config_faults`` found nothing wrong with. No file is opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from uplift_upsample.errors import InputError
from uplift_upsample.plan.experiment import Experiment, ModelConfig

GROUPS = ("model", "train", "evaluate")
KEPT_TOGETHER = {"schedule_params": "schedule", "optimizer_params": "optimizer"}


@dataclass(frozen=True)
class Resources:
    """What the jobs of an experiment may use.

    train_threads, predict_threads: CPU cores of one job. gpus: of one training, which share its batches; a prediction
    uses no more than one (0: the CPU, even where there is a GPU). train_memory, predict_memory: MB of host memory.
    train_runtime: minutes, for schedulers that want to know.
    """

    train_threads: int = 4
    predict_threads: int = 2
    gpus: int = 1
    train_memory: int = 16000
    predict_memory: int = 12000
    train_runtime: int = 4320


@dataclass(frozen=True)
class PlannedExperiment:
    """One experiment of a study.

    train_subset, val_subset, test_subset: splits, or subjects separated by commas; null where nothing is validated or tested.
    test_dataset: the data set that is tested on, ``dataset`` unless the configuration names another one.
    initial_weights: the experiment of the same study whose weights training starts from. published_weights: weights that others
    published for it, by their name in the table of sources. evaluated_s_in: frames; empty without a test set.
    is_run: whether the study runs it; what is not run is in no table, and can still be asked for by the name of a file.
    animations: the test sequences that are drawn, by the names of ``report.animation.sequences``.
    """

    name: str
    study: str
    dataset: str
    train_subset: str
    val_subset: str | None
    test_subset: str | None
    test_dataset: str
    initial_weights: str | None
    published_weights: str | None
    evaluated_s_in: tuple[int, ...]
    experiment: Experiment
    resources: Resources
    is_run: bool
    animations: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """What training depends on, as plain values in the form of ``plan.runs.Run``. Nothing of the evaluation is among them."""
        groups = self.experiment.to_mapping()
        return {
            "model": groups["model"],
            "train": groups["train"],
            "name": self.name,
            "study": self.study,
            "dataset": self.dataset,
            "train_subset": self.train_subset,
            "val_subset": self.val_subset,
            "test_subset": None,
            "initial_weights": self.initial_weights,
        }


@dataclass(frozen=True)
class Study:
    """Experiments that share data and tables.

    note: what readers of its numbers must know; stands on tables, figures and page. data: name of a data set -> how its frames
    table is made (``kind`` and its options). data_seed: of the simulated detections.
    evaluates_published: whether published weights are evaluated beside those that are trained here.
    """

    name: str
    note: str
    seeds: tuple[int, ...]
    data_seed: int
    data: Mapping[str, Mapping[str, Any]]
    evaluates_published: bool = True
    experiments: Mapping[str, PlannedExperiment] = field(default_factory=dict)

    @property
    def run(self) -> list[PlannedExperiment]:
        """The experiments that the study runs, in the order of the configuration."""
        return [experiment for experiment in self.experiments.values() if experiment.is_run]

    @property
    def pretraining(self) -> list[PlannedExperiment]:
        """The experiments that others of ``run`` start from."""
        trained = self.trained
        sources = {experiment.initial_weights for experiment in trained}
        return [experiment for experiment in trained if experiment.name in sources]

    @property
    def trained(self) -> list[PlannedExperiment]:
        """``run``, and what it starts from."""
        needed = dict.fromkeys(experiment.name for experiment in self.run)
        waiting = list(needed)
        for name in waiting:  # grows while it is walked through
            source = self.experiments[name].initial_weights
            if source is not None and source not in needed:
                needed[source] = None
                waiting.append(source)
        return [experiment for experiment in self.experiments.values() if experiment.name in needed]

    @property
    def tested(self) -> list[PlannedExperiment]:
        """The experiments of ``run`` that have a test set."""
        return [experiment for experiment in self.run if experiment.evaluated_s_in]

    @property
    def published(self) -> list[PlannedExperiment]:
        """The experiments whose published weights are evaluated, run or not."""
        named = [experiment for experiment in self.experiments.values() if experiment.published_weights]
        return [experiment for experiment in named if experiment.evaluated_s_in and self.evaluates_published]

    @property
    def evaluated(self) -> list[PlannedExperiment]:
        """The experiments that have any weights evaluated."""
        names = {experiment.name for experiment in [*self.tested, *self.published]}
        return [experiment for experiment in self.experiments.values() if experiment.name in names]

    @property
    def shown(self) -> list[PlannedExperiment]:
        """What tables, figures and page are about: what is evaluated, and what its training starts from. Others stay out."""
        names = {experiment.name for experiment in [*self.trained, *self.evaluated]}
        return [experiment for experiment in self.experiments.values() if experiment.name in names]

    @property
    def baseline(self) -> PlannedExperiment | None:
        """The experiment whose training and test people the mean pose is taken from and measured on; None where there is none.

        The first of ``evaluated`` that is trained on the data set that it is tested on: motion capture has no cameras, and so
        no mean pose in the axes of one.
        """
        return next((experiment for experiment in self.evaluated if experiment.dataset == experiment.test_dataset), None)

    @property
    def used_datasets(self) -> list[str]:
        """The data sets that the study's experiments are trained and tested on."""
        tested = [experiment.test_dataset for experiment in self.evaluated]
        return list(dict.fromkeys([experiment.dataset for experiment in self.trained] + tested))


def plan(config: Mapping[str, Any]) -> dict[str, Study]:
    """All studies of a configuration by name."""
    return {name: _study(name, values, config) for name, values in config["studies"].items()}


def evaluates_published(config: Mapping[str, Any], study: Mapping[str, Any]) -> bool:
    """Whether a study evaluates published weights: its own switch, and the one for all studies."""
    return bool(config.get("evaluate_published", True) and study.get("evaluate_published", True))


def _study(name: str, values: Mapping[str, Any], config: Mapping[str, Any]) -> Study:
    bases = config["experiments"]
    run = values.get("run", list(values["experiments"]))
    experiments = {}
    for key, planned in values["experiments"].items():
        experiment = resolved(planned, bases[planned.get("base", key)], f"studies.{name}.experiments.{key}")
        test_subset = planned.get("test_subset")
        evaluated = planned.get("evaluate_s_in", experiment.model.evaluated_s_in)
        experiments[key] = PlannedExperiment(
            name=key,
            study=name,
            dataset=planned["dataset"],
            train_subset=planned["train_subset"],
            val_subset=planned.get("val_subset"),
            test_subset=test_subset,
            test_dataset=planned.get("test_dataset", planned["dataset"]),
            initial_weights=planned.get("initial_weights"),
            published_weights=planned.get("published_weights"),
            evaluated_s_in=tuple(evaluated) if test_subset else (),
            experiment=experiment,
            resources=planned_resources(planned, values, config),
            is_run=key in run,
            animations=tuple(planned.get("animations", values.get("animations", []))) if test_subset else (),
        )
    return Study(
        name=name,
        note=values.get("note", ""),
        seeds=tuple(values["seeds"]),
        data_seed=values.get("data_seed", 0),
        data=values["data"],
        evaluates_published=evaluates_published(config, values),
        experiments=experiments,
    )


def planned_resources(planned: Mapping[str, Any], study: Mapping[str, Any], config: Mapping[str, Any]) -> Resources:
    """The resources of an experiment: its own before those of its study; ``devices`` before the GPUs of all that use any."""
    resources = Resources(**{**study.get("resources", {}), **planned.get("resources", {})})
    devices = config.get("devices")
    return resources if devices is None or resources.gpus == 0 else replace(resources, gpus=devices)


def resolved(planned: Mapping[str, Any], base: Mapping[str, Any], where: str) -> Experiment:
    """An experiment of a study: the base configuration with the study's differences. Raises ``InputError`` naming every fault."""
    groups = {group: merged(base.get(group, {}), planned.get(group, {})) for group in GROUPS}
    return Experiment.from_mapping(groups, where)


def merged(base: Mapping[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    """A group of settings with differences.

    The parameters of a schedule or optimiser are merged too, unless it becomes another one: then the old ones mean nothing.
    """
    before, settings = {**base}, {**base, **differences}
    for params, kind in KEPT_TOGETHER.items():
        is_same = settings.get(kind) == before.get(kind)
        if is_same and isinstance(before.get(params), Mapping) and isinstance(settings[params], Mapping):
            settings[params] = {**before[params], **settings[params]}
    return settings


def check_s_in(model: ModelConfig, s_in: int, where: str) -> None:
    """Raise ``InputError`` unless an experiment can be evaluated with this stride of 2D poses."""
    if faults := model.s_in_faults(s_in):
        raise InputError(f"{where}: {faults[0]}")
