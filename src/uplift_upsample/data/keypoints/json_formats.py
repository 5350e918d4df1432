"""People in the JSON files of MMPose, AlphaPose, OpenPose, COCO and YOLO, told apart by what is in them.

==================================  =========================================================================================
MMPose                              ``{"instance_info": [{"frame_id", "instances": [{"keypoints", "keypoint_scores"}]}]}``, or
                                    the list alone
AlphaPose (``--format open, cmu``)  ``{image: {"people"}}``, or ``{image: {"bodies": [{"joints"}]}}``, or a file for each image
AlphaPose, COCO results, YOLO       a list of ``{"image_id", "keypoints"}``, x, y, confidence in turn; ``idx`` or ``track_id``
COCO                                ``{"images": [...], "annotations": [...]}``; v 0, 1, 2 counts as confidence
OpenPose                            ``{"people": [{"pose_keypoints_2d"}]}``, a file for each frame
MMPose, ultralytics                 a list of ``{"keypoints"}``, a file for each frame, or a list of these lists
MMPose, of a picture                ``{"instance_info": [{"keypoints", "keypoint_scores"}]}``, a file for each frame
==================================  =========================================================================================
"""

from collections.abc import Mapping
from typing import Any

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import shown
from uplift_upsample.data.keypoints.found import NO_TRACK, Collection, Found, frame_number, numbers, person_of, track_number

_TRIPLES = "numbers x, y, confidence in turn"


def found_in(document: Any, place: str) -> Found | None:
    """The people of a file that holds a whole clip; None for anything else. Raises ``InputError`` for a fault in it."""
    collection = Collection(place)
    facts: dict[str, Any] = {}
    if isinstance(document, Mapping) and "instance_info" in document and not _is_frame(document):
        _add_mmpose(document["instance_info"], collection)
    elif isinstance(document, Mapping) and "annotations" in document:
        facts = _add_coco(document, collection)
    elif isinstance(document, list) and document and isinstance(document[0], Mapping) and "instances" in document[0]:
        _add_mmpose(document, collection)
    elif isinstance(document, list) and document and isinstance(document[0], Mapping) and "image_id" in document[0]:
        _add_results(document, collection)
    elif isinstance(document, Mapping) and document and all(map(_is_frame, document.values())):
        _add_frames(document, collection)
    elif isinstance(document, list) and any(document) and all(isinstance(entry, list) and _is_frame(entry) for entry in document):
        _add_frames(dict(enumerate(document)), collection)
    else:
        return None
    return collection.found(**facts)


def add_frame(document: Any, frame: int, collection: Collection) -> bool:
    """Add the people of a file that holds one frame; false for a file of another kind."""
    if not _is_frame(document):
        return False
    document = _people_of_picture(document)
    if isinstance(document, Mapping):
        key = "people" if "people" in document else "bodies"
        people, read = _entries(document[key], key, collection), _person_of_openpose
    else:
        people, read = document, _person_of_instance
    collection.seen.add(frame)
    for index, person in enumerate(people):
        where = f"person {index}"
        if person.get("pose_keypoints_2d") == []:  # of whom OpenPose found the face or a hand alone
            continue
        _add(frame, read(person), person.get("person_id", person.get("track_id")), where, collection)
    return True


def _is_frame(document: Any) -> bool:
    """Whether a document is the people of one frame."""
    document = _people_of_picture(document)
    if isinstance(document, Mapping):
        return "people" in document or "bodies" in document
    return isinstance(document, list) and all(isinstance(entry, Mapping) and "keypoints" in entry for entry in document)


def _people_of_picture(document: Any) -> Any:
    """What MMPose has for a picture, where a video has instances; any other document as it is."""
    return document["instance_info"] if isinstance(document, Mapping) and "instance_info" in document else document


def _add_frames(frames: Mapping[Any, Any], collection: Collection) -> None:
    """Frames by their numbers, or the names of their images."""
    place = collection.place
    for image, people in frames.items():
        collection.place = f"{place}: image {image}"
        frame = collection.numbered(image)
        if frame is None or frame in collection.seen:
            what = "has no frame number" if frame is None else f"is frame {frame} again; keep the images of one clip"
            raise InputError(f"{place}: image {shown(image)} {what}")
        add_frame(people, frame, collection)
    collection.place = place


def _add_mmpose(frames: Any, collection: Collection) -> None:
    for index, entry in enumerate(_entries(frames, "instance_info", collection)):
        where = f"entry {index}"
        frame = frame_number(entry.get("frame_id", index))
        if frame is None:
            raise collection.error(where, f"frame_id is {shown(entry.get('frame_id'))}; it must be a whole number")
        if frame in collection.seen:
            raise collection.error(where, f"frame {frame} occurs twice")
        collection.seen.add(frame)
        for number, person in enumerate(_entries(entry.get("instances"), f"{where}: instances", collection)):
            of_person = f"{where}, instance {number}"
            _add(frame, _person_of_instance(person), person.get("track_id"), of_person, collection)


def _add_results(entries: list[Any], collection: Collection, frames: Mapping[Any, int] | None = None) -> None:
    """frames: the frame of each image_id, if they are not frame numbers."""
    for index, entry in enumerate(_entries(entries, "", collection)):
        where = f"entry {index}"
        image = entry.get("image_id")
        frame = collection.numbered(image) if frames is None else frames.get(_key(image))
        if frame is None:
            raise collection.error(where, f"image_id is {shown(image)}, which has no frame number")
        track = entry.get("idx", entry.get("track_id"))
        _add(frame, _flat_person(entry.get("keypoints")), track, where, collection)


def _add_coco(document: Mapping[str, Any], collection: Collection) -> dict[str, Any]:
    """A data set of COCO: its images list which frames there are, and how large they are."""
    frames: dict[Any, int] = {}
    sizes = set()
    for index, image in enumerate(_entries(document.get("images", []), "images", collection)):
        name = image.get("frame_id", image.get("file_name", image.get("id")))
        frame = collection.numbered(name)
        frame = frame_number(image.get("id")) if frame is None else frame
        if frame is None or frame in collection.seen:
            what = "has no frame number" if frame is None else f"is frame {frame} again; only the frames of one clip can be read"
            raise collection.error(f"image {index}", f"{shown(name)} {what}")
        collection.seen.add(frame)
        frames[_key(image.get("id"))] = frame
        size = numbers([image.get("width"), image.get("height")])
        if size is not None and size.shape == (2,) and (size > 0).all():
            sizes.add(tuple(size.tolist()))
    if len(sizes) > 1:
        raise collection.error("images", f"they have {len(sizes)} sizes; only the frames of one clip can be read")
    annotations = _entries(document["annotations"], "annotations", collection)
    _add_results([entry for entry in annotations if entry.get("keypoints")], collection, frames or None)
    return {"size": sizes.pop()} if sizes else {}


def _key(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _flat_person(points: Any) -> Any:
    """x, y, confidence in turn, nothing else: a nested list would have another order."""
    return person_of(points) if isinstance(points, list) and not any(isinstance(item, list) for item in points) else None


def _person_of_openpose(person: Mapping[str, Any]) -> Any:
    names = ("pose_keypoints_2d", "pose_keypoints", "joints")  # of OpenPose since 1.2, before, and of AlphaPose
    return _flat_person(next((person[name] for name in names if name in person), None))


def _person_of_instance(person: Mapping[str, Any]) -> Any:
    points, scores = person.get("keypoints"), person.get("keypoint_scores")
    if isinstance(points, Mapping):  # of ultralytics: x, y and visible, each a list
        x, y, seen = (numbers(points.get(key, [])) for key in ("x", "y", "visible"))
        if x is None or y is None or x.ndim != 1 or x.shape != y.shape:
            return None
        return person_of([list(pair) for pair in zip(x, y, strict=True)], seen if seen is not None and seen.size else None)
    return person_of(points, scores)


def _entries(value: Any, where: str, collection: Collection) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise collection.error(where, f"expected a list of entries with keys, not {shown(value)}")
    return value


def _add(frame: int, person: Any, track: Any, where: str, collection: Collection) -> None:
    if person is None:
        raise collection.error(where, f"its keypoints cannot be read; expected {_TRIPLES}, or pairs with keypoint_scores")
    collection.add(frame, person, NO_TRACK if track is None else track_number(track, where, collection), where)
