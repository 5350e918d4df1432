"""What is planned: the studies of a parsed ``config.yaml``, each experiment resolved to a complete configuration.

A *study* is a set of experiments on the same data; an experiment of a study is a named base configuration with the study's own
differences. ``plan`` expects a configuration that ``checks.config_faults`` found nothing wrong with. No file is opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from uplift_upsample.base.strict import UNKNOWN, UnknownValueError, from_mapping, to_mapping
from uplift_upsample.plan.configuration import Base, Configuration, ExperimentSettings, Resources, StudySettings
from uplift_upsample.plan.datasets import DataSet
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import Experiment, TrainConfig
from uplift_upsample.plan.settings import Differences

GROUPS = ("model", "train", "evaluate")
KEPT_TOGETHER = {"schedule_params": "schedule", "optimizer_params": "optimizer"}


@dataclass(frozen=True)
class PlannedExperiment:
    """One experiment of a study.

    train_subset, val_subset, test_subset: splits, or subjects separated by commas; null where nothing is validated or tested.
    test_dataset: the data set that is tested on, ``dataset`` unless the configuration names another one.
    initial_weights: the experiment of the same study whose weights training starts from. published_weights: weights that others
    published for it, by their name in the table of sources. evaluated_s_in: frames; empty without a test set.
    is_run: whether the study runs it; what is not run is in no table, and can still be asked for by the name of a file.
    animations: the test sequences that are drawn, by the names of ``report.animation.sequences``.
    variants: other evaluations of the same weights by name; empty without a test set.
    compared_with: the experiment of the same study that it differs from in one thing.
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
    variants: Mapping[str, EvaluateConfig] = field(default_factory=dict)
    compared_with: str | None = None

    @property
    def evaluations(self) -> dict[str, EvaluateConfig]:
        """All evaluations of its weights by name; the one that experiments are compared by has none."""
        return {"": self.experiment.evaluate, **self.variants}

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

    def published_mapping(self) -> dict[str, Any]:
        """The same for weights that others trained: of the training, only what their predictions see, too."""
        return {**self.to_mapping(), "train": {"padding": self.experiment.train.padding}}


@dataclass(frozen=True)
class Study:
    """Experiments that share data and tables.

    note: what readers of its numbers must know; stands on tables, figures and page. data: the data sets by name. data_seed: of the
    simulated detections. evaluates_published: whether published weights are evaluated beside those that are trained here.
    """

    name: str
    note: str
    seeds: tuple[int, ...]
    data_seed: int
    data: Mapping[str, DataSet]
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
    """All studies of a parsed configuration by name."""
    return studies_of(Configuration.model_validate(config))


def studies_of(config: Configuration) -> dict[str, Study]:
    """All studies of a configuration by name."""
    return {name: _study(name, study, config) for name, study in config.studies.items()}


def _study(name: str, study: StudySettings, config: Configuration) -> Study:
    experiments = {}
    for key, planned in study.experiments.items():
        experiment = resolved(planned, config.experiments[planned.base_of(key)], f"studies.{name}.experiments.{key}")
        evaluated = planned.evaluate_s_in or experiment.model.evaluated_s_in
        experiments[key] = PlannedExperiment(
            name=key,
            study=name,
            dataset=planned.dataset,
            train_subset=planned.train_subset,
            val_subset=planned.val_subset,
            test_subset=planned.test_subset,
            test_dataset=planned.tested_dataset,
            initial_weights=planned.initial_weights,
            published_weights=planned.published_weights,
            evaluated_s_in=evaluated if planned.test_subset else (),
            experiment=experiment,
            resources=planned_resources(planned, study, config),
            is_run=study.runs(key),
            animations=planned.drawn(study) if planned.test_subset else (),
            variants={
                variant: from_mapping(EvaluateConfig, varied(experiment.evaluate, differences), f"{key}, {variant}")
                for variant, differences in planned.variants(study).items()
                if planned.test_subset
            },
            compared_with=planned.compared_with,
        )
    return Study(
        name=name,
        note=study.note,
        seeds=study.seeds,
        data_seed=study.data_seed,
        data=study.data,
        evaluates_published=config.evaluates_published(study),
        experiments=experiments,
    )


def planned_resources(planned: ExperimentSettings, study: StudySettings, config: Configuration) -> Resources:
    """The resources of an experiment: its own before those of its study; ``devices`` before the GPUs of all that use any.

    Raises ``UnknownValueError`` where some of them are wrong.
    """
    given = {**study.resources.given(), **planned.resources.given()}
    if UNKNOWN in given.values():
        raise UnknownValueError("resources")
    resources = Resources(**given)
    return resources if config.devices is None or resources.gpus == 0 else replace(resources, gpus=config.devices)


def resolved(planned: ExperimentSettings, base: Base, where: str) -> Experiment:
    """An experiment of a study: the base configuration with the study's differences. Raises ``InputError`` naming every fault."""
    groups = {group: merged(getattr(base, group), getattr(planned, group)) for group in GROUPS}
    return Experiment.from_mapping(groups, where)


def merged(base: Differences, differences: Differences | None) -> dict[str, Any]:
    """A group of settings with differences; what was found wrong is ``strict.UNKNOWN``.

    The parameters of a schedule or optimiser are merged too, unless it becomes another one: then the old ones mean nothing. Where
    there are no new ones, an optimiser takes its defaults; for a schedule, what it does not take is a fault (``schedule_misfits``).
    """
    before, changes = base.given(), differences.given() if differences is not None else {}
    settings = {**before, **changes}
    for params, kind in KEPT_TOGETHER.items():
        default = getattr(TrainConfig, kind)
        if settings.get(kind, default) != before.get(kind, default):
            if kind == "optimizer" and params not in changes:
                settings.pop(params, None)
        elif isinstance(before.get(params), Mapping) and isinstance(settings[params], Mapping):
            settings[params] = {**before[params], **settings[params]}
    return settings


def varied(evaluate: EvaluateConfig, differences: Differences) -> dict[str, Any]:
    """The settings of a variant of an evaluation."""
    return {**to_mapping(evaluate), **differences.given()}
