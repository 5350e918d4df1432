"""The demo's synthetic people: the files, and whether the people in them have the measures and motions of people."""

import subprocess
import sys

import numpy as np
import pytest

from uplift_upsample.cameras import h36m_cameras, world_to_camera
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.demo.body import Bend, draw_body, rotations, two_segments
from uplift_upsample.data.demo.curves import around, hermite, in_turn, minimum_jerk
from uplift_upsample.data.demo.synthetic import generate_demo, h36m_recordings
from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.data.h36m.table import ACTIONS, canonical_action, h36m_table
from uplift_upsample.data.public_npz import read_amass_subset, read_positions_2d, read_positions_3d
from uplift_upsample.skeleton import H36M_32, H36M_32_TO_MODEL, MIRROR, MODEL_17, PARENTS, root_relative

SMALL = {"lengths": (150, 160), "subjects": ("S1", "S9"), "amass_sequences": {"CMU": 23, "SFU": 2}}
FRAME_RATE = 50
BONES = [(joint, parent) for joint, parent in enumerate(PARENTS) if parent >= 0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    generate_demo(folder, seed=0, **SMALL)
    return folder


@pytest.fixture(scope="module")
def recordings(demo):
    """Name -> ``(T, 32, 3)`` of all Human3.6M sequences."""
    content = read_positions_3d(demo / "data_3d_h36m.npz")
    return {f"{s} {a}": poses.astype(np.float64) for s, actions in content.items() for a, poses in actions.items()}


@pytest.fixture(scope="module")
def motions(demo, recordings):
    """Name -> ``(T, 17, 3)`` of all sequences, Human3.6M and AMASS, in the model's order."""
    table = amass_table([demo / "amass/CMU.npz", demo / "amass/SFU.npz"], is_synthetic=True)
    sequences = zip(table.sequence_subject, table.sequence_name, table.sequence_start, table.sequence_length, strict=True)
    amass = {f"{s} {n}": table.poses_3d[start : start + length].astype(np.float64) for s, n, start, length in sequences}
    return {name: poses[:, H36M_32_TO_MODEL] for name, poses in recordings.items()} | amass


def joint(poses, name):
    return poses[:, H36M_32.index(name)]


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- files


def test_equal_seeds_give_equal_bytes(demo, tmp_path):
    generate_demo(tmp_path / "again", seed=0, **SMALL)
    assert contents(tmp_path / "again") == contents(demo)
    generate_demo(tmp_path / "other", seed=1, **SMALL)
    assert {name for name, content in contents(tmp_path / "other").items() if content == contents(demo)[name]} == {"SYNTHETIC.txt"}


def test_the_files_of_the_demo(demo):
    assert set(contents(demo)) == {
        "data_3d_h36m.npz",
        "data_2d_h36m_gt.npz",
        "data_2d_h36m_cpn_ft_h36m_dbb.npz",
        "amass/CMU.npz",
        "amass/SFU.npz",
        "SYNTHETIC.txt",
    }
    assert "No person was recorded" in (demo / "SYNTHETIC.txt").read_text()


def test_the_layout_of_human36m(demo):
    positions_3d = read_positions_3d(demo / "data_3d_h36m.npz")
    exact, _ = read_positions_2d(demo / "data_2d_h36m_gt.npz")
    detected, _ = read_positions_2d(demo / "data_2d_h36m_cpn_ft_h36m_dbb.npz")
    assert list(positions_3d) == ["S1", "S9"]
    assert h36m_table(demo / "data_3d_h36m.npz", demo / "data_2d_h36m_gt.npz", "gt").metadata["is_synthetic"], "marked in the file"
    surplus = []
    for subject, actions in positions_3d.items():
        assert {canonical_action(name) for name in actions} == set(ACTIONS)
        for action, poses in actions.items():
            assert 150 <= len(poses) <= 160
            assert [len(view) for view in exact[subject][action]] == [len(poses)] * 4
            surplus += [len(view) - len(poses) for view in detected[subject][action]]
    assert set(surplus) > {0}
    assert set(surplus) <= set(range(7))


def test_the_layout_of_amass(demo):
    subset = read_amass_subset(demo / "amass/CMU.npz")
    assert sum(len(sequences) for sequences in subset.values()) == 23
    assert {sequence["frame_rate"] for sequences in subset.values() for sequence in sequences.values()} == {50.0}


def test_exact_2d_poses_are_projections(demo):
    """A pixel ray through each joint hits the joint, once the lens is allowed for."""
    table = h36m_table(demo / "data_3d_h36m.npz", demo / "data_2d_h36m_gt.npz", "gt", is_synthetic=True)
    cameras = h36m_cameras()
    for video in range(0, table.num_videos, 7):
        camera = table.video_camera[[video]]
        rows = slice(table.video_start_3d[video], table.video_start_3d[video] + table.video_length[video])
        poses = world_to_camera(table.poses_3d[None, rows], cameras.rotations[camera], cameras.translation[camera])[0]
        focal, centre = cameras.intrinsics[camera[0], 2:4], cameras.intrinsics[camera[0], 4:6]
        pinhole = focal * poses[..., :2] / poses[..., 2:] + centre
        start = table.video_start_2d[video]
        distance = np.linalg.norm(table.poses_2d[start : start + len(poses)] - pinhole, axis=-1) * 500
        assert distance.max() < 12, f"{table.video_name(video)}: {distance.max():.1f} pixels from the pinhole projection"


def test_detections_err_like_a_detector(demo):
    tables = [
        h36m_table(demo / "data_3d_h36m.npz", demo / f"data_2d_h36m_{source}.npz", source) for source in ("gt", "cpn_ft_h36m_dbb")
    ]
    error = np.linalg.norm(tables[0].poses_2d - tables[1].poses_2d, axis=-1) * 500
    assert 2 < error.mean() < 8, f"{error.mean():.1f} pixels"


def test_a_sequence_does_not_depend_on_the_others(recordings):
    alone = h36m_recordings(0, SMALL["lengths"], ("S9",))["S9"]
    for action, poses in alone.items():
        np.testing.assert_array_equal(poses, recordings[f"S9 {action}"].astype(np.float32))


def test_the_scripts_convert_the_demo(demo, project, tmp_path):
    h36m = [
        *("convert_h36m.py", "--poses_3d", demo / "data_3d_h36m.npz", "--poses_2d", demo / "data_2d_h36m_gt.npz"),
        *("--input_2d", "gt", "--synthetic", "--output", tmp_path / "h36m.h5"),
    ]
    files = [demo / "amass" / f"{subset}.npz" for subset in ("SFU", "CMU")]
    amass = ["convert_amass.py", "--files", *files, "--output", tmp_path / "amass.h5"]
    for script, *arguments in (h36m, amass):
        subprocess.run([sys.executable, project / "scripts" / script, *arguments], check=True)
    assert read_frames_table(tmp_path / "h36m.h5").metadata["is_synthetic"] is True
    assert read_frames_table(tmp_path / "amass.h5").subjects == ["CMU", "SFU"]
    missing = ["--files", str(demo / "SFU.npz"), "--output", str(tmp_path / "none.h5")]
    failed = subprocess.run([sys.executable, project / "scripts/convert_amass.py", *missing], capture_output=True, text=True)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: AMASS: no such file")
    assert not (tmp_path / "none.h5").exists()


# ---- bodies


def test_bones_keep_their_length_and_are_symmetric(motions):
    for name, poses in motions.items():
        lengths = np.stack([np.linalg.norm(poses[:, j] - poses[:, p], axis=-1) for j, p in BONES], -1)
        np.testing.assert_allclose(lengths, lengths[:1].repeat(len(lengths), 0), rtol=0, atol=1e-5, err_msg=name)
        by_joint = dict(zip((j for j, _ in BONES), lengths[0], strict=True))
        for j, _ in BONES:
            assert by_joint[j] == pytest.approx(by_joint[MIRROR[j]], abs=1e-5), f"{name}: {MODEL_17[j]}"


def test_people_have_the_size_of_people(motions):
    """Ranges of adults, metres."""
    ranges = {
        "l_knee": (0.36, 0.51),
        "l_ankle": (0.36, 0.51),
        "l_elbow": (0.23, 0.33),
        "l_wrist": (0.20, 0.30),
        "l_hip": (0.10, 0.16),
    }
    thighs = set()
    for name, poses in motions.items():
        for end, (shortest, longest) in ranges.items():
            j = MODEL_17.index(end)
            length = np.linalg.norm(poses[0, j] - poses[0, PARENTS[j]])
            assert shortest < length < longest, f"{name}: {end} is {length:.3f} m from its parent"
        thighs.add(round(float(np.linalg.norm(poses[0, 1] - poses[0, 2])), 3))
    assert len(thighs) > 8, "people differ"


def test_repeated_joints_of_the_32(recordings):
    pairs = [("pelvis_2", "pelvis"), ("neck_2", "neck"), ("neck_3", "neck"), ("l_wrist_2", "l_wrist"), ("r_fingers_2", "r_fingers")]
    for poses in recordings.values():
        for repeated, original in pairs:
            np.testing.assert_array_equal(joint(poses, repeated), joint(poses, original))
        reach = np.linalg.norm(joint(poses, "l_fingers") - joint(poses, "l_wrist"), axis=-1)
        assert (reach > 0.05).all()


def test_knees_and_elbows_stay_within_their_limits(motions):
    limbs = [
        ("l_hip", "l_knee", "l_ankle"),
        ("r_hip", "r_knee", "r_ankle"),
        ("l_shoulder", "l_elbow", "l_wrist"),
        ("r_shoulder", "r_elbow", "r_wrist"),
    ]
    for name, poses in motions.items():
        for limb in limbs:
            first, middle, last = (poses[:, MODEL_17.index(joint_name)] for joint_name in limb)
            a, b = middle - first, last - middle
            cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
            flexion = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            assert flexion.max() < 150.5, f"{name}: {limb[1]} bends by {flexion.max():.0f} degrees"
            assert flexion.min() > 1, f"{name}: {limb[1]} is locked"


def test_knees_bend_forward(recordings):
    for name, poses in recordings.items():
        for side in "lr":
            hip, knee, ankle, ball = (joint(poses, f"{side}_{part}") for part in ("hip", "knee", "ankle", "foot"))
            towards_toes = (ball - ankle) * (1, 1, 0)
            bent = ((knee - (hip + ankle) / 2) * towards_toes).sum(-1)
            assert (bent > -1e-3).mean() > 0.98, f"{name}: the {side} knee bends backward"


# ---- motions


def test_speeds_and_accelerations(motions):
    accelerations = []
    for name, poses in motions.items():
        speed = np.linalg.norm(np.diff(poses, axis=0), axis=-1) * FRAME_RATE
        acceleration = np.linalg.norm(np.diff(poses, 2, axis=0), axis=-1) * FRAME_RATE**2
        assert speed.max() < 10, f"{name}: {speed.max():.1f} m/s"
        assert acceleration.max() < 200, f"{name}: {acceleration.max():.0f} m/s^2"
        accelerations.append(acceleration.ravel())
    assert np.percentile(np.concatenate(accelerations), 99) < 50, "jittery"


def test_feet_are_on_the_floor(recordings):
    for name, poses in recordings.items():
        assert poses[..., 2].min() > -0.03, f"{name}: {H36M_32[poses[..., 2].min(0).argmin()]} is below the floor"
        lowest = np.minimum(joint(poses, "l_foot")[:, 2], joint(poses, "r_foot")[:, 2])
        assert (lowest < 0.05).mean() > 0.85, f"{name}: in the air"


def test_standing_feet_do_not_slide(recordings):
    for name, poses in recordings.items():
        for side in "lr":
            ball = joint(poses, f"{side}_foot")
            speed = np.linalg.norm(np.diff(ball, axis=0), axis=-1) * FRAME_RATE
            is_down = ball[1:, 2] < ball[:, 2].min() + 0.002
            assert np.percentile(speed[is_down], 90) < 0.15, (
                f"{name}: {side}_foot slides at {np.percentile(speed[is_down], 90):.2f} m/s"
            )


def test_actions_differ_in_kind(recordings):
    def heights(action):
        return np.concatenate([joint(poses, "pelvis")[:, 2] for name, poses in recordings.items() if f" {action}" in name])

    def way(action):
        paths = [joint(poses, "pelvis")[:, :2] for name, poses in recordings.items() if name.split()[1] == action]
        return np.mean([np.linalg.norm(np.diff(path, axis=0), axis=-1).mean() * FRAME_RATE for path in paths])

    assert heights("Sitting").mean() < 0.65 * heights("Walking").mean()
    assert way("Walking") > 0.7
    assert way("Sitting") < 0.3


def test_people_are_seen_by_all_four_cameras(demo):
    table = h36m_table(demo / "data_3d_h36m.npz", demo / "data_2d_h36m_gt.npz", "gt")
    height = (table.cameras.intrinsics[:, 1] / table.cameras.intrinsics[:, 0])[table.video_camera].repeat(table.video_length)
    is_inside = (np.abs(table.poses_2d[..., 0]) < 1) & (np.abs(table.poses_2d[..., 1]) < height[:, None])
    assert is_inside.all(-1).mean() > 0.97


def test_people_face_all_directions(motions):
    across = np.concatenate([poses[:, MODEL_17.index("l_hip")] - poses[:, MODEL_17.index("r_hip")] for poses in motions.values()])
    counts, _ = np.histogram(np.arctan2(across[:, 1], across[:, 0]), 4, (-np.pi, np.pi))
    assert counts.min() > 0.1 * counts.sum(), counts


def test_sparse_input_loses_something(motions):
    """Linear interpolation of the true poses: harmless over 0.1 s, a clear error over 0.4 s."""

    def error(poses, stride):
        relative = root_relative(poses).reshape(len(poses), -1)
        known = np.arange(0, len(poses), stride)
        frames = np.arange(known[-1] + 1)
        between = np.stack([np.interp(frames, known, column) for column in relative[known].T], -1)
        return np.linalg.norm((between - relative[: len(frames)]).reshape(-1, 17, 3), axis=-1).mean() * 1000

    errors = {stride: np.mean([error(poses, stride) for poses in motions.values()]) for stride in (5, 10, 20)}
    assert errors[5] < 4, errors
    assert errors[10] > 2.5 * errors[5], errors
    assert 15 < errors[20] < 40, errors


def test_the_mean_pose_is_a_poor_guess(demo):
    table = h36m_table(demo / "data_3d_h36m.npz", demo / "data_2d_h36m_gt.npz", "gt")
    poses = {"S1": [], "S9": []}
    for video in range(table.num_videos):
        camera = table.video_camera[[video]]
        rows = slice(table.video_start_3d[video], table.video_start_3d[video] + table.video_length[video])
        seen = world_to_camera(table.poses_3d[None, rows], table.cameras.rotations[camera], table.cameras.translation[camera])[0]
        poses[table.video_subject[video]].append(root_relative(seen))
    error = np.linalg.norm(np.concatenate(poses["S9"]) - np.concatenate(poses["S1"]).mean(0), axis=-1).mean() * 1000
    assert 180 < error < 350, f"{error:.0f} mm"


# ---- the pieces


def test_a_limb_reaches_its_target_as_far_as_it_can():
    rng = np.random.default_rng(0)
    root, target = rng.normal(size=(2, 1000, 3)) * 0.4
    bend = Bend(np.array([0, 0, -1.0]), np.array([1.0, 0, 0]))
    frame = np.broadcast_to(np.eye(3), (1000, 3, 3))
    middle, end = two_segments(root, target, bend, frame, 0.0, 0.45, 0.43)
    np.testing.assert_allclose(np.linalg.norm(middle - root, axis=-1), 0.45, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=-1), 0.43, atol=1e-9)
    distance = np.linalg.norm(target - root, axis=-1)
    is_within = (distance > 0.4) & (distance < 0.75)
    assert is_within.sum() > 100
    np.testing.assert_allclose(end[is_within], target[is_within], atol=0.001)
    np.testing.assert_allclose(np.cross(end - root, target - root), 0, atol=1e-9)


def test_a_hanging_limb_bends_the_way_it_is_told():
    bend = Bend(np.array([0, 0, -1.0]), np.array([1.0, 0, 0]))
    turned = rotations("z", np.array([0.0, np.pi / 2]))
    middle, _ = two_segments(np.zeros((2, 3)), np.array([[0, 0, -0.8]] * 2), bend, turned, np.zeros(2), 0.5, 0.5)
    np.testing.assert_allclose(middle, [[0.3, 0, -0.4], [0, 0.3, -0.4]], atol=2e-3)


def test_minimum_jerk():
    s = np.linspace(-0.5, 1.5, 401)
    curve = minimum_jerk(s)
    assert (curve[s <= 0] == 0).all()
    np.testing.assert_allclose(curve[s >= 1], 1)
    assert (np.diff(curve) >= 0).all()
    assert np.abs(np.diff(curve, 2)).max() < 2e-4, "no sudden acceleration"


def test_hermite_between_equal_heights_is_free_fall():
    time = np.linspace(0, 0.5, 26)
    launch = 9.81 * 0.5 / 2
    curve = hermite(time, np.array([0, 0.5]), np.zeros(2), np.array([launch, -launch]))
    np.testing.assert_allclose(curve, launch * time - 9.81 / 2 * time**2, atol=1e-12)


def test_movements_go_around_the_shoulder():
    start, end = np.array([0.1, 0.1, -0.9]), np.array([0.1, 0.3, 0.9])
    way = around(start, end, np.linspace(0, 1, 11)[:, None])
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-12)
    assert np.linalg.norm(way, axis=-1).min() > 0.85
    values = in_turn(lambda: start, 100, (0.1, 0.2), (0.2, 0.3), np.random.default_rng(0), is_direction=True)
    np.testing.assert_allclose(values, np.repeat(start[None], 100, 0))


def test_bodies_are_drawn_from_the_generator():
    assert draw_body(np.random.default_rng(3)) == draw_body(np.random.default_rng(3))
    assert draw_body(np.random.default_rng(3)) != draw_body(np.random.default_rng(4))
