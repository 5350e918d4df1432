"""Human3.6M files whose shapes are right and whose numbers mean something else: each known mistake is refused and named."""

import argparse
import logging
import re
from collections.abc import Callable

import numpy as np
import pytest
import yaml
from world.people import h36m_pair

from uplift_upsample.base.cameras import h36m_cameras, world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import AMASS_17, H36M_17, MODEL_17, joint_map
from uplift_upsample.data.h36m import table as table_module
from uplift_upsample.data.h36m.mistakes import COCO_17
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.h36m.table import h36m_table, write_h36m_table
from uplift_upsample.data.public_places import open_h36m
from uplift_upsample.plan.h36m_subjects import ACTIONS
from uplift_upsample.plan.thresholds import Checks

NUM_VIDEOS = 4 * 5
NOT_DISPLACED = NUM_VIDEOS - 4  # S9 Greeting may be off as a whole
LEFT_RIGHT = [H36M_17.index({"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]) for name in H36M_17]
Pair = tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, list[np.ndarray]]]]


def views(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Pair], Pair]:
    return lambda pair: (pair[0], {s: {a: [change(v) for v in V] for a, V in A.items()} for s, A in pair[1].items()})


def poses(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Pair], Pair]:
    return lambda pair: ({s: {a: change(p) for a, p in A.items()} for s, A in pair[0].items()}, pair[1])


def coco(view: np.ndarray) -> np.ndarray:
    """The same people as a COCO detector reports them: a face in place of the trunk."""
    names = [name if name in H36M_17 else "head" for name in COCO_17]
    return view[:, [H36M_17.index(name) for name in names]] + np.arange(17)[:, None] % 3


def in_first_camera(pair: Pair) -> Pair:
    cameras, found = h36m_cameras(), {}
    for subject, actions in pair[0].items():
        first = [name.split("/")[0] for name in cameras.names].index(subject)
        turn = cameras.rotations[[first]], cameras.translation[[first]]
        found[subject] = {action: world_to_camera(poses[None], *turn)[0] for action, poses in actions.items()}
    return found, pair[1]


def cameras_reversed(pair: Pair) -> Pair:
    return pair[0], {s: {a: V[::-1] for a, V in A.items()} for s, A in pair[1].items()}


def of_another_action(pair: Pair) -> Pair:
    actions = pair[1]["S1"]
    actions["Walking 1"], actions["Greeting"] = [v[:150] for v in pair[1]["S9"]["Greeting"]], actions["Greeting"]
    return pair


MISTAKES = {
    "left and right": (views(lambda v: v[:, LEFT_RIGHT]), r"left and right are exchanged", NUM_VIDEOS),
    "COCO": (views(coco), r"in the order of COCO", NUM_VIDEOS),
    "AMASS order": (views(lambda v: v[:, joint_map(H36M_17, AMASS_17)]), r"in the order of AMASS", NUM_VIDEOS),
    "model order": (views(lambda v: v[:, joint_map(H36M_17, MODEL_17)]), r"in the order of the network", NUM_VIDEOS),
    "normalised": (views(lambda v: v / 500 - 1), r"normalised already", NUM_VIDEOS),
    "from 0 to 1": (views(lambda v: v / 1000), r"normalised already \(both axes from 0 to 1\)", NUM_VIDEOS),
    "half resolution": (views(lambda v: v / 2), r"pixels of pictures that are about 500 wide, not 1000", NUM_VIDEOS),
    "mirrored": (views(lambda v: [1000, 0] + v * [-1, 1]), r"x of the 2D poses points to the left", NUM_VIDEOS),
    "mirrored pictures": (views(lambda v: [1000, 0] + v[:, LEFT_RIGHT] * [-1, 1]), r"pictures .* are mirrored", NUM_VIDEOS),
    "y up": (views(lambda v: [0, 1000] + v * [1, -1]), r"y of the 2D poses points up", NUM_VIDEOS),
    "x and y": (views(lambda v: v[..., ::-1]), r"x and y of the 2D poses are exchanged", NUM_VIDEOS),
    "cameras": (
        cameras_reversed,
        r"camera 0 \(54138969\).* those of camera 3 \(60457274\): the cameras are in another",
        NUM_VIDEOS,
    ),
    "every second 3D frame": (
        poses(lambda p: p[::2]),
        r"150 2D frames for 75 3D frames, 2.0 times .* 25 frames a second",
        NUM_VIDEOS,
    ),
    "every fifth 3D frame": (
        poses(lambda p: p[::5]),
        r"150 2D frames for 30 3D frames, 5.0 times .* 10 frames a second",
        NUM_VIDEOS,
    ),
    "every second 2D frame": (
        views(lambda v: v[::2]),
        r"75 frames, fewer than the 150 .*is there a 2D pose for one frame in 2 only",
        None,
    ),
    "a shift in time": (views(lambda v: np.roll(v, 20, 0)), r"2D frame 20 belongs to 3D frame 0", NUM_VIDEOS),
    "y up, 3D": (poses(lambda p: p[..., [0, 2, 1]] * np.float32([1, 1, -1])), r"axes of the world are \(x, -z, y\)", NUM_VIDEOS),
    "camera axes": (in_first_camera, r"in the axes of this camera", 5),
    "offset": (
        views(lambda v: v + np.array([39, 0])),
        r"39\.0 px away from the 2D poses, and 0\.0 px if all 2D poses are moved by \(-39, 0\) px.*raise exact_px",
        NOT_DISPLACED,
    ),
    "a slightly smaller picture": (
        views(lambda v: v * 0.9),
        r"pixels of pictures that are about 900 wide, not 1000",
        NOT_DISPLACED,
    ),
    "a slightly larger picture": (views(lambda v: v * 1.06), r"pixels of pictures that are about 1060 wide", NOT_DISPLACED),
    "another recording": (of_another_action, r"S1 Walking 1, camera 0.*they are those of S9 Greeting", 4),
}


@pytest.mark.parametrize(("change", "told", "count"), MISTAKES.values(), ids=MISTAKES)
def test_a_known_mistake_is_named(pair, files, change, told, count) -> None:
    paths = files(*change(pair))
    with pytest.raises(InputError, match=told) as caught:
        h36m_table(*paths, "gt")
    message = str(caught.value)
    assert "\n" not in message
    assert str(paths[1]) in message
    if count is not None:
        off, with_it = (float(px) for px in re.findall(r"([\d.]+) px", message)[:2])
        assert off > 8
        assert with_it < off / 2
        assert f"{count} of {NUM_VIDEOS} videos are affected" in message


def noisy(px: float, surplus: int = 0) -> Callable[[Pair], Pair]:
    """A detector that is off by some pixels in each coordinate, in videos that run on."""
    rng = np.random.default_rng(0)
    return views(lambda v: np.concatenate([v, v[-1:].repeat(surplus, 0)]) + rng.normal(0, px, (len(v) + surplus, 17, 2)))


def test_a_sound_pair_tells_how_well_it_fits(pair, files, caplog) -> None:
    with caplog.at_level(logging.INFO):
        h36m_table(*files(*noisy(8, surplus=6)(pair)), "cpn")
    fit = next(message for message in caplog.messages if "fits" in message)
    off, most = (float(px) for px in re.findall(r"([\d.]+) px", fit)[:2])
    expected = 8 * np.sqrt(np.pi / 2)  # mean length of a normal vector in the plane
    assert off == pytest.approx(expected, rel=0.03)
    assert off < most < 1.1 * expected
    assert "median of 20 videos" in fit
    smallest, largest = (float(size) for size in re.search(r"measure ([\d.]+) to ([\d.]+) m", fit).groups())
    assert 0.8 < smallest < largest < 2


def test_bad_frames_of_a_detector_are_no_mistake(pair, files) -> None:
    def spoil(view: np.ndarray) -> np.ndarray:
        view = view.copy()
        view[: len(view) // 3] = 0
        return view

    assert h36m_table(*files(*views(spoil)(pair)), "cpn").num_videos == NUM_VIDEOS


def test_one_wrong_video_is_found(pair, files) -> None:
    pair[1]["S11"]["Sitting"][2] = pair[1]["S11"]["Sitting"][2][:, LEFT_RIGHT]
    with pytest.raises(InputError, match=r"S11 Sitting, camera 2 \(58860488\).* left and right .*; 1 of 20 videos are affected"):
        h36m_table(*files(*pair), "gt")


def test_noise_does_not_hide_a_mistake(pair, files) -> None:
    with pytest.raises(InputError, match=r"left and right are exchanged .*; \d+ of 20 videos are affected"):
        h36m_table(*files(*views(lambda v: v[:, LEFT_RIGHT])(noisy(4)(pair))), "cpn")


def test_an_unknown_mistake_is_refused_with_the_way_out(pair, files) -> None:
    stretched = views(lambda v: v * [1.6, 0.8] - [250, -90])
    with pytest.raises(
        InputError, match=r"are \d+\.\d px away.*no known mistake .* of 20 videos .* raise reprojection_px .*it is 40"
    ):
        h36m_table(*files(*stretched(pair)), "cpn")
    assert h36m_table(*files(*stretched(pair)), "cpn", checks=Checks(reprojection_px=300)).num_videos == NUM_VIDEOS
    with pytest.raises(InputError, match=r"no known mistake .* raise exact_px .*it is 2\)"):
        h36m_table(*files(*noisy(4)(pair)), "gt")


def test_thresholds_move_both_ways(pair, files) -> None:
    paths = files(*noisy(8)(pair))
    with pytest.raises(InputError, match=r"raise reprojection_px"):
        h36m_table(*paths, "cpn", checks=Checks(reprojection_px=9.5))
    exchanged = files(*views(lambda v: v[:, LEFT_RIGHT])(pair))
    assert h36m_table(*exchanged, "cpn", checks=Checks(reprojection_px=1000)).num_videos == NUM_VIDEOS
    assert h36m_table(*exchanged, "gt", checks=Checks(exact_px=1000)).num_videos == NUM_VIDEOS


def displaced(pair: Pair, subject: str, name: str, metres: float) -> Pair:
    """The 3D poses of a recording aside, as those of some recordings of S9 are in the original."""
    pair[0][subject][name] = pair[0][subject][name] + np.float32([0.8, 0.6, 0]) * np.float32(metres)
    return pair


def test_displaced_recordings_of_the_original_are_used_with_a_warning(pair, files, caplog) -> None:
    table = h36m_table(*files(*displaced(pair, "S9", "Greeting", 0.3)), "gt")
    assert table.num_videos == NUM_VIDEOS
    warning = next(message for message in caplog.messages if "displaced as a whole" in message)
    assert re.search(r"S9 Greeting, camera \d \(\d+\) (4|5|6|7|8)\d px", warning)
    assert "Photo" not in warning


@pytest.mark.parametrize(("subject", "name", "metres"), [("S9", "Greeting", 1.0), ("S1", "Greeting", 0.3), ("S9", "Photo 1", 0.3)])
def test_other_displaced_recordings_are_refused(pair, files, subject, name, metres) -> None:
    with pytest.raises(InputError, match=f"{subject} {name}, camera .* displaced as a whole.* raise "):
        h36m_table(*files(*displaced(pair, subject, name, metres)), "gt")


@pytest.mark.parametrize(("factor", "unit"), [(1000, "millimetres"), (100, "centimetres"), (1 / 0.0254, "inches"), (1e-3, None)])
def test_another_unit_is_refused_by_the_size_of_people(pair, files, factor, unit) -> None:
    paths = files(*poses(lambda p: p * factor)(pair))
    told = f"they are likely {unit}, which makes 1\\.\\d+ m" if unit else "no unit gives the size of a person"
    with pytest.raises(InputError, match=rf"data_3d_h36m\.npz: S1 Walking 1: the person measures .* not 0\.3 to 4 m .*{told}"):
        h36m_table(*paths, "gt")


def test_poses_relative_to_the_pelvis_are_refused(pair, files) -> None:
    with pytest.raises(InputError, match=r"3d_h36m\.npz: S1 Walking 1: the pelvis is the origin in all frames"):
        h36m_table(*files(*poses(lambda p: p - p[:, :1])(pair)), "gt")


def test_many_more_2d_frames_contradict_even_where_they_fit(pair, files) -> None:
    longer = views(lambda v: np.concatenate([v, v]))
    with pytest.raises(InputError, match=r"300 2D frames for 150 3D frames, 2\.0 times as many; .*raise surplus"):
        h36m_table(*files(*longer(pair)), "gt")
    assert h36m_table(*files(*longer(pair)), "gt", checks=Checks(surplus=1.0)).num_videos == NUM_VIDEOS


def test_nothing_is_written_of_files_that_do_not_fit(pair, files, tmp_path) -> None:
    with pytest.raises(InputError):
        write_h36m_table(tmp_path / "h36m.h5", *files(*cameras_reversed(pair)), "gt")
    assert not list(tmp_path.glob("*.h5*"))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"layout_name": "coco"}, r"the layout 'coco' \(layout_name\), not 'h36m'"),
        ({"layout_name": "humaneva20"}, r"the layout 'humaneva20'"),
        ({"layout_name": 17}, r"the layout 17"),
        ({"num_joints": 16}, r"have 16 joints"),
        ({"num_joints": "17"}, r"have '17' joints"),
        ({"keypoints_symmetry": [[1, 3, 5, 7], [2, 4, 6, 8]]}, r"another layout"),
        ({"keypoints_symmetry": [[1, 2, 3, 14, 15, 16], [4, 5, 6, 11, 12, 13]]}, r"\(left and right exchanged\)"),
        ({"keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15]]}, r"another layout"),
        ({"keypoints_symmetry": None}, r"another layout"),
    ],
)
def test_metadata_of_another_layout_are_refused(pair, files, metadata, told) -> None:
    with pytest.raises(InputError, match=rf"data_2d_h36m_gt\.npz: the metadata .*{told}"):
        h36m_table(*files(*pair, metadata), "gt")


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"fps": 25}, r"metadata: fps is 25; Human3.6M has 50 frames a second"),
        ({"fps": "50"}, r"metadata: fps is '50'"),
        (
            {"video_metadata": {"S1 Greeting": {"w": 1000, "h": 1002}, "S9": {"w": 1920, "h": 1080}}},
            r"of S9: w is 1920; .* px wide",
        ),
        ({"video_metadata": {"a": {"w": 1000, "h": 500}}}, r"video_metadata of a: h is 500; .* 1000 to 1002 px high"),
        ({"video_metadata": {"a": {"fps": 10.0}}}, r"video_metadata of a: fps is 10"),
    ],
)
def test_metadata_of_other_videos_are_refused(pair, files, metadata, told) -> None:
    with pytest.raises(InputError, match=rf"data_2d_h36m_gt\.npz: .*{told}"):
        h36m_table(*files(*pair, metadata), "gt")


def test_metadata_of_these_videos_are_read(pair, files) -> None:
    videos = {"S1 Greeting": {"w": 1000, "h": np.float32(1002), "fps": 49.99, "codec": "h264"}, "others": None}
    assert h36m_table(*files(*pair, {"fps": np.int64(50), "video_metadata": videos}), "gt").num_videos == NUM_VIDEOS
    assert h36m_table(*files(*pair, {"video_metadata": ["w", "h"]}), "gt").num_videos == NUM_VIDEOS


def test_metadata_of_this_layout_in_other_words_are_read(pair, files) -> None:
    symmetry = np.array([[11, 12, 13, 4, 5, 6], [14, 15, 16, 1, 2, 3]])
    metadata = {"layout_name": "H36M", "num_joints": np.int64(17), "keypoints_symmetry": symmetry}
    assert h36m_table(*files(*pair, metadata), "gt").num_videos == NUM_VIDEOS


def test_the_corrupt_recording_is_left_out(pair, files, caplog) -> None:
    poses_3d, _ = h36m_pair({"S11": {"Directions": 40, "Directions 1": 40}})
    poses_3d["S11"]["Directions"][5:] = 7.0  # whatever is in it is not looked at
    pair[0]["S11"] |= poses_3d["S11"]
    pair[1]["S11"] |= projections(poses_3d)["S11"]
    table = h36m_table(*files(*pair), "gt")
    assert table.sequence_name[table.sequence_subject == "S11"].tolist() == ["Sitting", "Directions 1"]
    assert table.metadata["left_out"] == {"S11": [f"S11 Directions, camera {camera}" for camera in range(4)]}
    assert "S11 Directions is left out" in caplog.text


def test_the_commands_take_the_thresholds(pair, files, project, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(project / "scripts"))
    from _command import add_checks_flags, checks_of

    parser = argparse.ArgumentParser()
    add_checks_flags(parser)
    assert checks_of(parser.parse_args([])) == Checks()
    flags = "--body_size 0.5 3 --reprojection_px 60 --exact_px 3 --shift_px 90 --surplus 0.2"
    assert checks_of(parser.parse_args(flags.split())) == Checks((0.5, 3.0), 60, 3, 90, 0.2)
    with pytest.raises(InputError, match="body_size is 3 to 1"):
        checks_of(parser.parse_args(["--body_size", "3", "1"]))
    paths = map(str, files(*cameras_reversed(pair)))
    with pytest.raises(InputError, match="the cameras are in another order"):
        open_h36m(*paths, Checks())


def test_default_thresholds_are_the_shipped_ones(project) -> None:
    shipped = yaml.safe_load((project / "config.yaml").read_text("utf-8"))["checks"]
    assert Checks(**shipped | {"body_size": tuple(shipped["body_size"])}) == Checks()


@pytest.mark.parametrize("every", [2, 5])
def test_a_whole_test_set_that_is_thinned_out_is_refused(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """2D and 3D poses fit each other then, and only the number of frames shows it."""
    cameras = h36m_cameras()
    lengths = {subject: {action: np.zeros((300, 32, 3)) for action in ACTIONS} for subject in ("S9", "S11")}
    monkeypatch.setattr(table_module, "TEST_FRAMES", 2 * 15 * 4 * 300 * every + 7)
    with pytest.raises(InputError, match=rf"36000 frames of S9 and S11 in all cameras, 1/{every} of .* poses at {50 // every} Hz"):
        table_module._check_rate("data_3d_h36m.npz", lengths, cameras)
    del lengths["S9"]["Walking"]
    table_module._check_rate("data_3d_h36m.npz", lengths, cameras)
