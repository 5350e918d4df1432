"""The clips in the user's folder: their names and plans, and everything that is wrong with them at once."""

import os
from pathlib import Path
from typing import Any

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.lift.exports.writers import WRITERS
from uplift_upsample.lift.own_clips import OwnClip, own_clips
from uplift_upsample.lift.video.blazepose import MODELS
from uplift_upsample.plan.configuration import Configuration
from uplift_upsample.plan.people import DetectorName, Format, PeoplePlan, people_plan


def clips(folder: Path, *files: str, **settings: Any) -> dict[str, OwnClip]:
    """The clips of some empty files, and folders, which end with a stroke."""
    folder.mkdir(exist_ok=True)
    for name in files:
        if name.endswith("/"):
            (folder / name).mkdir()
        else:
            (folder / name).touch()
    read, _, faults = Configuration.read({"reproduce": [], "experiments": {}, "studies": {}, "people": settings})
    assert read is None  # studies are missing
    assert [fault for fault in faults if fault.startswith("people")] == []
    section = Configuration.model_fields["people"].annotation.model_validate({"folder": str(folder), **settings})
    return own_clips(people_plan(section))


def refusal(folder: Path, *files: str, **settings: Any) -> list[str]:
    with pytest.raises(InputError) as raised:
        clips(folder, *files, **settings)
    return str(raised.value).splitlines()


def test_what_is_a_clip(tmp_path: Path) -> None:
    found = clips(tmp_path / "people", "walk.mp4", "My run.JSON", "fall.2.npz", "openpose/", ".hidden.mp4", "notes.txt")
    assert {name: clip.is_video for name, clip in found.items()} == {
        "My run": False,
        "fall.2": False,
        "openpose": False,
        "walk": True,
    }
    assert found["walk"].path == tmp_path / "people/walk.mp4"


def test_what_is_said_for_all_and_what_for_one(tmp_path: Path) -> None:
    jump = {"layout": "body_25", "size": [1088, 1920], "s_in": 5, "root": False}
    found = clips(tmp_path / "people", "walk.mp4", "jump.json", s_in=20, root=True, frame_rate=25, clips={"jump": jump})
    assert {name: clip.s_in for name, clip in found.items()} == {"walk": 20, "jump": 5}
    assert {name: clip.plan.root for name, clip in found.items()} == {"walk": True, "jump": False}
    assert (found["jump"].plan.size, found["jump"].plan.frame_rate) == ((1088, 1920), 25)


def test_auto_is_the_largest_that_costs_little(tmp_path: Path) -> None:
    [clip] = clips(tmp_path / "people", "walk.mp4").values()
    assert (clip.plan.weights, clip.plan.s_in, clip.s_in) == ("open", "auto", 10)  # 52.6, 53.4 and 56.4 mm


def test_everything_that_is_wrong_comes_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    jump = {"layout": "bodi_25"}
    settings = {"wlak": {"s_in": 5}, "jump": jump, "run": {"frame_rate": 25}, "fall": {"s_in": 7}, "sit": {"weights": "mine"}}
    files = ("walk.mp4", "walk.json", "jump.json", "run.mov", "fall.npy", "sit.npz", "a{b}.json")
    assert refusal(folder, *files, clips=settings) == [
        f"{folder}: 'a{{b}}.json' cannot be the name of a folder of results; rename it",
        f"{folder}: walk.json and walk.mp4 have one name, and so would their results; rename one",
        f"people.clips.wlak: {folder} has no such clip, did you mean 'walk'?; it has a{{b}}, fall, jump, run, sit, walk",
        "people.clips.fall: s_in 7 is not a multiple of s_out 5; a 2D pose can only be placed at a token, every 5 frames",
        "people.clips.jump: no layout 'bodi_25', did you mean 'body_25'?; known are coco_17, body_25, body_25b, coco_18, halpe_26, "
        "halpe_136, coco_wholebody_133, mediapipe_33, h36m_17",
        "people.clips.run: frame_rate is for keypoint files; run.mov is a video, which contains it",
        "people.clips.sit: no weights 'mine'; with the project come open. Those of an experiment are found by its name once the "
        "workflow made results/STUDY/mine/seed_0/weights.h5, or fetched results/STUDY/mine/published/weights.h5",
    ]


def test_links_that_lead_nowhere_and_names_that_are_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "walk.mp4").symlink_to("a disk that is away.mp4")
    (folder / os.fsdecode(b"\xff.json")).touch()
    assert refusal(folder, "run.json") == [
        rf"{folder}: '\udcff.json' cannot be the name of a folder of results; rename it",
        f"{folder}/walk.mp4: it cannot be read; the link leads nowhere",
    ]


def test_weights_that_all_clips_lack_are_one_line(tmp_path: Path) -> None:
    [line] = refusal(tmp_path / "people", "walk.mp4", "run.json", weights="opn")
    assert line.startswith("people: no weights 'opn', did you mean 'open'?")


@pytest.mark.parametrize("files", [(), ("notes.txt",)])
def test_a_folder_without_clips(files: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="people: there is no clip"):
        own_clips(PeoplePlan(folder=str(tmp_path / "people")))  # and no folder
    [line] = refusal(tmp_path / "people", *files)
    assert line.startswith(f"{tmp_path}/people: there is no clip{' (notes.txt is neither)' if files else ''}. Put videos (.mp4")


def test_names_of_formats_and_detectors_are_those_of_the_library() -> None:
    assert [f".{name}" for name in Format.__args__] == list(WRITERS)
    assert set(DetectorName.__args__) == {*MODELS, "rtmlib"}
