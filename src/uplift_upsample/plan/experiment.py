"""What defines an experiment: a frozen value, and the one place where its parts are checked against each other.

``Experiment.from_mapping`` reads the groups ``model``, ``train``, ``evaluate`` of the project's own configuration, ``official.py``
the flat JSON files of the official code. Defaults are those that all published experiments share.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from uplift_upsample import strict
from uplift_upsample.errors import InputError
from uplift_upsample.skeleton import NUM_JOINTS

FRAME_RATE = 50.0  # Hz, of Human3.6M; strides are counted in frames at this rate

_MODEL_SIZES = dict.fromkeys(("num_tokens", "s_out", "spatial_dim", "temporal_dim", "num_heads"), 1)
_MODEL_SIZES |= dict.fromkeys(("spatial_blocks", "temporal_blocks", "first_attention_layer"), 0)
_TRAIN_SIZES = dict.fromkeys(("batch_size", "epochs", "steps_per_epoch", "train_step", "validation_step"), 1)
_TRAIN_SIZES |= dict.fromkeys(("validation_interval", "checkpoint_interval"), 1)
_RATES = ("drop_rate", "attention_drop_rate", "token_mask_rate", "drop_path_rate")
_NOT_NEGATIVE = ("loss_weight_center", "loss_weight_sequence", "shuffle_seed")

Precision = Literal["float32", "bfloat16", "float16"]
TrainingPrecision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
ScheduleName = Literal["ExponentialDecay", "ExponentialDecayWithSteps", "PiecewiseConstantDecay", "CosineDecayRestarts"]


@dataclass(frozen=True)
class ModelConfig:
    """The network. Source: docs/method.md, "Network".

    num_tokens: tokens of a window, N, odd.
    s_out: frames between two tokens, i.e. between two 3D predictions.
    s_in: frames between two 2D poses; a list is drawn from for each training example. Empty: no strided input.
    spatial_dim, temporal_dim: widths C_s and C_t.
    strides, paddings: one entry for each strided block; ``paddings`` null means (1, 1) everywhere.
    drop_path_rate: spatial, temporal, strided stage.
    first_attention_layer: temporal blocks with a lower index ignore masked tokens as keys.
    token_mask_rate, learnable_masked_token: token dropout in training.
    output_bn: BatchNorm before the heads. sequence_head: predict all tokens, not only the central one.
    """

    num_tokens: int
    s_out: int
    s_in: tuple[int, ...] = ()
    num_joints: int = NUM_JOINTS
    spatial_dim: int = 32
    temporal_dim: int = 384
    spatial_blocks: int = 4
    temporal_blocks: int = 4
    strides: tuple[int, ...] = (3, 3, 3)
    paddings: tuple[tuple[int, int], ...] | None = None
    num_heads: int = 8
    mlp_ratio: float = 2.0
    qkv_bias: bool = True
    drop_rate: float = 0.0
    attention_drop_rate: float = 0.0
    drop_path_rate: tuple[float, float, float] = (0.1, 0.1, 0.0)
    first_attention_layer: int = 1
    token_mask_rate: float = 0.0
    learnable_masked_token: bool = False
    output_bn: bool = False
    sequence_head: bool = True

    def __post_init__(self) -> None:
        _raise_all(self.faults())

    def faults(self) -> list[str]:
        """Why there is no such network; empty where there is. Works on ``strict.Known``, too."""
        known, faults = strict.sizes(self, _MODEL_SIZES)
        checks: tuple[strict.Check, ...] = (
            ModelConfig._joints_faults,
            ModelConfig._token_faults,
            ModelConfig._all_s_in_faults,
            *(partial(_width_faults, width) for width in ("temporal_dim", "spatial_dim")),
            *(strict.within(rate, 1, "it must be at least 0 and below 1") for rate in _RATES),
            ModelConfig._mlp_faults,
            ModelConfig._attention_faults,
            ModelConfig._strided_faults,
        )
        return faults + strict.all_faults(known, checks)

    def _joints_faults(self) -> list[str]:
        if self.num_joints == NUM_JOINTS:
            return []
        return [f"num_joints is {self.num_joints}; every data set and weight file here has {NUM_JOINTS}"]

    def _token_faults(self) -> list[str]:
        return (
            []
            if self.num_tokens % 2
            else [f"num_tokens is {self.num_tokens}; it must be odd, so that one token is the central one"]
        )

    def _all_s_in_faults(self) -> list[str]:
        return [fault for s_in in self.s_in for fault in self.s_in_faults(s_in)] if self.has_strided_input else []

    def _mlp_faults(self) -> list[str]:
        return [] if 0 < self.mlp_ratio < math.inf else [f"mlp_ratio is {self.mlp_ratio}; it must be positive"]

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

    def s_in_faults(self, s_in: int) -> list[str]:
        """Why the network cannot be used with 2D poses on every ``s_in``-th frame; empty where it can, trained for it or not."""
        if not self.has_strided_input:
            return (
                []
                if s_in == self.s_out
                else [f"s_in {s_in}: this network has no strided input; the only choice is its s_out, {self.s_out}"]
            )
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
    """Training. Source: docs/method.md, "Training" and "Training examples".

    steps_per_epoch: optimisation steps, whatever the size of the data.
    schedule, schedule_params: the learning rate; see ``train.schedules``.
    weight_decay: the published form, a factor 1 - weight_decay at step 0 that follows the schedule; null: none.
    ema_decay: averaged weights; null: none.
    mirror: train on mirrored examples too. in_batch_mirror: the mirrored twin is in the same batch.
    random_shift: draw the shift of the mask for each example.
    padding: what stands outside a video, ``copy`` (nearest frame on the window's grid) or ``zeros``.
    train_step, validation_step: use every n-th frame as the centre of an example.
    validation_interval: epochs between two validations. validation_examples: -1: all.
    best_metric: what chooses the best epoch where there is a validation set.
    jit_compile: compile the training step with XLA; TensorFlow on a CPU never does, because it is slower so.
    precision: what layers compute in; weights, loss and optimiser are float32 in any case (``model.precision``).
    """

    batch_size: int = 256
    epochs: int = 120
    steps_per_epoch: int = 6000
    optimizer: Literal["AdamW", "Adam"] = "AdamW"
    optimizer_params: dict = field(default_factory=dict)
    schedule: ScheduleName = "ExponentialDecay"
    schedule_params: dict = field(
        default_factory=lambda: {"initial_learning_rate": 4e-5, "decay_steps": 6000, "decay_rate": 0.99, "staircase": True}
    )
    weight_decay: float | None = None
    ema_decay: float | None = None
    loss_weight_center: float = 0.5
    loss_weight_sequence: float = 0.5
    mirror: bool = True
    in_batch_mirror: bool = True
    random_shift: bool = True
    padding: Literal["copy", "zeros"] = "copy"
    train_step: int = 1
    validation_step: int = 4
    validation_interval: int = 1
    validation_examples: int = -1
    best_metric: Literal["MPJPE", "AW-MPJPE"] = "AW-MPJPE"
    checkpoint_interval: int = 10
    shuffle_seed: int = 0
    jit_compile: bool = True
    precision: TrainingPrecision = field(default="float32", metadata=strict.UNSAID_DEFAULT)

    def __post_init__(self) -> None:
        _raise_all(self.faults())

    def faults(self) -> list[str]:
        """Why there is no such training; empty where there is. Works on ``strict.Known``, too."""
        known, faults = strict.sizes(self, _TRAIN_SIZES)
        checks: tuple[strict.Check, ...] = (
            TrainConfig._batch_faults,
            *(strict.within(share, 1, "it must be at least 0 and below 1, or null") for share in ("ema_decay", "weight_decay")),
            *(strict.within(name, math.inf, "it must not be negative") for name in _NOT_NEGATIVE),
            TrainConfig._validation_faults,
            TrainConfig._loss_faults,
            TrainConfig._optimizer_faults,
            TrainConfig._schedule_faults,
        )
        return faults + strict.all_faults(known, checks)

    def _batch_faults(self) -> list[str]:
        if not (self.mirror and self.in_batch_mirror and self.batch_size % 2):
            return []
        return [f"batch_size is {self.batch_size}; with in_batch_mirror it must be even, half of it originals"]

    def _validation_faults(self) -> list[str]:
        if self.validation_examples == -1 or self.validation_examples >= 1:
            return []
        return [f"validation_examples is {self.validation_examples}; it must be at least 1, or -1 for all"]

    def _loss_faults(self) -> list[str]:
        if self.loss_weight_center + self.loss_weight_sequence:
            return []
        return ["loss_weight_center and loss_weight_sequence are both 0; nothing would be learned"]

    def _optimizer_faults(self) -> list[str]:
        known = {"beta_1", "beta_2", "epsilon", "amsgrad"}
        unknown = [key for key in self.optimizer_params if key not in known]
        faults = [f"optimizer_params: unknown key {strict.shown(key)}{strict.suggestion(key, known)}" for key in unknown]
        return faults + [
            f"optimizer_params.{key} is {strict.shown(value)}; it must be {'true or false' if key == 'amsgrad' else 'a number'}"
            for key, value in self.optimizer_params.items()
            if key in known and not (isinstance(value, bool) if key == "amsgrad" else strict.is_number(value))
        ]

    def _schedule_faults(self) -> list[str]:
        return [
            f"schedule_params.{key} is {strict.shown(value)}; it must be a number, true or false, or a list of numbers"
            for key, value in self.schedule_params.items()
            if not (isinstance(key, str) and _is_parameter(value))
        ]


@dataclass(frozen=True)
class EvaluateConfig:
    """Evaluation. Source: docs/method.md, "Prediction" and "Interpolation".

    mirror: average with the prediction for the mirrored input. batch_size: windows predicted at once.
    test_step: use every n-th frame of a video only (1: all).
    learned_upsampling: false scores predictions at multiples of s_in only, with linear interpolation between them.
    interpolate: frames between two multiples of s_out are interpolated; false predicts and scores each of them by itself.
    precision: what layers compute in; weights and outputs are float32 in any case (``model.precision``).
    """

    mirror: bool = True
    batch_size: int = 256
    test_step: int = 1
    learned_upsampling: bool = True
    interpolate: bool = True
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        _raise_all(self.faults())

    def faults(self) -> list[str]:
        """Why there is no such evaluation; empty where there is. Works on ``strict.Known``, too."""
        known, faults = strict.sizes(self, {"batch_size": 1, "test_step": 1})
        return faults + strict.all_faults(known, (EvaluateConfig._interpolation_faults,))

    def _interpolation_faults(self) -> list[str]:
        if self.learned_upsampling or self.interpolate:
            return []
        return ["learned_upsampling and interpolate are both off; without learned upsampling there is nothing but interpolation"]


@dataclass(frozen=True)
class Experiment:
    """A network, its training and its evaluation."""

    model: ModelConfig
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "experiment") -> "Experiment":
        """Read the groups ``model``, ``train``, ``evaluate``. Raises ``InputError`` naming every fault."""
        return strict.from_mapping(cls, values, where)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that ``from_mapping`` reads back."""
        return strict.to_mapping(self)


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


def _raise_all(faults: list[str]) -> None:
    if faults:
        raise InputError("\n".join(faults))


def _width_faults(name: str, model: ModelConfig) -> list[str]:
    width = getattr(model, name)
    if (name == "spatial_dim" and not model.spatial_blocks) or width % model.num_heads == 0:
        return []
    return [f"{name} {width} cannot be divided among {model.num_heads} heads; take a multiple of num_heads"]


def _is_parameter(value: Any) -> bool:
    """Whether a value can be a parameter of a schedule; which ones it takes, the schedule knows. Text has a message there."""
    numbers = value if isinstance(value, list | tuple) else [value]
    return isinstance(value, bool | str) or all(strict.is_number(number) for number in numbers)
