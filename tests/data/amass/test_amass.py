"""AMASS in the frames table: equal to the official loader, and clear about files that do not fit."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
from world.people import recordings_3d

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import AMASS_17, AMASS_17_TO_MODEL, H36M_17, H36M_32, MODEL_17, joint_map
from uplift_upsample.data.amass.table import SPLITS, amass_table
from uplift_upsample.data.frames import subjects_of
from uplift_upsample.data.public_npz import write_amass_subset
from uplift_upsample.data.public_places import open_amass
from uplift_upsample.plan.thresholds import Checks

SUBSETS = ("CMU", "ACCAD", "SFU", "MPImosh")


@pytest.fixture(scope="module")
def table(golden):
    return amass_table([golden / "data/amass" / f"{subset}.npz" for subset in SUBSETS])


def poses_of(table, sequence):
    return table.poses_3d[table.sequence_start[sequence] :][: table.sequence_length[sequence]]


def test_poses_are_those_of_the_official_loader(golden, golden_count, table):
    expected = np.load(golden / "pipeline/amass_loader.npz")
    for key in expected.files:
        subset, name = key.split("/", 1)
        (sequence,) = np.flatnonzero((table.sequence_subject == subset) & (table.sequence_name == name))
        np.testing.assert_array_equal(poses_of(table, sequence), expected[key])
        golden_count("loader: AMASS sequences")


@pytest.mark.parametrize(("key", "subjects"), [("train", None), ("val", None), ("train_debug", ["CMU"])])
def test_order_and_sums_of_all_sequences(golden, golden_count, table, key, subjects):
    expected = json.loads((golden / "pipeline/amass_sequences.json").read_text())[key]
    sequences = table.video_sequence[table.videos_of(subjects or table.metadata["splits"][key])]
    names = [f"{table.sequence_subject[sequence]}/{table.sequence_name[sequence]}" for sequence in sequences]
    assert names == list(expected)
    for sequence, (shape, frame_rate, total) in zip(sequences, expected.values(), strict=True):
        assert poses_of(table, sequence).shape == tuple(shape)
        assert table.sequence_frame_rate[sequence] == frame_rate
        assert poses_of(table, sequence).sum(dtype=np.float64) == pytest.approx(total, rel=1e-9)
        golden_count("loader: AMASS sums")


def test_rows_lie_in_the_order_that_the_official_sampler_shuffles(golden, golden_count, table):
    expected = np.load(golden / "pipeline/amass_train_s9_inbatch.npz")["epoch0/all_index"]
    videos = table.videos_of(table.metadata["splits"]["train"])
    rows = np.array([(video, frame) for video in videos for frame in range(table.video_length[video])])
    np.random.default_rng(0).shuffle(rows)
    np.testing.assert_array_equal(rows[:, 1].repeat(2), expected)  # each row and its mirrored twin
    golden_count("loader: AMASS rows", len(expected))


def test_metadata_and_cameras(golden, table):
    assert table.metadata["dataset"] == "amass"
    assert table.metadata["input_2d"] is None
    assert table.metadata["splits"] == {"train": ["ACCAD", "CMU"], "val": ["MPImosh", "SFU"]}
    sums = {source["file"]: source["sha256"] for source in table.metadata["sources"]}
    assert sums["CMU.npz"] == sha256_of_file(golden / "data/amass/CMU.npz")
    assert len(table.cameras) == 28
    assert set(table.video_camera.tolist()) == {-1}
    assert table.poses_2d is None
    assert table.num_videos == len(table.sequence_name)


def test_the_splits_of_the_paper():
    assert len(SPLITS["train"]) == 14
    assert len(SPLITS["val"]) == 3
    assert not set(SPLITS["train"]) & set(SPLITS["val"])


@pytest.fixture
def write(tmp_path):
    """Writes one subset with one sequence."""

    def write_subset(subset="CMU", frame_rate=50.0, poses=None):
        poses = np.random.default_rng(0).normal(scale=0.4, size=(5, 17, 3)) if poses is None else poses
        write_amass_subset(tmp_path / f"{subset}.npz", {"01": {"01_01_poses": {"positions_3d": poses, "frame_rate": frame_rate}}})
        return poses

    return write_subset


def test_values_go_where_they_belong(write, tmp_path):
    poses = write("SFU", frame_rate=100.0)
    write("CMU")
    table = amass_table([tmp_path / "SFU.npz", tmp_path / "CMU.npz"])
    assert table.sequence_subject.tolist() == ["CMU", "SFU"]
    assert table.sequence_name.tolist() == ["01/01_01_poses"] * 2
    assert table.sequence_frame_rate.tolist() == [50, 100]
    np.testing.assert_allclose(poses_of(table, 1), poses[:, AMASS_17_TO_MODEL], rtol=1e-6)


@pytest.mark.parametrize("frame_rate", [60.0, 25.0, 0.0, -50.0, 119.99, np.nan])
def test_other_frame_rates_must_be_resampled(write, tmp_path, frame_rate):
    write(frame_rate=frame_rate)
    with pytest.raises(InputError, match=r"CMU.npz: 01/01_01_poses has .* Hz, which is not a multiple of 50 Hz; resample it"):
        amass_table([tmp_path / "CMU.npz"])


def test_all_missing_files_are_named(write, tmp_path):
    write("CMU")
    with pytest.raises(InputError, match=r"ACCAD\.npz.*SFU\.npz") as caught:
        amass_table([tmp_path / f"{subset}.npz" for subset in ("SFU", "CMU", "ACCAD")])
    assert "CMU.npz" not in str(caught.value)
    with pytest.raises(InputError, match="empty"):
        amass_table([])


def test_a_subset_of_ones_own_is_for_training(write, tmp_path):
    files = []
    for subset in ("SFU", "our_lab", "CMU"):
        write(subset)
        files.append(tmp_path / f"{subset}.npz")
    table = amass_table(files)
    assert table.metadata["splits"] == {"train": ["CMU", "our_lab"], "val": ["SFU"]}
    assert table.metadata["actions"] == table.subjects == ["CMU", "SFU", "our_lab"]


def test_former_names(write, tmp_path, caplog):
    """As folders and archives call them: what is for validation is not trained on, and the order is that of the published names."""
    names = ["MPI_mosh", "BioMotionLab_NTroje", "sfu", "Eyes_Japan_Dataset", "HDM05", "MoCap_Lab", "CMU"]
    for subset in names:
        write(subset)
    with caplog.at_level(logging.WARNING):
        table = amass_table([tmp_path / f"{subset}.npz" for subset in names])
    assert table.metadata["splits"] == {
        "train": ["BMLrub", "CMU", "EyesJapanDataset", "MoCap_Lab"],
        "val": ["MPIHDM05", "MPImosh", "SFU"],
    }
    assert table.subjects == ["BMLrub", "CMU", "EyesJapanDataset", "MPIHDM05", "MPImosh", "MoCap_Lab", "SFU"]
    assert [source["file"] for source in table.metadata["sources"]][3:5] == ["HDM05.npz", "MPI_mosh.npz"]
    (warning,) = caplog.messages
    assert warning.startswith("AMASS: 6 of the 17 published subsets; without DanceDB, MPILimits, ")
    assert warning.endswith("; trained on as unknown subsets: MoCap_Lab")
    assert subjects_of(table, "MPI_HDM05, BMLrub") == ["MPIHDM05", "BMLrub"]


@pytest.mark.parametrize("name", ["MPI_HDM5", "HDM05_50hz", "SFU (1)", "amass_SFU_50hz"])
def test_an_unknown_name_that_may_be_meant_for_validation(write, tmp_path, name):
    write(name)
    with pytest.raises(
        InputError, match=r"no subset has this name, and unknown subsets are trained on; rename it to (MPIHDM05|SFU) if"
    ):
        amass_table([tmp_path / f"{name}.npz"])


def test_all_subsets_of_a_folder(write, tmp_path, caplog):
    """What train.py --amass_path reads."""
    for subset in ("CMU", "MPI_HDM05", "notes", "._SFU"):
        write(subset)
    with caplog.at_level(logging.WARNING):
        table = open_amass(str(tmp_path), 50)
    assert table.metadata["splits"] == {"train": ["CMU"], "val": ["MPIHDM05"]}
    unknown, missing = caplog.messages
    assert unknown.endswith(": not used, because no subset of AMASS has these names: notes.npz")
    assert missing.startswith("AMASS: 2 of the 17 published subsets; without DanceDB, ")
    write("MPIHDM05")
    with pytest.raises(InputError, match=r"MPIHDM05\.npz and .*MPI_HDM05\.npz are both the subset MPIHDM05; leave out one"):
        open_amass(str(tmp_path), 50)


@pytest.mark.parametrize("rate", [50.0000001, 49.9999999, 100.00000762939453, 149.999])
def test_rates_of_clocks_that_are_not_exact(write, tmp_path, rate):
    write(frame_rate=rate)
    assert amass_table([tmp_path / "CMU.npz"]).sequence_frame_rate.tolist() == [round(rate)]


def test_a_rate_is_told_with_all_its_digits(write, tmp_path):
    write(frame_rate=100.00234)
    with pytest.raises(InputError, match=r"has 100\.00234 Hz, which is not a multiple of 50 Hz"):
        amass_table([tmp_path / "CMU.npz"])


@pytest.mark.parametrize("nothing", [np.zeros((0, 17, 3), np.float32), np.zeros(0), np.zeros((0, 3)), []], ids=str)
def test_sequences_without_frames_are_left_out(tmp_path, caplog, nothing):
    poses = np.random.default_rng(0).normal(scale=0.4, size=(5, 17, 3)).astype(np.float32)
    sequences = {name: {"positions_3d": p, "frame_rate": 50.0} for name, p in [("a", poses), ("b", nothing), ("c", poses)]}
    np.savez(tmp_path / "SFU.npz", positions_3d={"01": sequences, "02": {"d": {"positions_3d": nothing, "frame_rate": 0.0}}})
    with caplog.at_level(logging.WARNING):
        table = amass_table([tmp_path / "SFU.npz"])
    assert table.sequence_name.tolist() == ["01/a", "01/c"]
    assert [message.removeprefix(str(tmp_path)) for message in caplog.messages if "left out" in message] == [
        "/SFU.npz: 2 of 4 sequences have no frames and are left out: 01/b, 02/d"
    ]
    np.savez(tmp_path / "SFU.npz", positions_3d={"01": {"b": sequences["b"]}})
    with pytest.raises(InputError, match=r"SFU\.npz: there are no frames in any of its 1 sequences"):
        amass_table([tmp_path / "SFU.npz"])


def test_two_files_of_one_subset(write, tmp_path):
    write("CMU")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/CMU.npz").write_bytes((tmp_path / "CMU.npz").read_bytes())
    with pytest.raises(InputError, match=r"both named CMU; name each file"):
        amass_table([tmp_path / "CMU.npz", tmp_path / "other/CMU.npz"])
    assert amass_table([tmp_path / "CMU.npz", str(tmp_path / "CMU.npz")]).subjects == ["CMU"]


def test_values_that_are_no_numbers(write, tmp_path):
    poses = np.zeros((5, 17, 3))
    poses[3, 2, 1] = np.nan
    write(poses=poses)
    with pytest.raises(InputError, match=r"CMU.npz: 01/01_01_poses, frame 3 has"):
        amass_table([tmp_path / "CMU.npz"])


@pytest.mark.parametrize(("factor", "unit"), [(1000, "millimetres"), (100, "centimetres"), (1 / 0.0254, "inches"), (1e-3, None)])
def test_people_of_another_unit_are_refused(write, tmp_path, factor, unit):
    """By convert_amass.py and by train.py --amass_path alike."""
    person = recordings_3d({"S1": {"Walking": 40}})["S1"]["Walking"][:, joint_map(H36M_32, AMASS_17)]
    write(poses=person * factor)
    told = f"they are likely {unit}, which makes 1[.]" if unit else "no unit gives the size of a person"
    for read in (lambda: amass_table([tmp_path / "CMU.npz"]), lambda: open_amass(str(tmp_path), 50)):
        with pytest.raises(InputError, match=rf"CMU[.]npz: 01/01_01_poses: the person measures .* m, not 0[.]3 to 4 m .*{told}"):
            read()


def test_the_size_of_people_is_told(write, tmp_path, caplog):
    write(poses=recordings_3d({"S1": {"Walking": 40}})["S1"]["Walking"][:, joint_map(H36M_32, AMASS_17)])
    with caplog.at_level(logging.INFO):
        amass_table([tmp_path / "CMU.npz"])
    assert re.search(r"CMU.npz: people measure (1\.\d\d) to \1 m", caplog.text)
    with pytest.raises(InputError, match=r"not 0\.3 to 1 m"):
        amass_table([tmp_path / "CMU.npz"], checks=Checks(body_size=(0.3, 1.0)))


REAL = Path(__file__).parents[3] / "workflow/resources/people/02.npz"  # walks, runs, jumps; z up


def _real() -> np.ndarray:
    with np.load(REAL) as file:
        return file["positions"][:, joint_map(tuple(file["joints"].tolist()), AMASS_17)].astype(np.float64)


def test_people_of_real_subsets_are_taken(write, tmp_path) -> None:
    write(poses=_real())
    assert amass_table([tmp_path / "CMU.npz"]).sequence_length.tolist() == [1311]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda poses: poses[:, joint_map(AMASS_17, H36M_17)], "the knees bend backwards"),
        (lambda poses: poses[:, joint_map(AMASS_17, MODEL_17)], "the joints are likely in the published weights' order"),
        (lambda poses: poses[..., [0, 2, 1]] * [1, 1, -1], "z must be up"),
        (lambda poses: poses * [1, 1, -1], "the head is below the ankles in most frames: z must be up"),
        (lambda poses: poses * [-1, 1, 1], "the knees bend backwards"),
        (lambda poses: poses - poses[:, :1], "the pelvis is \\(0, 0, 0\\) in all frames"),
    ],
    ids=["H36M_17", "MODEL_17", "y up", "z down", "mirrored", "relative"],
)
def test_other_orders_and_axes_are_refused(change, message, write, tmp_path) -> None:
    write(poses=change(_real()))
    with pytest.raises(InputError, match=message):
        amass_table([tmp_path / "CMU.npz"])
