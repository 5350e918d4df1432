"""What ``config.yaml`` may hold. ``workflow/schemas/config.schema.yaml`` is made of these models (``make schema``)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from annotated_types import MinLen
from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from uplift_upsample.plan.bounds import Count, Number, Seed
from uplift_upsample.plan.datasets import AnyDataSet
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.network_base import networks
from uplift_upsample.plan.optimisation import SCHEDULES, OptimizerParams
from uplift_upsample.plan.people import ClipPlan, Format, PeoplePlan
from uplift_upsample.plan.settings import (
    SEQUENCE,
    Name,
    Names,
    Settings,
    Unique,
    differences_of,
)
from uplift_upsample.plan.thresholds import Checks, Tolerance, VerdictRule

T = TypeVar("T")
ABSENT: Any = None  # the default of a key that may be missing and may not be null
Some = Annotated[dict[Name, T], MinLen(1)]  # entries by name
Listed = Annotated[tuple[T, ...], Strict(False), MinLen(1), *Unique]
Sequences = Annotated[tuple[Annotated[str, Field(pattern=SEQUENCE)], ...], Strict(False), *Unique]
Padding = Annotated[int, Field(ge=0, le=1)]
Pair = Annotated[tuple[Padding, Padding], Strict(False)]
OneOrMore = Annotated[
    Names,
    BeforeValidator(lambda names: [names] if isinstance(names, str) else names),
    WithJsonSchema({"type": ["array", "string"], "items": {"type": "string"}, "uniqueItems": True}),
]


@dataclass(frozen=True)
class Resources:
    """What the jobs of an experiment may use."""

    train_threads: Count = 4
    """CPU cores of one training."""
    predict_threads: Count = 2
    """CPU cores of one prediction job."""
    gpus: Number = 1
    """GPUs of one training, which share its batches; a prediction uses no more than 1; 0, the CPU even where there is a GPU."""
    train_memory: Count = 16000
    """MB of host memory of one training."""
    predict_memory: Count = 12000
    """MB of host memory of one prediction job."""
    train_runtime: Count = 4320
    """Minutes that a cluster's scheduler may expect of one training."""


if TYPE_CHECKING:  # mypy knows no models that are made of dataclasses
    from uplift_upsample.plan.settings import Differences as ChecksOf
    from uplift_upsample.plan.settings import Differences as Evaluate
    from uplift_upsample.plan.settings import Differences as Model
    from uplift_upsample.plan.settings import Differences as PeopleOf
    from uplift_upsample.plan.settings import Differences as ResourcesOf
    from uplift_upsample.plan.settings import Differences as Train
    from uplift_upsample.plan.settings import Differences as VerdictOf
else:
    Model = differences_of(*networks().values(), network=Literal[tuple(networks())], paddings=tuple[Pair, ...] | None)
    ScheduleOf, OptimizerOf = differences_of(*SCHEDULES.values()), differences_of(OptimizerParams)
    Train = differences_of(TrainConfig, schedule_params=ScheduleOf, optimizer_params=OptimizerOf)
    Evaluate = differences_of(EvaluateConfig)
    ResourcesOf = differences_of(Resources)
    ChecksOf = differences_of(Checks)
    ToleranceOf = differences_of(Tolerance)
    VerdictOf = differences_of(VerdictRule, published_weights=ToleranceOf, trained_here=ToleranceOf)
    Formats = Annotated[tuple[Format, ...], Strict(False), *Unique]
    PeopleOf = differences_of(PeoplePlan, formats=Formats, clips=dict[str, differences_of(ClipPlan)])


class Base(Settings):
    """A base configuration: a missing key has the default of ``plan.experiment``."""

    model: Model
    """The network."""
    train: Train = Train()
    """Training."""
    evaluate: Evaluate = Evaluate()
    """Evaluation."""


class ExperimentSettings(Settings):
    """An experiment of a study: a base configuration with differences."""

    base: str = ABSENT
    """Base configuration, a key of the top-level 'experiments'; absent, the experiment's own name."""
    dataset: str
    """Name of a data set of the study."""
    train_subset: str
    """What is trained on, a split of the data set or subjects separated by commas."""
    val_subset: str | None = None
    """What chooses the best epoch; null, the last epoch is kept."""
    test_subset: str | None = None
    """What is evaluated; null, nothing is."""
    test_dataset: str = ABSENT
    """Data set of the study that test_subset is a part of; absent, the one that is trained on."""
    initial_weights: str | None = None
    """Experiment of the study whose weights training starts from (same seed); null, random ones."""
    published_weights: str | None = None
    """Weights that others published for this experiment, a name in workflow/resources/sources.csv; null, none."""
    compared_with: str | None = None
    """Experiment of the study that this one differs from in one thing, for the table of ablations; null, none."""
    evaluate_s_in: Listed[Count] = ABSENT
    """Strides of 2D poses to evaluate, 50 Hz frames; absent, those of training."""
    animations: Sequences = ABSENT
    """Test sequences that are drawn as animations of this experiment; absent, those of the study."""
    resources: ResourcesOf = ResourcesOf()
    """What its jobs may use, where that differs from the study."""
    model: Model = Model()
    """The network, where it differs from the base."""
    train: Train = Train()
    """Training, where it differs from the base."""
    evaluate: Evaluate = Evaluate()
    """Evaluation, where it differs from the base."""
    evaluate_variants: dict[Name, Evaluate] = ABSENT
    """Other evaluations of its weights by name, each where it differs from ``evaluate``; absent, those of the study."""

    @property
    def tested_dataset(self) -> str:
        """The data set that it is tested on."""
        return self.dataset if self.test_dataset is None else self.test_dataset

    def drawn(self, study: "StudySettings") -> tuple[str, ...]:
        """The test sequences that are drawn: its own before those of its study."""
        return study.animations if self.animations is None else self.animations

    def variants(self, study: "StudySettings") -> dict[str, Evaluate]:
        """The other evaluations of its weights: its own before those of its study."""
        return study.evaluate_variants if self.evaluate_variants is None else self.evaluate_variants

    def base_of(self, name: str) -> str:
        """The base configuration of the experiment of this name."""
        return name if self.base is None else self.base


class StudySettings(Settings):
    """Experiments on the same data."""

    note: Annotated[str, Field(min_length=1)] = Field("", validate_default=False)
    """What readers of the study's tables, figures and page must know of its numbers; stands on all of them."""
    seeds: Listed[Seed]
    """Random seeds of training; each experiment is run once with each. Tables show mean and standard deviation."""
    data_seed: Seed = 0
    """Random seed of the simulated detections."""
    resources: ResourcesOf = ResourcesOf()
    """What the jobs of all its experiments may use."""
    data: Some[AnyDataSet]
    """Data sets by name. The name is that of the frames table, results/{study}/data/{name}.h5."""
    experiments: Some[ExperimentSettings]
    """Experiments by name, the second folder below results/."""
    run: Names = ABSENT
    """The experiments to run; absent, all. The others are in no table, and can be built by the name of a file. Empty, nothing is
    trained, and only published weights are evaluated."""
    evaluate_published: bool = True
    """Whether the published weights that experiments name are evaluated, whatever is run."""
    evaluate_variants: dict[Name, Evaluate] = {}  # noqa: RUF012 (a model copies it)
    """Other evaluations of the weights of all experiments by name, each where it differs from the experiment's ``evaluate``. Their
    results are in s_in_{s_in}/{name}/; tables show them beside that, without published figures."""
    animations: Sequences = ()
    """Test sequences that are drawn as animations of every experiment, e.g. S9_Walking_cam0."""

    def runs(self, name: str) -> bool:
        """Whether the experiment of this name is run."""
        return self.run is None or name in self.run


class Configuration(Settings):
    """Configuration of the workflow."""

    reproduce: OneOrMore
    """Studies that the targets all, data, pretrain, train, evaluate and tables build. A list, or one name."""
    retrain_on_code_change: bool = False
    """Train again when the code of training changed. Off, the change is only reported; weights stay."""
    evaluate_published: bool = True
    """Off, no study evaluates published weights, and none are fetched; their cells in the tables show NOT RUN."""
    device: Literal["auto", "gpu", "cpu"] = "auto"
    """What trainings and predictions run on. auto, a GPU if there is one; gpu, the workflow stops without one; cpu."""
    devices: Count | None = None
    """GPUs that share each batch of a training, for all trainings that use any (resources, gpus). Null, as in the resources."""
    deterministic: bool = False
    """Only operations that give equal bytes in equal runs, in trainings and predictions. Slower; TensorFlow works without XLA."""
    environment: Literal["cpu", "gpu"] = "cpu"
    """Conda environment of the jobs, if Snakemake is to make one (--software-deployment-method conda)."""
    cmu_source: str | None = None
    """Where the CMU motion capture files come from (folder, zip file, URL), in place of the 'source' of all data sets of kind cmu.
    Null, no change."""
    checks: ChecksOf = ChecksOf()
    """Limits beyond which poses cannot be what the file says; such files are refused."""
    verdict: VerdictOf = VerdictOf()
    """When the table `comparison` shows PASS, WARN or FAIL for a published figure."""
    people: PeopleOf = PeopleOf()
    """The clips of people that the target `people` lifts. These settings hold for all of them, but for those in `clips`."""
    experiments: dict[Name, Base]
    """Base configurations by name. A study's experiment is one of them with the study's differences."""
    studies: Some[StudySettings]
    """Experiments on the same data, by name. The name is a target, and the first folder below results/."""

    def evaluates_published(self, study: StudySettings) -> bool:
        """Whether a study evaluates published weights: its own switch, and the one for all studies."""
        return self.evaluate_published and study.evaluate_published
