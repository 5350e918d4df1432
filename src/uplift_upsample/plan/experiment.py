"""What defines an experiment: a frozen value, and the one place where its parts are checked against each other.

``Experiment.from_mapping`` reads the groups ``model``, ``train``, ``evaluate`` of the project's own configuration, ``official.py``
the flat JSON files of the official code. Defaults are those that all published experiments share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge

from uplift_upsample.base import strict
from uplift_upsample.base.checked import Checked
from uplift_upsample.base.strict import UNKNOWN, UNSAID_DEFAULT, Check, is_number, shown, suggestion
from uplift_upsample.plan.bounds import Count, NonNegative, Number, PositiveShare, Rate
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.network_base import NetworkConfig
from uplift_upsample.plan.networks import ModelConfig as ModelConfig  # imported so that NetworkConfig knows its subclasses.
from uplift_upsample.plan.optimisation import OptimizerParams, ScheduleName, required_and_optional

FRAME_RATE = 50.0  # Hz, of Human3.6M; strides are counted in frames at this rate

TrainingPrecision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class TrainConfig(Checked):
    """Training. Source: docs/method.md, "Training" and "Training examples".

    A new field needs ``metadata=UNSAID_DEFAULT``: without it, everything that is trained already is trained again.
    """

    batch_size: Count = 256
    """Examples of one step."""
    epochs: Count = 120
    """Epochs."""
    steps_per_epoch: Count = 6000
    """Optimisation steps of an epoch, whatever the size of the data."""
    optimizer: Literal["AdamW", "Adam"] = "AdamW"
    """Optimiser."""
    optimizer_params: dict = field(default_factory=dict)
    """beta_1, beta_2, epsilon, amsgrad."""
    schedule: ScheduleName = "ExponentialDecay"
    """How the learning rate falls (``train.schedules``)."""
    schedule_params: dict = field(
        default_factory=lambda: {"initial_learning_rate": 4e-5, "decay_steps": 6000, "decay_rate": 0.99, "staircase": True}
    )
    """Parameters of the schedule; rates are per step, boundaries and intervals in steps."""
    weight_decay: Rate | None = None
    """Share of every weight that is taken away at step 0 (the published form); follows the schedule; null, none."""
    ema_decay: Rate | None = None
    """Decay of the running average of the weights, per step; null, no average."""
    loss_weight_center: NonNegative = 0.5
    """Weight of the mean joint distance at the central token."""
    loss_weight_sequence: NonNegative = 0.5
    """Weight of the mean joint distance over all tokens."""
    loss_weight_velocity: NonNegative = field(default=0.0, metadata=UNSAID_DEFAULT)
    """Weight of the mean distance between the joints' steps from token to token, predicted and true; needs the sequence head."""
    mirror: bool = True
    """Train on mirrored examples too."""
    in_batch_mirror: bool = True
    """The mirrored twin of an example is in the same batch."""
    random_shift: bool = True
    """Draw for each training example which tokens have the 2D poses."""
    key_frames: Literal["regular", "random"] = field(default="regular", metadata=UNSAID_DEFAULT)
    """Which tokens of a training example have the 2D poses: every (s_in / s_out)-th, or each with that probability, at least
    one (``random_shift`` then has no meaning)."""
    padding: Literal["copy", "zeros"] = "copy"
    """What stands outside a video, the nearest frame of the window's grid or zeros."""
    train_step: Count = 1
    """Every n-th frame is the centre of a training example."""
    validation_step: Count = 4
    """Every n-th frame is validated."""
    validation_interval: Count = 1
    """Epochs between two validations."""
    validation_examples: Annotated[int, Ge(-1)] = -1
    """Examples of a validation; -1, all."""
    best_metric: Literal["MPJPE", "AW-MPJPE"] = "AW-MPJPE"
    """What chooses the best epoch where something is validated, over all frames (MPJPE) or over actions (AW-MPJPE)."""
    checkpoint_interval: Count = 10
    """Epochs between two weight files ``checkpoints/*/weights_epoch_*.h5``, which stay; training resumes from others."""
    shuffle_seed: Number = 0
    """Added to a run's seed for the order of the examples."""
    batch_norm_momentum: tuple[PositiveShare, PositiveShare] | None = field(default=None, metadata=UNSAID_DEFAULT)
    """Share of each batch in the running statistics of BatchNorm, in the first epoch and after the last; it falls as a power. Null,
    0.1 throughout. For networks that the paper's is compared with."""
    jit_compile: bool = True
    """Compile the training step with XLA (TensorFlow on a CPU never does, because it is slower so)."""
    precision: TrainingPrecision = field(default="float32", metadata=UNSAID_DEFAULT)
    """What layers compute in; weights, loss and optimiser are float32 (``model.precision``)."""

    def checks(self) -> tuple[Check, ...]:
        return (
            TrainConfig._batch_faults,
            TrainConfig._validation_faults,
            TrainConfig._loss_faults,
            TrainConfig._optimizer_faults,
            TrainConfig._schedule_faults,
        )

    def _batch_faults(self) -> list[str]:
        if not (self.mirror and self.in_batch_mirror and self.batch_size % 2):
            return []
        return [f"batch_size is {self.batch_size}; with in_batch_mirror it must be even, half of it originals"]

    def _validation_faults(self) -> list[str]:
        return [] if self.validation_examples else ["validation_examples is 0; it must be at least 1, or -1 for all"]

    def _loss_faults(self) -> list[str]:
        if self.loss_weight_center + self.loss_weight_sequence:
            return []
        return ["loss_weight_center and loss_weight_sequence are both 0; nothing would be learned"]

    def _optimizer_faults(self) -> list[str]:
        known = [field.name for field in fields(OptimizerParams)]
        unknown = [key for key in self.optimizer_params if key not in known]
        faults = [f"optimizer_params: unknown key {shown(key)}{suggestion(key, known)}" for key in unknown]
        return faults + [
            f"optimizer_params.{key} is {shown(value)}; it must be {'true or false' if key == 'amsgrad' else 'a number'}"
            for key, value in self.optimizer_params.items()
            if key in known and value is not UNKNOWN and not (isinstance(value, bool) if key == "amsgrad" else is_number(value))
        ]

    def _schedule_faults(self) -> list[str]:
        return [
            f"schedule_params.{key} is {shown(value)}; it must be a number, true or false, or a list of numbers"
            for key, value in self.schedule_params.items()
            if value is not UNKNOWN and not (isinstance(key, str) and _is_parameter(value))
        ]

    def schedule_misfits(self) -> list[str]:
        """Parameters that the schedule does not take or lacks, which its training would find out."""
        required, optional = required_and_optional(self.schedule)
        given = self.schedule_params.keys()
        faults = [f"schedule_params: {self.schedule} needs {key}" for key in required if key not in given]
        faults += [
            f"schedule_params: {self.schedule} takes no {key}; it takes {', '.join((*required, *optional))} (files are merged "
            "key by key: another schedule for an experiment of config.yaml stands under its study)"
            for key in given
            if key not in (*required, *optional)
        ]
        if not faults and self.schedule == "PiecewiseConstantDecay":
            boundaries, values = self.schedule_params["boundaries"], self.schedule_params["values"]
            if UNKNOWN not in (boundaries, values) and len(values) != len(boundaries) + 1:
                faults.append("schedule_params: values must have one number more than boundaries")
        return faults


@dataclass(frozen=True)
class Experiment(Checked):
    """A network, its training and its evaluation."""

    model: NetworkConfig
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    def checks(self) -> tuple[Check, ...]:
        return (
            unused_faults,
            lambda known: [f"evaluate: {fault}" for fault in readout_faults(known.model, known.evaluate)],
        )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "experiment") -> "Experiment":
        """Read the groups ``model``, ``train``, ``evaluate``. Raises ``InputError`` naming every fault."""
        return strict.from_mapping(cls, values, where)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that ``from_mapping`` reads back."""
        return strict.to_mapping(self)


def readout_faults(model: NetworkConfig, evaluate: EvaluateConfig) -> list[str]:
    """Why a network has no such readout; empty where it has."""
    if evaluate.is_live and evaluate.look_ahead % model.s_out:
        return [f"look_ahead is {evaluate.look_ahead}; a token comes every {model.s_out} frames: take a multiple of that"]
    if evaluate.readout == "central":
        return []
    if not model.has_sequence_head:
        reason = model.why_no_sequence
        return [f"readout is {evaluate.readout}, but the network has no sequence head ({reason}); take the readout central"]
    if evaluate.hop > model.num_tokens:
        return [f"hop is {evaluate.hop}; windows of {model.num_tokens} tokens that far apart leave poses out: take at most that"]
    return []


def evaluation_faults(model: NetworkConfig, evaluate: EvaluateConfig, strides: Iterable[int]) -> list[str]:
    """Why a network cannot be evaluated so with 2D poses at these strides; empty where it can, trained for them or not."""
    of_strides = [fault for s_in in strides for fault in model.s_in_faults(s_in, evaluate.input_interpolation)]
    return [*readout_faults(model, evaluate), *of_strides]


def unused_faults(known: Any) -> list[str]:
    """Of an experiment or a run: what its training asks for and its network has no place for; empty where that is nothing."""
    model, train, faults = known.model, known.train, []
    if train.batch_norm_momentum is not None and not model.has_changing_batch_norm:
        momentum = list(train.batch_norm_momentum)
        faults.append(f"batch_norm_momentum is {momentum}; {model.network} has no BatchNorm that takes it, leave it out")
    if train.loss_weight_velocity and not model.has_sequence_head:
        reason = model.why_no_sequence
        faults.append(f"loss_weight_velocity is {train.loss_weight_velocity:g}, and the network has no sequence head ({reason})")
    if train.key_frames == "random" and not model.has_strided_input:
        faults.append("key_frames is random, and every token has a 2D pose; give the model s_in, or leave it out")
    return [f"train: {fault}" for fault in faults]


def devices_faults(model: NetworkConfig, train: TrainConfig, num_devices: int) -> list[str]:
    """Why a training cannot share its batches among some devices; empty where it can."""
    has_twins = train.mirror and train.in_batch_mirror
    unit = num_devices * (2 if has_twins else 1)
    faults = []
    if train.batch_size % unit:
        twins = ", mirrored twins together," if has_twins else ""
        faults.append(
            f"batch_size {train.batch_size} cannot be shared evenly{twins} by {num_devices} devices; take a multiple of {unit}"
        )
    if num_devices > 1 and model.batch_norm:
        faults.append(f"{model.batch_norm} with {num_devices} devices: each would have statistics of its own; train on one device")
    return faults


def _is_parameter(value: Any) -> bool:
    """Whether a value can be a parameter of a schedule; which ones it takes, the schedule knows. Text has a message there."""
    numbers = value if isinstance(value, list | tuple) else [value]
    return isinstance(value, bool | str) or all(is_number(number) for number in numbers)
