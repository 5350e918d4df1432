"""What is claimed to be fast: evaluation, training input, metrics. Straightforward versions follow the protocol word by word."""

import keras
import numpy as np
import pytest

from uplift_upsample.cameras import world_to_camera
from uplift_upsample.config import ModelConfig
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable, read_frames_table, write_frames_table
from uplift_upsample.data.sampler import RowStream, Sampler, SamplerSettings
from uplift_upsample.evaluate.metrics import p_mpjpe
from uplift_upsample.evaluate.predict import predict_poses
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.skeleton import MIRROR

PUBLISHED = {
    "h36m_351": ModelConfig(71, 5, (5, 10, 20), strides=(3, 10, 3), paddings=((0, 0),) * 3),
    "h36m_81": ModelConfig(41, 2, (4, 10, 20), strides=(4, 4, 3), paddings=((1, 1), (0, 0), (0, 0))),
}
VERSIONS = ("straightforward", "ours")
BATCH = 32


def _window(table: FramesTable, video: int, frame: int, model: ModelConfig, s_in: int) -> tuple[np.ndarray, np.ndarray]:
    """One window of the test protocol, token by token."""
    length = table.video_length[video]
    first, last = frame % model.s_out, length - 1 - (length - 1 - frame) % model.s_out
    poses, visible = [], []
    for k in range(model.num_tokens):
        position = frame + (k - model.num_tokens // 2) * model.s_out
        visible.append(position % s_in == 0)
        poses.append(table.poses_2d[table.video_start_2d[video] + min(max(position, first), last)] * visible[-1])
    return np.stack(poses), np.array(visible)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("s_in", [5, 20])
def test_evaluation_with_mirroring(version: str, s_in: int, table: FramesTable, versus) -> None:
    """Video frames per second: every frame's window through the whole network, twice, against only the frames that count."""
    model = PUBLISHED["h36m_351"]
    network = build_network(model)
    what = f"evaluation with mirroring, h36m_351, s_in {s_in}, video frames"
    videos = np.arange(4)
    if version == "ours":
        lifter = Lifter(network, BATCH, mirror=True)
        versus(what, version, lambda: predict_poses(lifter, table, videos, s_in), int(table.video_length[videos].sum()), rounds=3)
        return
    windows = [_window(table, 0, frame, model, s_in) for frame in range(BATCH)]
    poses_2d, visible = (np.stack(parts) for parts in zip(*windows, strict=True))
    mirrored = poses_2d[:, :, MIRROR] * np.array([-1, 1], np.float32)
    inputs = [keras.Input((model.num_tokens, model.num_joints, 2)), keras.Input((model.num_tokens,), dtype="bool")]
    predict = keras.Model(inputs, network(*inputs).central)
    versus(what, version, lambda: [predict.predict_on_batch([x, visible]) for x in (poses_2d, mirrored)], BATCH, rounds=3)


@pytest.mark.parametrize("version", VERSIONS)
def test_training_input(version: str, table: FramesTable, versus) -> None:
    """Examples per second: one generator step per example against whole batches."""
    model = PUBLISHED["h36m_351"]
    settings = SamplerSettings((5, 10, 20), 5, mirror=True, in_batch_mirror=True, random_shift=True, shuffle=True)
    reader = ExampleReader(table, model.num_tokens, model.s_out)
    stream = RowStream(Sampler(table, np.arange(table.num_videos), settings), 512)
    if version == "ours":
        versus("training input, h36m_351, examples", version, lambda: reader.read(stream.next_rows()), 512)
        return
    rotations, cameras = table.cameras.rotations, table.cameras

    def examples() -> list:
        rows = stream.next_rows()
        batch = []
        for i in range(128):
            video, frame = int(rows.video[i]), int(rows.centre[i])
            camera, start = int(table.video_camera[video]), table.video_start_3d[video]
            poses_2d, _ = _window(table, video, frame, model, int(rows.s_in[i]))
            world = table.poses_3d[start : start + table.video_length[video]]
            in_camera = world_to_camera(world[None], rotations[[camera]], cameras.translation[[camera]])[0]
            centre = np.clip(frame + (np.arange(71) - 35) * 5, 0, len(world) - 1)
            batch.append((poses_2d, in_camera[centre]))
        return [np.stack(parts) for parts in zip(*batch, strict=True)]

    versus("training input, h36m_351, examples", version, examples, 128)


@pytest.mark.parametrize("version", VERSIONS)
def test_p_mpjpe(version: str, generator: np.random.Generator, versus) -> None:
    """Frames per second: one SVD after the other against all at once."""
    count = 100_000 if version == "ours" else 2_000
    target = generator.normal(size=(count, 17, 3))
    predicted = target + generator.normal(size=target.shape) * 0.1

    def loop() -> list[np.ndarray]:
        errors = []
        for p, g in zip(predicted, target, strict=True):
            p0, g0 = p - p.mean(0), g - g.mean(0)
            u, s, vt = np.linalg.svd(p0.T @ g0)
            d = np.sign(np.linalg.det(u @ vt))
            s[-1] *= d
            u[:, -1] *= d
            errors.append(np.linalg.norm(s.sum() / (p0**2).sum() * p0 @ (u @ vt) - g0, axis=-1))
        return errors

    if version == "straightforward":
        np.testing.assert_allclose(loop()[:50], p_mpjpe(predicted[:50], target[:50]), atol=1e-9)
    versus("P-MPJPE, frames", version, loop if version == "straightforward" else lambda: p_mpjpe(predicted, target), count)


@pytest.mark.parametrize("version", VERSIONS)
def test_loading(version: str, table: FramesTable, tmp_path, versus) -> None:
    """Tables opened per second: a memory map against a copy of every camera's poses."""
    path = tmp_path / "table.h5"
    write_frames_table(path, table)

    def copies() -> dict:
        opened = read_frames_table(path)
        return {
            video: (
                np.array(opened.poses_3d[opened.video_start_3d[video] :][: opened.video_length[video]]),
                np.array(opened.poses_2d[opened.video_start_2d[video] :][: opened.video_length[video]]),
            )
            for video in range(opened.num_videos)
        }

    versus("opening a data set", version, copies if version == "straightforward" else lambda: read_frames_table(path), 1)
