"""Human3.6M in the frames table: equal to the official loader, and clear about files that do not fit."""

import json

import numpy as np
import pytest
from world.people import h36m_pair

from uplift_upsample.base.cameras import h36m_cameras, world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import H36M_17_TO_MODEL, H36M_32_TO_MODEL
from uplift_upsample.data.frames import read_frames_table, write_frames_table
from uplift_upsample.data.h36m.table import canonical_action, h36m_table
from uplift_upsample.data.public_npz import write_positions_2d, write_positions_3d
from uplift_upsample.plan.h36m_subjects import ACTIONS, SPLITS

T = 6


@pytest.fixture(scope="module")
def tables(golden):
    return {
        source: h36m_table(golden / "data/data_3d_h36m.npz", golden / f"data/data_2d_h36m_{source}.npz", source)
        for source in ("cpn_ft_h36m_dbb", "gt")
    }


def camera_frame(table, video):
    camera = table.video_camera[video]
    start = table.video_start_3d[video]
    poses = table.poses_3d[start : start + table.video_length[video]]
    return world_to_camera(poses[None], table.cameras.rotations[[camera]], table.cameras.translation[[camera]])[0]


def screen(table, video):
    start = table.video_start_2d[video]
    return table.poses_2d[start : start + table.video_length[video]]


def test_cameras_are_those_of_the_official_loader(golden, golden_count):
    expected = np.load(golden / "pipeline/h36m_loader.npz")
    cameras = h36m_cameras()
    for index, name in enumerate(cameras.names):
        key = f"camera/{name.split('/')[0]}/{index % 4}"
        np.testing.assert_array_equal(cameras.orientation[index], expected[f"{key}/orientation"])
        np.testing.assert_array_equal(cameras.translation[index], expected[f"{key}/translation"])
        np.testing.assert_allclose(cameras.intrinsics[index], expected[f"{key}/intrinsic"], rtol=0, atol=0)
        golden_count("loader: cameras")


def test_poses_are_those_of_the_official_loader(golden, golden_count, tables):
    expected = np.load(golden / "pipeline/h36m_loader.npz")
    names = {key.rsplit("/", 1)[0] for key in expected.files if key.startswith("video/")}
    assert names
    table = tables["gt"]
    for name in sorted(names):
        _, subject, action, camera = name.split("/")
        of_sequence = np.flatnonzero((table.video_subject == subject) & (table.sequence_name[table.video_sequence] == action))
        video = of_sequence[int(camera)]
        np.testing.assert_allclose(camera_frame(table, video), expected[f"{name}/cam3d"], rtol=0, atol=5e-6)
        np.testing.assert_allclose(screen(table, video), expected[f"{name}/gt2d"], rtol=0, atol=1e-6)
        np.testing.assert_allclose(screen(tables["cpn_ft_h36m_dbb"], video), expected[f"{name}/cpn2d"], rtol=0, atol=1e-6)
        golden_count("loader: videos")


@pytest.mark.parametrize("split", SPLITS)
def test_order_and_sums_of_all_videos(golden, golden_count, tables, split):
    expected = json.loads((golden / "pipeline/h36m_sequences.json").read_text())[split]
    table = tables["cpn_ft_h36m_dbb"]
    videos = table.videos_of(table.metadata["splits"][split])
    assert len(videos) == expected["n"]
    assert table.video_length[videos].tolist() == expected["lengths"]
    assert table.video_frame_rate[videos].tolist() == expected["frame_rates"]
    assert [ACTIONS.index(action) for action in table.video_action[videos]] == expected["actions"]
    subjects = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
    assert [subjects.index(subject) for subject in table.video_subject[videos]] == expected["subjects"]
    assert int(table.video_length[videos].sum()) == expected["total_frames"]
    for video, sum_3d, sum_2d in zip(videos, expected["sum3d"], expected["sum2d"], strict=True):
        assert camera_frame(table, video).sum(dtype=np.float64) == pytest.approx(sum_3d, abs=2e-7 * table.video_length[video] * 51)
        assert screen(table, video).sum(dtype=np.float64) == pytest.approx(sum_2d, abs=1e-7 * table.video_length[video] * 34)
        golden_count("loader: video sums")


def test_metadata(golden, tables):
    metadata = tables["gt"].metadata
    assert metadata["dataset"] == "h36m"
    assert metadata["input_2d"] == "gt"
    assert metadata["splits"]["test"] == ["S9", "S11"]
    assert metadata["actions"] == list(ACTIONS)
    path = golden / "data/data_3d_h36m.npz"
    assert metadata["sources"][0] == {"file": "data_3d_h36m.npz", "sha256": sha256_of_file(path)}


def test_the_table_survives_its_file(tables, tmp_path):
    write_frames_table(tmp_path / "h36m.h5", tables["gt"])
    read = read_frames_table(tmp_path / "h36m.h5")
    np.testing.assert_array_equal(read.poses_2d, tables["gt"].poses_2d)
    np.testing.assert_array_equal(read.video_camera, tables["gt"].video_camera)
    assert {key: read.metadata[key] for key in tables["gt"].metadata} == tables["gt"].metadata


@pytest.fixture
def files(tmp_path):
    """Writes a 3D and a 2D file of S1 and S9, two actions each, after a function changed them; returns their paths."""

    def write(change=lambda poses_3d, poses_2d: None):
        poses_3d, poses_2d = h36m_pair({subject: {"Walking 1": T, "Photo": T} for subject in ("S1", "S9")})
        change(poses_3d, poses_2d)
        paths = tmp_path / "data_3d_h36m.npz", tmp_path / "data_2d_h36m_gt.npz"
        write_positions_3d(paths[0], poses_3d)
        write_positions_2d(paths[1], poses_2d)
        return paths, poses_3d, poses_2d

    return write


def test_values_go_where_they_belong(files):
    paths, poses_3d, poses_2d = files()
    table = h36m_table(*paths, "gt")
    assert table.sequence_subject.tolist() == ["S1", "S1", "S9", "S9"]
    assert table.sequence_name.tolist() == ["Walking 1", "Photo"] * 2
    assert table.sequence_action.tolist() == ["Walking", "Photo"] * 2
    assert table.video_camera.tolist() == [0, 1, 2, 3] * 2 + [20, 21, 22, 23] * 2
    np.testing.assert_allclose(table.poses_3d[3 * T :], poses_3d["S9"]["Photo"][:, H36M_32_TO_MODEL], rtol=1e-6)
    pixels = poses_2d["S9"]["Walking 1"][3][:, H36M_17_TO_MODEL]  # a camera of 1000 by 1002
    np.testing.assert_allclose(screen(table, 11), pixels / 500 - [1, 1.002], rtol=0, atol=1e-6)


def test_surplus_2d_frames_are_cut(files):
    expected = h36m_table(*files()[0], "gt").poses_2d

    def lengthen(_, poses_2d):
        poses_2d["S9"]["Photo"] = [np.concatenate([view, view[:3]]) for view in poses_2d["S9"]["Photo"]]

    np.testing.assert_array_equal(h36m_table(*files(lengthen)[0], "gt").poses_2d, expected)


def test_other_subjects_are_ignored(files):
    def add(poses_3d, poses_2d):
        poses_2d["S2"] = {"Walking": [np.full((1, 17, 2), np.nan)]}
        poses_3d["S3"] = {"Juggling": np.zeros((2, 32, 3))}

    assert h36m_table(*files(add)[0], "gt").subjects == ["S1", "S9"]


def drop_subject(_, poses_2d):
    del poses_2d["S9"]


def drop_action(_, poses_2d):
    del poses_2d["S9"]["Photo"]


def drop_camera(_, poses_2d):
    poses_2d["S9"]["Photo"].pop()


def shorten(_, poses_2d):
    poses_2d["S9"]["Photo"][2] = poses_2d["S9"]["Photo"][2][:-1]


def other_joints(_, poses_2d):
    poses_2d["S9"]["Photo"][2] = np.zeros((T, 16, 2))


def spoil_2d(_, poses_2d):
    poses_2d["S9"]["Photo"][2][4, 3, 0] = np.nan


def spoil_3d(poses_3d, _):
    poses_3d["S9"]["Photo"][4, 12, 0] = np.inf


def rename_action(poses_3d, _):
    poses_3d["S9"]["TakingPhoto"] = poses_3d["S9"].pop("Photo")


def other_people(poses_3d, _):
    poses_3d.clear()
    poses_3d["Subject 1"] = {"Walking": np.zeros((T, 32, 3))}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_subject, r"2d_h36m_gt.npz: no 2D poses of subject S9, "),
        (drop_action, r"2d_h36m_gt.npz: no 2D poses of S9 Photo, "),
        (drop_camera, r"2d_h36m_gt.npz: S9 Photo has 2D poses of 3 cameras instead of 4"),
        (shorten, r"2d_h36m_gt.npz: S9 Photo, camera 2 has 5 frames, fewer than the 6"),
        (other_joints, r"2d_h36m_gt.npz: S9 Photo, camera 2 holds .*\(6, 16, 2\)"),
        (spoil_2d, r"2d_h36m_gt.npz: S9 Photo, camera 2, frame 4 has a coordinate that is NaN or infinite"),
        (spoil_3d, r"data_3d_h36m.npz: S9 Photo, frame 4 has a coordinate"),
        (rename_action, r"data_3d_h36m.npz: S9: unknown action 'TakingPhoto', did you mean 'Photo'"),
        (other_people, r"data_3d_h36m.npz: none of the subjects S1, "),
    ],
)
def test_files_that_do_not_fit(files, change, message):
    paths, _, _ = files(change)
    with pytest.raises(InputError, match=message):
        h36m_table(*paths, "gt")


def test_canonical_action():
    assert canonical_action("SittingDown 2") == "SittingDown"
    with pytest.raises(InputError, match="did you mean 'WalkTogether'"):
        canonical_action("WalkTogeter 1")
