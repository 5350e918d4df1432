"""A model of what a 2D detector gets wrong, for data whose true 2D poses are known.

No detector was run on motion capture; its 2D poses are projections. A network trained on
exact projections never meets errors in its input, so noise is added that resembles that of a detector:

- **Size.** A detector sees a crop of the person, scaled to a fixed input (for CPN 3 wide by 4 high), so its errors are
  a fraction of the crop. The crop here is the bounding box of the true joints of the frame; its size is the larger of
  height and 4/3 width.
- **Joints.** The far ends of the limbs are worst (blur, occlusion), the trunk is best.
- **Time.** Neighbouring frames look alike, so errors are alike too: a first-order autoregressive part that forgets
  within ``correlation_time``, and a white part.
- **Outliers.** Now and then a joint sits on something else for some frames (the other arm, a chair). Bursts start at
  random, last a geometric number of frames, and shift the joint by a log-normal fraction of the crop.
- **Picture.** A detector reports points inside the picture: detections are clipped to it when its size is given.

With the default values a person 400 pixels high (1.6 m at 4.5 m in front of a Human3.6M camera) is detected with a
mean error of about 5 pixels, which is taken to be the order of CPN fine-tuned on Human3.6M. No real detections were
measured for it: the size of the errors, and their split over joints and over time, are plausible, not fitted. Results
on simulated detections must be labelled so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.plan.experiment import FRAME_RATE

SIMULATED = "simulated"  # what the metadata of frames call 2D poses of this model
NOTE = "simulated detections"  # what stands on pictures and tables made from them
_CROP_ASPECT = 4 / 3  # height to width of the crops that CPN and most top-down detectors take

# Standard deviation of each coordinate, as a fraction of the size of the person; left and right alike.
JOINT_SCALES = {
    "pelvis": 0.006,
    "torso": 0.007,
    "neck": 0.007,
    "head": 0.008,
    "head_top": 0.008,
    "hip": 0.008,
    "shoulder": 0.009,
    "knee": 0.009,
    "elbow": 0.011,
    "ankle": 0.012,
    "wrist": 0.014,
}


@dataclass(frozen=True)
class DetectionNoise:
    """Parameters of the model, as they are stored with the data.

    joint_scales: standard deviation per coordinate, fraction of the person's size. white_share: part of the variance
    that is independent from frame to frame. correlation_time: seconds after which the rest has fallen to 1/e.
    outlier_rate: bursts per joint and second for a joint of mean scale; worse joints have proportionally more.
    outlier_duration: mean length of a burst, seconds. outlier_size, outlier_spread: median shift in a burst as a
    fraction of the person's size, and standard deviation of its logarithm. outlier_limit: largest shift.
    """

    joint_scales: Mapping[str, float] = field(default_factory=lambda: dict(JOINT_SCALES))
    white_share: float = 0.3
    correlation_time: float = 0.2
    outlier_rate: float = 0.1
    outlier_duration: float = 0.12
    outlier_size: float = 0.08
    outlier_spread: float = 0.7
    outlier_limit: float = 0.5

    def __post_init__(self) -> None:
        values = asdict(self)
        values |= {f"joint_scales[{name}]": scale for name, scale in values.pop("joint_scales").items()}
        faults = [
            f"{name} is {value}; it must be a number that is not negative"
            for name, value in values.items()
            if not 0 <= value < np.inf
        ]
        if self.white_share > 1:
            faults.append(f"white_share is {self.white_share}; it must be at most 1")
        if faults:
            raise InputError("detection noise: " + "; ".join(faults))

    def scales(self, joints: Sequence[str]) -> np.ndarray:
        """``(J,)`` scale of each joint; ``l_`` and ``r_`` do not matter. Raises ``InputError`` for a joint without a
        scale.
        """
        names = [joint.removeprefix("l_").removeprefix("r_") for joint in joints]
        missing = sorted({name for name in names if name not in self.joint_scales})
        if missing:
            raise InputError(f"detection noise: joint_scales has no entry for {', '.join(missing)}")
        return np.array([self.joint_scales[name] for name in names], np.float64)


def simulate_detections(
    poses_2d_px: np.ndarray,
    rng: np.random.Generator,
    *,
    resolution: tuple[float, float] | None = None,
    joints: Sequence[str] = MODEL_17,
    noise: DetectionNoise | None = None,
) -> np.ndarray:
    """True 2D poses of one video at 50 Hz with the errors of a detector: ``(T, J, 2)`` pixels to ``(T, J, 2)`` float32 pixels.

    resolution: width and height of the picture; detections are clipped to it. joints: the names of the J joints in
    their order. The same generator state gives the same detections. Raises ``InputError`` for another shape or
    coordinates that are NaN or infinite.
    """
    noise = noise or DetectionNoise()
    poses = np.asarray(poses_2d_px, np.float64)
    if poses.ndim != 3 or poses.shape[1:] != (len(joints), 2):
        raise InputError(f"simulated detections: 2D poses have shape {poses.shape}, not (frames, {len(joints)}, 2)")
    if not np.isfinite(poses).all():
        frame = np.argwhere(~np.isfinite(poses))[0][0]
        raise InputError(f"simulated detections: frame {frame} has a coordinate that is NaN or infinite")
    scales = noise.scales(joints)
    jitter = _jitter(poses.shape, rng, noise) * scales[:, None]  # (T, J, 2)
    shifts = _outlier_shifts(poses.shape, rng, noise, scales)  # (T, J, 2)
    detections = poses + (jitter + shifts) * person_size(poses)[:, None, None]
    if resolution is not None:
        detections = np.clip(detections, 0, np.asarray(resolution, np.float64))
    return detections.astype(np.float32)


def person_size(poses_2d: np.ndarray) -> np.ndarray:
    """Size ``(...)`` of the crop around each pose ``(..., J, 2)``: the larger of height and 4/3 width of its bounding
    box.
    """
    width, height = np.moveaxis(poses_2d.max(-2) - poses_2d.min(-2), -1, 0)
    return np.maximum(height, _CROP_ASPECT * width)


def autoregressive(white: np.ndarray, correlation: float) -> np.ndarray:
    """The stationary AR(1) process of unit variance that unit white noise ``(T, ...)`` drives; ``correlation``: lag
    one.

    Summed by doubling the reach of a prefix sum, so no loop runs over frames.
    """
    process = white * np.sqrt(1 - correlation**2)
    process[:1] = white[:1]  # starts in the stationary distribution
    reach, factor = 1, correlation
    while reach < len(process) and factor > 1e-12:
        process[reach:] += factor * process[:-reach]
        reach, factor = 2 * reach, factor * factor
    return process


def _jitter(shape: tuple[int, ...], rng: np.random.Generator, noise: DetectionNoise) -> np.ndarray:
    """Noise of unit variance, part of it correlated over time."""
    correlation = np.exp(-1 / (noise.correlation_time * FRAME_RATE)) if noise.correlation_time > 0 else 0.0
    slow = autoregressive(rng.standard_normal(shape), correlation)
    return np.sqrt(1 - noise.white_share) * slow + np.sqrt(noise.white_share) * rng.standard_normal(shape)


def _outlier_shifts(shape: tuple[int, ...], rng: np.random.Generator, noise: DetectionNoise, scales: np.ndarray) -> np.ndarray:
    """Shifts as fractions of the person's size; zero outside the bursts. A later burst replaces an earlier one."""
    shifts = np.zeros(shape)
    relative = scales / scales.mean() if scales.any() else scales
    starts, joints = np.nonzero(rng.random(shape[:2]) < noise.outlier_rate / FRAME_RATE * relative)
    mean_frames = max(noise.outlier_duration * FRAME_RATE, 1.0)
    frames = rng.geometric(1 / mean_frames, len(starts))
    sizes = np.minimum(noise.outlier_size * rng.lognormal(0, noise.outlier_spread, len(starts)), noise.outlier_limit)
    angles = rng.uniform(0, 2 * np.pi, len(starts))
    vectors = sizes[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    burst = np.repeat(np.arange(len(starts)), frames)
    at = starts[burst] + np.arange(len(burst)) - np.repeat(np.cumsum(frames) - frames, frames)
    inside = at < shape[0]
    shifts[at[inside], joints[burst[inside]]] = vectors[burst[inside]]
    return shifts
