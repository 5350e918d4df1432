"""The body model of AMASS: equal to posing the whole mesh, and clear about archives that do not fit."""

import dataclasses
import io
import os
import random
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from smplfitter.np import BodyModel as WholeMesh
from threadpoolctl import threadpool_limits
from world.amass_archives import GENDERS, body_fields, h36m_regressor, npz_bytes, recording, rest_bones, rest_targets, write_tar
from world.killing import finish, kill_at, sums

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import AMASS_17
from uplift_upsample.data.amass.body_archives import Mesh, dmpl_shapes, meshes, read_regressor
from uplift_upsample.data.amass.body_model import prepare_body_model, read_body_model, reduced_body, rest_joints, write_body_model
from uplift_upsample.data.amass.body_pose import joints, rotations_less_identity
from uplift_upsample.data.download.source_files import SourceFile, sums_of_file, write_source_manifest

PARENTS = body_fields("neutral")["kintree_table"][0].astype(np.int32).astype(int)


def random_motion(rng, num_frames=12):
    """Poses up to several turns; the first has no rotation at all, the second tiny ones."""
    poses = rng.normal(0, 1, (num_frames, 156)) * np.geomspace(0.01, 4, num_frames)[:, None]
    poses[0] = 0
    poses[1] = rng.normal(0, 1e-9, 156)
    return poses, rng.normal(0, 1, 16), rng.normal(0, 1, (num_frames, 8)), rng.normal(0, 2, (num_frames, 3))


def whole_mesh_joints(folder: Path, fields: dict, regressor: np.ndarray, poses, betas, dmpls, trans):
    """The joints by another implementation, which poses all 6890 vertices. It takes DMPLs as further betas."""
    model = {name: array for name, array in fields.items() if name != "eigvec"}
    model["shapedirs"] = np.concatenate([fields["shapedirs"], fields["eigvec"][:, :, :8]], 2)
    (folder / "male").mkdir()
    np.savez(folder / "male/model.npz", **model)
    np.save(folder / "kid_template.npy", np.zeros((6890, 3)))
    shape = np.concatenate([np.tile(betas, (len(poses), 1)), dmpls], 1)
    mesh = WholeMesh("smplh16", "male", model_root=str(folder))(pose_rotvecs=poses, shape_betas=shape, trans=trans)
    return np.einsum("jv,tvc->tjc", regressor, mesh["vertices"].astype(np.float64))


# ---- the forward pass


@pytest.mark.parametrize("gender", ["male", "female"])
def test_joints_are_those_of_the_whole_mesh(tmp_path, body_model, gender):
    motion = random_motion(np.random.default_rng(1))
    expected = whole_mesh_joints(tmp_path, body_fields(gender), h36m_regressor(), *motion)
    ours = joints(body_model, gender, *motion)
    assert ours.dtype == np.float32
    error = np.abs(ours - expected).max()
    assert error < 1e-5, f"{error * 1000:.4f} mm"


def test_joints_of_a_dense_model(tmp_path):
    """Blend shapes everywhere, regressors that take vertices from the whole body, so that no coefficient can be mixed up."""
    rng = np.random.default_rng(2)
    fields = body_fields("male") | {
        "posedirs": rng.normal(0, 1e-3, (6890, 3, 459)).astype(np.float32),
        "shapedirs": rng.normal(0, 5e-3, (6890, 3, 16)),
        "eigvec": rng.normal(0, 5e-3, (6890, 3, 8)),
        "weights": rng.dirichlet(np.full(52, 0.05), 6890),
    }
    regressor = np.zeros((17, 6890))
    for row in regressor:
        row[rng.choice(6890, 60, replace=False)] = rng.dirichlet(np.ones(60)) * 1.01  # not quite 1, as rows may be
    for row in fields["J_regressor"]:
        row *= 0.5
        row[rng.choice(6890, 20, replace=False)] += 0.5 * rng.dirichlet(np.ones(20))
    motion = random_motion(rng)
    mesh = Mesh(fields["v_template"], fields["shapedirs"], fields["posedirs"], fields["J_regressor"], fields["weights"], PARENTS)
    ours = joints({"male": reduced_body(mesh, fields["eigvec"], regressor)}, "male", *motion)
    error = np.abs(ours - whole_mesh_joints(tmp_path, fields, regressor, *motion)).max()
    assert error < 1e-5, f"{error * 1000:.4f} mm"


def test_rest_pose_and_translation(body_model):
    np.testing.assert_allclose(rest_joints(body_model["neutral"]), rest_targets(), atol=1e-12)
    trans = np.random.default_rng(0).normal(0, 3, (5, 3))
    ours = joints(body_model, "neutral", np.zeros((5, 156)), np.zeros(16), np.zeros((5, 8)), trans)
    np.testing.assert_allclose(ours, rest_targets() + trans[:, None], atol=1e-6)
    assert [len(body_model[gender].joints) for gender in GENDERS].count(0) == 0
    assert not np.allclose(rest_joints(body_model["male"]), rest_joints(body_model["female"]), atol=0.01)


def test_root_rotation_turns_the_person_about_the_pelvis(body_model):
    vectors = np.random.default_rng(0).normal(0, 2, (6, 3))
    poses = np.zeros((6, 156))
    poses[:, :3] = vectors
    ours = joints(body_model, "neutral", poses, np.zeros(16), np.zeros((6, 8)), np.zeros((6, 3)))
    centre = rest_bones()[0]
    expected = np.einsum("tab,jb->tja", Rotation.from_rotvec(vectors).as_matrix(), rest_targets() - centre) + centre
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_elbow_turns_the_wrist_about_itself(body_model):
    poses = np.zeros((1, 52, 3))
    poses[0, 18] = (0, 0, np.pi / 2)  # SMPL+H's left elbow
    ours = joints(body_model, "neutral", poses.reshape(1, 156), np.zeros(16), np.zeros((1, 8)), np.zeros((1, 3)))[0]
    elbow, wrist = rest_bones()[18], rest_targets()[AMASS_17.index("l_wrist")]
    moved = np.linalg.norm(ours - rest_targets(), axis=1)
    assert moved[AMASS_17.index("l_wrist")] > 0.3
    assert {name for name, distance in zip(AMASS_17, moved, strict=True) if distance > 0.03} == {"l_wrist"}
    offset = np.array([-(wrist - elbow)[1], (wrist - elbow)[0], (wrist - elbow)[2]])
    np.testing.assert_allclose(ours[AMASS_17.index("l_wrist")], elbow + offset, atol=0.02)  # but for the pose blend shapes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("angle", [0.0, 1e-30, 1e-20, 1e-8, 1e-4, 0.1, 1.0, np.pi, 6.0, 30.0])
def test_rotations_are_exact_for_every_angle(angle, dtype):
    axes = np.random.default_rng(0).normal(size=(3, 20))
    vectors = angle * axes / np.linalg.norm(axes, axis=0)
    ours = rotations_less_identity(vectors.astype(dtype))
    assert ours.dtype == dtype
    expected = turned_less_identity(vectors)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=8 * np.finfo(dtype).eps * max(angle, angle**2))


def turned_less_identity(vectors: np.ndarray) -> np.ndarray:
    """``(3, 3, N)`` of rotation vectors ``(3, N)``; the exponential series where the identity would swallow small angles."""
    if np.linalg.norm(vectors[:, 0]) > 1:
        return Rotation.from_rotvec(vectors.T).as_matrix().transpose(1, 2, 0) - np.eye(3)[:, :, None]
    x, y, z = vectors
    zero = np.zeros_like(x)
    skew = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]])
    term = total = skew
    for power in range(2, 20):
        term = np.einsum("abt,bct->act", term, skew) / power
        total = total + term
    return total


def test_batches_do_not_show(body_model):
    rng = np.random.default_rng(3)
    fields = recording(2500, 120.0, rng)
    motion = [fields[name] for name in ("poses", "dmpls", "trans")]

    def ours(frames):
        poses, dmpls, trans = (array[frames] for array in motion)
        return joints(body_model, "female", poses, fields["betas"], dmpls, trans)

    whole = ours(slice(None))
    np.testing.assert_allclose(whole[1000:1100], ours(slice(1000, 1100)), atol=1e-6)
    np.testing.assert_allclose(whole[2499:], ours(slice(2499, None)), atol=1e-6)
    assert ours(slice(0, 0)).shape == (0, 17, 3)


def test_threads_change_no_bit(body_archives, body_model):
    """Neither of the sums over the mesh nor of a recording's joints."""
    mesh, eigvec, regressor = next(meshes(body_archives["smplh"]))[1], dmpl_shapes(body_archives["dmpls"])["male"], h36m_regressor()
    fields = recording(1500, 120.0, np.random.default_rng(3))
    motion = [fields[name] for name in ("poses", "betas", "dmpls", "trans")]
    results = []
    for number in (1, 2, 3):
        with threadpool_limits(number, user_api="blas"):
            body = reduced_body(mesh, eigvec, regressor)
            arrays = [*(getattr(body, field.name) for field in dataclasses.fields(body)), joints(body_model, "male", *motion)]
        results.append([array.tobytes() for array in arrays])
    assert results[0] == results[1] == results[2]


# ---- archives


def test_reading_the_archives(body_archives, body_model):
    """What smplh.tar.xz says arrives, the field that is a pickle is not looked at."""
    fields = body_fields("male")
    gender, mesh = next(iter(meshes(body_archives["smplh"])))
    assert gender == "male"
    for name, array in vars(mesh).items():
        field = {"joint_regressor": "J_regressor"}.get(name, name)
        np.testing.assert_array_equal(array, PARENTS if field == "parents" else fields[field], err_msg=name)
    np.testing.assert_array_equal(dmpl_shapes(body_archives["dmpls"])["male"], fields["eigvec"][:, :, :8])
    np.testing.assert_array_equal(read_regressor(body_archives["h36m_regressor"]), h36m_regressor())
    assert list(body_model) == list(GENDERS)


def test_written_models_are_read_back_and_equal_to_the_byte(tmp_path, body_model):
    write_body_model(tmp_path / "a.npz", body_model)
    again = read_body_model(tmp_path / "a.npz")
    write_body_model(tmp_path / "b.npz", again)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.npz").stat().st_size < 2e6
    motion = random_motion(np.random.default_rng(0))
    for gender in GENDERS:
        np.testing.assert_array_equal(joints(again, gender, *motion), joints(body_model, gender, *motion))


@pytest.mark.parametrize("content", [None, b"", b"text", npz_bytes({"male_bones": np.arange(3)}), b"PK\x03\x04"])
def test_other_files_are_no_prepared_model(tmp_path, content):
    path = tmp_path / "model.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.npz: not a prepared body model \(.+\); prepare it again"):
        read_body_model(path)


def small_fields() -> dict[str, np.ndarray]:
    """A right model whose large fields are small numbers, and quick to pack."""
    fields = body_fields("male")
    return fields | {"posedirs": np.zeros(fields["posedirs"].shape, np.int8)}


@pytest.fixture(scope="module")
def right_fields():
    return small_fields()


def plain_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:  # what kind an archive is, its content says
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _with(field, index, value):
    def change(fields):
        array = np.array(fields[field])
        array[index] = value
        return fields | {field: array}

    return change


MODEL_FAULTS = {
    "missing field": (lambda fields: {k: v for k, v in fields.items() if k != "posedirs"}, "the field 'posedirs' is missing"),
    "another model": (
        lambda fields: fields | {"posedirs": fields["posedirs"][:, :, :207]},
        r"the field 'posedirs' has the shape \(6890, 3, 207\), not \(6890, 3, 459\)",
    ),
    "few betas": (
        lambda fields: fields | {"shapedirs": fields["shapedirs"][:, :, :10]},
        "'shapedirs' has 10 components, 16 are needed",
    ),
    "nan": (_with("v_template", (3, 1), np.nan), "the field 'v_template' has values that are NaN or infinite"),
    "text": (lambda fields: fields | {"weights": np.full((6890, 52), "0")}, "the field 'weights' holds <U1, not numbers"),
    "pickle": (
        lambda fields: fields | {"J_regressor": np.array({"sparse": 1}, object)},
        "the field 'J_regressor' is a pickled object, which is not loaded",
    ),
    "weights": (_with("weights", (7, slice(None)), 0.5), "row 7 of 'weights' sums to 26, not to 1"),
    "regressor": (_with("J_regressor", 5, 0), "row 5 of 'J_regressor' sums to 0, not to 1"),
    "order": (_with("kintree_table", (0, 4), 20), "the field 'kintree_table' has a bone before its parent"),
    "root": (_with("kintree_table", (0, 0), 0), "the field 'kintree_table' does not list the bones from the root on"),
    "numbers": (_with("kintree_table", (1, 7), 6), "the field 'kintree_table' does not list the bones from the root on"),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_faults_of_a_model_are_named(tmp_path, right_fields, fault):
    change, message = MODEL_FAULTS[fault]
    path = plain_tar(tmp_path / "smplh.tar.xz", {"smplh/male/model.npz": npz_bytes(change(right_fields))})
    with pytest.raises(InputError, match=rf"smplh\.tar\.xz: smplh/male/model\.npz: .*{message}; get the archive"):
        list(meshes(path))


def test_a_damaged_model(tmp_path, right_fields):
    content = bytearray(npz_bytes(right_fields))
    content[5000] ^= 0xFF
    path = plain_tar(tmp_path / "smplh.tar.xz", {"male/model.npz": bytes(content)})
    with pytest.raises(InputError, match=r"male/model\.npz: the field 'v_template' is damaged"):
        list(meshes(path))
    plain_tar(path, {"male/model.npz": b"nothing"})
    with pytest.raises(InputError, match=r"male/model\.npz: it is not an \.npz file"):
        list(meshes(path))


def test_the_root_may_be_marked_otherwise(tmp_path, right_fields):
    table = right_fields["kintree_table"].astype(np.int64)
    table[0, 0] = -1
    path = plain_tar(tmp_path / "smplh.tar.xz", {"male/model.npz": npz_bytes(right_fields | {"kintree_table": table})})
    _, mesh = next(iter(meshes(path)))
    np.testing.assert_array_equal(mesh.parents, PARENTS)


def test_genders_that_are_missing_or_there_twice(tmp_path):
    content = npz_bytes({"eigvec": np.zeros((6890, 3, 8))})
    path = plain_tar(tmp_path / "dmpls.tar.xz", {"male/model.npz": content, "readme.txt": b"x"})
    with pytest.raises(InputError, match=r"dmpls\.tar\.xz: it has no female/model\.npz, neutral/model\.npz; this is another"):
        dmpl_shapes(path)
    plain_tar(path, {"a/male/model.npz": content, "b/male/model.npz": content})
    with pytest.raises(InputError, match=r"two models of a male body, a/male/model\.npz and b/male/model\.npz"):
        dmpl_shapes(path)
    plain_tar(path, {"male/model.npz": npz_bytes({"eigvec": np.zeros((6890, 3, 7))})})
    with pytest.raises(InputError, match=r"male/model\.npz: the field 'eigvec' has 7 components, 8 are needed"):
        dmpl_shapes(path)


def _npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"data/other.npy": b""}, "0 members are named J_regressor_h36m.npy, there must be one"),
        ({f"{folder}/J_regressor_h36m.npy": b"" for folder in "ab"}, "2 members are named"),
        ({"data/J_regressor_h36m.npy": b"nonsense"}, r"data/J_regressor_h36m\.npy: the array is damaged"),
        ({"data/J_regressor_h36m.npy": _npy(np.zeros((24, 6890)))}, r"the shape \(24, 6890\), not \(17, 6890\)"),
        ({"data/J_regressor_h36m.npy": _npy(np.zeros((17, 6890)))}, "row 0 of 'J_regressor_h36m.npy' sums to 0, not to 1"),
        ({"data/J_regressor_h36m.npy": _npy(np.array([1], object))}, "pickled object, which is not loaded"),
    ],
)
def test_faults_of_the_regressor_are_named(tmp_path, members, message):
    with pytest.raises(InputError, match=rf"data\.tar\.gz: .*{message}"):
        read_regressor(plain_tar(tmp_path / "data.tar.gz", members))


@pytest.mark.parametrize("order", ["sides", "upside_down"])
def test_a_regressor_of_another_joint_order(tmp_path, body_archives, order):
    rows = np.arange(17)
    rows[[1, 2, 3, 4, 5, 6] if order == "sides" else [8, 9]] = [4, 5, 6, 1, 2, 3] if order == "sides" else [0, 3]
    write_tar(tmp_path / "data.tar.gz", {"data/J_regressor_h36m.npy": _npy(h36m_regressor()[rows])})
    with pytest.raises(InputError, match=r"data\.tar\.gz: .*not those of a standing person"):
        prepare_body_model(body_archives["smplh"], body_archives["dmpls"], tmp_path / "data.tar.gz")


class Intruder:
    def __reduce__(self):
        return os.mkdir, ("intruded",)


def test_nothing_is_unpickled(tmp_path, right_fields, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fields = right_fields | {"bs_style": np.array(Intruder(), object), "J_regressor_prior": np.array([Intruder()], object)}
    path = plain_tar(tmp_path / "smplh.tar.xz", {"male/model.npz": npz_bytes(fields)})
    assert next(iter(meshes(path)))[0] == "male"
    assert not (tmp_path / "intruded").exists()


# ---- the script


@pytest.mark.long
def test_a_killed_preparation_starts_again(tmp_path, body_archives):
    for name, path in body_archives.items():
        size = sums_of_file(path)
        write_source_manifest(tmp_path / f"{name}.json", SourceFile(name, str(path), size.sha256, size.bytes, "made by a test"))
    flags = [("--smplh", "smplh.json"), ("--dmpls", "dmpls.json"), ("--regressor", "h36m_regressor.json")]
    command = ["prepare_body_model.py", *(word for pair in flags for word in pair), "--output", "out/body_model.npz"]
    duration = finish(command, tmp_path, {"OPENBLAS_NUM_THREADS": "1"})
    expected = sums(tmp_path, ["out/body_model.npz"])
    generator = random.Random(0)
    hits = 0
    for moment in (lambda: any((tmp_path / "out").glob(".body_model.*")), generator.uniform(0.3, 0.95) * duration):
        (tmp_path / "out/body_model.npz").unlink()
        hits += kill_at(moment, command, tmp_path)
        assert sums(tmp_path, ["out/body_model.npz"]) in ({}, expected)
        finish(command, tmp_path, {"OPENBLAS_NUM_THREADS": "2"})  # which must make no difference
        assert sums(tmp_path, ["out/body_model.npz"]) == expected
    assert hits
