"""What the compiled step makes of the inputs, against the reader of whole examples, which the golden data check."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from world.people import write_amass_file, write_h36m_files

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MIRROR, root_relative
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.model.lifting import Lifted
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.train.inputs import InputReader, examples, packed, visible_tokens
from uplift_upsample.train.source import example_reader, training_stream
from uplift_upsample.train.trainer import Trainer, pose_loss

MODEL = ModelConfig(
    9, 5, (5, 10, 20), spatial_dim=8, temporal_dim=16, spatial_blocks=1, temporal_blocks=1, num_heads=2, strides=(3, 3)
)
BATCH = 16


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FramesTable]:
    folder: Path = tmp_path_factory.mktemp("demo")
    write_h36m_files(folder, subjects=("S1",))
    write_amass_file(folder / "amass/CMU.npz", 2)
    h36m = h36m_table(folder / "data_3d_h36m.npz", folder / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "cpn_ft_h36m_dbb")
    return {"h36m": h36m, "amass": amass_table([folder / "amass/CMU.npz"])}


@pytest.mark.parametrize("is_resident", [False, True])
@pytest.mark.parametrize("num_groups", [1, 2])
@pytest.mark.parametrize("padding", ["copy", "zeros"])
@pytest.mark.parametrize("has_twins", [False, True])
@pytest.mark.parametrize("data", ["h36m", "amass"])
def test_examples_are_those_of_the_reader(
    data: str, has_twins: bool, padding: str, num_groups: int, is_resident: bool, tables: dict[str, FramesTable]
) -> None:
    if is_resident and num_groups > 1:
        pytest.skip("a table lies on one device")
    table, train = tables[data], TrainConfig(batch_size=BATCH, padding=padding, in_batch_mirror=has_twins)
    reader = example_reader(table, MODEL, train)
    inputs = InputReader(reader, num_groups, has_twins=has_twins, is_resident=is_resident)
    stream = training_stream(table, np.arange(table.num_videos), MODEL, train, seed=0)
    for _ in range(3):
        rows = stream.next_rows()
        rows = replace(rows, centre=np.where(np.arange(len(rows)) // 2 % 2, rows.centre, 0))  # some with padding, twins alike
        expected = reader.read(rows)
        found = examples({name: ops.convert_to_tensor(array) for name, array in inputs.read(rows).items()})
        np.testing.assert_allclose(found.targets, root_relative(expected.poses_3d), atol=2e-6)
        np.testing.assert_array_equal(found.visible, expected.visible)
        poses_2d = ops.convert_to_numpy(ops.take(found.frames, found.token_pose, axis=0))
        np.testing.assert_allclose(poses_2d[expected.visible], expected.poses_2d[expected.visible], atol=2e-6)


def test_zeros_of_motion_capture_are_in_the_world(tables: dict[str, FramesTable]) -> None:
    """Padded frames stand at the origin of the room, where the camera sees them; computed here point by point."""
    table, train = tables["amass"], TrainConfig(batch_size=BATCH, padding="zeros")
    reader = example_reader(table, MODEL, train)
    rows = training_stream(table, np.arange(table.num_videos), MODEL, train, seed=0).next_rows()
    rows = replace(rows, centre=np.where(np.arange(len(rows)) % 2, rows.centre, 0))  # half of them at the start of a video
    batch, cameras, num_padded = reader.read(rows), table.cameras, 0
    for example in range(len(rows)):
        video, camera = rows.video[example], rows.camera[example]
        fx, fy, cx, cy, k1, k2, k3, p1, p2 = cameras.intrinsics[camera, 2:].tolist()
        for token in range(MODEL.num_tokens):
            frame = rows.centre[example] + (token - MODEL.num_tokens // 2) * MODEL.s_out
            is_padded = not 0 <= frame < table.video_length[video]
            world = np.zeros((17, 3)) if is_padded else table.poses_3d[table.video_start_3d[video] + frame].astype(np.float64)
            if rows.mirrored[example]:
                world = world[MIRROR] * [-1, 1, 1]
            seen = (world - cameras.translation[camera]) @ cameras.rotations[camera].T
            x, y = np.clip(seen[:, 0] / seen[:, 2], -1, 1), np.clip(seen[:, 1] / seen[:, 2], -1, 1)
            r2 = x**2 + y**2
            bent = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
            expected = np.stack([fx * (x * bent + p1 * r2) + cx, fy * (y * bent + p2 * r2) + cy], -1)
            np.testing.assert_allclose(batch.poses_3d[example, token], seen, atol=1e-5)
            assert batch.is_padded[example, token] == is_padded
            if batch.visible[example, token]:
                np.testing.assert_allclose(batch.poses_2d[example, token], expected, atol=1e-5)
                num_padded += is_padded
    assert num_padded > BATCH // 2


def test_visible_tokens_are_numbered_group_by_group() -> None:
    visible = np.zeros((4, 9), bool)
    visible[0, [1, 5]] = visible[1, 0] = visible[2, 8] = True
    tokens = visible_tokens(visible, 2)
    index = tokens["visible_index"]  # of 4 * 9 tokens, the second half of which is the second group
    assert index[0, :3].tolist() == [1, 5, 9]
    assert index[1, 0] == 2 * 9 + 8
    assert (index // 18).tolist() == [[0] * index.shape[1], [1] * index.shape[1]]
    np.testing.assert_array_equal(index.reshape(-1)[tokens["token_pose"]][visible], np.flatnonzero(visible))


def test_few_sizes_are_told_apart() -> None:
    """Each one is compiled for itself."""
    rng = np.random.default_rng(0)
    sizes = {visible_tokens(rng.random((16, 9)) < share)["visible_index"].shape[1] for share in np.linspace(0, 1, 200)}
    assert len(sizes) <= 16
    assert max(sizes) == 16 * 9
    assert min(sizes) >= 1


@pytest.mark.parametrize("num_groups", [1, 2])
def test_network_lifts_visible_tokens_as_all(num_groups: int) -> None:
    keras.utils.set_random_seed(0)
    network, rng = build_network(MODEL), np.random.default_rng(0)
    visible = rng.random((4, 9)) < 0.4
    visible[3] = False
    poses_2d = rng.normal(size=(4, 9, 17, 2)).astype(np.float32)
    targets = np.zeros((4, 9, 17, 3), np.float32)
    batch = examples({name: ops.convert_to_tensor(array) for name, array in packed(poses_2d, visible, targets, num_groups).items()})
    expected = network(poses_2d, visible)
    for found, wanted in zip(network.lift_visible(batch.frames, batch.token_pose, batch.visible), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("is_resident", [False, True])
def test_poses_that_are_no_numbers_are_refused(is_resident: bool, tables: dict[str, FramesTable]) -> None:
    table = tables["h36m"]
    poses_3d = np.array(table.poses_3d)
    poses_3d[:] = np.nan
    broken, train = replace(table, poses_3d=poses_3d), TrainConfig(batch_size=BATCH)
    stream = training_stream(broken, np.arange(table.num_videos), MODEL, train, seed=0)
    with pytest.raises(InputError, match="3D poses"):
        InputReader(example_reader(broken, MODEL, train), is_resident=is_resident).read(stream.next_rows())


def test_steps_take_batches_of_any_size() -> None:
    """Each size of batch is compiled for itself, the number of visible tokens is not."""
    train = TrainConfig(batch_size=4, jit_compile=False)
    trainer = Trainer(build_network(MODEL), train)
    rng = np.random.default_rng(0)
    for batch_size, share in ((4, 1.0), (4, 0.3), (6, 1.0), (4, 1.0)):
        poses = rng.normal(size=(batch_size, 9, 17, 3)).astype(np.float32)
        assert np.isfinite(trainer.step(poses[..., :2], rng.random((batch_size, 9)) <= share, poses))
    if keras.backend.backend() == "tensorflow":
        assert len(trainer._steps) == 2


def test_velocity_loss() -> None:
    """The mean distance of the steps from token to token, beside the two losses of the paper."""
    generator = np.random.default_rng(0)
    sequence, targets = (generator.normal(size=(3, 9, 17, 3)).astype(np.float32) for _ in range(2))
    lifted = Lifted(sequence, targets[:, 4])  # the central pose is right
    steps = np.linalg.norm(np.diff(sequence, axis=1) - np.diff(targets, axis=1), axis=-1).mean()
    distance = np.linalg.norm(sequence - targets, axis=-1).mean()
    plain, with_velocity = (float(pose_loss(lifted, targets, TrainConfig(loss_weight_velocity=weight))) for weight in (0.0, 2.0))
    np.testing.assert_allclose(plain, 0.5 * distance, rtol=1e-5)
    np.testing.assert_allclose(with_velocity, 0.5 * distance + 2 * steps, rtol=1e-5)
