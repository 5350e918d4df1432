"""A person's numbers that cannot be pixels of the picture: what is refused, and what is said."""

import logging
from typing import Any

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.arrays import found_in_array
from uplift_upsample.data.keypoints.clip import Clip, clip_of

SIZE = (1920, 1080)
# COCO's order, somebody who stands, 320 pixels high
STANDS = np.array(
    [[960, 450], [965, 444], [954, 444], [972, 448], [948, 448], [1000, 500], [920, 500], [1010, 560], [910, 560], [1012, 615],
     [908, 615], [982, 620], [938, 620], [984, 690], [936, 690], [986, 760], [934, 760]], float
)  # fmt: skip


def clip(points: np.ndarray, **options: Any) -> Clip:
    return clip_of(found_in_array(points), "cmu", **{"layout": "coco", "size": SIZE, **options})


def many(points: np.ndarray) -> np.ndarray:
    return np.repeat(points[None], 20, axis=0)


def test_shares_of_the_picture_with_a_leg_far_outside() -> None:
    shares = many(STANDS / SIZE)
    shares[:, [13, 15], 1] = [1.4, 2.3]
    with pytest.raises(InputError, match=r"the keypoints are shares of the picture, nearly all up to 2; multiply them"):
        clip(shares)
    shares[:, [13, 14, 15, 16], 1] += 2
    with pytest.raises(InputError, match="the keypoints are shares of the picture"):
        clip(shares[:1])


def test_per_cent_may_be_somebody_small_in_the_corner(caplog: pytest.LogCaptureFixture) -> None:
    clip(many(100 * STANDS / SIZE))
    assert "all keypoints lie in the upper left corner of a picture of 1920 by 1080, below 100; if they are per cent" in caplog.text
    caplog.clear()
    clip(many(100 * STANDS / SIZE), size=(320, 240))  # no large picture
    clip(many(STANDS / 2))
    assert caplog.text == ""


def test_a_size_that_may_be_another_one_is_said(caplog: pytest.LogCaptureFixture) -> None:
    clip(many(STANDS), size=SIZE[::-1])  # inside of both: the points do not show it
    assert caplog.text == ""
    clip(many(STANDS), size=(1200, 700))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("12 % of the keypoints lie outside of a picture of 1200 by 700; poses are wrong if")
    with pytest.raises(InputError, match="few outside of one that is turned; width comes first"):
        clip(many(STANDS), size=(1000, 700)[::-1])


def test_frames_come_before_people() -> None:
    with pytest.raises(
        InputError, match=r"1 frames with 40 people each, by the shape \(1, 40, 17, 2\); frames come first, then people"
    ):
        found_in_array(np.repeat(STANDS[None, None], 40, axis=1))
    assert len(found_in_array(np.repeat(STANDS[None, None], 30, axis=1)).frame) == 30
    assert len(found_in_array(np.zeros((40, 40, 17, 2)) + STANDS).frame) == 1600
    assert len(found_in_array(np.zeros((2, 40, 17, 2)) + STANDS, has_frames=True).frame) == 80


@pytest.mark.parametrize("size", [np.array(640), np.ones(3), 640, "640"])
def test_a_size_that_is_not_two_numbers(size: Any) -> None:
    with pytest.raises(InputError, match=r"size is .*; it must be the width and the height of the picture in pixels"):
        clip(many(STANDS), size=size)
    assert clip(many(STANDS), size=np.array(SIZE)).size == SIZE
