"""Smooth random curves over time, of which the motions of the demo's synthetic people are made.

Times are seconds; curves have one row for each frame.
"""

from collections.abc import Callable

import numpy as np

from uplift_upsample.config import FRAME_RATE

Range = tuple[float, float]


def minimum_jerk(progress: np.ndarray) -> np.ndarray:
    """From 0 to 1 as an unhurried limb moves: speed and acceleration vanish at both ends. Constant outside [0, 1]."""
    s = np.clip(progress, 0, 1)
    return s**3 * (10 - 15 * s + 6 * s**2)


def cruise(progress: np.ndarray) -> np.ndarray:
    """From 0 to 1 at an even speed, with a smooth start and stop of a quarter each."""
    s = np.linspace(0, 1, 201)
    speed = minimum_jerk(4 * s) * minimum_jerk(4 * (1 - s))
    way = np.cumsum(speed) - speed[0]
    return np.interp(progress, s, way / way[-1])


def smooth_noise(shape: tuple[int, ...], rng: np.random.Generator, rates: Range = (0.15, 1.1), waves: int = 5) -> np.ndarray:
    """Smooth random curves ``(T, ...)`` of unit variance: sums of sines at random rates (Hz)."""
    time = np.arange(shape[0]) / FRAME_RATE
    rate = rng.uniform(*rates, (waves, *shape[1:]))
    phase = rng.uniform(0, 2 * np.pi, (waves, *shape[1:]))
    time = time.reshape(-1, *[1] * len(rate.shape))
    return np.sin(2 * np.pi * rate * time + phase).sum(1) * np.sqrt(2 / waves)


def in_turn(
    draw: Callable[[], np.ndarray], num_frames: int, hold: Range, move: Range, rng: np.random.Generator, is_direction: bool = False
) -> np.ndarray:
    """Values ``(T, D)`` that are held for a while and then changed in one smooth movement.

    is_direction: D is 3; the movement goes around the origin, not through it.
    """
    time = np.arange(num_frames) / FRAME_RATE
    value = draw()
    curve = np.repeat(value[None], num_frames, 0)
    now = rng.uniform(0, hold[1])
    while now < time[-1]:
        duration, following = rng.uniform(*move), draw()
        if is_direction:
            # a limb takes longer for a longer way
            duration *= 0.6 + 0.35 * _angle_between(value, following)
        progress = minimum_jerk((time - now) / duration)[:, None]
        between = around(value, following, progress) if is_direction else value + progress * (following - value)
        curve = np.where(time[:, None] >= now, between, curve)
        value = following
        now += duration + rng.uniform(*hold)
    return curve


def _angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -0.999, 1)))


def around(start: np.ndarray, end: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """From one vector to another, turning at an even rate and changing its length along the way."""
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    a, b = start / lengths[0], end / lengths[1]
    angle = _angle_between(a, b)
    if angle < 1e-3:
        return start + progress * (end - start)
    direction = (np.sin((1 - progress) * angle) * a + np.sin(progress * angle) * b) / np.sin(angle)
    return direction * (lengths[0] + progress * (lengths[1] - lengths[0]))


def hermite(time: np.ndarray, knots: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The cubic curve through values with slopes at knots; 0 outside the knots. Between equal values it is a parabola."""
    interval = np.clip(np.searchsorted(knots, time, side="right") - 1, 0, len(knots) - 2)
    width = np.diff(knots)[interval]
    s = (time - knots[interval]) / width
    curve = (
        (2 * s**3 - 3 * s**2 + 1) * values[interval]
        + (s**3 - 2 * s**2 + s) * width * slopes[interval]
        + (3 * s**2 - 2 * s**3) * values[interval + 1]
        + (s**3 - s**2) * width * slopes[interval + 1]
    )
    return np.where((time >= knots[0]) & (time <= knots[-1]), curve, 0)


def blurred(curve: np.ndarray, deviation: float) -> np.ndarray:
    """A curve ``(T, ...)`` smoothed over time by a Gaussian, standard deviation in frames."""
    reach = int(4 * deviation)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    padded = np.concatenate([np.repeat(curve[:1], reach, 0), curve, np.repeat(curve[-1:], reach, 0)])
    columns = padded.reshape(len(padded), -1)
    blurred = [np.convolve(column, kernel / kernel.sum(), "valid") for column in columns.T]
    return np.stack(blurred, -1).reshape(curve.shape)
