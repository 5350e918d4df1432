"""AMASS subsets from their official archives: the right joints, the right names, and a reason for everything skipped."""

import contextlib
import csv
import io
import logging
import os
import random
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from world.amass_archives import FOLDERS, SKIPPED, amass_archives, npz_bytes, recording, subset_archive, write_tar
from world.killing import finish, kill_at, start, sums

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import AMASS_17, AMASS_17_TO_MODEL, PARENTS
from uplift_upsample.data.amass.archives import SUBSETS, convert_archive, subset_name, write_report
from uplift_upsample.data.amass.body_model import write_body_model
from uplift_upsample.data.amass.body_pose import joints
from uplift_upsample.data.amass.table import SPLITS, amass_table
from uplift_upsample.data.download.source_files import SourceFile, sums_of_file, write_source_manifest
from uplift_upsample.data.public_npz import read_amass_subset, write_amass_subset

LENGTHS = (150, 120, 200, 130)


def motion(**changes):
    """The fields of a right recording, some of them changed; ``None`` leaves one out."""
    fields = recording(60, 120.0, np.random.default_rng(0)) | changes
    return {name: array for name, array in fields.items() if array is not None}


def archive_of(folder: Path, members: dict[str, dict | bytes], name="CMU.tar.bz2") -> Path:
    path = folder / name
    write_tar(path, {name: content if isinstance(content, bytes) else npz_bytes(content) for name, content in members.items()})
    return path


def only(converted):
    ((_, sequences),) = converted.people.items()
    ((_, sequence),) = sequences.items()
    return sequence["positions_3d"]


@pytest.fixture(scope="module")
def cmu(tmp_path_factory):
    return subset_archive(tmp_path_factory.mktemp("cmu"), "CMU", lengths=LENGTHS)


@pytest.fixture(scope="module")
def converted(cmu, body_model):
    return convert_archive(cmu, "CMU", body_model)


# ---- joints


def test_a_subset_is_converted(converted):
    assert converted.subset == "CMU"
    assert {person: list(sequences) for person, sequences in converted.people.items()} == {
        "01": ["01_01_poses", "01_03_poses"],
        "02": ["02_02_poses", "02_04_poses"],
    }
    lengths = {name: len(sequence["positions_3d"]) for people in converted.people.values() for name, sequence in people.items()}
    assert lengths == {"01_01_poses": 150, "02_02_poses": 120, "01_03_poses": 200, "02_04_poses": 130}
    for people in converted.people.values():
        for sequence in people.values():
            assert sequence["frame_rate"] == 50
            assert sequence["positions_3d"].dtype == np.float32


def test_people_look_like_people(converted):
    """Metres, z up, steady bones, the speed of somebody who walks."""
    for people in converted.people.values():
        for sequence in people.values():
            poses = sequence["positions_3d"]
            height = poses[:, AMASS_17.index("head_top"), 2] - poses[:, AMASS_17.index("l_ankle"), 2]
            assert 1.3 < height.min() < height.max() < 1.9
            model = poses[:, AMASS_17_TO_MODEL]
            bones = np.linalg.norm(model - model[:, PARENTS], axis=-1)[:, PARENTS >= 0]
            assert (bones.std(0) < 0.03).all()
            assert 0.05 < bones.mean(0).min() < bones.mean(0).max() < 0.6
            assert np.abs(np.diff(poses, axis=0)).max() * 50 < 5  # m/s


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (50.0, 60),
        (60.0, 50),
        (59.94, 50),
        (100.0, 30),
        (100.00000762939453, 30),  # a float32 clock
        (119.88, 25),
        (120, 25),
        (250.0, 12),
    ],
)
def test_joints_lie_at_the_times_of_50_hz(tmp_path, body_model, rate, expected):
    fields = motion(mocap_framerate=np.array(rate))
    ours = only(convert_archive(archive_of(tmp_path, {"CMU/01/a_poses.npz": fields}), "CMU", body_model))
    all_frames = joints(body_model, "male", *(fields[name] for name in ("poses", "betas", "dmpls", "trans"))).astype(np.float64)
    assert len(ours) == expected
    at = np.arange(expected) / 50 * rate
    between = [np.interp(at, np.arange(60), values) for values in all_frames.reshape(60, -1).T]
    np.testing.assert_allclose(ours, np.stack(between, 1).reshape(-1, 17, 3), atol=1e-5)


@pytest.mark.parametrize(("rate", "frames", "expected"), [(50.0, 57, 57), (50.0, 58, 57), (49.9999999, 57, 57), (120.0, 276, 114)])
def test_recordings_have_as_many_frames_as_the_official_code_gives(tmp_path, body_model, rate, frames, expected):
    """276 frames at 120 Hz are 115 at 50 Hz, and 114 in its float64."""
    fields = recording(frames, rate, np.random.default_rng(0))
    ours = only(convert_archive(archive_of(tmp_path, {"CMU/01/a_poses.npz": fields}), "CMU", body_model))
    assert len(ours) == expected


@pytest.mark.parametrize(
    ("gender", "name"),
    [
        ("male", "male"),
        (b"female", "female"),
        ("neutral", "neutral"),
        ([b"male"], "male"),
        (" Female ", "female"),
        (["neutral"], "neutral"),
    ],
)
def test_genders_in_every_form(tmp_path, body_model, gender, name):
    fields = motion(gender=np.array(gender), mocap_framerate=np.array(50.0))
    ours = only(convert_archive(archive_of(tmp_path, {"CMU/01/a_poses.npz": fields}), "CMU", body_model))
    np.testing.assert_array_equal(ours, joints(body_model, name, *(fields[key] for key in ("poses", "betas", "dmpls", "trans"))))


def test_forms_that_mean_the_same(tmp_path, body_model):
    right = motion()
    others = {
        "more betas": motion(betas=np.concatenate([right["betas"], [9.0, 9.0]])),
        "renamed rate": motion(mocap_framerate=None, mocap_frame_rate=np.array(120.0)),
        "whole rate": motion(mocap_framerate=np.array([120])),
        "named model": motion(surface_model_type=np.array("smplh")),
        "more fields": motion(marker_data=np.zeros((60, 67, 3)), labels=np.array(["a"], object)),
        "other order": motion(poses=np.asfortranarray(right["poses"]), trans=right["trans"].astype(">f8")),
    }
    expected = only(convert_archive(archive_of(tmp_path, {"CMU/01/a_poses.npz": right}), "CMU", body_model))
    for name, fields in others.items():
        ours = only(convert_archive(archive_of(tmp_path, {"CMU/01/a_poses.npz": fields}), "CMU", body_model))
        np.testing.assert_array_equal(ours, expected, err_msg=name)


# ---- order and bytes


def test_equal_bytes_whatever_the_order_of_the_archive(tmp_path, cmu, body_model, converted):
    with tarfile.open(cmu) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    names = sorted(members)
    assert list(members) != names
    results = []
    for number, order in enumerate((list(members), names, names[::-1])):
        path = archive_of(tmp_path, {name: members[name] for name in order})
        again = convert_archive(path, "CMU", body_model)
        write_amass_subset(tmp_path / f"{number}.npz", again.people)
        write_report(tmp_path / f"{number}.csv", again.report)
        results.append((tmp_path / f"{number}.npz").read_bytes() + (tmp_path / f"{number}.csv").read_bytes())
    assert results[0] == results[1] == results[2]
    read_back = read_amass_subset(tmp_path / "0.npz")
    assert [list(people) for people in read_back.values()] == [["01_01_poses", "01_03_poses"], ["02_02_poses", "02_04_poses"]]
    np.testing.assert_array_equal(
        read_back["02"]["02_04_poses"]["positions_3d"], converted.people["02"]["02_04_poses"]["positions_3d"]
    )


def test_the_archives_of_the_tests_are_equal_too(tmp_path):
    for number in "12":
        amass_archives(tmp_path / number, ["SFU"], lengths=(20,))
    assert (tmp_path / "1/SFU.tar.bz2").read_bytes() == (tmp_path / "2/SFU.tar.bz2").read_bytes()


def test_converted_files_make_a_table(tmp_path, body_model):
    for subset in ("MPImosh", "ACCAD"):
        path = subset_archive(tmp_path, subset, lengths=(20, 30))
        write_amass_subset(tmp_path / f"{subset}.npz", convert_archive(path, subset, body_model).people)
    table = amass_table([tmp_path / "MPImosh.npz", tmp_path / "ACCAD.npz"])
    assert table.sequence_name.tolist() == ["01/01_01_poses", "02/02_02_poses"] * 2
    assert table.sequence_length.tolist() == [20, 30] * 2


# ---- names


@pytest.mark.parametrize("subset", SUBSETS)
def test_every_subset_is_known_by_its_folder_and_archive(tmp_path, body_model, subset):
    (path,) = amass_archives(tmp_path, [subset], lengths=(20,)).values()
    assert subset_name(path.name.removesuffix(".tar.bz2")) == subset
    assert subset_name(FOLDERS.get(subset, subset)) == subset
    result = convert_archive(path, subset, body_model)
    assert result.subset == subset
    assert len(result.report) == 1 + SKIPPED
    assert len(SUBSETS) == len(set(SUBSETS)) == sum(map(len, SPLITS.values())) == 17


@pytest.mark.parametrize("folder", ["HDM05", "MPI_HDM05", "MPIHDM05", "HDM05/MPI_HDM05", "amass/MPI_HDM05"])
@pytest.mark.parametrize("subset", ["MPIHDM05", "HDM05", "MPI_HDM05"])
def test_old_and_new_names(tmp_path, body_model, subset, folder):
    result = convert_archive(archive_of(tmp_path, {f"{folder}/bk/a_poses.npz": motion()}), subset, body_model)
    assert result.subset == "MPIHDM05"
    assert {person: list(sequences) for person, sequences in result.people.items()} == {"bk": ["a_poses"]}


def test_a_subset_that_is_none_of_the_seventeen(tmp_path, body_model):
    path = archive_of(tmp_path, {"DFaust_67/50002/a_poses.npz": motion()})
    assert convert_archive(path, "DFaust_67", body_model).subset == "DFaust_67"
    with pytest.raises(InputError, match=r"it holds a folder DFaust_67 \(.*\), not SSM; give the archive of SSM"):
        convert_archive(path, "SSM", body_model)


def test_the_archive_of_another_subset(tmp_path, body_model):
    path = subset_archive(tmp_path, "BMLrub", lengths=(20,))
    with pytest.raises(InputError, match=r"BMLrub\.tar\.bz2: it holds the subset BMLrub \(BioMotionLab_NTroje/.*\), not CMU; give"):
        convert_archive(path, "CMU", body_model)
    path = archive_of(tmp_path, {"CMU/01/a_poses.npz": motion(), "SFU/01/a_poses.npz": motion()})
    with pytest.raises(InputError, match=r"it holds the subset SFU \(SFU/01/a_poses\.npz\), not CMU"):
        convert_archive(path, "CMU", body_model)


@pytest.mark.parametrize("folder", ["CMU", "amass/CMU"])
def test_a_recording_that_lies_in_the_folder_of_no_person(tmp_path, body_model, folder):
    path = archive_of(tmp_path, {f"{folder}/a_poses.npz": motion()})
    usual = r"the archive of CMU has CMU/\{person\}/\{sequence\}_poses\.npz"
    with pytest.raises(InputError, match=rf"{folder}/a_poses\.npz lies in the folder of no person; {usual}"):
        convert_archive(path, "CMU", body_model)


def test_files_that_are_no_recordings_are_passed_over(tmp_path, body_model):
    members = {
        "CMU/01/a_poses.npz": motion(),
        "CMU/01/shape.npz": {"betas": np.zeros(16)},
        "CMU/01/._a_poses.npz": b"macOS",
        "CMU/LICENSE.txt": b"text",
        "CMU/01/b.npz": b"anything",
    }
    result = convert_archive(archive_of(tmp_path, members), "CMU", body_model)
    assert [row.file for row in result.report] == ["CMU/01/a_poses.npz"]


def test_two_recordings_of_one_name(tmp_path, body_model):
    path = archive_of(tmp_path, {"CMU/01/a_poses.npz": motion(), "CMU/CMU/01/a_poses.npz": motion()})
    with pytest.raises(InputError, match="it has two recordings 01/a"):
        convert_archive(path, "CMU", body_model)


# ---- other body models


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({"CMU/01/a_poses.npz": motion(poses=np.zeros((60, 165)))}, r"CMU/01/a_poses\.npz is for SMPL-X"),
        ({"CMU/01/a_poses.npz": motion(poses=np.zeros((60, 72)))}, r"CMU/01/a_poses\.npz is for SMPL"),
        ({"CMU/01/a_poses.npz": motion(surface_model_type=np.array("smplx"))}, r"CMU/01/a_poses\.npz is for smplx"),
        ({"CMU/01/a_stageii.npz": b"whatever"}, r"CMU/01/a_stageii\.npz is a recording for SMPL-X"),
    ],
)
def test_only_one_kind_of_archive_fits(tmp_path, body_model, member, message):
    path = archive_of(tmp_path, {"CMU/01/0_poses.npz": motion(), **member})
    with pytest.raises(
        InputError, match=rf'CMU\.tar\.bz2: {message}; only the archives under "SMPL\+H G" of the download page fit'
    ):
        convert_archive(path, "CMU", body_model)


# ---- skipped recordings


def _not_finite(field, value):
    array = motion()[field].copy()
    array.flat[5] = value
    return motion(**{field: array})


class Intruder:
    def __reduce__(self):
        return os.mkdir, ("intruded",)


SKIPS = {
    "no poses": (motion(poses=None), "the field 'poses' is missing", None, None),
    "no trans": (motion(trans=None), "the field 'trans' is missing", 60, 120),
    "no dmpls": (motion(dmpls=None), "the field 'dmpls' is missing", 60, 120),
    "no betas": (motion(betas=None), "the field 'betas' is missing", 60, 120),
    "no gender": (motion(gender=None), "the field 'gender' is missing", 60, 120),
    "no rate": (motion(mocap_framerate=None), "the field 'mocap_framerate' is missing", 60, None),
    "odd gender": (motion(gender=np.array("robot")), "the field 'gender' is 'robot', not male, female, neutral", 60, 120),
    "pickled gender": (
        motion(gender=np.array(Intruder(), object)),
        "the field 'gender' is a pickled object, which is not loaded",
        60,
        120,
    ),
    "numeric gender": (motion(gender=np.array(1)), "the field 'gender' is not one word", 60, 120),
    "two rates": (motion(mocap_framerate=np.array([50.0, 60.0])), "the field 'mocap_framerate' is not one number", 60, None),
    "rate in words": (motion(mocap_framerate=np.array("120")), "the field 'mocap_framerate' is not one number", 60, None),
    "rate nan": (
        motion(mocap_framerate=np.array(np.nan)),
        "the field 'mocap_framerate' has values that are NaN or infinite",
        60,
        None,
    ),
    "slow": (motion(mocap_framerate=np.array(30.0)), "its frame rate is below 50 Hz", 60, 30),
    "almost 50": (motion(mocap_framerate=np.array(49.99)), "its frame rate is below 50 Hz", 60, 49.99),
    "poses nan": (_not_finite("poses", np.nan), "the field 'poses' has values that are NaN or infinite", None, None),
    "trans inf": (_not_finite("trans", np.inf), "the field 'trans' has values that are NaN or infinite", 60, 120),
    "dmpls nan": (_not_finite("dmpls", np.nan), "the field 'dmpls' has values that are NaN or infinite", 60, 120),
    "betas inf": (_not_finite("betas", -np.inf), "the field 'betas' has values that are NaN or infinite", 60, 120),
    "huge": (_not_finite("trans", 1e300), "the field 'trans' has values beyond 10000", 60, 120),
    "short trans": (motion(trans=np.zeros((59, 3))), "the field 'trans' has the shape (59, 3), not (60, 3)", 60, 120),
    "few dmpls": (motion(dmpls=np.zeros((60, 5))), "the field 'dmpls' has the shape (60, 5), not (60, 8)", 60, 120),
    "few betas": (motion(betas=np.zeros(10)), "the field 'betas' has 10 components, 16 are needed", 60, 120),
    "odd width": (motion(poses=np.zeros((60, 100))), "the field 'poses' has the shape (60, 100), not (frames, 156)", None, None),
    "text": (motion(dmpls=np.full((60, 8), "0")), "the field 'dmpls' holds <U1, not numbers", 60, 120),
    "damaged": (npz_bytes(motion())[:-200], "it is not an .npz file, or it is damaged", None, None),
    "short": (recording(2, 120.0, np.random.default_rng(0)), "it is too short for one frame at 50 Hz", 2, 120),
    "empty": (recording(0, 120.0, np.random.default_rng(0)), "it is too short for one frame at 50 Hz", 0, 120),
}


@pytest.mark.parametrize("name", SKIPS)
def test_every_reason_to_skip(tmp_path, monkeypatch, body_model, name):
    monkeypatch.chdir(tmp_path)
    fields, reason, frames, rate = SKIPS[name]
    result = convert_archive(
        archive_of(tmp_path, {"CMU/01/a_poses.npz": fields, "CMU/01/b_poses.npz": motion()}), "CMU", body_model
    )
    skipped, kept = result.report
    assert (skipped.file, skipped.status, skipped.frames, skipped.frame_rate) == ("CMU/01/a_poses.npz", "skipped", frames, rate)
    assert skipped.reason.startswith(reason)
    assert (kept.file, kept.status, kept.frames, kept.frame_rate, kept.reason) == ("CMU/01/b_poses.npz", "converted", 60, 120, "")
    assert list(result.people["01"]) == ["b_poses"]
    assert not (tmp_path / "intruded").exists()


def test_a_flipped_bit_is_noticed(tmp_path, body_model):
    content = bytearray(npz_bytes(motion()))
    content[content.index(b"poses.npy") + 5000] ^= 1
    result = convert_archive(
        archive_of(tmp_path, {"CMU/01/a_poses.npz": bytes(content), "CMU/01/b_poses.npz": motion()}), "CMU", body_model
    )
    assert [row.status for row in result.report] == ["skipped", "converted"]
    assert "is damaged" in result.report[0].reason


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_field_that_is_longer_than_its_shape(tmp_path, body_model, compression):
    array = io.BytesIO()
    np.save(array, motion()["poses"])
    content = io.BytesIO(npz_bytes(motion(poses=None)))
    with zipfile.ZipFile(content, "a", compression) as archive:
        archive.writestr("poses.npy", array.getvalue() + b"x")
    members = {"CMU/01/a_poses.npz": content.getvalue(), "CMU/01/b_poses.npz": motion()}
    result = convert_archive(archive_of(tmp_path, members), "CMU", body_model)
    assert "the field 'poses' is damaged (its length does not fit" in result.report[0].reason


def test_a_field_that_claims_to_be_huge(tmp_path, body_model):
    """Such a file must not take the memory that it asks for."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 156)})
    buffer = io.BytesIO(npz_bytes(motion(poses=None)))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("poses.npy", header.getvalue())
    members = {"CMU/01/a_poses.npz": buffer.getvalue(), "CMU/01/b_poses.npz": motion()}
    result = convert_archive(archive_of(tmp_path, members), "CMU", body_model)
    assert "more than belongs there" in result.report[0].reason


def test_report_and_log_line(tmp_path, caplog, cmu, body_model):
    with caplog.at_level(logging.INFO, "uplift_upsample"):
        result = convert_archive(cmu, "CMU", body_model)
    (message,) = caplog.messages
    assert message == (
        "CMU: 4 recordings of 2 people, 600 frames at 50 Hz; 2 skipped "
        "(1 x it is too short for one frame at 50 Hz; 1 x the field 'dmpls' is missing)"
    )
    write_report(tmp_path / "report.csv", result.report)
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text().splitlines()))
    assert [list(row.values()) for row in rows] == [
        ["CMU/01/01_01_poses.npz", "360", "120", "converted", ""],
        ["CMU/01/01_03_poses.npz", "400", "100", "converted", ""],
        ["CMU/01/incomplete_poses.npz", "60", "120", "skipped", "the field 'dmpls' is missing"],
        ["CMU/02/02_02_poses.npz", "144", "60", "converted", ""],
        ["CMU/02/02_04_poses.npz", "156", "59.94", "converted", ""],
        ["CMU/02/short_poses.npz", "2", "120", "skipped", "it is too short for one frame at 50 Hz"],
    ]
    assert list(rows[0]) == ["file", "frames", "frame_rate", "status", "reason"]


def test_an_archive_without_a_usable_recording(tmp_path, body_model):
    path = archive_of(tmp_path, {"CMU/01/a_poses.npz": motion(dmpls=None), "CMU/01/shape.npz": b""})
    with pytest.raises(InputError, match=r"CMU\.tar\.bz2: no recording can be used, all 1 are unusable \(1 x the field 'dmpls' is"):
        convert_archive(path, "CMU", body_model)
    path = archive_of(tmp_path, {"CMU/01/shape.npz": b""})
    with pytest.raises(InputError, match=r"no recording can be used, none is named \*_poses\.npz; get the archive of CMU"):
        convert_archive(path, "CMU", body_model)


def test_a_cut_archive(tmp_path, cmu, body_model):
    (tmp_path / "CMU.tar.bz2").write_bytes(cmu.read_bytes()[:-50000])
    with pytest.raises(InputError, match=r"CMU\.tar\.bz2: the archive is cut off or damaged"):
        convert_archive(tmp_path / "CMU.tar.bz2", "CMU", body_model)


# ---- the script


def manifest(folder: Path, source: str, path: Path) -> str:
    found = sums_of_file(path)
    write_source_manifest(folder / f"{source}.json", SourceFile(source, str(path), found.sha256, found.bytes, "made by a test"))
    return f"{source}.json"


def command_for(folder: Path, archive: Path, model) -> list[str]:
    write_body_model(folder / "body_model.npz", model)
    inputs = ["--source", manifest(folder, "amass_CMU", archive), "--subset", "CMU", "--body_model", "body_model.npz"]
    return ["convert_amass_archive.py", *inputs, "--output", "out/CMU.npz", "--report", "out/CMU.report.csv"]


@pytest.mark.long
def test_a_killed_conversion_starts_again(tmp_path, body_model):
    outputs = ["out/CMU.npz", "out/CMU.report.csv"]
    command = command_for(tmp_path, subset_archive(tmp_path, "CMU", lengths=(1500, 1000)), body_model)
    duration = finish(command, tmp_path, {"OPENBLAS_NUM_THREADS": "1"})
    expected = sums(tmp_path, outputs)
    assert len(expected) == 2
    generator = random.Random(0)
    hits = 0
    moments = [lambda: any((tmp_path / "out").glob(".CMU.*")), *(generator.uniform(0.3, 0.98) * duration for _ in range(2))]
    for moment in moments:
        for output in outputs:
            (tmp_path / output).unlink()
        hits += kill_at(moment, command, tmp_path)
        assert sums(tmp_path, outputs).items() <= expected.items()
        finish(command, tmp_path, {"OPENBLAS_NUM_THREADS": "2"})  # which must make no difference
        assert sums(tmp_path, outputs) == expected
    assert hits


@pytest.mark.long
def test_memory_is_that_of_one_recording(tmp_path, body_model):
    """The archive unpacks to 200 MB, in thirty recordings; far less is in memory at any time."""
    content = npz_bytes(recording(5000, 120.0, np.random.default_rng(0)))
    with tarfile.open(tmp_path / "CMU.tar.bz2", "w") as archive:  # not packed, to be quick
        for number in range(30):
            info = tarfile.TarInfo(f"CMU/01/{number}_poses.npz")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    command = command_for(tmp_path, tmp_path / "CMU.tar.bz2", body_model)
    process, peak = start(command, tmp_path, is_warm=False), 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1e6)
        time.sleep(0.005)
    assert process.returncode == 0, process.communicate()[0]
    assert 30 < peak < 190, f"{peak:.0f} MB"
