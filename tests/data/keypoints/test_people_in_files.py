"""Who is who in a clip: people who are lost for a while, who cross, and whom the detector takes for one."""

import numpy as np
import pytest
from world.keypoint_files import two_people

from uplift_upsample.data.keypoints.arrays import found_in_array
from uplift_upsample.data.keypoints.people import people_of


def test_somebody_who_was_lost_for_a_second_is_the_same_one_and_small_people_come_last() -> None:
    people = np.repeat(two_people(), 10, axis=0)  # 120 frames
    people[30:60, 0] = np.nan
    people[:, :, :, 0] += np.arange(120)[:, None, None] * [[1.0], [0.1]]
    people = people[:, ::-1]  # the small one first
    people[40:50, 1] = people[40:50, 0]  # the detector gives the small one the place in its list where the large one is lost
    people[40:50, 0] = np.nan
    found = found_in_array(people)
    large, small = people_of(found)
    assert found.frame[large.rows].tolist() == [*range(30), *range(60, 120)]
    assert found.frame[small.rows].tolist() == [*range(120)]
    assert large.size > 3 * small.size


@pytest.mark.parametrize("times_as_large", [1.75, 1.94])
def test_two_whom_the_detector_takes_for_one(times_as_large: float) -> None:
    """Who walks is not lost where he and somebody above him become one large person in a frame, as in a real clip."""
    shape = np.random.default_rng(7).uniform([-70, -190], [70, 190], (17, 2))
    people = np.full((12, 2, 17, 2), np.nan)  # room for two, so that nobody is named
    people[:, 0] = np.stack([shape + np.array([1400 - 118 * frame, 710]) for frame in range(12)])
    people[7, 0] = times_as_large * shape + [783, 337]
    walker = people_of(found_in_array(people), np.arange(12) * 0.4)[0]
    assert {*walker.rows.tolist()} | {7} == {*range(12)}


@pytest.mark.parametrize("every", [1, 6, 12])  # of 30 frames a second
def test_two_who_cross_keep_their_names(every: int) -> None:
    rng = np.random.default_rng(7)
    shape = rng.uniform([0, 0], [60, 160], (17, 2))  # 160 pixels are 1.7 m, so who walks makes 130 pixels a second
    seconds = np.arange(0, 120, every) / 30
    people = np.full((len(seconds), 2, 17, 3), 0.9)
    for person, (start, speed) in enumerate([(100.0, 130.0), (560.0, -120.0)]):
        place = np.stack([start + speed * seconds, np.full(len(seconds), 100.0)], axis=-1)
        people[:, person, :, :2] = shape + place[:, None] + rng.normal(0, 3, (len(seconds), 17, 2))
    hidden = np.abs(people[:, 0, 0, 0] - people[:, 1, 0, 0]) < 25  # one stands before the other one
    people[hidden, 1] = np.nan
    swapped = rng.random(len(people)) < 0.5  # a detector lists people in any order
    people[swapped] = people[swapped, ::-1]
    found = found_in_array(people)
    persons = people_of(found, seconds)
    assert len(persons) == 2
    for person in persons:
        moves = np.diff(found.points[person.rows, :, 0].mean(axis=1))
        assert len(set(np.sign(moves[np.abs(moves) > 4]))) == 1  # to the right all the time, or to the left
