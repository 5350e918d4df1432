"""Keypoint files of every format give the same people, and damaged ones a clear error."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from world import keypoint_files as write
from world.keypoint_files import two_people

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.arrays import found_in_array, write_found
from uplift_upsample.data.keypoints.found import NO_TRACK, Collection, frame_number
from uplift_upsample.data.keypoints.people import chosen, people_of
from uplift_upsample.data.keypoints.read import read_keypoints

SIZE = (640, 480)


def one_list(path: Path, folder: Path) -> Path:
    return write.write_json(
        path, [json.loads(file.read_text()) for file in sorted(folder.iterdir(), key=lambda file: frame_number(file.name) or 0)]
    )


FORMATS: dict[str, tuple[int, Callable[[Path, np.ndarray], Path]]] = {
    "mmpose": (26, lambda folder, people: write.mmpose(folder / "results.json", people)),
    "mmpose_list": (
        17,
        lambda folder, people: write.write_json(
            folder / "r.json", json.loads(write.mmpose(folder / "results.json", people).read_text())["instance_info"]
        ),
    ),
    "alphapose": (26, lambda folder, people: write.alphapose(folder / "alphapose-results.json", people)),
    "mmpose_wholebody": (133, lambda folder, people: write.mmpose(folder / "results.json", people)),
    "alphapose_136": (136, lambda folder, people: write.alphapose(folder / "alphapose-results.json", people)),
    "alphapose_folder": (17, lambda folder, people: write.alphapose(folder / "alphapose-results.json", people).parent),
    "alphapose_untracked": (17, lambda folder, people: write.alphapose(folder / "a.json", people, with_tracks=False)),
    "alphapose_open": (18, lambda folder, people: write.alphapose_as_openpose(folder / "alphapose-results.json", people)),
    "alphapose_cmu": (
        18,
        lambda folder, people: write.alphapose_as_openpose(
            folder / "alphapose-results.json", people, people_key="bodies", key="joints"
        ),
    ),
    "coco": (17, lambda folder, people: write.coco(folder / "annotations.json", people, SIZE)),
    "yolo_results": (17, lambda folder, people: write.yolo_results(folder / "predictions.json", people)),
    "openpose": (25, lambda folder, people: write.openpose(folder / "json", people)),
    "openpose_18": (18, lambda folder, people: write.openpose(folder / "json", people)),
    "ultralytics": (17, lambda folder, people: write.ultralytics(folder / "json", people)),
    "yolo_labels": (17, lambda folder, people: write.yolo_labels(folder / "labels", people, SIZE)),
    "ultralytics_list": (17, lambda folder, people: one_list(folder / "all.json", write.ultralytics(folder / "json", people))),
    "yolo_predict": (17, lambda folder, people: write.yolo_labels(folder / "predict/labels", people, SIZE).parent),
    "yolo_tracks": (17, lambda folder, people: write.yolo_labels(folder / "labels", people, SIZE, with_tracks=True)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_people(name: str, tmp_path: Path) -> None:
    num_joints, write_files = FORMATS[name]
    people = two_people(num_joints)
    found = read_keypoints(write_files(tmp_path, people))
    assert found.num_frames == 12
    assert found.size == (SIZE if name == "coco" else None)
    persons = people_of(found)
    assert len(persons) == 2
    for person, expected in zip(persons, people.swapaxes(0, 1), strict=True):
        is_there = np.isfinite(expected).all(axis=(1, 2))
        assert (found.frame[person.rows] - found.first).tolist() == np.flatnonzero(is_there).tolist()
        assert np.abs(found.in_pixels(SIZE)[person.rows] - expected[is_there, :, :2]).max() < 2e-3  # labels have six digits
        if name != "coco":  # whose annotations know 0, 1 and 2
            assert np.abs(found.confidence[person.rows] - expected[is_there, :, 2]).max() < 2e-5
    with_identities = name in {"alphapose", "alphapose_136", "alphapose_folder", "ultralytics", "ultralytics_list", "yolo_tracks"}
    assert [person.number for person in persons] == ([1, 2] if with_identities else [0, 1])
    assert chosen(persons, persons[1].number) is persons[1]
    assert chosen(persons, None) is persons[0]
    with pytest.raises(InputError, match=r"no person 7 in this clip; there are \d, \d"):
        chosen(persons, 7)


def test_arrays(tmp_path: Path) -> None:
    people = two_people()
    one = people[:, 0]
    np.save(tmp_path / "one.npy", one)
    np.savez(tmp_path / "one.npz", keypoints=one[..., :2], confidence=one[..., 2], layout="coco", frame_rate=25, size=[640, 480])
    np.savez(tmp_path / "two.npz", keypoints=people, times=np.arange(12) / 7)
    alone = [read_keypoints(tmp_path / "one.npy"), read_keypoints(tmp_path / "one.npz"), found_in_array(one)]
    for found in alone:
        assert (found.num_frames, found.frame.tolist()) == (12, [*range(5), *range(6, 12)])
        assert np.array_equal(found.points, np.delete(one[..., :2], 5, axis=0))
        assert np.array_equal(found.confidence, np.delete(one[..., 2], 5, axis=0))
    assert (alone[1].layout, alone[1].frame_rate, alone[1].size) == ("coco", 25.0, (640.0, 480.0))
    both = read_keypoints(tmp_path / "two.npz")
    assert len(people_of(both)) == 2
    assert both.times is not None
    assert both.times[7] == 1


def test_what_was_found_comes_back_from_its_file(tmp_path: Path) -> None:
    """Times of all frames, people in some of them, identities or none."""
    people = two_people()
    collection = Collection("a clip")
    collection.seen |= {0, 29}
    for row, frame in enumerate((3, 9, 10)):
        for place, person in enumerate(people[row, : 1 + row % 2]):
            collection.add(frame, person, 7 + place if frame > 3 else NO_TRACK, "")
    times = np.arange(30) / 25
    found = collection.found(layout="coco_17", size=(640.0, 480.0), times=times, detector="a machine")
    write_found(tmp_path / "A.NPZ", found)
    assert [path.name for path in tmp_path.iterdir()] == ["A.NPZ"]
    again = read_keypoints(tmp_path / "A.NPZ")
    assert (again.first, again.last, again.layout, again.size, again.detector) == (0, 29, "coco_17", (640, 480), "a machine")
    assert found.looked.tolist() == [0, 3, 9, 10, 29]
    for name in ("frame", "points", "confidence", "track", "times", "looked"):
        assert np.array_equal(getattr(again, name), getattr(found, name)), name
    assert again.track.tolist() == [NO_TRACK, 7, 8, 7]
    np.savez(tmp_path / "rate.npz", keypoints=people[:3], frames=[4, 8, 12], frame_rate=25)
    found = read_keypoints(tmp_path / "rate.npz")
    assert (found.first, found.last, found.num_frames) == (4, 12, 9)
    assert set(found.frame.tolist()) == {4, 8, 12}
    np.savez(tmp_path / "crowd.npz", keypoints=np.repeat(people[:3], 20, axis=1), frames=[4, 8, 12])
    assert read_keypoints(tmp_path / "crowd.npz").num_frames == 9


def test_lines_of_yolo_that_may_be_two_layouts(tmp_path: Path) -> None:
    """26 joints in pairs are as many numbers as 17 with confidence, visibility or not; the box tells."""
    rng = np.random.default_rng(0)
    for count, width in ((26, 2), (17, 3)):
        points = np.concatenate([rng.uniform([0.2, 0.5], [0.4, 0.7], (count, 2)), np.full((count, 1), 0.9)], axis=1)[:, :width]
        path = tmp_path / f"{count}" / "walk_1.txt"
        path.parent.mkdir()
        path.write_text(" ".join(map(str, [0, 0.3, 0.6, 0.2, 0.2, *points.ravel()])))
        assert np.abs(read_keypoints(path.parent).points[0] - points[:, :2]).max() < 1e-9


def _entry(**changes: object) -> dict[str, object]:
    return {"image_id": 1, "keypoints": [1.0, 2.0, 0.9] * 17} | changes


def _frames(*instances: object) -> object:
    return {"instance_info": [{"frame_id": index, "instances": each} for index, each in enumerate(instances)]}


DAMAGED: dict[str, tuple[object, str]] = {
    "truncated": ('[{"image_id": 1, "keypoints": [1.0, 2.', "not a JSON file, or a damaged one"),
    "a page": ("<!DOCTYPE html>", "no keypoints of a known format; known are JSON of MMPose"),
    "empty": ("", "the file is empty"),
    "too deep": ("[" * 100_000, "not a JSON file, or a damaged one"),
    "no list": ({"annotations": 3}, "annotations: expected a list of entries with keys"),
    "another document": ({"name": "walk"}, "no keypoints of a known format"),
    "numbers": ([1, 2, 3], "no keypoints of a known format"),
    "wrong nesting": ([_entry(keypoints=[[1.0, 2.0, 0.9]] * 17)], "entry 0: its keypoints cannot be read"),
    "deeper": (_frames([{"keypoints": [[[1.0, 2.0]] * 17]}]), "entry 0, instance 0: its keypoints cannot be read"),
    "ragged": (_frames([{"keypoints": [[1.0, 2.0]] * 16 + [[3.0]]}]), "entry 0, instance 0: its keypoints cannot be read"),
    "texts": ([_entry(keypoints=["1"] * 51)], "entry 0: its keypoints cannot be read"),
    "not in threes": ([_entry(keypoints=[1.0] * 50)], "entry 0: its keypoints cannot be read"),
    "no keypoints": ([{"image_id": 1}], "entry 0: its keypoints cannot be read"),
    "scores of others": (
        _frames([{"keypoints": [[1.0, 2.0]] * 17, "keypoint_scores": [1.0] * 16}]),
        "entry 0, instance 0: its keypoints cannot be read",
    ),
    "3D": (
        _frames([{"keypoints": [[1.0, 2.0, 0.5]] * 17, "keypoint_scores": [1.0] * 17}]),
        "entry 0, instance 0: its keypoints cannot be read",
    ),
    "frames of two clips": ({"a1.jpg": {"people": []}, "b1.jpg": {"people": []}}, "image 'b1.jpg' is frame 1 again"),
    "a person in a named frame": ({"7.jpg": {"people": [{"pose_keypoints_2d": [1]}]}}, "7.jpg: person 0: its keypoints cannot be"),
    "other joints": ([_entry(), _entry(image_id=2, keypoints=[1.0] * 78)], "entry 1: 26 joints, where those before have 17"),
    "huge": ([_entry(keypoints=[1e30, 2.0, 0.9] * 17)], "entry 0: a coordinate beyond 1e"),
    "huge whole": ([_entry(keypoints=[10**400, 2, 1] * 17)], "entry 0: its keypoints cannot be read"),
    "no number": ([_entry(image_id="walk.jpg")], "entry 0: image_id is 'walk.jpg', which has no frame number"),
    "negative": ([_entry(image_id=-3)], "entry 0: image_id is -3, which has no frame number"),
    "identifiers": ([_entry(image_id=139), _entry(image_id=581_929_000)], "these are not frame numbers of one clip"),
    "two clips of names": (
        [_entry(image_id="a/1.jpg"), _entry(image_id="b/2.jpg")],
        "images of several clips, 'a/' and 'b/' without their numbers; keep those of one",
    ),
    "two clips of frames": (
        {"a_1.jpg": {"people": []}, "b_2.jpg": {"people": [{"pose_keypoints_2d": [1.0, 2.0, 0.9] * 18}]}},
        "images of several clips, 'a_' and 'b_'",
    ),
    "two clips of images": (
        {
            "images": [{"id": 1, "file_name": "a_1.jpg"}, {"id": 2, "file_name": "b_2.jpg"}],
            "annotations": [_entry(), _entry(image_id=2)],
        },
        "images of several clips, 'a_' and 'b_'",
    ),
    "two clips": ([_entry(image_id="a_1.jpg"), _entry(image_id="b_2.jpg")], "images of several clips, 'a_' and 'b_'"),
    "twice": ([_entry(idx=4), _entry(idx=4)], "frame 1 has person 4 twice"),
    "frame twice": (
        {"instance_info": [{"frame_id": 3, "instances": []}, {"frame_id": 3, "instances": []}]},
        "entry 1: frame 3 occurs twice",
    ),
    "identity": ([_entry(idx="anna")], "the identity of a person is 'anna'; it must be a whole number"),
    "nobody": (_frames([], [], []), "there is nobody in any frame"),
    "sizes": (
        {
            "images": [{"id": i, "file_name": f"{i}.jpg", "width": 100 * i, "height": 50} for i in (1, 2)],
            "annotations": [_entry()],
        },
        "they have 2 sizes; only the frames of one clip can be read",
    ),
    "one confidence for all joints": (
        [[{"keypoints": {"x": [1.0] * 17, "y": [2.0] * 17, "visible": 1}}]],
        "image 0: person 0: its keypoints cannot be read",
    ),
    "no image": ({"images": [{"id": 4, "file_name": "4.jpg"}], "annotations": [_entry()]}, "image_id is 1, which has no frame"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    document, message = DAMAGED[name]
    path = tmp_path / "clip.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    with pytest.raises(InputError) as raised:
        read_keypoints(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_sizes_of_images_that_are_no_numbers_count_for_nothing(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "1.jpg", "width": [640], "height": [480]}
    path = write.write_json(tmp_path / "a.json", {"images": [image], "annotations": [_entry()]})
    assert read_keypoints(path).size is None


def test_pairs_in_one_row_and_identities_that_are_none(tmp_path: Path) -> None:
    row = [float(number) for number in range(34)]
    path = write.write_json(tmp_path / "a.json", _frames([{"keypoints": row, "keypoint_scores": [0.5] * 17}]))
    assert read_keypoints(path).points[0].tolist() == np.reshape(row, (17, 2)).tolist()
    everybody = [_entry(idx=[0.0]), _entry(idx=[0.0], keypoints=[5.0, 6.0, 0.9] * 17)]  # AlphaPose without tracking
    assert read_keypoints(write.write_json(tmp_path / "b.json", everybody)).track.tolist() == [NO_TRACK, NO_TRACK]
    before = {"version": 1.0, "people": [{"pose_keypoints": [1.0, 2.0, 0.9] * 18}]}
    assert read_keypoints(write.write_json(tmp_path / "c_1.json", before)).points.shape == (1, 18, 2)


@pytest.mark.parametrize(
    "name",
    ["2023.05.01_walk_{}", "clip1.final_{}", "clip1.final_{}.jpg", "day.2/walk{}.JPG", "v1.5_{}_pose.mp4", "{}", "a_{}.png.json"],
)
def test_numbers_of_frames_in_names_with_points(name: str, tmp_path: Path) -> None:
    path = write.write_json(tmp_path / "a.json", [_entry(image_id=name.format(number)) for number in (12, 13, 114)])
    assert read_keypoints(path).frame.tolist() == [12, 13, 114]


def test_one_picture_of_mmpose_and_a_folder_of_them(tmp_path: Path) -> None:
    """Its demo writes the people of a picture where frames are in the file of a video."""
    people = two_people()
    video = json.loads(write.mmpose(tmp_path / "video.json", people).read_text())
    (tmp_path / "folder").mkdir()
    for number, frame in enumerate(video["instance_info"]):
        write.write_json(tmp_path / f"folder/results_{number}.json", video | {"instance_info": frame["instances"]})
    write.write_json(tmp_path / "folder/results_12.json", video | {"instance_info": []})
    one, folder, expected = (read_keypoints(tmp_path / name) for name in ("folder/results_7.json", "folder", "video.json"))
    assert (one.frame.tolist(), folder.frame.tolist(), folder.last) == ([7, 7], expected.frame.tolist(), 12)
    assert np.array_equal(folder.points, expected.points)


def test_hidden_files_of_a_mac(tmp_path: Path) -> None:
    folder = write.openpose(tmp_path / "json", two_people(25))
    for path in [*folder.iterdir()]:
        (folder / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    assert read_keypoints(folder).num_frames == 12


def test_masked_arrays_and_tensors_elsewhere(tmp_path: Path) -> None:
    one = two_people()[:, 0]
    masked = np.ma.masked_array(one, np.arange(12)[:, None, None] == [[[3]]] * np.ones_like(one, bool))
    assert found_in_array(masked).frame.tolist() == [0, 1, 2, 4, *range(6, 12)]

    class OnGpu:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise TypeError("Use Tensor.cpu()")

    with pytest.raises(InputError, match=r"cannot be made an array of NumPy \(Use Tensor.cpu"):
        found_in_array(OnGpu())
    np.savez(tmp_path / "a.npz", keypoints=one, layout=b"coco")
    assert read_keypoints(tmp_path / "a.npz").layout == "coco"


def test_numbers_that_are_none_count_as_missing(tmp_path: Path) -> None:
    """Python writes NaN into JSON, others null."""
    path = write.write_json(
        tmp_path / "a.json", [_entry(keypoints=[float("nan"), 2.0, 0.9, None, None, 0.9] + [5.0, 6.0, 0.9, 7.0, 8.0, 0.9] * 8)]
    )
    found = read_keypoints(path)
    assert np.isnan(found.points[0]).any(axis=1).tolist() == [True, True, *[False] * 16]
    assert len(people_of(found)) == 1
    nobody = read_keypoints(write.write_json(tmp_path / "b.json", [_entry(keypoints=[0.0, 0.0, 0.0] * 17)]))
    with pytest.raises(InputError, match="nobody in this clip has a joint"):
        people_of(nobody)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no JSON and no text file in it"),
        ({"1.json": "{}", "2.json": "{}"}, "1.json: no people of one frame"),
        ({"1.json": '{"instance_info": {"instance_info": []}}', "2.json": "{}"}, "1.json: no people of one frame"),
        ({"a.json": '{"people": []}', "b.json": '{"people": []}'}, "a.json: its name has no frame number"),
        ({"a1.json": '{"people": []}', "b2.json": '{"people": [{"pose_keypoints_2d": [1, 2, 1]}]}'}, "'a' and 'b' without their"),
        ({"a1.json": '{"people": []}', "b1.json": '{"people": []}'}, "b1.json: frame 1 again, after a1.json"),
        ({"1.json": '{"people": []}', "2.json": '{"people": []}'}, "there is nobody in any frame"),
        ({"1.json": '{"people": [{"pose_keypoints_2d": [1, 2]}]}', "2.json": "{"}, "person 0: its keypoints cannot be read"),
        ({"1.txt": "0 0.5 0.5 0.1 0.1 0.2\n"}, "line 1: 6 numbers; expected class, box and x, y, confidence"),
        ({"1.txt": "0 0.5 0.5 x\n"}, "line 1: not numbers"),
        ({"1.txt": b"\xff\xfe\x00"}, "neither text nor an array"),
    ],
)  # fmt: skip
def test_folders_of_something_else(files: dict[str, str | bytes], message: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as raised:
        read_keypoints(tmp_path)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"keypoints": np.zeros((3, 17, 4))}, r"the shape is \(3, 17, 4\); it must be \(frames, joints, 2 or 3\)"),
        ({"keypoints": np.full((3, 17, 2), np.nan)}, "nobody in any frame; every joint is NaN"),
        ({"keypoints": np.full((3, 17, 2), 1e9)}, "a coordinate beyond"),
        ({"keypoints": np.array(["a"])}, "it holds <U1, not numbers"),
        ({"keypoints": np.array([{"S1": 2}], dtype=object)}, "pickled object, which is not loaded"),
        ({"poses": np.ones((3, 17, 2))}, "unknown field 'poses'"),
        ({"layout": "coco"}, "the field 'keypoints' is missing"),
        ({"keypoints": np.ones((3, 17, 2)), "confidence": np.ones((3, 16))}, "confidence has the shape"),
        ({"keypoints": np.ones((3, 17, 2)), "confidence": np.ones((17, 3))}, "confidence has the shape"),
        ({"keypoints": np.ones((3, 2, 17, 2)), "track": np.ones((2, 3), int)}, "track is int64 of the shape"),
        ({"keypoints": np.ones((3, 17, 2)), "times": np.ones(2)}, "times has 2 numbers; it must have 3"),
        ({"keypoints": np.ones((3, 17, 2)), "frames": [0, 2, 2]}, "frames must be numbers of frames, .* each larger than"),
        ({"keypoints": np.ones((3, 17, 2)), "frames": [-1, 2, 3]}, "frames must be numbers of frames"),
        ({"keypoints": np.ones((3, 17, 2)), "frames": [0.0, 1, 2]}, "frames is float64 of the shape"),
        (
            {"keypoints": np.ones((3, 17, 2)), "frames": [0, 4, 8], "times": np.arange(8)},
            "times has 8 numbers, .* but frames has 8",
        ),
        ({"keypoints": np.ones((3, 2, 17, 2)), "track": np.ones(3, int)}, "track is int64 of the shape"),
        ({"keypoints": np.ones((3, 2, 17, 2)), "track": [[0, 1], [1, 1], [0, 1]]}, "track: row 1 has one identity twice"),
    ],
)
def test_arrays_of_something_else(fields: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **fields)
    with pytest.raises(InputError, match=message):
        read_keypoints(tmp_path / "a.npz")


def test_a_cut_archive_and_a_missing_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=np.ones((30, 17, 2)))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-200])
    with pytest.raises(InputError, match=r"cut\.npz: it is not an \.npz file, or it is damaged"):
        read_keypoints(tmp_path / "cut.npz")
    with pytest.raises(InputError, match="no such file or folder"):
        read_keypoints(tmp_path / "nowhere.json")
