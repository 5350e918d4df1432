"""What a study planned and where its scores are: the only input of the tables."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from uplift_upsample.base import strict
from uplift_upsample.base.errors import InputError
from uplift_upsample.model.cost import NetworkCost, network_cost
from uplift_upsample.plan.evaluation import EvaluateConfig, InputInterpolation
from uplift_upsample.plan.experiment import NetworkConfig
from uplift_upsample.plan.thresholds import VerdictRule


@dataclass(frozen=True)
class ShownExperiment:
    """One experiment as tables and figures show it: one that is evaluated, or that others start from.

    dataset, test_dataset: what it is trained and tested on; null, the test data are of the same data set.
    s_in: the strides it is evaluated at; empty for an experiment that only others start from. initial_weights: the
    experiment that it starts from. published_weights: the name of weights that others published for it.
    compared_with: the experiment that this one differs from in one thing; null, none.
    model: its network, in the form of ``plan.network_base.NetworkConfig``; null, its cost is not shown.
    evaluations: how its weights are evaluated, by the name of the variant; the one that experiments are compared by has none.
    """

    name: str
    dataset: str
    s_in: tuple[int, ...]
    seeds: tuple[int, ...]
    test_dataset: str | None = None
    initial_weights: str | None = None
    published_weights: str | None = None
    compared_with: str | None = None
    model: dict | None = field(default=None, hash=False)
    evaluations: dict[str, EvaluateConfig] = field(default_factory=lambda: {"": EvaluateConfig()}, hash=False)

    def __post_init__(self) -> None:
        network, way = self.network, self.evaluations.get("", EvaluateConfig()).input_interpolation
        if network is not None:
            strict.raise_all([fault for s_in in self.s_in for fault in network.s_in_faults(s_in, way)])

    @property
    def variants(self) -> list[str]:
        """The names of the other evaluations of its weights."""
        return [name for name in self.evaluations if name]

    @property
    def input_ways(self) -> dict[InputInterpolation, str]:
        """How its evaluations fill the gaps between 2D poses, each with the name of the first that does; the own one comes first.

        Those that differ in anything else from the own one are not among them.
        """
        own = self.evaluations[""]
        found: dict[InputInterpolation, str] = {}
        for name, evaluate in self.evaluations.items():
            if replace(evaluate, input_interpolation=own.input_interpolation) == own:
                found.setdefault(evaluate.input_interpolation, name)
        return {way: found[way] for way in get_args(InputInterpolation) if way in found}

    @property
    def network(self) -> NetworkConfig | None:
        """The network, where the manifest has it."""
        return None if self.model is None else strict.from_mapping(NetworkConfig, self.model, "model")

    def cost(self, s_in: int, variant: str = "") -> NetworkCost | None:
        """The cost of an evaluation's network; None where it is not known. Interpolated 2D poses go through it like others."""
        model, is_dense = self.network, self.evaluations[variant].input_interpolation != "none"
        return None if model is None else network_cost(model, model.s_out if is_dense else s_in)

    def macs_per_pose(self, s_in: int, variant: str = "") -> float:
        """Multiply-accumulates for each frame of a 50 Hz video, without mirroring; NaN without a known network."""
        cost, evaluate = self.cost(s_in, variant), self.evaluations[variant]
        if cost is None:
            return math.nan
        # live, a token is needed for two steps of s_out frames, and its window runs again for a 2D pose that comes in between them
        windows_per_token = 1 + cost.s_out / s_in if evaluate.is_live else 1 if evaluate.interpolate else cost.s_out
        return cost.per_pose_of(evaluate.readout, evaluate.hop, windows_per_token)

    @property
    def tested_on(self) -> str:
        """The data set that it is tested on."""
        return self.test_dataset or self.dataset

    @property
    def label(self) -> str:
        """The name, and with it the data set that it is trained on where the test people are of another one."""
        if self.tested_on == self.dataset:
            return self.name
        only = "" if self.initial_weights else " only"
        return f"{self.name} (trained on {self.dataset}{only})"

    @property
    def counterpart(self) -> str | None:
        """The experiment that shows whether pre-training helped, where this one has it; without a name, the one without ``_pt``."""
        if self.initial_weights is None:
            return None
        return self.compared_with or self.name.removesuffix("_pt")


@dataclass(frozen=True)
class Job:
    """A job that costs time. seed: null for published weights. s_in: null for trainings. variant: of an evaluation.

    record: JSON file that the job writes beside its result (``evaluate.records``). benchmark: what Snakemake measured of it.
    """

    experiment: str
    seed: int | None
    stage: Literal["train", "predict", "score"]
    s_in: int | None
    record: str
    benchmark: str
    variant: str = ""


@dataclass(frozen=True)
class VariantScores:
    """Where the scores of a variant of an evaluation are, as in ``Manifest``."""

    scores: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    published_scores: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A study: ``scores`` is experiment -> seed -> s_in -> path, all as text; what is not in it was not run.

    published_scores: the same for published weights, experiment -> s_in -> path. mean_pose: scores of the baseline.
    published: CSV of published figures. published_test_set: what they are measured on; null, any test set is taken for it.
    verdict: when they are reproduced. jobs: what was, or is to be, run. variants: other evaluations of the same weights, by name.
    """

    study: str
    note: str
    experiments: tuple[ShownExperiment, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, str]]]
    mean_pose: str | None = None
    published: str | None = None
    published_test_set: str | None = None
    published_scores: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    verdict: VerdictRule = field(default_factory=VerdictRule)
    jobs: tuple[Job, ...] = ()
    variants: Mapping[str, VariantScores] = field(default_factory=dict)

    def of_variant(self, name: str) -> "Manifest":
        """The same study under another evaluation, of the experiments that have it; no published figure belongs to it."""
        found = self.variants[name]
        return replace(
            self,
            experiments=tuple(experiment for experiment in self.experiments if name in experiment.evaluations),
            scores=found.scores,
            published_scores=found.published_scores,
            published=None,
            published_test_set=None,
            jobs=tuple(job for job in self.jobs if job.variant == name),
            variants={},
        )

    def __post_init__(self) -> None:
        planned = {
            (experiment.name, str(seed), str(s_in))
            for experiment in self.experiments
            for seed in experiment.seeds
            for s_in in experiment.s_in
        }
        found = {(name, seed, s_in) for name, seeds in self.scores.items() for seed, paths in seeds.items() for s_in in paths}
        if found - planned:
            name, seed, s_in = min(found - planned)
            raise InputError(f"scores.{name}.{seed}.{s_in}: no experiment of the manifest plans these scores")
        weights = {
            (experiment.name, str(s_in))
            for experiment in self.experiments
            for s_in in experiment.s_in
            if experiment.published_weights
        }
        unknown = {(name, s_in) for name, paths in self.published_scores.items() for s_in in paths} - weights
        if unknown:
            name, s_in = min(unknown)
            raise InputError(
                f"published_scores.{name}.{s_in}: no experiment of the manifest has published weights for these scores"
            )


def read_manifest(path: str | Path, study: str | None = None) -> Manifest:
    """Read a manifest from a JSON file. Raises ``InputError`` that lists all faults. study: whose it must be; None, anybody's."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such manifest") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    manifest = manifest_from_mapping(values, str(path))
    if study not in (None, manifest.study):
        raise InputError(f"{path}: the manifest of the study {manifest.study!r}, not of {study!r}")
    return manifest


def manifest_from_mapping(values: Any, where: str = "manifest") -> Manifest:
    """Check a parsed manifest. Raises ``InputError`` that lists all faults."""
    if not isinstance(values, Mapping) or not isinstance(values.get("experiments"), list):
        raise InputError(f"{where}: expected keys and values, among them the list 'experiments'")
    if not isinstance(values.get("jobs", []), list):
        raise InputError(f"{where}: jobs must be a list")
    faults: list[str] = []
    experiments = _items(ShownExperiment, values["experiments"], f"{where}: experiments", faults)
    jobs = _items(Job, values.get("jobs", []), f"{where}: jobs", faults)
    unknown = {job.experiment for job in jobs} - {experiment.name for experiment in experiments}
    if not faults and unknown:
        faults.append(f"{where}: jobs of experiments that it does not have: {', '.join(sorted(unknown))}")
    if faults:
        raise InputError("\n".join(faults))
    return strict.from_mapping(Manifest, {**values, "experiments": experiments, "jobs": jobs}, where)


T = TypeVar("T")


def _items(cls: type[T], values: list[Any], where: str, faults: list[str]) -> tuple[T, ...]:
    items = []
    for index, value in enumerate(values):
        try:
            items.append(strict.from_mapping(cls, value, f"{where}.{index}"))
        except InputError as error:
            faults.append(str(error))
    return tuple(items)
