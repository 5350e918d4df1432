"""How the demo's synthetic people move: a whole body over its feet, from the description of a motion.

Everything is drawn from a random generator; nothing is recorded from people. Lengths are metres, angles radians, times
seconds; arrays over the sides of the body are (left, right).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from uplift_upsample.data.demo.actions import HANDS, POSTURES, Motion
from uplift_upsample.data.demo.body import SIGNS, Body, Pose, ankle_offset, hip_offsets, joint_positions
from uplift_upsample.data.demo.curves import FRAME_RATE, blurred, hermite, in_turn, smooth_noise
from uplift_upsample.data.demo.travel import Travel, travel

_MARGIN = 50  # frames before and behind a motion, cut off: it is under way when it begins
_GRAVITY = 9.81
_LEFT_HANDED = 0.15  # of people
_HAND_SPREAD = 0.07  # standard deviation of a place of the hand from one time to the next, arm lengths


def synthetic_motion(body: Body, motion: Motion, num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """A person performing a motion somewhere in the capture area: ``(T, 32, 3)`` float32, ``H36M_32``, world metres, 50 Hz."""
    if rng.random() < _LEFT_HANDED:
        motion = replace(motion, left=motion.right, right=motion.left)
    total = num_frames + 2 * _MARGIN
    pose = _pose(body, motion, travel(body, motion, total, rng), rng)
    return joint_positions(body, pose)[_MARGIN:-_MARGIN]


def _pose(body: Body, motion: Motion, way: Travel, rng: np.random.Generator) -> Pose:
    num_frames = len(way.place)
    height, forward, lean, flexion = _upright_in_walking(_postures(motion, num_frames, rng), way.effort).T
    swing = np.cos(np.pi * way.steps) * np.minimum(way.effort, 1.6)  # -1: left foot ahead
    sway = smooth_noise((num_frames, 6), rng)
    jump, flight = _jumps(motion, num_frames, rng)
    angles = np.stack(
        [
            way.heading + 0.09 * swing + 0.05 * sway[:, 0],
            lean + 0.05 * way.effort + 0.03 * sway[:, 1] - 0.6 * np.minimum(jump, 0),
            -0.05 * np.sin(np.pi * way.steps) * np.minimum(way.effort, 1) + 0.02 * sway[:, 2],
        ],
        -1,
    )
    forwards = np.stack([np.cos(way.heading), np.sin(way.heading)], -1)
    sideways = np.stack([-forwards[:, 1], forwards[:, 0]], -1)
    aside = 0.018 * sway[:, 3] - 0.022 * np.sin(np.pi * way.steps) * np.minimum(way.effort, 1)
    place = way.place + (forward * body.leg)[:, None] * forwards + aside[:, None] * sideways
    feet, foot_angles = way.feet.copy(), way.foot_angles.copy()
    feet[..., 2] += flight[:, None]
    foot_angles[..., 1] += 0.8 * np.clip(8 * jump, 0, 1)[:, None]
    wanted = height * body.standing_height + 0.008 * sway[:, 4]
    pelvis = np.concatenate([place, (_supported(body, wanted, place, angles, way) + jump)[:, None]], -1)
    spine = np.stack([flexion + 0.06 * sway[:, 5], *(0.09 * smooth_noise((num_frames, 2), rng).T)], -1)
    spine[:, 2] -= 0.16 * swing
    return Pose(
        pelvis=pelvis,
        pelvis_angles=angles,
        spine_angles=spine,
        head_angles=_head(motion, lean + flexion, rng),
        hands=_hands(motion, swing, rng),
        elbows=0.2 * smooth_noise((num_frames, 2), rng, (0.1, 0.5)),
        feet=feet,
        foot_angles=foot_angles,
    )


def _postures(motion: Motion, num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """``(T, 4)`` height, forward shift, lean, flexion."""

    def draw() -> np.ndarray:
        posture = POSTURES[rng.choice(motion.postures)]
        jitter = rng.normal(0, 1, 4) * (0.01, 0.01, np.radians(4), np.radians(5))
        return np.array([posture.height, posture.forward, np.radians(posture.lean), np.radians(posture.flexion)]) + jitter

    return in_turn(draw, num_frames, motion.posture_hold, (0.9, 1.4), rng)


def _upright_in_walking(postures: np.ndarray, effort: np.ndarray) -> np.ndarray:
    """Postures ``(T, 4)`` of somebody who rises to walk: nobody walks in a deep crouch."""
    is_walking = blurred(np.clip(4 * effort, 0, 1), 8)[:, None]
    upright = postures * (1, 0.3, 0.4, 0.5)
    upright[:, 0] = np.maximum(upright[:, 0], 0.9)
    return postures + is_walking * (upright - postures)


def _supported(body: Body, wanted: np.ndarray, place: np.ndarray, angles: np.ndarray, way: Travel) -> np.ndarray:
    """Height of the pelvis ``(T,)``: as wanted, but no higher than both legs reach."""
    hips = np.concatenate([place, np.zeros((len(place), 1))], -1)[:, None] + hip_offsets(body, angles)
    ankles = way.feet + ankle_offset(body, way.foot_angles)
    aside = np.hypot(*np.moveaxis(ankles - hips, -1, 0)[:2])
    reach = ankles[..., 2] - hips[..., 2] + np.sqrt(np.maximum((0.985 * body.leg) ** 2 - aside**2, 0.01))
    softness = 0.01
    lower = -softness * np.logaddexp(np.logaddexp(-reach[:, 0] / softness, -reach[:, 1] / softness), -wanted / softness)
    return blurred(lower, 3)


def _jumps(motion: Motion, num_frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What jumps add to the height of the pelvis and of the feet, ``(T,)`` each."""
    pelvis, feet = np.zeros(num_frames), np.zeros(num_frames)
    rate, height = motion.jumps
    time = np.arange(num_frames) / FRAME_RATE
    now = rng.exponential(0.5 / rate) if rate else np.inf
    while now < time[-1]:
        rise = height * rng.uniform(0.7, 1.2)
        launch = np.sqrt(2 * _GRAVITY * rise)
        airborne = 2 * launch / _GRAVITY
        depth = 0.16 + 0.5 * rise
        times = now + np.cumsum([0, 0.45, 0.26, airborne, 0.2, 0.45])
        pelvis += hermite(time, times, np.array([0, -depth, 0.05, 0.05, -0.8 * depth, 0]), np.array([0, 0, launch, -launch, 0, 0]))
        progress = np.clip((time - times[2]) / airborne, 0, 1)
        feet += 1.1 * rise * (4 * progress * (1 - progress)) ** 1.5
        now = times[-1] + rng.exponential(1 / rate)
    return pelvis, feet


def _head(motion: Motion, bend: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(T, 3)`` nod, tilt, turn: looks around, and keeps the eyes ahead when the trunk bends."""
    look = in_turn(lambda: rng.normal(0, 1, 3) * (0.16, 0.08, motion.look), len(bend), (0.3, 1.5), (0.35, 0.6), rng)
    head = look + 0.04 * smooth_noise((len(bend), 3), rng)
    head[:, 0] += 0.1 - 0.55 * bend
    return np.clip(head, (-0.7, -0.4, -1.1), (0.7, 0.4, 1.1))


def _hands(motion: Motion, swing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(T, 2, 3)`` as in ``Pose``."""
    size, rate = motion.beat
    hands = np.stack([_hand(places, motion, len(swing), rng) for places in (motion.left, motion.right)], 1)
    beat = smooth_noise(hands.shape, rng, (0.6 * rate, 1.4 * rate), waves=2)
    hands = hands + size * beat + 0.02 * smooth_noise(hands.shape, rng)
    # hanging arms swing against the legs: forward on the side whose leg is behind
    is_low = np.clip(-1.3 * hands[..., 2] - 0.2, 0, 1)
    forward = motion.swing * is_low * swing[:, None] * SIGNS
    hands[..., 0] += np.sin(forward)
    hands[..., 2] += 0.6 * np.abs(hands[..., 2]) * (1 - np.cos(forward)) + 0.12 * np.maximum(forward, 0)
    return hands


def _hand(places: Sequence[str], motion: Motion, num_frames: int, rng: np.random.Generator) -> np.ndarray:
    def draw() -> np.ndarray:
        return np.array(HANDS[rng.choice(places)]) + rng.normal(0, _HAND_SPREAD, 3)

    return in_turn(draw, num_frames, motion.hand_hold, motion.hand_move, rng, is_direction=True)
