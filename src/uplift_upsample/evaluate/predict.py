"""Prediction under the test protocol: only the frames that count, the spatial stage once per 2D pose.

Windows are centred on the frames that are multiples of s_out, their masks aligned with the video; all other frames
are interpolated from these by the scoring. Without interpolation there is a window around every frame.
Source: docs/method.md, "Prediction".
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.data.examples import ExampleReader, Padding
from uplift_upsample.data.frames import FramesTable, subjects_of
from uplift_upsample.data.sampler import Rows
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.evaluate.predictions import Predictions, frames_between
from uplift_upsample.model.backend import keras
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import UpliftUpsampleNetwork
from uplift_upsample.plan.experiment import FRAME_RATE, EvaluateConfig, ModelConfig

logger = logging.getLogger(__name__)
BLOCK = 2048  # windows whose 2D poses are in memory at once


def check_s_in(s_in: int, model: ModelConfig) -> bool:
    """Whether the network was trained for a stride. Raises ``InputError`` where it cannot be evaluated with it at all."""
    if faults := model.s_in_faults(s_in):
        raise InputError(faults[0])
    is_trained = s_in in model.evaluated_s_in
    if not is_trained:
        logger.warning("the network was trained for s_in %s, not for %d; its scores note it", ", ".join(map(str, model.s_in)), s_in)
    return is_trained


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
    *,
    test_step: int = 1,
    interpolate: bool = True,
    padding: Padding = "copy",
    on_windows: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Predict the 3D poses of some videos.

    lifter: the network, compiled; it also decides about mirroring. videos: indices into the table. s_in: frames
    between 2D poses, at 50 Hz. on_windows: gets the number of windows done and their total. Raises ``InputError`` for
    data without 2D poses or an impossible s_in.
    """
    model = lifter.network.config
    check_s_in(s_in, model)
    if table.poses_2d is None:
        raise InputError(f"{table.metadata.get('dataset', 'data set')}: it has no 2D poses to predict from")
    rows = predicted_rows(table, videos, s_in, model.s_out, test_step, interpolate)
    reader = ExampleReader(
        table,
        model.num_tokens,
        model.s_out,
        padding=padding,
        has_strided_input=model.has_strided_input,
        aligned_with_video=True,
    )
    poses_3d = np.empty((len(rows), NUM_JOINTS, 3), np.float32)
    for start in range(0, len(rows), BLOCK):
        part = rows.take(slice(start, start + BLOCK))
        poses_3d[start : start + BLOCK] = lifter.lift(*_distinct_poses(reader, part))
        on_windows(min(start + BLOCK, len(rows)), len(rows))
    return Predictions(poses_3d, rows.video.astype(np.int64), rows.centre.astype(np.int64))


def _distinct_poses(reader: ExampleReader, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 2D poses that some windows see, each once; which of them each token has; and the visibility mask."""
    frames, visible, is_padded = reader.frames(rows)
    index = reader.places(rows, frames)["poses_2d"]  # (W, N)
    if reader.padding == "zeros":
        index[is_padded] = -1
    distinct, inverse = np.unique(index[visible], return_inverse=True)
    token_pose = np.zeros(index.shape, np.int64)
    token_pose[visible] = inverse
    if not len(distinct):  # windows between the 2D poses see none; the network still gets one to look at
        distinct = np.full(1, -1)
    poses_2d = reader.poses("poses_2d", distinct)
    poses_2d[distinct < 0] = 0
    return poses_2d, token_pose, visible


def evaluation_metadata(
    table: FramesTable, videos: np.ndarray, model: ModelConfig, evaluate: EvaluateConfig, s_in: int, test_subset: str
) -> dict[str, Any]:
    """The protocol of an evaluation, as it is stored with predictions and scores."""
    metadata = table.metadata
    return {
        "dataset": metadata.get("dataset"),
        "input_2d": metadata.get("input_2d"),
        "test_subset": test_subset,
        "subjects": list(dict.fromkeys(table.video_subject[videos].tolist())),
        "s_in": s_in,
        "s_out": model.s_out,
        "s_in_trained": list(model.s_in),
        "is_s_in_trained": s_in in model.evaluated_s_in,
        "num_tokens": model.num_tokens,
        "mirror": evaluate.mirror,
        "test_step": evaluate.test_step,
        "learned_upsampling": evaluate.learned_upsampling,
        "interpolate": evaluate.interpolate,
        "precision": evaluate.precision,
        "frame_rate": FRAME_RATE,
        "frames_sha256": table.sha256,
        "backend": keras.backend.backend(),
    }


def predict_subset(
    network: UpliftUpsampleNetwork,
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
    videos = table.videos_of(subjects_of(table, test_subset))
    for s_in in strides:
        check_s_in(s_in, network.config)
    if not evaluate.interpolate and network.config.has_strided_input and network.config.s_out > 1:
        logger.warning(
            "nothing is interpolated: windows around frames that are not multiples of s_out %d see no 2D pose at all",
            network.config.s_out,
        )
    lifter = Lifter(network, evaluate.batch_size, mirror=evaluate.mirror, precision=evaluate.precision)
    for s_in in strides:
        predictions = predict_poses(
            lifter,
            table,
            videos,
            s_in,
            test_step=evaluate.test_step,
            interpolate=evaluate.interpolate,
            padding=padding,
            on_windows=on_windows,
        )
        metadata = evaluation_metadata(table, videos, network.config, evaluate, s_in, test_subset)
        yield replace(predictions, metadata=metadata)
