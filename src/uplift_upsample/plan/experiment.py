"""What defines an experiment: a frozen value, and the one place where its parts are checked against each other.

``Experiment.from_mapping`` reads the groups ``model``, ``train``, ``evaluate`` of the project's own configuration, ``official.py``
the flat JSON files of the official code. Defaults are those that all published experiments share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from uplift_upsample.base import strict
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.base.strict import UNSAID_DEFAULT, Check, all_faults, is_number, raise_all, shown, suggestion, within_bounds
from uplift_upsample.plan.bounds import Count, Number, Rate, Weight
from uplift_upsample.plan.evaluation import EvaluateConfig, InputInterpolation

FRAME_RATE = 50.0  # Hz, of Human3.6M; strides are counted in frames at this rate

TrainingPrecision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
ScheduleName = Literal["ExponentialDecay", "ExponentialDecayWithSteps", "PiecewiseConstantDecay", "CosineDecayRestarts"]


@dataclass(frozen=True)
class ModelConfig:
    """The network. Source: docs/method.md, "Network"."""

    num_tokens: Count
    """Tokens of a window, N, odd."""
    s_out: Count
    """Frames (50 Hz) between two tokens, i.e. between two predicted 3D poses."""
    s_in: tuple[Count, ...] = ()
    """Frames (50 Hz) between two 2D poses; each training example draws one of the list. Empty, every token has a 2D pose."""
    num_joints: int = NUM_JOINTS
    """Joints of a pose."""
    spatial_dim: Count = 32
    """Width C_s of the spatial stage."""
    temporal_dim: Count = 384
    """Width C_t of the temporal and strided stages."""
    spatial_blocks: Number = 4
    """Transformer blocks of the spatial stage."""
    temporal_blocks: Number = 4
    """Transformer blocks of the temporal stage."""
    strides: tuple[Count, ...] = (3, 3, 3)
    """Temporal stride of each strided block; together they lead from N tokens to one."""
    paddings: tuple[tuple[int, int], ...] | None = None
    """Zero tokens left and right of each strided block, 0 or 1; null, 1 and 1 everywhere."""
    num_heads: Count = 8
    """Attention heads."""
    mlp_ratio: Annotated[float, Gt(0)] = 2.0
    """Hidden width of an MLP over the width of its stage."""
    qkv_bias: bool = True
    """Biases of queries, keys and values."""
    drop_rate: Rate = 0.0
    """Dropout of embeddings and MLPs (probability)."""
    attention_drop_rate: Rate = 0.0
    """Dropout of attention weights (probability)."""
    drop_path_rate: tuple[Rate, Rate, Rate] = (0.1, 0.1, 0.0)
    """Probability of skipping a block: spatial, temporal, strided stage."""
    first_attention_layer: Number = 1
    """Temporal blocks with a lower index ignore tokens without a 2D pose."""
    token_mask_rate: Rate = 0.0
    """Probability that training hides a token that has a 2D pose."""
    learnable_masked_token: bool = False
    """Whether a hidden token is replaced by a learned one instead of zeros."""
    output_bn: bool = False
    """Batch normalisation before the heads."""
    sequence_head: bool = True
    """Predict the 3D poses of all tokens in training, not only the central one."""

    def __post_init__(self) -> None:
        raise_all(self.faults())

    def faults(self) -> list[str]:
        """Why there is no such network; empty where there is. Works on ``strict.Known``, too."""
        known, faults = within_bounds(self)
        checks: tuple[Check, ...] = (
            ModelConfig._joints_faults,
            ModelConfig._token_faults,
            ModelConfig._all_s_in_faults,
            *(partial(_width_faults, width) for width in ("temporal_dim", "spatial_dim")),
            ModelConfig._attention_faults,
            ModelConfig._strided_faults,
        )
        return faults + all_faults(known, checks)

    def _joints_faults(self) -> list[str]:
        faults = [f"num_joints is {self.num_joints}; every data set and weight file here has {NUM_JOINTS}"]
        return [] if self.num_joints == NUM_JOINTS else faults

    def _token_faults(self) -> list[str]:
        faults = [f"num_tokens is {self.num_tokens}; it must be odd, so that one token is the central one"]
        return [] if self.num_tokens % 2 else faults

    def _all_s_in_faults(self) -> list[str]:
        return [fault for s_in in self.s_in for fault in self.s_in_faults(s_in)] if self.has_strided_input else []

    def _attention_faults(self) -> list[str]:
        if self.temporal_blocks or not self.has_strided_input or self.first_attention_layer <= 1:
            return []
        return [
            f"first_attention_layer is {self.first_attention_layer} without temporal blocks; tokens are merged after the first "
            "strided block, so only 0 or 1 makes sense"
        ]

    def _strided_faults(self) -> list[str]:
        faults: list[str] = []
        if self.paddings is not None and len(self.paddings) != len(self.strides):
            return [f"paddings has {len(self.paddings)} entries for {len(self.strides)} strides"]
        length = self.num_tokens
        for index, (stride, (left, right)) in enumerate(zip(self.strides, self.strided_paddings, strict=True), start=1):
            if stride < 1 or left not in (0, 1) or right not in (0, 1):
                return [
                    *faults,
                    f"strided block {index}: stride {stride} must be at least 1 and its padding {[left, right]} made of 0 and 1",
                ]
            if stride == 1 and (left, right) != (1, 1):
                faults.append(
                    f"strided block {index}: stride 1 needs the padding [1, 1], not {[left, right]}; the residual would not fit"
                )
            if length + left + right < 3:
                return [*faults, f"strided block {index}: {length} tokens are too few for its kernel of 3"]
            length = -(-(length + left + right - 2) // stride)
        if self.strides and length != 1:
            faults.append(f"strides {list(self.strides)} leave {length} tokens of {self.num_tokens}; they must lead to exactly 1")
        return faults

    @property
    def has_strided_input(self) -> bool:
        """Whether tokens can be masked. Without (no ``s_in``, or a list that starts with 1), the network has no mask input
        and no upsampling token."""
        return bool(self.s_in) and self.s_in[0] != 1

    @property
    def has_sequence_head(self) -> bool:
        """Whether it gives the 3D poses of all tokens."""
        return self.sequence_head and self.temporal_blocks > 0

    def s_in_faults(self, s_in: int, input_interpolation: InputInterpolation = "none") -> list[str]:
        """Why the network cannot be used with 2D poses on every ``s_in``-th frame; empty where it can, trained for it or not.

        input_interpolation: how those in between are made, if at all (``EvaluateConfig``).
        """
        if not self.has_strided_input and input_interpolation == "none":
            faults = [f"s_in {s_in}: this network has no strided input; the only choice is its s_out, {self.s_out}"]
            return [] if s_in == self.s_out else faults
        if s_in < 1 or s_in % self.s_out:
            reason = f"a 2D pose can only be placed at a token, every {self.s_out} frames"
            return [f"s_in {s_in} is not a multiple of s_out {self.s_out}; {reason}"]
        return []

    @property
    def strided_paddings(self) -> tuple[tuple[int, int], ...]:
        """Zero padding (left, right) of each strided block."""
        return self.paddings if self.paddings is not None else ((1, 1),) * len(self.strides)

    @property
    def strided_lengths(self) -> tuple[int, ...]:
        """Tokens at the input of each strided block, and at the end: N_0, N_1, ..."""
        lengths = [self.num_tokens]
        for stride, (left, right) in zip(self.strides, self.strided_paddings, strict=True):
            lengths.append(-(-(lengths[-1] + left + right - 2) // stride))
        return tuple(lengths)

    @property
    def evaluated_s_in(self) -> tuple[int, ...]:
        """The strides that scores are reported for: ``s_in``, or ``s_out`` where there is no strided input."""
        return self.s_in if self.has_strided_input else (self.s_out,)


@dataclass(frozen=True)
class TrainConfig:
    """Training. Source: docs/method.md, "Training" and "Training examples"."""

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
    loss_weight_center: Weight = 0.5
    """Weight of the mean joint distance at the central token."""
    loss_weight_sequence: Weight = 0.5
    """Weight of the mean joint distance over all tokens."""
    mirror: bool = True
    """Train on mirrored examples too."""
    in_batch_mirror: bool = True
    """The mirrored twin of an example is in the same batch."""
    random_shift: bool = True
    """Draw for each training example which tokens have the 2D poses."""
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
    """Epochs between two checkpoints that are kept."""
    shuffle_seed: Number = 0
    """Added to a run's seed for the order of the examples."""
    jit_compile: bool = True
    """Compile the training step with XLA (TensorFlow on a CPU never does, because it is slower so)."""
    precision: TrainingPrecision = field(default="float32", metadata=UNSAID_DEFAULT)
    """What layers compute in; weights, loss and optimiser are float32 (``model.precision``)."""

    def __post_init__(self) -> None:
        raise_all(self.faults())

    def faults(self) -> list[str]:
        """Why there is no such training; empty where there is. Works on ``strict.Known``, too."""
        known, faults = within_bounds(self)
        checks: tuple[Check, ...] = (
            TrainConfig._batch_faults,
            TrainConfig._validation_faults,
            TrainConfig._loss_faults,
            TrainConfig._optimizer_faults,
            TrainConfig._schedule_faults,
        )
        return faults + all_faults(known, checks)

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
        known = {"beta_1", "beta_2", "epsilon", "amsgrad"}
        unknown = [key for key in self.optimizer_params if key not in known]
        faults = [f"optimizer_params: unknown key {shown(key)}{suggestion(key, known)}" for key in unknown]
        return faults + [
            f"optimizer_params.{key} is {shown(value)}; it must be {'true or false' if key == 'amsgrad' else 'a number'}"
            for key, value in self.optimizer_params.items()
            if key in known and not (isinstance(value, bool) if key == "amsgrad" else is_number(value))
        ]

    def _schedule_faults(self) -> list[str]:
        return [
            f"schedule_params.{key} is {shown(value)}; it must be a number, true or false, or a list of numbers"
            for key, value in self.schedule_params.items()
            if not (isinstance(key, str) and _is_parameter(value))
        ]


@dataclass(frozen=True)
class Experiment:
    """A network, its training and its evaluation."""

    model: ModelConfig
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    def __post_init__(self) -> None:
        raise_all(self.faults())

    def faults(self) -> list[str]:
        """What its parts mean together and cannot. Works on ``strict.Known``, too."""
        return all_faults(self, [lambda known: [f"evaluate: {fault}" for fault in readout_faults(known.model, known.evaluate)]])

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "experiment") -> "Experiment":
        """Read the groups ``model``, ``train``, ``evaluate``. Raises ``InputError`` naming every fault."""
        return strict.from_mapping(cls, values, where)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that ``from_mapping`` reads back."""
        return strict.to_mapping(self)


def readout_faults(model: ModelConfig, evaluate: EvaluateConfig) -> list[str]:
    """Why a network has no such readout; empty where it has."""
    if evaluate.readout == "central":
        return []
    if not model.has_sequence_head:
        reason = "sequence_head is off" if model.temporal_blocks else "it has no temporal blocks"
        return [f"readout is {evaluate.readout}, but the network has no sequence head ({reason}); take the readout central"]
    if evaluate.hop > model.num_tokens:
        return [f"hop is {evaluate.hop}; windows of {model.num_tokens} tokens that far apart leave poses out: take at most that"]
    return []


def devices_faults(model: ModelConfig, train: TrainConfig, num_devices: int) -> list[str]:
    """Why a training cannot share its batches among some devices; empty where it can."""
    has_twins = train.mirror and train.in_batch_mirror
    unit = num_devices * (2 if has_twins else 1)
    faults = []
    if train.batch_size % unit:
        twins = ", mirrored twins together," if has_twins else ""
        faults.append(
            f"batch_size {train.batch_size} cannot be shared evenly{twins} by {num_devices} devices; take a multiple of {unit}"
        )
    if num_devices > 1 and model.output_bn:
        faults.append(f"output_bn with {num_devices} devices: each would have statistics of its own; train on one device")
    return faults


def _width_faults(name: str, model: ModelConfig) -> list[str]:
    width = getattr(model, name)
    if (name == "spatial_dim" and not model.spatial_blocks) or width % model.num_heads == 0:
        return []
    return [f"{name} {width} cannot be divided among {model.num_heads} heads; take a multiple of num_heads"]


def _is_parameter(value: Any) -> bool:
    """Whether a value can be a parameter of a schedule; which ones it takes, the schedule knows. Text has a message there."""
    numbers = value if isinstance(value, list | tuple) else [value]
    return isinstance(value, bool | str) or all(is_number(number) for number in numbers)
