"""How the demo's synthetic people get about: the way over the floor, and the steps of the feet.

Lengths are metres, angles radians, times seconds; arrays over the sides of the body are (left, right).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uplift_upsample.data.demo.actions import Motion
from uplift_upsample.data.demo.body import SIGNS, Body
from uplift_upsample.data.demo.curves import FRAME_RATE, Range, blurred, cruise, minimum_jerk, smooth_noise

_AREA = 1.1  # radius of the part of the floor that all four cameras see, less the length of an arm


@dataclass(frozen=True)
class Travel:
    """The way over the floor and the feet on it, T frames.

    place: ``(T, 2)``; heading: ``(T,)``; steps: ``(T,)`` counts steps, the left foot swings while it is between an
    even number and the next; effort: ``(T,)`` speed over that of an easy walk; feet, foot_angles: as in ``Pose``.
    """

    place: np.ndarray
    heading: np.ndarray
    steps: np.ndarray
    effort: np.ndarray
    feet: np.ndarray
    foot_angles: np.ndarray


def travel(body: Body, motion: Motion, num_frames: int, rng: np.random.Generator) -> Travel:
    """A random way of the motion's kind, in the capture area."""
    return _TRAVELS[motion.travel](body, motion, num_frames, rng)


def _rest(body: Body, motion: Motion, num_frames: int, rng: np.random.Generator) -> Travel:
    return _walk_between_stops(body, motion, num_frames, rng, pause=(np.inf, np.inf), reach=0, turn=0)


def _stay(body: Body, motion: Motion, num_frames: int, rng: np.random.Generator) -> Travel:
    return _walk_between_stops(body, motion, num_frames, rng, pause=(1.0, 4.0), reach=0.35, turn=0.7)


def _pace(body: Body, motion: Motion, num_frames: int, rng: np.random.Generator) -> Travel:
    return _walk_between_stops(body, motion, num_frames, rng, pause=(0.1, 0.9), reach=1.5, turn=2.2)


def _walk_between_stops(
    body: Body, motion: Motion, num_frames: int, rng: np.random.Generator, pause: Range, reach: float, turn: float
) -> Travel:
    time = np.arange(num_frames) / FRAME_RATE
    place, heading = rng.uniform(-0.5, 0.5, 2), rng.uniform(-np.pi, np.pi)
    places, headings = np.repeat(place[None], num_frames, 0), np.full(num_frames, heading)
    steps, stops = np.zeros(num_frames), [0.0]
    now = rng.uniform(0, pause[1]) if pause[0] < np.inf else np.inf
    while now < time[-1]:
        goal = _within_area(place + rng.normal(0, 0.7 * reach, 2).clip(-reach, reach))
        distance = np.hypot(*(goal - place))
        way = np.arctan2(*(goal - place)[::-1])
        # towards the goal on longer ways; on short ones any way round
        wanted = way if distance > 0.6 else heading + rng.uniform(-turn, turn)
        change = (wanted - heading + np.pi) % (2 * np.pi) - np.pi
        count = max(2, round((distance + 0.4 * abs(change)) / (0.7 * body.leg)))
        duration = max(1.2 * distance / rng.uniform(*motion.speed), abs(change) / 2.0, 0.5 * count) + 0.3
        progress = cruise((time - now) / duration)
        moving = time >= now
        places = np.where(moving[:, None], place + progress[:, None] * (goal - place), places)
        # turns early on the way
        headings = np.where(moving, heading + change * minimum_jerk(1.4 * (time - now) / duration), headings)
        steps = np.where(moving, stops[-1] + count * progress, steps)
        stops.append(stops[-1] + count)
        place, heading = goal, heading + change
        now += duration + rng.uniform(*pause)
    return _with_feet(body, motion, places, headings, steps, stops, rng)


def _loop(body: Body, motion: Motion, num_frames: int, rng: np.random.Generator) -> Travel:
    """Along an ellipse that a slow wave deforms, in either sense."""
    speed = rng.uniform(*motion.speed)
    angle = np.linspace(0, 2 * np.pi, 721)
    radii = rng.uniform(0.75, 1.25, 2)
    wave = 1 + 0.12 * np.sin(rng.integers(2, 4) * angle + rng.uniform(0, 2 * np.pi))
    curve = (radii * wave[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)) @ _turned(rng.uniform(0, 2 * np.pi))
    curve = curve[:: rng.choice([-1, 1])] + rng.uniform(-0.2, 0.2, 2)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    pace = speed * (1 + 0.08 * smooth_noise((num_frames,), rng, (0.1, 0.4)))
    travelled = rng.uniform(0, along[-1]) + np.cumsum(pace) / FRAME_RATE
    places = np.stack([np.interp(travelled % along[-1], along, curve[:, axis]) for axis in range(2)], -1)
    places = blurred(places, 4)
    headings = np.unwrap(np.arctan2(*np.gradient(places, axis=0).T[::-1]))
    stride = body.leg * (0.42 + 0.32 * speed) if not motion.is_running else body.leg * (0.35 + 0.3 * speed)
    return _with_feet(body, motion, places, blurred(headings, 6), (travelled - travelled[0]) / stride, [np.inf], rng)


_TRAVELS = {"rest": _rest, "stay": _stay, "pace": _pace, "loop": _loop}


def _with_feet(
    body: Body,
    motion: Motion,
    places: np.ndarray,
    headings: np.ndarray,
    steps: np.ndarray,
    stops: Sequence[float],
    rng: np.random.Generator,
) -> Travel:
    """Place the feet: each stays where it is until its step, which ends where the body will be.

    stops: the counts of steps at which the person stands, both feet side by side.
    """
    half_width = body.hip * rng.uniform(0.75, 1.4)
    toe_out = rng.uniform(0.05, 0.25)
    sideways = np.stack([-np.sin(headings), np.cos(headings)], -1)
    # ankles are a little behind the hips
    below = places[:, None] + (SIGNS[:, None] * half_width) * sideways[:, None]
    below = below + 0.75 * body.foot * np.stack([np.cos(headings), np.sin(headings)], -1)[:, None]  # (T, 2, 2)
    speed = np.hypot(*np.gradient(places, axis=0).T) * FRAME_RATE
    effort = blurred(speed, 5) / 1.2
    air = 1.25 if motion.is_running else 0.76  # part of a step in which the foot moves
    feet = np.zeros((len(places), 2, 3))
    angles = np.zeros((len(places), 2, 2))
    for side in range(2):
        feet[:, side, :2], angles[:, side, 0] = below[0, side], headings[0] + SIGNS[side] * toe_out
    for step in range(int(np.ceil(steps[-1]))):
        side = step % 2
        ahead = _index_of(steps, min(step + 1.5, *(stop for stop in (*stops, np.inf) if stop > step)))
        swing = (steps - step - 0.5) / air + 0.5  # 0 to 1 while the foot moves
        progress, begun = minimum_jerk(swing), swing >= 0
        start, turned = feet[-1, side, :2].copy(), angles[-1, side, 0]
        target, heading = below[ahead, side], headings[ahead] + SIGNS[side] * toe_out
        feet[:, side, :2] = np.where(begun[:, None], start + progress[:, None] * (target - start), feet[:, side, :2])
        angles[:, side, 0] = np.where(begun, turned + progress * (heading - turned), angles[:, side, 0])
        size = min(1.0, np.hypot(*(target - start)) / 1.1)
        feet[:, side, 2] += (0.02 + motion.knees * (0.4 + 0.6 * size)) * minimum_jerk(np.clip(1 - np.abs(2 * swing - 1), 0, 1))
        angles[:, side, 1] += size * _heel_rise(steps - step, air)
    feet[..., 2] += 0.3 * body.ankle  # the ball of the foot is a joint inside the foot
    return Travel(places, headings, steps, effort, feet, angles)


def _heel_rise(step: np.ndarray, air: float) -> np.ndarray:
    """Pitch of a foot around its step: the heel rises before the foot leaves, the toes are up before it lands."""
    knots = np.array([0.5 - air / 2 - 0.3, 0.5 - air / 2 + 0.12, 0.5 + air / 2 - 0.04, 0.5 + air / 2 + 0.2])
    values = np.array([0.0, 0.85, -0.22, 0.0])
    pitch = np.zeros_like(step)
    for index in range(3):
        progress = minimum_jerk((step - knots[index]) / (knots[index + 1] - knots[index]))
        pitch += (values[index + 1] - values[index]) * progress
    return pitch


def _index_of(steps: np.ndarray, step: float) -> int:
    """The frame in which a (fractional) step is reached; behind the end of a walk, the frame where it stops."""
    return min(int(np.searchsorted(steps, step - 1e-6)), len(steps) - 1)


def _within_area(place: np.ndarray) -> np.ndarray:
    """The nearest place in the part of the floor that all four cameras see."""
    radius = np.hypot(*place)
    return place * min(1.0, _AREA / max(radius, 1e-9))


def _turned(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
