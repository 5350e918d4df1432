"""Prediction under the test protocol: only the frames that count, the spatial stage once per 2D pose.

Windows are centred on the frames that are multiples of s_out, their masks aligned with the video; all other frames
are interpolated from these by the scoring. Without interpolation there is a window around every frame. Other read-outs
have fewer windows, which overlap.
Source: docs/method.md, "Prediction", "Read-outs" and "Interpolated input".
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.base.strict import raise_all
from uplift_upsample.data.examples import ExampleReader, Padding
from uplift_upsample.data.frames import FramesTable, subjects_of
from uplift_upsample.data.key_frames import poses_between
from uplift_upsample.data.sampler import Rows
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.evaluate.predictions import Predictions, frames_between
from uplift_upsample.model.backend import keras
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.lifting import LiftingNetwork
from uplift_upsample.model.readout import averaged
from uplift_upsample.plan.evaluation import BEYOND_THE_PAPER, EvaluateConfig, InputInterpolation
from uplift_upsample.plan.experiment import FRAME_RATE, evaluation_faults
from uplift_upsample.plan.network_base import NetworkConfig

logger = logging.getLogger(__name__)
BLOCK = 2048  # windows whose 2D poses are in memory at once; chosen: many batches, 100 MB for 351 tokens
PAPER = EvaluateConfig()
# (rows) -> the 2D poses that their windows see, which of them each token has, and the visibility mask
Inputs = Callable[[Rows], tuple[np.ndarray, np.ndarray, np.ndarray]]


def predicted_rows(
    table: FramesTable, videos: np.ndarray, s_in: int, s_out: int, test_step: int = 1, interpolate: bool = True
) -> Rows:
    """The windows to predict: one for each frame that is a multiple of s_out (and of ``test_step``), video by video.

    interpolate: false, one for every frame (that is a multiple of ``test_step``).
    """
    switches = {"s_out": s_out, "test_step": test_step, "interpolate": interpolate}
    step = frames_between(switches, frame_rate_factor(table.video_frame_rate[videos]))
    counts = -(-table.video_length[videos] // step)
    starts = np.cumsum(counts) - counts
    video = np.repeat(videos, counts)
    centre = (np.arange(counts.sum()) - np.repeat(starts, counts)) * np.repeat(step, counts)
    zeros = np.zeros(len(video), np.int64)
    return Rows(video, centre, zeros.astype(bool), np.full(len(video), s_in), zeros, table.video_camera[video])


def predict_poses(
    lifter: Lifter,
    table: FramesTable,
    videos: np.ndarray,
    s_in: int,
    evaluate: EvaluateConfig = PAPER,
    *,
    padding: Padding = "copy",
    on_windows: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Predict the 3D poses of some videos.

    lifter: the network, compiled; it decides about mirroring and precision, whatever ``evaluate`` holds. videos: indices into the
    table. s_in: frames between 2D poses, at 50 Hz. on_windows: gets the number of windows done and their total. Raises
    ``InputError`` for data without 2D poses, an impossible s_in, a readout that the network does not have, and a blend that was
    not chosen.
    """
    model = lifter.network.config
    raise_all(evaluation_faults(model, evaluate, [s_in]))
    if table.poses_2d is None:
        raise InputError(f"{table.metadata.get('dataset', 'data set')}: it has no 2D poses to predict from")
    reader = ExampleReader(
        table,
        model.num_tokens,
        model.s_out,
        padding=padding,
        has_strided_input=model.has_strided_input,
        aligned_with_video=True,
    )
    inputs = partial(_distinct_poses, reader, evaluate.input_interpolation)
    rows = predicted_rows(table, videos, s_in, model.s_out, evaluate.test_step, evaluate.interpolate and not evaluate.is_live)
    if evaluate.is_live:
        tokens = predicted_rows(table, videos, s_in, model.s_out)
        poses_3d = _live(lifter, tokens, rows, reader, evaluate, on_windows)
    elif evaluate.readout == "central":
        poses_3d = np.empty((len(rows), NUM_JOINTS, 3), np.float32)
        for start in range(0, len(rows), BLOCK):
            part = rows.take(slice(start, start + BLOCK))
            poses_3d[start : start + BLOCK] = lifter.lift(*inputs(part))
            on_windows(min(start + BLOCK, len(rows)), len(rows))
    else:
        tokens = predicted_rows(table, videos, s_in, model.s_out)
        poses_3d = _averaged(lifter, tokens, evaluate, inputs, on_windows)
        if evaluate.test_step > 1:
            poses_3d = poses_3d[tokens.centre % evaluate.test_step == 0]
    return Predictions(poses_3d, rows.video.astype(np.int64), rows.centre.astype(np.int64))


def _averaged(
    lifter: Lifter, tokens: Rows, evaluate: EvaluateConfig, inputs: Inputs, on_windows: Callable[[int, int], None]
) -> np.ndarray:
    """Poses ``(P, 17, 3)`` of all tokens of some videos, of the windows that overlap there."""
    if evaluate.readout == "both" and evaluate.blend == "auto":
        raise InputError("evaluate.blend is auto, and nothing records what was chosen for these weights; give a number from 0 to 1")
    lengths = np.diff(np.flatnonzero(np.diff(tokens.video, prepend=-1)), append=len(tokens))  # of each video
    return averaged(lifter, evaluate, lengths, lambda centre: inputs(tokens.take(centre)), on_windows, block=BLOCK)


def _live(
    lifter: Lifter,
    tokens: Rows,
    rows: Rows,
    reader: ExampleReader,
    evaluate: EvaluateConfig,
    on_windows: Callable[[int, int], None],
) -> np.ndarray:
    """Poses ``(P, 17, 3)`` of rows at any frames of some videos, as they are when ``evaluate.look_ahead`` later frames are there.

    A frame lies between two tokens. At that moment, 2D poses up to L frames behind the earlier token are there (L: the look-ahead),
    and L - s_out behind the later one. So each token is predicted with both look-aheads. A frame behind the last token of its video
    has the pose of that token.
    """
    poses = np.empty((2, len(tokens), NUM_JOINTS, 3), np.float32)
    for start in range(0, len(tokens), BLOCK):
        part = slice(start, start + BLOCK)
        poses_2d, token_pose, visible = _distinct_poses(reader, "none", tokens.take(part))
        spatial = lifter.tokens_of(np.concatenate([poses_2d, np.zeros_like(poses_2d[:1])]))  # the last row: a pose of zeros
        for number, look_ahead in enumerate((int(evaluate.look_ahead), int(evaluate.look_ahead) - reader.s_out)):
            known = _not_later(reader, look_ahead, token_pose, visible, len(poses_2d))
            poses[number, part] = lifter.lift_tokens("central", spatial, *known).central
        on_windows(min(start + BLOCK, len(tokens)), len(tokens))
    step = reader.s_out * frame_rate_factor(reader.table.video_frame_rate[rows.video])
    begins = np.flatnonzero(np.diff(tokens.video, prepend=-1))  # of each video
    place = np.cumsum(np.diff(rows.video, prepend=rows.video[:1]) != 0)  # of rows among the videos, which may come in any order
    before = begins[place] + rows.centre // step
    is_last = np.append(tokens.video[1:] != tokens.video[:-1], True)[before]
    share = np.where(is_last, 0, rows.centre % step / step)[:, None, None]
    return ((1 - share) * poses[0, before] + share * poses[1, np.minimum(before + 1, len(tokens) - 1)]).astype(np.float32)


def _not_later(
    reader: ExampleReader, look_ahead: int, token_pose: np.ndarray, visible: np.ndarray, zero_pose: int
) -> tuple[np.ndarray, np.ndarray]:
    """Poses and visibility of the tokens of some windows without what is more than ``look_ahead`` frames behind their middle.

    These tokens are like those behind the end of a video: they have the newest 2D pose that is there, or ``zero_pose`` where
    training had zeros there. Where no 2D pose is there yet, they are masked.
    """
    is_later = (np.arange(reader.num_tokens) - reader.num_tokens // 2) * reader.s_out > look_ahead  # (N,)
    is_known = visible & ~is_later
    newest = reader.num_tokens - 1 - np.argmax(is_known[:, ::-1], axis=1)
    newest_pose = zero_pose if reader.padding == "zeros" else np.take_along_axis(token_pose, newest[:, None], axis=1)
    return np.where(is_later, newest_pose, token_pose), visible & (~is_later | is_known.any(axis=1, keepdims=True))


def _distinct_poses(
    reader: ExampleReader, interpolation: InputInterpolation, rows: Rows
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 2D poses that some windows see, each once; which of them each token has; and the visibility mask."""
    frames, visible, is_padded = reader.frames(rows)
    if interpolation != "none":
        visible = np.ones_like(visible)
    index = reader.places(rows, frames)["poses_2d"]  # (W, N)
    if reader.padding == "zeros":
        index[is_padded] = -1
    distinct, first, inverse = np.unique(index[visible], return_index=True, return_inverse=True)
    token_pose = np.zeros(index.shape, np.int64)
    token_pose[visible] = inverse
    if not len(distinct):  # windows between the 2D poses see none; the network still gets one to look at
        distinct = np.full(1, -1)
    if interpolation == "none":
        poses_2d = reader.poses("poses_2d", distinct)
    else:
        video = np.repeat(rows.video, reader.num_tokens)[first]
        start = reader.table.video_start_2d[video]
        poses_2d = poses_between(
            lambda key_frame: reader.poses("poses_2d", start + key_frame),
            frames.reshape(-1)[first],
            reader.table.video_length[video],
            np.repeat(rows.s_in, reader.num_tokens)[first] * frame_rate_factor(reader.table.video_frame_rate[video]),
            interpolation,
        )
    poses_2d[distinct < 0] = 0
    return poses_2d, token_pose, visible


def evaluation_metadata(
    table: FramesTable,
    videos: np.ndarray,
    model: NetworkConfig,
    evaluate: EvaluateConfig,
    s_in: int,
    test_subset: str,
    is_trained: bool,
) -> dict[str, Any]:
    """The protocol of an evaluation, as it is stored with predictions and scores. What the paper lacks is listed only where used.

    is_trained: whether the network was trained for what it sees.
    """
    metadata = table.metadata
    return {
        "dataset": metadata.get("dataset"),
        "input_2d": metadata.get("input_2d"),
        "test_subset": test_subset,
        "subjects": list(dict.fromkeys(table.video_subject[videos].tolist())),
        "s_in": s_in,
        "s_out": model.s_out,
        "s_in_trained": list(model.s_in),
        "is_s_in_trained": is_trained,
        "num_tokens": model.num_tokens,
        "mirror": evaluate.mirror,
        "test_step": evaluate.test_step,
        "learned_upsampling": evaluate.learned_upsampling,
        "interpolate": evaluate.interpolate and not evaluate.is_live,
        "precision": evaluate.precision,
        **{key: value for key in BEYOND_THE_PAPER if (value := getattr(evaluate, key)) != getattr(PAPER, key)},
        "frame_rate": FRAME_RATE,
        "frames_sha256": table.sha256,
        "backend": keras.backend.backend(),
    }


def predict_subset(
    network: LiftingNetwork,
    table: FramesTable,
    test_subset: str,
    strides: Sequence[int],
    evaluate: EvaluateConfig,
    padding: Padding = "copy",
    on_windows: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Predictions]:
    """Predictions for a subset (a split or subjects) for each s_in in turn, with the protocol as their metadata.

    Raises ``InputError`` for an unknown subset or an impossible s_in, before anything is computed.
    """
    videos, model = table.videos_of(subjects_of(table, test_subset)), network.config
    raise_all(evaluation_faults(model, evaluate, strides))
    seen = [s_in if evaluate.input_interpolation == "none" else model.s_out for s_in in strides]  # frames between two 2D poses
    for untrained in [stride for stride in seen if stride not in model.evaluated_s_in]:
        known = ", ".join(map(str, model.s_in))
        logger.warning("the network was trained for s_in %s, not for %d; its scores note it", known, untrained)
    if not evaluate.interpolate and model.has_strided_input and model.s_out > 1:
        logger.warning(
            "nothing is interpolated: windows around frames that are not multiples of s_out %d see no 2D pose at all", model.s_out
        )
    lifter = Lifter(network, evaluate.batch_size, mirror=evaluate.mirror, precision=evaluate.precision)
    for s_in, stride in zip(strides, seen, strict=True):
        predictions = predict_poses(lifter, table, videos, s_in, evaluate, padding=padding, on_windows=on_windows)
        metadata = evaluation_metadata(table, videos, model, evaluate, s_in, test_subset, stride in model.evaluated_s_in)
        yield replace(predictions, metadata=metadata)
