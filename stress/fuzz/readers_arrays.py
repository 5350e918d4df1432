"""Readers of arrays: plain npz files, HDF5 files, CDF files, archives."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from world.amass_archives import body_model_archives, h36m_regressor, npz_bytes
from world.amass_archives import recording as amass_recording
from world.h36m_archives import cdf_bytes
from world.mocap_files import fields, walker
from world.people import motion

from fuzz import containers
from fuzz.damage import damaged_array, damaged_bytes
from fuzz.readers import Reader, check_array, check_texts, of_bytes
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.amass.body_archives import read_regressor
from uplift_upsample.data.amass.body_model import prepare_body_model, read_body_model, write_body_model
from uplift_upsample.data.amass.body_pose import joints
from uplift_upsample.data.amass.recording import UnusableError, WrongModelError, read_recording
from uplift_upsample.data.download.archives import Limits, read_members
from uplift_upsample.data.h36m.archives import SubjectPoses, read_subject, write_subject
from uplift_upsample.data.h36m.cdf import read_poses
from uplift_upsample.data.mocap.clips import MocapClip, SubjectClips
from uplift_upsample.data.mocap.cmu_clips import read_clips, write_clips
from uplift_upsample.data.mocap.own import LOWEST_RATE, judge
from uplift_upsample.train.checkpoint import Checkpoint, CheckpointFolder

_LIMITS = Limits(max_member_bytes=16 << 20, max_total_bytes=32 << 20, max_members=1000)


def array_readers() -> list[Reader]:
    """Readers of arrays, but for those of the public files and frames tables."""
    return [_archives(), _cdf(), _subject(), _clips(), _amass_recording(), _own(), _body_model(), _regressor(), _checkpoints()]


def written(write: Callable[..., None], *arguments: Any) -> bytes:
    """The bytes that a writer of the project writes."""
    path = Path(os.environ["FUZZ_FOLDER"]) / "written.bin"
    write(path, *arguments)
    return path.read_bytes()


def npz_members(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file, by name."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def of_npz(intact: bytes) -> list[Callable[[Random], bytes]]:
    """All damages of plain ``.npz`` files."""
    members = npz_members(intact)
    return [of_bytes([intact]), lambda rng: containers.npz(rng, members), lambda rng: containers.npz(rng, members)]


def with_header(intact: bytes) -> Callable[[Random], bytes]:
    """Damage of the JSON header of a file of our own."""
    members = npz_members(intact)

    def damage(rng: Random) -> bytes:
        text = damaged_bytes(rng, str(members["header"]).encode()).decode("utf-8", "replace")
        return containers.zipped(
            rng, {"header.npy": containers.npy(np.array(text)), "poses_3d.npy": containers.npy(members["poses_3d"])}
        )

    return damage


# ---- archives


def _archives() -> Reader:
    files = {"a/b.npz": b"first" * 30, "a/c.cdf": bytes(range(256)) * 5, "readme.txt": b"hello"}
    intact = [containers.zipped(Random(0), files), *(containers._tar(Random(seed), files) for seed in (1, 2, 3))]

    def read(path: Path) -> None:
        asked: list[str] = []
        found = dict(read_members(path, lambda name: asked.append(name) or not name.endswith(".txt"), _LIMITS))
        for name in asked:
            assert name and not name.startswith("/") and ".." not in name.split("/"), f"the name {name!r}"
        assert sum(map(len, found.values())) <= _LIMITS.max_total_bytes

    return Reader(
        "archives (tar, gz, bz2, xz, zip)",
        intact[:1],
        [of_bytes(intact), lambda rng: containers.archive(rng, files)],
        read,
        ".tar",
        1.6,
    )


# ---- Human3.6M


def _cdf() -> Reader:
    poses = motion(6, 0) * np.float32(1000)
    options: list[dict[str, Any]] = [
        {}, {"kind": "rVariable"}, {"compressed_variable": True}, {"compressed_file": True}, {"column_major": True},
        {"frame_records": True},
    ]  # fmt: skip
    intact = [cdf_bytes(poses, **option) for option in options] + [cdf_bytes(poses.astype(np.float64))]

    def read(path: Path) -> None:
        found = read_poses(path.read_bytes(), str(path))
        check_array(found, "f", None, 32, 3)
        assert len(found) and found.dtype == np.float32

    def damaged_values(rng: Random) -> bytes:
        changed = damaged_array(rng, poses)
        if changed.dtype.kind != "f" or changed.dtype.itemsize < 4 or changed.size == 0 or changed.ndim < 2:
            return of_bytes(intact)(rng)
        return cdf_bytes(np.asarray(changed, np.float32 if changed.dtype.itemsize == 4 else np.float64), **rng.choice(options[:3]))

    return Reader("CDF files of Human3.6M", intact, [*[of_bytes(intact)] * 5, damaged_values], read, ".cdf", 1.2)


def _subject() -> Reader:
    poses = np.random.default_rng(0).normal(size=(9, 32, 3)).astype(np.float32)
    subject = SubjectPoses("S1", {"Walking": poses[:5], "Photo 1": poses[5:]}, [], {"file": "x.tgz", "sha256": "0" * 64})
    intact = written(write_subject, subject)

    def read(path: Path) -> None:
        found = read_subject(path)
        check_texts([found.subject, *found.recordings, *found.left_out])
        for poses in found.recordings.values():
            check_array(poses, "f", None, 32, 3)

    return Reader("converted subjects of Human3.6M", [intact], [*of_npz(intact), with_header(intact)], read, ".npz")


# ---- motion capture


def _clips() -> Reader:
    poses = walker(12).astype(np.float32)
    clips = [MocapClip("01_01", f"01_01/{part}", "Walk", poses[:part]) for part in (3, 9)]
    intact = written(
        write_clips, SubjectClips("01", clips, [{"trial": "01_02", "reason": "x"}], [{"file": "01.asf", "sha256": "0"}])
    )

    def read(path: Path) -> None:
        found = read_clips(path)
        check_texts([found.subject, *(text for clip in found.clips for text in (clip.trial, clip.name, clip.action))])
        for clip in found.clips:
            check_array(clip.poses_3d, "f", None, 17, 3)
            assert len(clip.poses_3d)

    return Reader("clips of the CMU database", [intact], [*of_npz(intact), with_header(intact)], read, ".npz")


def _own() -> Reader:
    intact = npz_bytes(fields(walker(12, 120.0), subject=np.array("anna"), action=np.array("walk")))

    def read(path: Path) -> None:
        verdict = judge(path)
        check_texts([*verdict.faults, *verdict.warnings])
        if verdict.faults:
            raise InputError(f"{path}: {verdict.faults[0]}")  # whoever judges a folder names the file
        for found in verdict.recordings:
            check_array(found.poses, "f", None, 17, 3)
            assert LOWEST_RATE <= found.frame_rate < float("inf") and len(found.poses)

    return Reader("the user's own motion capture", [intact], of_npz(intact), read, ".npz", 1.2)


def _amass_recording() -> Reader:
    intact = npz_bytes(amass_recording(6, 120.0, np.random.default_rng(0)))

    def read(path: Path) -> None:
        try:
            found = read_recording(path.read_bytes())
        except (UnusableError, WrongModelError) as error:  # whoever goes through the archive adds archive and member
            raise InputError(f"{path}: {error}") from None
        frames = len(found.poses)
        for array, width in ((found.poses, 156), (found.trans, 3), (found.dmpls, 8)):
            assert array.shape == (frames, width) and np.isfinite(array).all()
        check_texts([found.gender])
        check_array(joints(_body(), found.gender, found.poses, found.betas, found.dmpls, found.trans), "f", frames, 17, 3)

    return Reader("recordings of AMASS", [intact], of_npz(intact), read, ".npz", 1.2)


_BODY: dict[str, Any] = {}


def _body() -> dict[str, Any]:
    if not _BODY:
        paths = body_model_archives(Path(os.environ["FUZZ_FOLDER"]) / "body")
        _BODY.update(prepare_body_model(paths["smplh"], paths["dmpls"], paths["h36m_regressor"]))
    return _BODY


def _body_model() -> Reader:
    intact = written(write_body_model, _body())

    def read(path: Path) -> None:
        model = read_body_model(path)
        poses = np.zeros((1, 156))
        for gender in model:
            check_array(joints(model, gender, poses, np.zeros(16), np.zeros((1, 8)), np.zeros((1, 3))), "f", 1, 17, 3)

    return Reader("prepared body model", [intact], of_npz(intact), read, ".npz", 0.3)


def _regressor() -> Reader:
    npy = containers.npy(h36m_regressor())
    name = "data/J_regressor_h36m.npy"
    intact = containers.zipped(Random(3), {name: npy})

    def damage(rng: Random) -> bytes:
        damages = (
            damaged_bytes(rng, npy),
            containers.claimed_npy(rng, h36m_regressor()),
            containers.npy(damaged_array(rng, h36m_regressor())),
        )
        return containers.zipped(rng, {name: rng.choice(damages)})

    def read(path: Path) -> None:
        check_array(read_regressor(path), "f", 17, 6890)

    return Reader("regressor of the joints", [intact], [damage, of_bytes([intact])], read, ".zip", 0.3)


# ---- checkpoints


def _checkpoints() -> Reader:
    folder = Path(os.environ["FUZZ_FOLDER"]) / "checkpoints"
    arrays = {"variables_00000": np.ones((3, 4), np.float32), "optimizer_00000": np.array(7), "best_00000": np.zeros(2, np.float32)}
    CheckpointFolder(folder).save(Checkpoint(5, arrays, {"progress": {"step": 5}, "stream": {"position": 3}}))
    intact = (folder / "step_000000005.npz").read_bytes()

    def read(path: Path) -> None:
        newest = path.parent / "newest"
        newest.mkdir(exist_ok=True)
        damaged = newest / "step_000000009.npz"
        damaged.write_bytes(path.read_bytes())
        found = CheckpointFolder(newest).newest()
        if found is None:
            raise InputError(f"{path}: passed over")
        assert found.step == 9 and isinstance(found.state, dict), f"the state is a {type(found.state).__name__}"
        for array in found.arrays.values():
            assert isinstance(array, np.ndarray) and not array.dtype.hasobject

    return Reader("checkpoints", [intact], of_npz(intact), read, ".npz")
