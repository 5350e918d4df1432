"""Every sampler dump of the official code: order, draws, masks, poses and camera vectors."""

import json
from pathlib import Path

import numpy as np
import pytest
from world.seen import camera_to_world

from uplift_upsample.base.cameras import (
    denormalise_points,
    h36m_cameras,
    normalise_points,
    project,
    world_to_camera,
)
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable, subjects_of
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.data.sampler import Rows, Sampler, SamplerSettings, with_twins

DUMPS = [
    "h36m_train_351_inbatch",
    "h36m_train_s9_inbatch",
    "h36m_train_s9_noinbatch",
    "h36m_train_s9_noflip_noshift",
    "h36m_val_s9_sub4",
    "h36m_eval_s9_ms4",
    "h36m_eval_s9_ms10",
    "h36m_eval_351_ms10",
    "h36m_eval_s9_nomask_zeros_sub4",
    "amass_train_s9_inbatch",
    "amass_val_s9_sub4",
]


@pytest.fixture(scope="module")
def tables(golden: Path) -> dict[str, FramesTable]:
    data = golden / "data"
    return {
        "h36m": h36m_table(data / "data_3d_h36m.npz", data / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "cpn_ft_h36m_dbb"),
        "amass": amass_table([data / "amass" / f"{subset}.npz" for subset in ("CMU", "ACCAD", "SFU", "MPImosh")]),
    }


def _strides(mask_stride: int | list[int] | None) -> tuple[int, ...]:
    return () if mask_stride is None else (mask_stride,) if isinstance(mask_stride, int) else tuple(mask_stride)


def _setup(table: FramesTable, args: dict) -> tuple[ExampleReader, Sampler]:
    s_in = _strides(args["mask_stride"])
    settings = SamplerSettings(
        s_in=s_in,
        s_out=args["stride"],
        mirror=args["flip_augment"],
        in_batch_mirror=args.get("in_batch_augment", False),
        random_shift=args["rand_shift_stride_mask"],
        step=args["subsample"],
        shuffle=args["shuffle"],
        seed=args.get("seed", 0),
    )
    reader = ExampleReader(
        table,
        args["seq_len"],
        args["stride"],
        padding=args["padding_type"],
        has_strided_input=bool(s_in),
        aligned_with_video=args.get("stride_mask_align_global", False),
    )
    return reader, Sampler(table, table.videos_of(subjects_of(table, args["split"])), settings)


def _next_rows(sampler: Sampler) -> Rows:
    rows = sampler.next_pass()
    settings = sampler.settings
    return with_twins(rows) if settings.mirror and settings.in_batch_mirror else rows


@pytest.mark.parametrize("name", DUMPS)
def test_sampler_dump(name: str, golden: Path, tables: dict[str, FramesTable], golden_count) -> None:
    args = json.loads((golden / "pipeline" / "pipeline.json").read_text())[f"{name}.npz"]["args"]
    table = tables[name.split("_")[0]]
    dump = np.load(golden / "pipeline" / f"{name}.npz")
    reader, sampler = _setup(table, args)
    for epoch in range(2):
        if f"epoch{epoch}/index" not in dump:
            break
        if not args["shuffle"]:  # the official validation set draws the same masks every time it is run through
            _, sampler = _setup(table, args)
        rows = _next_rows(sampler)
        golden_count("sampler examples, by fingerprint", len(rows))
        first = rows.take(slice(len(dump[f"epoch{epoch}/index"])))
        golden_count("sampler examples, whole", len(first))
        np.testing.assert_array_equal(rows.centre, dump[f"epoch{epoch}/all_index"])
        _assert_whole_examples(reader, first, dump, f"epoch{epoch}")
        _assert_fingerprints(reader, rows, dump, f"epoch{epoch}")


def _assert_whole_examples(reader: ExampleReader, rows: Rows, dump, epoch: str) -> None:
    batch = reader.read(rows)
    np.testing.assert_array_equal(batch.visible, dump[f"{epoch}/stride_mask"])
    np.testing.assert_array_equal(~batch.is_padded, dump[f"{epoch}/mask"].astype(bool))
    poses_2d = _unmasked_2d(reader, rows)
    if f"{epoch}/seq3d" in dump:
        np.testing.assert_allclose(batch.poses_3d, dump[f"{epoch}/seq3d"], atol=3e-6)
    if f"{epoch}/seq3d_cam" in dump:
        np.testing.assert_allclose(batch.poses_3d, dump[f"{epoch}/seq3d_cam"], atol=3e-6)
    if f"{epoch}/seq2d" in dump:
        np.testing.assert_allclose(poses_2d, dump[f"{epoch}/seq2d"], atol=1e-6)
        masked = np.where(batch.visible[..., None, None], dump[f"{epoch}/seq2d"], 0)
        np.testing.assert_allclose(batch.poses_2d, masked, atol=1e-6)
    if f"{epoch}/seq3d_sum" in dump:
        np.testing.assert_allclose(batch.poses_3d.sum((1, 2, 3), dtype=np.float64), dump[f"{epoch}/seq3d_sum"], atol=1e-3)
        np.testing.assert_allclose(poses_2d.sum((1, 2, 3), dtype=np.float64), dump[f"{epoch}/seq2d_sum"], atol=1e-3)
    camera = dump[f"{epoch}/camera"]
    if camera.shape[1] == 11:
        np.testing.assert_allclose(reader.intrinsics(rows), camera, atol=1e-7)
    else:
        np.testing.assert_allclose(reader.intrinsics(rows), camera[:, 7:], atol=1e-6)
        np.testing.assert_array_equal(reader.table.cameras.orientation[rows.camera], camera[:, :4])
    if reader.table.poses_2d is not None:
        np.testing.assert_array_equal(
            [reader.table.actions.index(action) for action in reader.table.video_action[rows.video]], dump[f"{epoch}/action"]
        )


def _unmasked_2d(reader: ExampleReader, rows: Rows) -> np.ndarray:
    everything = ExampleReader(reader.table, reader.num_tokens, reader.s_out, padding=reader.padding, has_strided_input=False)
    return everything.read(rows).poses_2d


def _assert_fingerprints(reader: ExampleReader, rows: Rows, dump, epoch: str) -> None:
    """Every example of the pass: its mask, and the sum of its 3D poses."""
    sums, counts = [], []
    for start in range(0, len(rows), 4096):
        part = rows.take(slice(start, start + 4096))
        batch = reader.read(part)
        counts.append(batch.visible.sum(1))
        poses_3d = batch.poses_3d
        if reader.table.poses_2d is None:
            frames, _, _ = reader.frames(part)
            world = reader.table.poses_3d[reader.table.video_start_3d[part.video][:, None] + frames].astype(np.float64)
            world[part.mirrored, ..., 0] *= -1
            poses_3d = world
        sums.append(poses_3d.sum((1, 2, 3), dtype=np.float64))
    np.testing.assert_array_equal(np.concatenate(counts), dump[f"{epoch}/all_maskcount"])
    np.testing.assert_allclose(np.concatenate(sums), dump[f"{epoch}/all_seq3d_sum"], atol=2e-3)


def test_random_streams(golden_file, golden_count) -> None:
    """NumPy still draws what it drew: a shuffled index equals shuffled rows, array draws equal one draw per row."""
    streams = np.load(golden_file("pipeline/rng_streams.npz"))
    generator = np.random.default_rng(0)
    for name in ("shuffled0", "shuffled1"):
        order = np.arange(1000)
        generator.shuffle(order)
        np.testing.assert_array_equal(order, streams[name][:, 0])
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(generator.integers(0, 3, 200), streams["integers_0_3"])
    np.testing.assert_array_equal(generator.integers(np.full(200, -2), 2), streams["integers_m2_2_excl"])
    np.testing.assert_array_equal(generator.integers(np.full(200, -1), 2), streams["integers_m1_1_incl"])
    np.testing.assert_array_equal(generator.integers(0, 28, 200), streams["integers_size1"])
    golden_count("random streams", 6)


def test_projection(golden_file, golden_count) -> None:
    dump = np.load(golden_file("pipeline/cameras.npz"))
    cameras = h36m_cameras()
    np.testing.assert_array_equal(cameras.orientation, dump["cams"][:, :4])
    in_camera = world_to_camera(dump["world"], cameras.rotations, cameras.translation)
    np.testing.assert_allclose(in_camera, dump["tf_cam"], atol=3e-6)
    np.testing.assert_allclose(in_camera, dump["np_cam"], atol=3e-6)
    np.testing.assert_allclose(camera_to_world(in_camera, cameras.rotations, cameras.translation), dump["np_back"], atol=5e-6)
    np.testing.assert_allclose(project(dump["tf_cam"], cameras.intrinsics), dump["tf_2d"], atol=5e-7)
    normalised = normalise_points(dump["pixels"], 1000, 1002)
    np.testing.assert_allclose(normalised, dump["normalised_1000x1002"], atol=1e-6)
    np.testing.assert_allclose(denormalise_points(normalised, 1000, 1002), dump["back_to_pixels"], atol=1e-3)
    golden_count("projections", dump["tf_2d"].shape[0] * dump["tf_2d"].shape[1])
