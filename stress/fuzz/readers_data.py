"""Readers of pickled public files, of frames tables, predictions and weights."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from world.mpi_inf_3dhp import person, write_originals
from world.people import motion
from world.torch_files import Storage, Tensor, old_format, pickled, tensors, zip_format

from fuzz import containers
from fuzz.damage import Evil, damaged_array, damaged_bytes, damaged_tree
from fuzz.readers import Reader, check_array, check_texts, of_bytes
from fuzz.readers_arrays import written
from fuzz.readers_text import MODEL
from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table, read_frames_table, write_frames_table
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.data.mpi_inf_3dhp.originals import read_sequence, read_test_sequence
from uplift_upsample.data.mpi_inf_3dhp.public_files import write_public_file
from uplift_upsample.data.mpi_inf_3dhp.table import write_mpi_inf_3dhp_table
from uplift_upsample.data.public_npz import (
    read_amass_subset,
    read_positions_2d,
    read_positions_3d,
    write_amass_subset,
    write_positions_2d,
    write_positions_3d,
)
from uplift_upsample.data.sampler import Rows
from uplift_upsample.data.torch_checkpoints import is_torch_checkpoint, read_torch_checkpoint
from uplift_upsample.evaluate.predictions import Predictions, read_predictions, write_predictions
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.plan.experiment import ModelConfig

_FRAMES = 7


def data_readers() -> list[Reader]:
    """Readers of what training and evaluation start from."""
    return [*_public(), *_tables(), _weights(), _torch_weights()]


# ---- public files


def _pickled(key: str, tree: Any, intact: bytes, extra: dict[str, Any] | None = None) -> list[Callable[[Random], bytes]]:
    """Damage of the file, of the pickle in it, and of what is pickled."""

    def objects(rng: Random) -> bytes:
        changed = damaged_tree(rng, tree, damaged_array)
        if rng.random() < 0.1:
            changed = {"S1": {"Walking": Evil()}}
        return containers.zipped(
            rng, {f"{name}.npy": containers.npy(_boxed(value)) for name, value in ({key: changed} | (extra or {})).items()}
        )

    def pickle(rng: Random) -> bytes:
        return containers.zipped(rng, {f"{key}.npy": damaged_bytes(rng, containers.npy(_boxed(tree)))})

    return [of_bytes([intact]), objects, objects, pickle]


def _boxed(value: Any) -> np.ndarray:
    box = np.empty((), object)
    box[()] = value
    return box


def _public() -> list[Reader]:
    folder = Path(os.environ["FUZZ_FOLDER"])
    poses = motion(_FRAMES, 0)
    tree_3d = {"S1": {"Walking": poses, "Photo 1": poses[:4]}, "S9": {"Walking 1": poses[:1]}}
    tree_2d = projections(tree_3d)
    subset = {
        "01": {
            "01_01_poses": {"positions_3d": poses[:, :17], "frame_rate": 50.0},
            "b": {"positions_3d": poses[:3, :17], "frame_rate": 100.0},
        }
    }
    whole_3d, whole_2d = written(write_positions_3d, tree_3d), written(write_positions_2d, tree_2d)
    whole_amass = written(write_amass_subset, subset)
    (folder / "data_3d.npz").write_bytes(whole_3d)
    (folder / "data_2d.npz").write_bytes(whole_2d)

    def read_3d(path: Path) -> None:
        for actions in read_positions_3d(path).values():
            for poses_3d in actions.values():
                assert poses_3d.dtype == np.float32 and poses_3d.shape[1:] == (32, 3) and len(poses_3d)
        try:
            check_table(h36m_table(path, folder / "data_2d.npz", "gt"))
        except InputError as error:
            if "of the 3D poses" in str(error):  # one of two files that do not fit: either may be named
                raise InputError(f"{path}: {error}") from None
            raise

    def read_2d(path: Path) -> None:
        read_positions_2d(path)
        check_table(h36m_table(folder / "data_3d.npz", path, "gt"))

    def read_amass(path: Path) -> None:
        read_amass_subset(path)
        check_table(amass_table([path]))

    metadata = {"metadata": {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6], [1, 2, 3]]}}
    return [
        *_mpi_inf_3dhp(folder),
        Reader("public 3D poses (Human3.6M)", [whole_3d], _pickled("positions_3d", tree_3d, whole_3d), read_3d, ".npz", 1.2),
        Reader(
            "public 2D poses (Human3.6M)", [whole_2d], _pickled("positions_2d", tree_2d, whole_2d, metadata), read_2d, ".npz", 1.2
        ),
        Reader("public AMASS subsets", [whole_amass], _pickled("positions_3d", subset, whole_amass), read_amass, ".npz", 1.2),
    ]


def _mpi_inf_3dhp(folder: Path) -> list[Reader]:
    one, other = person(_FRAMES, "S1", 1), person(_FRAMES, "TS5", 2)
    train = {"S1 Seq2": [{"0": {"data_3d": one["univ_annot3"], "data_2d": one["annot2"]}}, 50]}
    test = {"TS5": {"data_3d": other["univ_annot3"], "data_2d": other["annot2"], "valid": np.arange(_FRAMES) % 3 > 0}}
    wholes = []
    for name, tree in (("train", train), ("test", test)):
        write_public_file(folder / f"{name}.npz", tree, "universal")
        wholes.append((folder / f"{name}.npz").read_bytes())
    write_originals(folder / "originals", _FRAMES)
    matlab, hdf5 = (folder / "originals" / place for place in ("S1/Seq1/annot.mat", "mpi_inf_3dhp_test_set/TS1/annot_data.mat"))

    def table_of(train_file: Path, test_file: Path) -> None:
        write_mpi_inf_3dhp_table(folder / "mpi.h5", train_file, test_file, "universal", 50)
        check_table(read_frames_table(folder / "mpi.h5"))

    def read_matlab(path: Path) -> None:
        for entry in read_sequence(path, "annot3", _FRAMES).values():
            assert entry["data_3d"].shape[1:] == (17, 3) and entry["data_2d"].shape[1:] == (17, 2)

    def read_hdf5(path: Path) -> None:
        assert read_test_sequence(path, "annot3")["data_3d"].shape[1:] == (17, 3)

    return [
        Reader(
            "public training poses (MPI-INF-3DHP)", wholes[:1], _pickled("data", train, wholes[0]),
            lambda path: table_of(path, folder / "test.npz"), ".npz",
        ),
        Reader(
            "public test poses (MPI-INF-3DHP)", wholes[1:], _pickled("data", test, wholes[1]),
            lambda path: table_of(folder / "train.npz", path), ".npz",
        ),
        *(
            Reader(f"{what} annotations (MPI-INF-3DHP)", [path.read_bytes()], [of_bytes([path.read_bytes()])], read, ".mat")
            for what, path, read in (("training", matlab, read_matlab), ("test", hdf5, read_hdf5))
        ),
    ]  # fmt: skip


# ---- HDF5


def check_table(table: FramesTable) -> None:
    """Everything that the training and the scoring ask of a table can be had."""
    check_texts([*table.subjects, *table.actions, *(table.video_name(video) for video in range(table.num_videos))])
    videos = np.arange(table.num_videos)
    assert (table.video_length > 0).all()
    reader = ExampleReader(table, 9, 5)
    camera = np.maximum(table.video_camera, 0)
    last = (table.video_length - 1).astype(np.int64)
    rows = Rows(videos, last, videos % 2 == 0, np.full(len(videos), 10), np.zeros(len(videos), np.int64), camera)
    batch = reader.read(rows)
    check_array(batch.poses_3d, "f", len(videos), 9, 17, 3)
    check_array(batch.poses_2d, "f", len(videos), 9, 17, 2)
    check_array(reader.intrinsics(rows), "f", len(videos), 11)


def _example() -> FramesTable:
    rng = np.random.default_rng(0)
    records = [
        SequenceRecord(subject, name, "Walking", rng.normal(size=(length, 17, 3)).astype(np.float32),
                       [rng.normal(size=(length, 17, 2)).astype(np.float32) for _ in range(2)], [first, first + 1])
        for subject, name, length, first in (("S1", "Walking 1", 12, 0), ("S9", "Walking", 5, 20), ("S9", "Walking 2", 1, 22))
    ]  # fmt: skip
    return build_frames_table(
        records, h36m_cameras(), {"dataset": "h36m", "input_2d": "gt", "splits": {"train": ["S1"], "test": ["S9"]}}
    )


def _tables() -> list[Reader]:
    table = _example()
    whole_table = written(write_frames_table, table)
    video = np.repeat(np.arange(6), [3, 3, 1, 1, 1, 1])
    frame = np.array([0, 5, 10, 0, 5, 10, 0, 0, 0, 0])
    poses = np.random.default_rng(1).normal(size=(10, 17, 3)).astype(np.float32)
    whole = written(write_predictions, Predictions(poses, video, frame, {"s_in": 10, "s_out": 5, "subjects": ["S1", "S9"]}))

    def read_table(path: Path) -> None:
        table = read_frames_table(path)
        try:
            check_table(table)
        except InputError as error:
            if "of the frames table" in str(error):  # poses are looked at when they are used; the data set names the file
                raise InputError(f"{path}: {error}") from None
            raise

    def read_and_score(path: Path) -> None:
        predictions = read_predictions(path)
        count = len(predictions.video)
        assert predictions.poses_3d.shape == (count, 17, 3) and predictions.frame.shape == (count,)
        try:
            scored = scores(predictions, table)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None  # there is one such file on the command line
        assert scored.protocol.num_videos > 0

    return [
        Reader("frames tables (HDF5)", [whole_table], of_hdf5(whole_table), read_table, ".h5", 1.2),
        Reader("predictions (HDF5)", [whole], of_hdf5(whole), read_and_score, ".h5", 1.2),
    ]


def of_hdf5(intact: bytes) -> list[Callable[[Random], bytes]]:
    """All damages of an HDF5 file."""
    return [of_bytes([intact]), of_bytes([intact]), lambda rng: containers.hdf5(rng, intact)]


def _weights() -> Reader:
    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import load_weights, network_variables, save_weights

    values = {
        key: tuple(map(tuple, value)) if key == "paddings" else tuple(value) if isinstance(value, list) else value
        for key, value in MODEL.items()
    }
    network = build_network(ModelConfig(**values))
    folder = Path(os.environ["FUZZ_FOLDER"])
    save_weights(network, folder / "weights.h5")
    intact = (folder / "weights.h5").read_bytes()
    variables = network_variables(network)

    def read(path: Path) -> None:
        load_weights(network, path)
        for variable in variables:
            assert np.isfinite(np.asarray(variable)).all()

    return Reader("weights (HDF5)", [intact], of_hdf5(intact), read, ".h5", 0.4)


def _torch_weights() -> Reader:
    """Damage of whole checkpoints of PyTorch, and of the pickles in them."""
    state = tensors(
        {"module.a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "module.b": np.ones(2), "module.n": np.array(3)}
    )
    storages = [tensor.storage for tensor in state.values()]
    saved = {"epoch": 3, "random_state": np.random.RandomState(0), "model_pos": state}
    intact, pickle = [old_format(saved, storages), zip_format(saved, storages)], pickled(saved)
    head, _, tail = intact[0].partition(pickle)
    members = {f"weights/data/{storage.key}": storage.array.tobytes() for storage in storages}

    def zipped(rng: Random) -> bytes:
        return containers.zipped(rng, {"weights/data.pkl": damaged_bytes(rng, pickle), **members})

    def one_storage_many_times(rng: Random) -> bytes:
        storage = Storage(np.zeros(rng.choice([1, 1 << 10, 1 << 18]), np.float32), "0")
        return rng.choice([old_format, zip_format])({str(i): Tensor(storage) for i in range(rng.randint(1, 3000))}, [storage])

    def read(path: Path) -> None:
        if is_torch_checkpoint(path):
            for name, array in read_torch_checkpoint(path).items():
                assert isinstance(name, str) and isinstance(array, np.ndarray)

    damages = [of_bytes(intact), lambda rng: head + damaged_bytes(rng, pickle) + tail, zipped, one_storage_many_times]
    return Reader("weights (PyTorch)", intact, damages, read, ".bin", 0.4)
