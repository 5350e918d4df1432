"""Files that mean harm, or that no person was recorded in: one error that names the file, and no code is run."""

import errno
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from world.amass_archives import npz_bytes, recording
from world.mocap_files import fields, walker
from world.people import h36m_pair

from uplift_upsample.base.errors import InputError
from uplift_upsample.data import public_npz
from uplift_upsample.data.amass.body_model import read_body_model
from uplift_upsample.data.amass.recording import UnusableError, read_recording
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.h36m.archives import SubjectPoses, read_subject, write_subject
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.data.mocap.cmu_clips import read_clips
from uplift_upsample.data.mocap.own import judge
from uplift_upsample.data.public_npz import read_positions_3d, write_amass_subset, write_positions_2d, write_positions_3d
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.train.checkpoint import CheckpointFolder


def read_own(path: Path) -> None:
    if faults := judge(path).faults:
        raise InputError("\n".join(f"{path}: {fault}" for fault in faults))


class RunsCode:
    """Writes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.mark)!r}, 'w').close()",)


def read_bytes_of_amass(path: Path) -> None:
    try:
        read_recording(path.read_bytes())
    except UnusableError as error:
        raise InputError(f"{path}: {error}") from None


def read_checkpoint(path: Path) -> None:
    if CheckpointFolder(path.parent).newest() is None:
        raise InputError(f"{path}: passed over")


@pytest.mark.parametrize(
    "read", [read_positions_3d, read_subject, read_clips, read_body_model, read_own, read_bytes_of_amass, read_checkpoint]
)
def test_no_reader_runs_the_code_of_a_pickle(read: Callable[[Path], object], tmp_path: Path) -> None:
    mark, path = tmp_path / "code_was_run", tmp_path / "step_000000001.npz"
    evil = np.array([RunsCode(mark)], object)
    np.savez(path, **dict.fromkeys(["positions_3d", "poses_3d", "header", "poses", "state", "positions", "male_bones"], evil))
    assert pickle.loads(pickle.dumps(RunsCode(mark))) is None and mark.exists()  # it does mean harm
    mark.unlink()
    with pytest.raises(InputError, match=path.name):
        read(path)
    assert not mark.exists()


def test_a_bomb_in_a_public_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_npz, "_SMALL", 1 << 16)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("positions_3d.npy", bytes(1 << 22))
    with pytest.raises(InputError, match=r"a\.npz: 'positions_3d' has 4194304 bytes in \d+, as no recorded poses have"):
        read_positions_3d(tmp_path / "a.npz")


@pytest.mark.parametrize("value", [1e30, -1e6, 3e38, 1e300])
def test_huge_coordinates_of_public_files(value: float, tmp_path: Path) -> None:
    people_3d, people_2d = h36m_pair({"S1": {"Walking": 3}})
    poses_3d, views = people_3d["S1"]["Walking"].astype(np.float64), people_2d["S1"]["Walking"]
    write_positions_3d(tmp_path / "3d.npz", people_3d)
    write_positions_2d(tmp_path / "2d.npz", {"S1": {"Walking": views}})
    assert h36m_table(tmp_path / "3d.npz", tmp_path / "2d.npz", "gt").num_videos == 4
    spoilt_3d, spoilt_2d = poses_3d.copy(), views[3].astype(np.float64)
    spoilt_3d[1, 3, 0] = spoilt_2d[1, 3, 0] = value
    with np.errstate(over="ignore"):
        write_positions_3d(tmp_path / "huge_3d.npz", {"S1": {"Walking": spoilt_3d}})
        write_positions_2d(tmp_path / "huge_2d.npz", {"S1": {"Walking": [*views[:3], spoilt_2d]}})
    told = "has a coordinate that is NaN or infinite" if value > 1e39 else "has the coordinate .*, where no person is"
    with pytest.raises(InputError, match=rf"huge_3d\.npz: S1 Walking, frame 1 {told}"):
        h36m_table(tmp_path / "huge_3d.npz", tmp_path / "2d.npz", "gt")
    with pytest.raises(InputError, match=rf"huge_2d\.npz: S1 Walking, camera 3, frame 1 {told}"):
        h36m_table(tmp_path / "3d.npz", tmp_path / "huge_2d.npz", "gt")


@pytest.mark.parametrize("rate", [0.0, 24.0, 29.97, 59.94, 240.0, math.nan, math.inf, 1e18])
def test_frame_rates_of_amass_subsets(rate: float, tmp_path: Path) -> None:
    poses = np.random.default_rng(0).normal(size=(3, 17, 3))
    write_amass_subset(tmp_path / "CMU.npz", {"01": {"a": {"positions_3d": poses, "frame_rate": rate}}})
    with pytest.raises(InputError, match=r"CMU\.npz: 01/a has .* Hz, which is not a multiple of 50 Hz"):
        amass_table([tmp_path / "CMU.npz"])


@pytest.mark.parametrize("rate", [0.0, 24.0, 29.97, math.nan, -1.0])
def test_frame_rates_of_amass_recordings(rate: float) -> None:
    fields = recording(9, 120.0, np.random.default_rng(0)) | {"mocap_framerate": np.array(rate)}
    with pytest.raises(UnusableError, match=r"frame rate is below 50 Hz|NaN or infinite"):
        read_recording(npz_bytes(fields))
    assert read_recording(npz_bytes(fields | {"mocap_framerate": np.array(240.0)})).frame_rate == 240


@pytest.mark.parametrize(
    "header",
    ["[]", "{}", "null", "[" * 100_000, '{"recordings": 3}', '{"recordings": [3]}', '{"recordings": [{"name": 3, "frames": -1}]}'],
)
def test_headers_of_converted_files(header: str, tmp_path: Path) -> None:
    write_subject(tmp_path / "S1.npz", SubjectPoses("S1", {"Walking": np.zeros((3, 32, 3), np.float32)}, [], {}))
    assert read_subject(tmp_path / "S1.npz").subject == "S1"
    np.savez(tmp_path / "S1.npz", header=np.array(header), poses_3d=np.zeros((3, 32, 3), np.float32))
    for read in (read_subject, read_clips):
        with pytest.raises(InputError, match=r"S1\.npz: not "):
            read(tmp_path / "S1.npz")


@pytest.mark.parametrize("order", ["<", ">"])
def test_letters_that_there_are_not(order: str, tmp_path: Path) -> None:
    codes = np.array([0x61, 0x110000], f"{order}u4")
    np.savez(tmp_path / "a.npz", **fields(walker(9)) | {"joints": codes.view(f"{order}U2")})
    with pytest.raises(InputError, match=r"a\.npz: the field 'joints' holds characters that do not exist"):
        read_own(tmp_path / "a.npz")


@pytest.mark.parametrize("read", [read_positions_3d, read_weight_file])
def test_files_that_may_not_be_read(read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "somebody_elses", open
    path.write_bytes(b"PK\x03\x04")

    def refuse(file: Any, *arguments: Any, **options: Any) -> Any:
        if str(file) == str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(file, *arguments, **options)

    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=r"somebody_elses: (the file )?cannot be read \(.*Permission denied"):
        read(path)
