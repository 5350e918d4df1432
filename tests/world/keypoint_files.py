"""Keypoint files as the tools write them, of the same people: people ``(T, P, K, 3)`` of x, y, confidence; NaN for nobody."""

import json
from pathlib import Path
from typing import Any

import numpy as np


def two_people(num_joints: int = 17) -> np.ndarray:
    """Twelve frames ``(12, 2, K, 3)``: one who walks to the right and is lost in frame 5, and a small one who stands."""
    rng = np.random.default_rng(3)
    shape = rng.uniform([0, 0], [60, 160], (num_joints, 2))
    people = np.empty((12, 2, num_joints, 3))
    for frame in range(12):
        people[frame, 0, :, :2] = shape + np.array([100 + 8 * frame, 150])
        people[frame, 1, :, :2] = shape / 4 + np.array([400, 60])
    people[..., 2] = rng.uniform(0.5, 1, people.shape[:-1])
    people[5, 0] = np.nan
    return people


def _people(frame: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(track, person) for track, person in enumerate(frame) if np.isfinite(person).all()]


def _flat(person: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in person.reshape(-1)]


def _box(person: np.ndarray) -> list[float]:
    low, high = person[:, :2].min(axis=0), person[:, :2].max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), "utf-8")
    return path


def mmpose(path: Path, people: np.ndarray) -> Path:
    def instance(person: np.ndarray) -> dict[str, Any]:
        x, y, width, height = _box(person)
        return {
            "keypoints": person[:, :2].tolist(),
            "keypoint_scores": person[:, 2].tolist(),
            "bbox": [[x, y, x + width, y + height]],
            "bbox_score": 0.9,
        }

    frames = [{"frame_id": index, "instances": [instance(p) for _, p in _people(frame)]} for index, frame in enumerate(people)]
    return write_json(path, {"meta_info": {"dataset_name": "coco", "num_keypoints": people.shape[2]}, "instance_info": frames})


def alphapose(path: Path, people: np.ndarray, *, with_tracks: bool = True) -> Path:
    return write_json(
        path,
        [
            {"image_id": f"{index}.jpg", "category_id": 1, "keypoints": _flat(person), "score": 2.9, "box": _box(person)}
            | ({"idx": [float(track + 1)]} if with_tracks else {})
            for index, frame in enumerate(people)
            for track, person in _people(frame)
        ],
    )


def alphapose_as_openpose(path: Path, people: np.ndarray, *, people_key: str = "people", key: str = "pose_keypoints_2d") -> Path:
    """``--format open``; with bodies and joints, ``--format cmu``."""
    frames = enumerate(people)
    return write_json(
        path,
        {
            f"{index}.jpg": {"version": "AlphaPose v0.3", people_key: [{key: _flat(person)} for _, person in _people(frame)]}
            for index, frame in frames
        },
    )


def coco(path: Path, people: np.ndarray, size: tuple[int, int]) -> Path:
    images = [
        {"id": 900 + index, "file_name": f"walk_{index:06d}.jpg", "width": size[0], "height": size[1]}
        for index in range(len(people))
    ]
    annotations = [
        {
            "id": 10 * index + track,
            "image_id": 900 + index,
            "category_id": 1,
            "keypoints": np.column_stack([person[:, :2], 2 * np.ones(len(person))]).reshape(-1).tolist(),
            "num_keypoints": len(person),
            "bbox": _box(person),
        }
        for index, frame in enumerate(people)
        for track, person in _people(frame)
    ]
    return write_json(path, {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]})


def yolo_results(path: Path, people: np.ndarray) -> Path:
    return write_json(
        path,
        [
            {"image_id": f"walk_{index}", "category_id": 1, "bbox": _box(person), "score": 0.9, "keypoints": _flat(person)}
            for index, frame in enumerate(people)
            for _, person in _people(frame)
        ],
    )


def openpose(folder: Path, people: np.ndarray) -> Path:
    folder.mkdir()
    for index, frame in enumerate(people):
        entries = [{"person_id": [-1], "pose_keypoints_2d": _flat(person), "face_keypoints_2d": []} for _, person in _people(frame)]
        write_json(folder / f"walk_{index:012d}_keypoints.json", {"version": 1.3, "people": entries})
    return folder


def ultralytics(folder: Path, people: np.ndarray) -> Path:
    """What ``results.to_json()`` gives, a file for each frame."""
    folder.mkdir()
    for index, frame in enumerate(people):
        entries = [
            {
                "name": "person",
                "class": 0,
                "confidence": 0.9,
                "track_id": track + 1,
                "keypoints": {name: person[:, column].tolist() for column, name in enumerate(("x", "y", "visible"))},
            }
            for track, person in _people(frame)
        ]
        write_json(folder / f"{index}.json", entries)
    return folder


def yolo_labels(folder: Path, people: np.ndarray, size: tuple[int, int], *, with_tracks: bool = False) -> Path:
    folder.mkdir(parents=True)
    scale = np.array([*size, 1.0])
    for index, frame in enumerate(people):
        lines = []
        for track, person in _people(frame):
            x, y, width, height = _box(person / scale)
            values = [
                0,
                x + width / 2,
                y + height / 2,
                width,
                height,
                *(person / scale).reshape(-1),
                *([0.93, track + 1] if with_tracks else []),
            ]
            lines.append(" ".join(f"{value:g}" for value in values))
        if lines:  # ultralytics writes no file for a frame without people
            (folder / f"walk_{index + 1}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder
