"""What the demo's synthetic people do: postures, places of the hands, and the motions of each action as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from uplift_upsample.data.demo.curves import Range


@dataclass(frozen=True)
class Posture:
    """Where the pelvis is with respect to the feet, and how the trunk bends (degrees).

    height: of the pelvis, as a fraction of its height in standing. forward: shift from the middle of the feet, in leg lengths.
    """

    height: float = 1.0
    forward: float = 0.0
    lean: float = 3.0
    flexion: float = 8.0


POSTURES = {
    "upright": Posture(),
    "slouch": Posture(0.99, 0.0, 0.0, 20.0),
    "lean": Posture(0.97, -0.04, 14.0, 14.0),
    "bend": Posture(0.93, -0.16, 42.0, 42.0),
    "half squat": Posture(0.74, -0.14, 28.0, 22.0),
    "crouch": Posture(0.42, -0.16, 26.0, 34.0),
    "chair": Posture(0.50, -0.44, -3.0, 14.0),
    "chair, leaning forward": Posture(0.50, -0.42, 22.0, 26.0),
    "chair, leaning back": Posture(0.49, -0.46, -16.0, 18.0),
    "floor": Posture(0.16, -0.62, -10.0, 38.0),
    "floor, leaning forward": Posture(0.17, -0.60, 12.0, 46.0),
}

# Wrists from the shoulder: forward, outwards, up; in arm lengths.
HANDS = {
    "hanging": (0.08, 0.13, -0.95),
    "hip": (0.02, 0.16, -0.70),
    "belly": (0.42, -0.28, -0.52),
    "crossed": (0.42, -0.40, -0.28),
    "gesture": (0.60, 0.00, -0.30),
    "gesture low": (0.52, 0.10, -0.62),
    "open": (0.50, 0.55, -0.20),
    "front": (0.92, -0.05, 0.05),
    "front left": (0.78, -0.48, 0.05),
    "side": (0.28, 0.88, 0.08),
    "front up": (0.62, 0.10, 0.68),
    "up": (0.18, 0.22, 0.90),
    "wave": (0.30, 0.45, 0.48),
    "handshake": (0.72, -0.12, -0.34),
    "ear": (0.18, -0.16, 0.26),
    "mouth": (0.36, -0.24, 0.14),
    "eyes": (0.50, -0.20, 0.26),
    "head": (0.10, 0.10, 0.55),
    "guard": (0.40, -0.10, -0.05),
    "punch": (0.95, -0.14, -0.02),
    "lap": (0.55, -0.04, -0.55),
    "table": (0.66, -0.02, -0.42),
    "low": (0.55, 0.05, -0.76),
    "leash": (0.50, 0.12, -0.70),
    "back": (-0.30, 0.16, -0.84),
    "run": (0.22, 0.06, -0.55),
}


@dataclass(frozen=True)
class Motion:
    """A kind of motion.

    travel: ``rest`` (the feet stay), ``stay`` (a step aside now and then), ``pace`` (short walks with stops), ``loop`` (walks on
        along a closed curve). speed: of walking, metres per second. knees: how high the feet are lifted.
    postures: of the trunk, taken in turn at random, each for a time in ``posture_hold``.
    left, right: places of the hands, likewise; left-handed people exchange them. hand_hold, hand_move: seconds at a
        place and between two. swing: radians that the arms swing at walking speed. beat: size (arm lengths) and rate (Hz) of
        the hands' own rhythm.
    jumps: rate in Hz, and height. look: how far the head turns, radians.
    """

    travel: str = "stay"
    speed: Range = (0.8, 1.3)
    postures: Sequence[str] = ("upright",)
    posture_hold: Range = (0.6, 2.0)
    left: Sequence[str] = ("hanging",)
    right: Sequence[str] = ("hanging",)
    hand_hold: Range = (0.1, 0.8)
    hand_move: Range = (0.35, 0.7)
    swing: float = 0.35
    beat: tuple[float, float] = (0.03, 1.2)
    jumps: tuple[float, float] = (0.0, 0.0)
    knees: float = 0.07
    look: float = 0.5
    is_running: bool = False


H36M_MOTIONS: Mapping[str, Motion] = {
    "Directions": Motion(left=("hanging", "hip"), right=("front", "side", "front up", "front left", "hanging"), look=0.7),
    "Discussion": Motion(
        postures=("upright", "slouch", "lean"),
        left=("gesture", "gesture low", "open", "belly"),
        right=("gesture", "open", "front", "belly"),
        hand_hold=(0.0, 0.4),
        beat=(0.06, 1.3),
    ),
    "Eating": Motion(
        travel="rest",
        postures=("chair", "chair, leaning forward", "upright"),
        posture_hold=(2.0, 5.0),
        left=("table", "lap"),
        right=("mouth", "table", "mouth", "gesture low"),
        hand_hold=(0.2, 0.6),
    ),
    "Greeting": Motion(
        travel="pace",
        postures=("upright", "upright", "lean", "slouch"),
        posture_hold=(0.3, 1.0),
        left=("hanging", "hanging", "wave"),
        right=("wave", "handshake", "up", "hanging"),
        beat=(0.07, 2.0),
        jumps=(0.12, 0.15),
    ),
    "Phoning": Motion(
        travel="pace", speed=(0.6, 1.1), postures=("upright", "slouch"), left=("hanging", "gesture", "hip"), right=("ear",)
    ),
    "Photo": Motion(
        postures=("upright", "half squat", "lean", "crouch"),
        left=("eyes", "eyes", "eyes", "gesture"),
        right=("eyes", "eyes", "eyes", "hanging"),
        hand_hold=(0.8, 2.0),
    ),
    "Posing": Motion(
        postures=("upright", "lean", "half squat", "slouch"),
        posture_hold=(0.3, 1.0),
        left=("hip", "head", "side", "up", "crossed"),
        right=("hip", "head", "side", "up", "crossed"),
        hand_hold=(0.3, 0.8),
        hand_move=(0.4, 0.8),
        look=0.7,
    ),
    "Purchases": Motion(
        travel="pace",
        postures=("upright", "bend", "half squat", "upright"),
        posture_hold=(0.3, 1.0),
        left=("gesture low", "front", "low", "belly"),
        right=("front", "low", "front up", "gesture"),
    ),
    "Sitting": Motion(
        travel="rest",
        postures=("chair", "chair, leaning forward", "chair, leaning back"),
        posture_hold=(0.5, 2.0),
        left=("lap", "gesture", "belly", "table"),
        right=("lap", "gesture", "table", "open"),
        look=0.7,
    ),
    "SittingDown": Motion(
        travel="rest",
        postures=("floor", "upright", "floor, leaning forward", "chair", "crouch"),
        posture_hold=(0.3, 1.2),
        left=("lap", "gesture low", "hanging"),
        right=("lap", "gesture", "low"),
    ),
    "Smoking": Motion(
        travel="rest",
        postures=("upright", "slouch", "chair, leaning back"),
        posture_hold=(2.0, 5.0),
        left=("hanging", "belly", "crossed"),
        right=("mouth", "gesture low", "mouth", "hanging"),
        hand_hold=(0.3, 0.9),
    ),
    "Waiting": Motion(
        travel="pace",
        speed=(0.6, 1.0),
        postures=("upright", "slouch", "lean"),
        left=("crossed", "hip", "hanging", "back"),
        right=("crossed", "hip", "hanging", "belly"),
        hand_hold=(0.5, 1.5),
        look=0.9,
    ),
    "WalkDog": Motion(
        travel="pace",
        speed=(0.9, 1.4),
        postures=("upright", "upright", "bend", "crouch"),
        posture_hold=(0.5, 2.0),
        right=("leash", "leash", "front", "low"),
        beat=(0.05, 2.0),
    ),
    "Walking": Motion(travel="loop", speed=(0.9, 1.5), hand_hold=(2.0, 6.0), swing=0.42, look=0.3),
    "WalkTogether": Motion(
        travel="loop",
        speed=(0.7, 1.1),
        left=("hanging", "hanging", "gesture"),
        right=("hanging", "gesture", "open"),
        hand_hold=(0.6, 1.6),
        look=0.9,
    ),
}

# Richer than the above, because pre-training is meant to show more than the target data.
AMASS_MOTIONS: Mapping[str, Motion] = {
    "walk": Motion(travel="loop", speed=(0.7, 1.7), hand_hold=(2.0, 5.0), swing=0.45),
    "run": Motion(travel="loop", speed=(1.9, 2.6), left=("run",), right=("run",), swing=0.7, is_running=True, knees=0.2),
    "march": Motion(travel="loop", speed=(0.7, 1.1), swing=0.7, knees=0.32, postures=("upright", "slouch")),
    "jump": Motion(
        jumps=(0.8, 0.28),
        left=("hanging", "up", "run"),
        right=("hanging", "up", "run"),
        postures=("upright", "half squat"),
        hand_hold=(0.0, 0.3),
    ),
    "jumping jack": Motion(
        jumps=(1.2, 0.12), left=("up", "hanging", "side"), right=("up", "hanging", "side"), hand_hold=(0.0, 0.15)
    ),
    "box": Motion(
        travel="pace",
        postures=("lean", "upright", "half squat"),
        left=("guard", "punch"),
        right=("guard", "punch"),
        hand_hold=(0.05, 0.4),
        hand_move=(0.25, 0.4),
    ),
    "reach": Motion(
        travel="pace",
        postures=("upright", "bend", "half squat", "crouch"),
        posture_hold=(0.2, 0.8),
        left=("low", "front up", "front", "side"),
        right=("low", "front up", "up", "front left"),
    ),
    "dance": Motion(
        travel="pace",
        speed=(1.0, 1.6),
        postures=("upright", "half squat", "lean", "slouch"),
        posture_hold=(0.1, 0.6),
        left=("up", "side", "open", "hip", "head", "front", "hanging"),
        right=("up", "side", "open", "hip", "head", "front", "hanging"),
        hand_hold=(0.0, 0.3),
        beat=(0.06, 2.0),
    ),
}
