"""From predictions to scores: ground truth, interpolation, metrics and averages, video by video in constant memory.

Source: docs/method.md, "Interpolation" and "Averages". ``averages`` defines the averages, ``breakdown`` the MPJPE by joint and by
the distance to the nearest frame with a 2D pose, ``score_file`` the rows. What the reference leaves open:

- An action of the data set without a scored frame is NaN by itself, does not enter the action-wise mean, and is listed
  in ``protocol.absent_actions``.
- A degenerate prediction (all joints in one point) has no N-MPJPE and drops out of its means; its P-MPJPE is that of the
  unaligned pose. ``protocol.degenerate_frames`` counts them.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from uplift_upsample.base.cameras import world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.base.strict import fitting
from uplift_upsample.data.frames import FramesTable, subjects_of
from uplift_upsample.data.frames_checks import check_finite
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.evaluate.averages import Averages
from uplift_upsample.evaluate.breakdown import Breakdown, distance_to_key_frame
from uplift_upsample.evaluate.interpolation import interpolated_at
from uplift_upsample.evaluate.metrics import FUNCTIONS, MOTION, is_degenerate, metrics_of, motion_error
from uplift_upsample.evaluate.predictions import Predictions, frames_between
from uplift_upsample.evaluate.score_file import LEARNED, MEAN_POSE, PLAIN, Protocol, Score, Scores
from uplift_upsample.evaluate.shares import SHARES

_CHUNK = 16384  # frames: with all intermediate results some tens of megabytes

logger = logging.getLogger(__name__)


def scores(predictions: Predictions, table: FramesTable, learned_upsampling: bool = True) -> Scores:
    """The scores of predictions for videos of a frames table.

    Only predictions at multiples of s_out count, or all where they were made without interpolation. Videos of the test subjects
    without any are dropped, with a warning and an entry ``dropped_videos`` in the protocol; videos that the data set was made
    without stand there too. learned_upsampling: false leaves only the scores of the predictions at multiples of s_in (``PLAIN``),
    as predictions whose metadata have ``learned_upsampling`` false do; these exist in any case.

    Raises ``InputError`` for predictions of another data set, of no frame at all, that lack a frame that counts, or that
    are NaN or infinite; and where neither learned upsampling nor interpolation is to give the frames in between.
    """
    predictions = checked_predictions(predictions, table)
    s_in, s_out = predictions.metadata["s_in"], predictions.metadata["s_out"]
    is_interpolated = predictions.metadata.get("interpolate", True)
    learned_upsampling = learned_upsampling and predictions.metadata.get("learned_upsampling", True)
    if not learned_upsampling and not is_interpolated:
        raise InputError(
            "predictions: they were made for every frame by itself; without learned upsampling, predict with interpolation"
        )
    are_equal = s_in == s_out and is_interpolated  # nothing to upsample: both ways give the same poses
    videos = np.unique(predictions.video)
    learned, plain = _Scored(table, s_in), _Scored(table, s_in)
    is_input = predictions.frame % (s_in * _factor(table)[predictions.video]) == 0
    for video, frame in _queries(table, videos, predictions.metadata.get("test_step", 1)):
        target = ground_truth(table, video, frame)
        for scored, used in ((learned, np.ones_like(is_input)), (plain, is_input)):
            scored.add(_at(predictions, used, video, frame), target, video, frame)
            if are_equal:
                break
    found = {LEARNED: learned, PLAIN: learned if are_equal else plain}
    found = found if learned_upsampling else {PLAIN: found[PLAIN]}
    chosen, *_ = found.values()
    protocol = {
        **_data_protocol(table),
        **predictions.metadata,
        "learned_upsampling": learned_upsampling,
        "dropped_videos": _dropped(table, predictions.metadata.get("subjects", []), videos),
        **chosen.protocol(videos),
        "degenerate_frames": {"all_frames": chosen.num_degenerate, "no_learned_upsampling": found[PLAIN].num_degenerate},
    }
    return Scores(
        name=str(s_in),
        protocol=fitting(Protocol, protocol),
        rows=tuple(row for upsampling, scored in found.items() for row in scored.rows(upsampling)),
        errors_by={upsampling: scored.breakdown.errors_by() for upsampling, scored in found.items()},
    )


def mean_pose_scores(table: FramesTable, train_subset: str, test_subset: str) -> Scores:
    """Scores of the baseline that knows nothing: the mean training pose, predicted for every frame of the test videos.

    The mean is taken over the poses of all frames of all videos of the training subjects, in camera axes relative to the root.
    There are scores of all frames alone: the prediction depends on no s_in.
    Raises ``InputError`` for subsets that the data set does not have or that share a subject, and for a data set without cameras.
    """
    train, test = subjects_of(table, train_subset), subjects_of(table, test_subset)
    if not train or not test or set(train) & set(test):
        subsets = f"{train_subset} ({', '.join(train)}) and {test_subset} ({', '.join(test)})"
        raise InputError(f"mean pose: the subsets {subsets} must both have subjects, and share none")
    pose = _mean_pose(table, table.videos_of(train))
    scored, videos = _Scored(table, s_in=1), table.videos_of(test)
    for video, frame in _queries(table, videos, step=1):
        target = ground_truth(table, video, frame)
        scored.add(np.broadcast_to(pose, target.shape), target, video, frame)
    protocol = {
        **_data_protocol(table),
        "experiment": MEAN_POSE,
        "train_subset": train_subset,
        "train_subjects": train,
        "test_subset": test_subset,
        "subjects": test,
        "input_2d": None,
        "mirror": None,
        "dropped_videos": _left_out(table, test),
        **scored.protocol(videos),
    }
    rows = tuple(row for row in scored.rows("none") if row.frames == "all_frames")
    return Scores(MEAN_POSE, fitting(Protocol, protocol), rows)


def ground_truth(table: FramesTable, video: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Poses ``(Q, 17, 3)`` of frames ``(Q,)`` of videos ``(Q,)``: metres, camera axes, relative to the root.

    Raises ``InputError`` for a video without a camera: its poses have no camera axes.
    """
    camera = table.video_camera[video]
    if (camera < 0).any():
        raise InputError(f"{table.metadata.get('dataset', 'data set')}: videos without a camera (motion capture) cannot be scored")
    poses_world = table.poses_3d[table.video_start_3d[video] + frame]
    check_finite(table.metadata.get("dataset", "data set"), "3D poses", poses_world)
    return root_relative(world_to_camera(poses_world, table.cameras.rotations[camera], table.cameras.translation[camera]))


class _Scored:
    """Accumulates the errors of chunks of frames: all frames, and key frames (multiples of s_in)."""

    def __init__(self, table: FramesTable, s_in: int) -> None:
        self._table, self._s_in = table, s_in
        self._actions = table.actions
        number = {action: index for index, action in enumerate(self._actions)}
        self._action = np.array([number[action] for action in table.video_action.tolist()])  # (V,)
        self._metrics = metrics_of([table.metadata.get("dataset")])
        self._averages = {name: Averages(list(self._metrics), self._actions) for name in ("all_frames", "key_frames")}
        self._num_frames = {name: np.zeros(len(self._actions), np.int64) for name in self._averages}
        self._before: list[np.ndarray] = []  # prediction, target, video and frame of the last rows, which may have a next frame
        self.breakdown = Breakdown()
        self.num_degenerate = 0

    def add(self, prediction: np.ndarray, target: np.ndarray, video: np.ndarray, frame: np.ndarray) -> None:
        prediction = root_relative(np.asarray(prediction, np.float64))
        self.num_degenerate += int(is_degenerate(prediction).sum())
        action = self._action[video]
        factor = _factor(self._table)[video]
        distance = distance_to_key_frame(frame, self._table.video_length[video], self._s_in, factor)
        is_key = distance == 0
        found = {metric: function(prediction, target) for metric, function in FUNCTIONS.items()}  # (Q, 17)
        found |= {metric: share(found["mpjpe"]) for metric, share in SHARES.items() if metric in self._metrics}
        found |= self._motion_errors(prediction, target, video, frame)
        self.breakdown.add(found["mpjpe"], distance)
        has_next_key = self._s_in * factor == 1  # else key frames are apart, and there is no motion from one to the next
        for metric, errors in found.items():
            shown = is_key & has_next_key if metric in MOTION else is_key
            self._averages["all_frames"].add(metric, errors, action)
            self._averages["key_frames"].add(metric, errors[shown], action[shown])
        for name, rows in (("all_frames", slice(None)), ("key_frames", is_key)):
            self._num_frames[name] += np.bincount(action[rows], minlength=len(self._actions))

    def _motion_errors(self, *rows: np.ndarray) -> dict[str, np.ndarray]:
        """Those of frames that follow the ones before, of which the last chunk has some."""
        count = len(rows[0])
        joined = [np.concatenate(pair) for pair in zip(self._before, rows, strict=True)] if self._before else list(rows)
        prediction, target, video, frame = joined
        follows = (np.diff(video, prepend=-1) == 0) & (np.diff(frame, prepend=-1) == 1)
        self._before = [part[-max(MOTION.values()) :] for part in joined]
        return {metric: motion_error(prediction, target, follows, order)[-count:] for metric, order in MOTION.items()}

    def rows(self, upsampling: str) -> list[Score]:
        return [Score(upsampling, frames, *row) for frames, averages in self._averages.items() for row in averages.rows()]

    def protocol(self, videos: np.ndarray) -> dict[str, Any]:
        """What was scored."""
        per_action = {name: dict(zip(self._actions, counts.tolist(), strict=True)) for name, counts in self._num_frames.items()}
        present = {action for action, count in per_action["all_frames"].items() if count}
        expected = dict.fromkeys([*self._table.metadata.get("actions", []), *self._actions])
        cameras = {self._table.cameras.names[camera].rpartition("/")[2] for camera in self._table.video_camera[videos].tolist()}
        return {
            "num_videos": len(videos),
            "cameras": sorted(cameras),
            "num_frames": {name: int(counts.sum()) for name, counts in self._num_frames.items()},
            "frames_per_action": per_action,
            "absent_actions": [action for action in expected if action not in present],
            "degenerate_frames": {"all_frames": self.num_degenerate},
        }


def _data_protocol(table: FramesTable) -> dict[str, Any]:
    return {
        "dataset": table.metadata.get("dataset"),
        "input_2d": table.metadata.get("input_2d"),
        "annotations": table.metadata.get("annotations"),
        "test_frame_rate": table.metadata.get("test_frame_rate"),
        "frames_sha256": table.sha256,
    }


def _factor(table: FramesTable) -> np.ndarray:
    """Frames of each video in a fiftieth of a second, ``(V,)``: strides are counted at 50 Hz."""
    return frame_rate_factor(table.video_frame_rate)


def _queries(table: FramesTable, videos: np.ndarray, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The frames to score, as (video, frame) ``(Q,)``, in chunks of whole videos; a very long video in parts."""
    num_frames = -(-table.video_length[videos] // step)
    chunk = np.cumsum(num_frames) // _CHUNK
    for rows in np.split(np.arange(len(videos)), np.flatnonzero(np.diff(chunk)) + 1):
        video, length = videos[rows], num_frames[rows]
        total = int(length.sum())
        size = total if total <= 2 * _CHUNK else _CHUNK
        ends = np.cumsum(length)
        for start in range(0, total, size):
            query = np.arange(start, min(start + size, total))
            place = np.searchsorted(ends, query, side="right")
            of_video, frame = video[place], (query - (ends - length)[place]) * step
            if table.is_scored is not None:
                counts = table.is_scored[table.video_start_3d[of_video] + frame] > 0
                of_video, frame = of_video[counts], frame[counts]
            if len(frame):
                yield of_video, frame


def _at(predictions: Predictions, used: np.ndarray, video: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The used predictions, interpolated at some frames of some videos, ``(Q, 17, 3)`` float64."""
    first, end = np.searchsorted(predictions.video, [video[0], video[-1] + 1])
    rows = np.arange(first, end)[used[first:end]]
    poses = predictions.poses_3d[rows].astype(np.float64)
    return interpolated_at(poses, predictions.video[rows], predictions.frame[rows], video, frame)


def checked_predictions(predictions: Predictions, table: FramesTable) -> Predictions:
    """The predictions that count, those at multiples of s_out, in the order of video and frame.

    Raises ``InputError`` for predictions of another data set, of no frame at all, that lack a frame that counts, or that
    are NaN or infinite.
    """
    metadata = predictions.metadata
    missing = [key for key in ("s_in", "s_out") if not _is_stride(metadata.get(key))]
    if not _is_stride(metadata.get("test_step", 1)):
        missing.append("test_step")
    missing += [key for key in ("interpolate", "learned_upsampling") if not isinstance(metadata.get(key, True), bool)]
    subjects = metadata.get("subjects", [])
    if not isinstance(subjects, list) or not all(isinstance(subject, str) for subject in subjects):
        missing.append("subjects")
    if missing:
        raise InputError(f"predictions: the metadata lack {' and '.join(missing)}; predict again")
    s_in, s_out = metadata["s_in"], metadata["s_out"]
    if s_in % s_out:
        raise InputError(f"predictions: s_in {s_in} is not a multiple of s_out {s_out}")
    if metadata.get("frames_sha256") not in (None, table.sha256):
        raise InputError("predictions: made from another frames table (frames_sha256 differs); predict again, or give that table")
    if not len(predictions.video):
        raise InputError("predictions: there is no predicted frame")
    is_unknown = (predictions.video < 0) | (predictions.video >= table.num_videos)
    if is_unknown.any():
        raise InputError(f"predictions: video {predictions.video[is_unknown][0]} of a data set with {table.num_videos} videos")
    is_interpolated = metadata.get("interpolate", True)
    counts = predictions.frame % (s_out * _factor(table)[predictions.video] if is_interpolated else 1) == 0
    order = np.lexsort((predictions.frame, predictions.video))
    order = order[counts[order]]
    result = Predictions(predictions.poses_3d[order], predictions.video[order], predictions.frame[order], metadata)
    _check_frames(result, table)
    is_finite = np.isfinite(result.poses_3d).all(axis=(1, 2))
    if not is_finite.all():
        row = np.argmin(is_finite)
        where = f"{table.video_name(result.video[row])}, frame {result.frame[row]}"
        count = (~is_finite).sum()
        raise InputError(f"predictions: {count} poses are NaN or infinite, the first one in {where}; the weights may be damaged")
    return result


def _is_stride(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def _check_frames(predictions: Predictions, table: FramesTable) -> None:
    """Exactly the frames that count must be there for each predicted video."""
    period = frames_between(predictions.metadata, _factor(table))  # (V,)
    videos, found = np.unique(predictions.video, return_counts=True)
    expected = -(-table.video_length[videos] // period[videos])
    is_first = np.diff(predictions.video, prepend=-1) != 0
    regular = np.where(is_first, predictions.frame == 0, np.diff(predictions.frame, prepend=0) == period[predictions.video])
    bad = set(predictions.video[~regular].tolist()) | set(videos[found != expected].tolist())
    if bad:
        video = min(bad)
        raise InputError(
            f"predictions: {len(bad)} videos do not have exactly one prediction every {period[video]} frames from frame 0 on, "
            f"the first one is {table.video_name(video)}; predict again"
        )


def _dropped(table: FramesTable, subjects: list[str], videos: np.ndarray) -> list[str]:
    dropped = [table.video_name(video) for video in table.videos_of(subjects) if video not in videos]
    if dropped:
        logger.warning("%d test videos have no predictions and are not scored: %s", len(dropped), ", ".join(dropped))
    return dropped + _left_out(table, subjects)


def _left_out(table: FramesTable, subjects: Sequence[str]) -> list[str]:
    """Videos of some subjects that the data set was made without."""
    return [video for subject in subjects for video in table.metadata.get("left_out", {}).get(subject, [])]


def _mean_pose(table: FramesTable, videos: np.ndarray) -> np.ndarray:
    """Mean pose ``(17, 3)`` of all frames of some videos, camera axes, relative to the root."""
    total, count = 0.0, 0
    for video, frame in _queries(table, videos, step=1):
        total = total + ground_truth(table, video, frame).sum(axis=0, dtype=np.float64)
        count += len(video)
    return np.asarray(total) / count
