"""AMASS from an archive to 17 joints at 50 Hz: against posing the whole mesh, and the memory for a long archive."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from world.amass_archives import PARENTS, body_fields, body_model_archives, h36m_regressor, npz_bytes, recording, write_tar
from world.killing import start

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.amass import archives as amass_archives
from uplift_upsample.data.amass.archives import convert_archive
from uplift_upsample.data.amass.body_model import Body, prepare_body_model, write_body_model
from uplift_upsample.data.amass.body_pose import joints
from uplift_upsample.data.download.source_files import SourceFile, write_source_manifest

pytestmark = pytest.mark.conversion
RECORDINGS = 2
FRAMES = 50, 800  # of each recording: of the archive for the straightforward version, and of that for ours
LONG_RECORDINGS, LONG_FRAMES = 10, 5000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Body]:
    archives = body_model_archives(tmp_path_factory.mktemp("body_models"))
    return prepare_body_model(archives["smplh"], archives["dmpls"], archives["h36m_regressor"])


def archive_of(path: Path, num_recordings: int, num_frames: int) -> Path:
    rng = np.random.default_rng(0)
    members = {}
    for number in range(num_recordings):
        fields = recording(num_frames, 120.0, rng)
        fields["poses"] += rng.normal(0, 1e-3, fields["poses"].shape)  # real recordings hardly compress
        members[f"CMU/01/{number:02d}_poses.npz"] = npz_bytes(fields)
    path.parent.mkdir(exist_ok=True)
    write_tar(path, members)
    return path


def mesh_posing() -> Callable[..., np.ndarray]:
    """All 6890 vertices posed as the papers on the body model write it, with matrix products, float32; then the regressor."""
    fields = {name: array.astype(np.float32) for name, array in body_fields("male").items() if name != "kintree_table"}
    to_joints = h36m_regressor().astype(np.float32)
    posedirs = fields["posedirs"].reshape(-1, 459)

    def pose(_: object, gender: str, poses: np.ndarray, betas: np.ndarray, dmpls: np.ndarray, trans: np.ndarray) -> np.ndarray:
        assert gender == "male"
        batches = [slice(start, start + 50) for start in range(0, len(poses), 50)]
        return np.concatenate([pose_batch(poses[batch], betas, dmpls[batch], trans[batch]) for batch in batches])

    def pose_batch(poses: np.ndarray, betas: np.ndarray, dmpls: np.ndarray, trans: np.ndarray) -> np.ndarray:
        num_frames = len(poses)
        vectors = poses.reshape(num_frames, 52, 3).astype(np.float32)
        rest = fields["v_template"] + fields["shapedirs"] @ betas.astype(np.float32)
        shaped = rest + (dmpls.astype(np.float32) @ fields["eigvec"][:, :, :8].reshape(-1, 8).T).reshape(num_frames, -1, 3)
        centres = fields["J_regressor"] @ shaped  # (T, 52, 3)
        angle = np.maximum(np.linalg.norm(vectors, axis=-1), 1e-12)[..., None, None]
        x, y, z = np.moveaxis(vectors / angle[..., 0], -1, 0)
        zero = np.zeros_like(x)
        cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(num_frames, 52, 3, 3)
        turns = np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
        bent = shaped + (turns[:, 1:].reshape(num_frames, -1) @ posedirs.T).reshape(num_frames, -1, 3)
        local = np.zeros((num_frames, 52, 4, 4), np.float32)
        local[:, :, :3, :3] = turns + np.eye(3, dtype=np.float32)
        local[:, :, :3, 3] = centres
        local[:, 1:, :3, 3] -= centres[:, PARENTS[1:]]
        local[:, :, 3, 3] = 1
        bones = local.copy()
        for bone in range(1, 52):
            bones[:, bone] = bones[:, PARENTS[bone]] @ local[:, bone]
        bones[:, :, :3, 3] -= (bones[:, :, :3, :3] @ centres[..., None])[..., 0]
        blended = (fields["weights"] @ bones.reshape(num_frames, 52, 16)).reshape(num_frames, -1, 4, 4)
        vertices = (blended[..., :3, :3] @ bent[..., None])[..., 0] + blended[..., :3, 3] + trans.astype(np.float32)[:, None]
        return to_joints @ vertices

    return pose


def test_conversion(tmp_path: Path, model: dict[str, Body], versus, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive, from its packed bytes to joints at 50 Hz, with the joints of a mesh and with ours."""
    posing = {"mesh": mesh_posing(), "ours": joints}
    short, long = (archive_of(tmp_path / f"{frames}" / "CMU.tar.bz2", RECORDINGS, frames) for frames in FRAMES)

    def convert(archive: Path, how: str) -> np.ndarray:
        monkeypatch.setattr(amass_archives, "joints", posing[how])
        people = convert_archive(archive, "CMU", model).people
        return np.concatenate([sequence["positions_3d"] for sequence in people["01"].values()])

    np.testing.assert_allclose(convert(short, "ours"), convert(short, "mesh"), atol=1e-5)
    units = tuple(RECORDINGS * frames for frames in FRAMES)
    versus("AMASS conversion", lambda: convert(short, "mesh"), lambda: convert(long, "ours"), units=units, rounds=3)


def test_posing(model: dict[str, Body], versus) -> None:
    """From angles in memory to joints."""
    short, long = (recording(num_frames, 120.0, np.random.default_rng(0)) for num_frames in (50, 20_000))

    def posed(pose: Callable[..., np.ndarray], fields: dict[str, np.ndarray]) -> np.ndarray:
        return pose(model, "male", *(fields[name] for name in ("poses", "betas", "dmpls", "trans")))

    mesh = mesh_posing()
    versus("AMASS, joints of posed bodies", lambda: posed(mesh, short), lambda: posed(joints, long), units=(50, 20_000), rounds=3)


def test_a_long_archive(tmp_path: Path, model: dict[str, Body], figure) -> None:
    """The script, from a packed archive to the two files."""
    archive = archive_of(tmp_path / "CMU.tar.bz2", LONG_RECORDINGS, LONG_FRAMES)
    file = SourceFile("amass_CMU", str(archive), sha256_of_file(archive), archive.stat().st_size, "made here")
    write_source_manifest(tmp_path / "amass_CMU.json", file)
    write_body_model(tmp_path / "body_model.npz", model)
    names = {"--source": "amass_CMU.json", "--body_model": "body_model.npz", "--output": "CMU.npz", "--report": "CMU.csv"}
    flags = [word for pair in names.items() for word in pair]
    process, peak = start(["convert_amass_archive.py", "--subset", "CMU", *flags], tmp_path), 0.0
    while process.poll() is None:
        peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1e9)
        time.sleep(0.02)
    assert process.returncode == 0, process.communicate()[0]
    figure("AMASS, memory of converting a long archive", peak)
