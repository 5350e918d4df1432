"""Scores of one evaluation: one number a row, the protocol that they were measured under, and their file.

``scores.json`` is written from the rows and read back into the rows here, and nowhere else. Its layout::

    {"<s_in>": {"all_frames": {"frame_wise": {"mpjpe", "nmpjpe", "pampjpe", "mpjve", "accel"},
                               "action_wise": {...}, "per_action": {"Directions": {...}, ...}},
                "key_frames": {...},
                "per_joint": {"r_ankle": 61.2, ...},
                "by_distance": {"0": {"mpjpe": 44.0, "num_frames": 1200}, ...},
                "no_learned_upsampling": {the same four}},
     "protocol": {...}}

The mean pose has one entry, ``mean_pose``, with ``all_frames`` alone. All errors are millimetres, those of motion per video frame
or its square; NaN is null in the file.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.base.strict import UNSAID_DEFAULT, from_mapping, is_number, shown, to_mapping
from uplift_upsample.evaluate.metrics import METRICS

LEARNED, PLAIN = "learned", "plain"  # who gives the poses between two 2D poses: the network, or interpolation alone
MEAN_POSE = "mean_pose"  # needs no 2D poses, so its upsampling is "none"
FRAMES = {"all_frames": "all frames", "key_frames": "key frames"}
AVERAGES = {"frame_wise": "frame-wise", "action_wise": "action-wise"}
PER_ACTION = "per_action"
ALL_ACTIONS = "all"
AGAIN = "score the predictions again"


class Score(NamedTuple):
    """One number of an evaluation, in mm, or % of metrics that are shares; NaN where there is nothing to average.

    upsampling: ``LEARNED`` or ``PLAIN``. frames: of ``FRAMES``. average: of ``AVERAGES``, or ``PER_ACTION`` for the mean over the
    frames of one action. action: ``ALL_ACTIONS`` for the other averages. metric: of ``METRICS``.
    """

    upsampling: str
    frames: str
    average: str
    action: str
    metric: str
    value: float


class ErrorsBy(NamedTuple):
    """Where the error is: MPJPE of each joint, and by the distance in frames to the nearest 2D pose with the number of frames."""

    joint: Mapping[str, float]
    distance: Mapping[int, tuple[float, int]]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How an evaluation was made; the lower half names what was scored. What is not known is not written.

    weights: ``published`` or ``trained``, None where nothing is known of them. train_subset, train_subjects: of the mean pose.
    annotations: which 3D poses, where a data set has several. test_frame_rate: Hz, where files of test videos leave it open; other
    frames than those are not scored. subjects: who was tested. num_frames, frames_per_action: by
    ``FRAMES``; degenerate_frames: of all frames, by upsampling. absent_actions: without a scored frame. dropped_videos: without
    predictions, or left out of the data set.
    """

    dataset: str | None = None
    input_2d: str | None = None
    annotations: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    test_frame_rate: float | None = field(default=None, metadata=UNSAID_DEFAULT)
    frames_sha256: str | None = None
    experiment: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    study: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    weights: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    seed: int | None = None
    train_precision: str | None = None
    weights_sha256: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    train_subset: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    train_subjects: tuple[str, ...] | None = field(default=None, metadata=UNSAID_DEFAULT)
    test_subset: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    subjects: tuple[str, ...] = ()
    s_in: int | None = field(default=None, metadata=UNSAID_DEFAULT)
    s_out: int | None = field(default=None, metadata=UNSAID_DEFAULT)
    s_in_trained: tuple[int, ...] | None = field(default=None, metadata=UNSAID_DEFAULT)
    is_s_in_trained: bool | None = field(default=None, metadata=UNSAID_DEFAULT)
    num_tokens: int | None = field(default=None, metadata=UNSAID_DEFAULT)
    mirror: bool | None = None
    test_step: int | None = field(default=None, metadata=UNSAID_DEFAULT)
    learned_upsampling: bool | None = field(default=None, metadata=UNSAID_DEFAULT)
    interpolate: bool | None = field(default=None, metadata=UNSAID_DEFAULT)
    precision: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    readout: str = field(default="central", metadata=UNSAID_DEFAULT)
    hop: int = field(default=1, metadata=UNSAID_DEFAULT)
    blend: float | None = field(default=None, metadata=UNSAID_DEFAULT)
    input_interpolation: str = field(default="none", metadata=UNSAID_DEFAULT)
    look_ahead: Literal["all"] | int = field(default="all", metadata=UNSAID_DEFAULT)
    frame_rate: float | None = field(default=None, metadata=UNSAID_DEFAULT)
    backend: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    dropped_videos: tuple[str, ...] = ()
    metrics_unit: str = "mm"
    root: str = "subtracted from prediction and target"
    averages: Mapping[str, str] = field(
        default_factory=lambda: {
            "frame_wise": "mean over all frames and joints",
            "action_wise": "mean over the frames and joints of each action, then the mean of the actions",
        }
    )
    num_videos: int = 0
    cameras: tuple[str, ...] = ()
    num_frames: Mapping[str, int] = field(default_factory=dict)
    frames_per_action: Mapping[str, Mapping[str, int]]
    absent_actions: tuple[str, ...] = ()
    degenerate_frames: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "all_frames" not in self.frames_per_action:
            raise InputError("frames_per_action lacks all_frames")

    @property
    def is_learned(self) -> bool:
        """Whether the result of the evaluation is that of learned upsampling."""
        return self.learned_upsampling is not False

    def to_mapping(self) -> dict[str, Any]:
        """As the file has it: a seed only of weights that something is known of; the mean pose records that it mirrors nothing."""
        unknown = [] if self.weights else ["seed", "train_precision"]
        unknown += ["mirror"] if self.mirror is None and self.s_in is not None else []
        return {key: value for key, value in to_mapping(self).items() if key not in unknown}


@dataclass(frozen=True)
class Scores:
    """All scores of an evaluation. name: its s_in, or ``MEAN_POSE``. errors_by: for each upsampling; the mean pose has none.

    Without learned upsampling in its protocol, an evaluation has the scores of ``PLAIN`` alone.
    """

    name: str
    protocol: Protocol
    rows: tuple[Score, ...]
    errors_by: Mapping[str, ErrorsBy] = field(default_factory=dict)

    @property
    def errors(self) -> ErrorsBy:
        """Where the error of the result is."""
        return next(iter(self.errors_by.values()))

    def document(self) -> dict[str, Any]:
        """The scores as ``scores.json`` has them."""
        parts: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            group = parts.setdefault(row.upsampling, {}).setdefault(row.frames, {}).setdefault(row.average, {})
            group = group.setdefault(row.action, {}) if row.average == PER_ACTION else group
            group[row.metric] = _plain(row.value)
        for upsampling, errors in self.errors_by.items():
            parts[upsampling] |= {
                "per_joint": {joint: _plain(value) for joint, value in errors.joint.items()},
                "by_distance": {str(key): {"mpjpe": mpjpe, "num_frames": count} for key, (mpjpe, count) in errors.distance.items()},
            }
        result, *_ = parts.values()
        without = {} if self.name == MEAN_POSE else {"no_learned_upsampling": parts[PLAIN]}
        return {self.name: {**result, **without}, "protocol": self.protocol.to_mapping()}


def write_scores(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Write a document of scores as strict JSON: every number is finite, or null."""
    write_text(path, json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_scores(path: str | os.PathLike[str], name: str) -> Scores:
    """The scores of an s_in, or of the mean pose. Raises ``InputError`` for a file that is missing, or is not a file of scores."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no scores ({error}); {AGAIN}") from None
    if not isinstance(document, dict) or name not in document or "protocol" not in document:
        raise InputError(f"{path}: a scores document for {name!r} has the keys {name!r} and 'protocol'; {AGAIN}")
    try:
        protocol = from_mapping(Protocol, document["protocol"], f"{path}: protocol")
    except InputError as error:
        raise InputError("\n".join(f"{line}; {AGAIN}" for line in str(error).splitlines())) from None
    try:
        result = document[name]
        if name == MEAN_POSE:
            return Scores(name, protocol, tuple(_rows("none", {"all_frames": result["all_frames"]})))
        parts = {LEARNED: result} if protocol.is_learned else {}
        parts[PLAIN] = result["no_learned_upsampling"]
        rows = tuple(row for upsampling, part in parts.items() for row in _rows(upsampling, {key: part[key] for key in FRAMES}))
        return Scores(name, protocol, rows, {upsampling: _errors_by(part) for upsampling, part in parts.items()})
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a complete scores document ({error!r}); {AGAIN}") from None


def _rows(upsampling: str, part: Mapping[str, Any]) -> Iterator[Score]:
    for frames, groups in part.items():
        by_action = {(average, ALL_ACTIONS): groups[average] for average in AVERAGES}
        by_action |= {(PER_ACTION, action): values for action, values in groups[PER_ACTION].items()}
        for (average, action), values in by_action.items():
            for metric in [name for name in METRICS if name in values or METRICS[name].of is None]:
                yield Score(upsampling, frames, average, action, metric, _millimetres(values[metric]))


def _errors_by(part: Mapping[str, Any]) -> ErrorsBy:
    return ErrorsBy(
        {joint: _millimetres(part["per_joint"][joint]) for joint in MODEL_17},
        {int(key): (_millimetres(value["mpjpe"]), int(value["num_frames"])) for key, value in part["by_distance"].items()},
    )


def _millimetres(value: Any) -> float:
    if value is None:
        return math.nan
    if not is_number(value) or value < 0:
        raise ValueError(f"{shown(value)} is not an error in mm")
    return float(value)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
