"""The bodies of the demo's synthetic people: segment lengths, and where the joints are in a pose.

Trunk and head follow from joint angles (forward kinematics). Arms and legs follow from where hand and foot are: a limb of two
rigid segments that reaches a point can only turn about the line from its root to the point, and bends at the knee or elbow
by the angle that the distance asks for, within the limits of the joint. All lengths are metres, angles radians. The body's
axes are x forward, y left, z up; arrays over the two sides of the body are (left, right).
"""

from dataclasses import dataclass, fields

import numpy as np

from uplift_upsample.skeleton import H36M_32

SIDES = ("l", "r")
SIGNS = np.array([1.0, -1.0])  # y of left and right

# Fractions of the stature, close to the skeletons of Human3.6M.
_FRACTIONS = {
    "hip": 0.075,
    "thigh": 0.252,
    "shin": 0.252,
    "ankle": 0.043,
    "foot": 0.075,
    "toes": 0.040,
    "spine": 0.134,
    "chest": 0.146,
    "neck": 0.068,
    "head": 0.065,
    "shoulder": 0.086,
    "upper_arm": 0.160,
    "forearm": 0.143,
    "thumb": 0.030,
    "hand": 0.058,
}
_STATURES = (1.58, 1.90)
_VARIATION = 0.03  # relative standard deviation of a segment between people of one stature

_MAX_FLEXION = np.radians(150)
_MAX_REACH = 0.995  # of the stretched limb: people do not lock knees and elbows
_SOFTNESS = 0.02  # of the stretched limb: how early a limb begins to resist


@dataclass(frozen=True)
class Body:
    """Lengths of the segments of one person; left and right are alike.

    hip and shoulder are half widths, ankle is the height of the ankle above the sole.
    """

    hip: float
    thigh: float
    shin: float
    ankle: float
    foot: float
    toes: float
    spine: float
    chest: float
    neck: float
    head: float
    shoulder: float
    upper_arm: float
    forearm: float
    thumb: float
    hand: float

    @property
    def leg(self) -> float:
        return self.thigh + self.shin

    @property
    def arm(self) -> float:
        return self.upper_arm + self.forearm

    @property
    def standing_height(self) -> float:
        """Height of the pelvis of a person who stands upright."""
        return self.ankle + 0.985 * self.leg


@dataclass(frozen=True)
class Bend:
    """Which way a knee or elbow points, for every direction of its limb.

    A limb in the direction ``limb`` has its middle joint towards ``middle``; any other limb is that one turned the shortest way.
    Only for the opposite of ``limb``, where no arm or leg can go, is there no shortest way.
    """

    limb: np.ndarray
    middle: np.ndarray

    def mirrored(self) -> "Bend":
        return Bend(self.limb * (1, -1, 1), self.middle * (1, -1, 1))

    def aside(self, direction: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """Unit vectors ``(T, 3)`` at right angles to unit directions ``(T, 3)``; ``frame (T, 3, 3)`` holds the axes."""
        limb, middle = frame @ _unit(self.limb), frame @ _unit(self.middle - self.middle @ _unit(self.limb) * _unit(self.limb))
        along = (direction * middle).sum(-1, keepdims=True) / np.maximum(1 + (direction * limb).sum(-1, keepdims=True), 1e-6)
        return middle - along * (direction + limb)


_KNEE = Bend(np.array([0.3, 0.03, -0.95]), np.array([1.0, 0.1, 0.3]))  # of the left leg
_ELBOW = Bend(np.array([0.62, 0.3, -0.72]), np.array([-0.5, 0.45, -0.75]))  # of the left arm


@dataclass(frozen=True)
class Pose:
    """What a person does, T frames.

    pelvis: ``(T, 3)`` world. pelvis_angles: ``(T, 3)`` heading about the vertical, forward lean, roll to the right.
    spine_angles: ``(T, 3)`` flexion, side bend to the right, twist to the left; half of it in each of the two segments.
    head_angles: ``(T, 3)`` nod, tilt to the right, turn to the left.
    hands: ``(T, 2, 3)`` wrists from the shoulders in axes of the chest, y outwards, in arm lengths; they stop above the floor.
    elbows: ``(T, 2)`` turns of the elbows about the line from shoulder to wrist. feet: ``(T, 2, 3)`` balls of the feet, world.
    foot_angles: ``(T, 2, 2)`` heading, of the same turns as the pelvis, and pitch (heel raised).
    """

    pelvis: np.ndarray
    pelvis_angles: np.ndarray
    spine_angles: np.ndarray
    head_angles: np.ndarray
    hands: np.ndarray
    elbows: np.ndarray
    feet: np.ndarray
    foot_angles: np.ndarray


def draw_body(rng: np.random.Generator) -> Body:
    """A person of random stature and proportions, within the range of adults."""
    stature = rng.uniform(*_STATURES)
    factors = 1 + np.clip(rng.normal(0, _VARIATION, len(_FRACTIONS)), -2 * _VARIATION, 2 * _VARIATION)
    lengths = {
        name: float(stature * fraction * factor) for (name, fraction), factor in zip(_FRACTIONS.items(), factors, strict=True)
    }
    return Body(**{f.name: lengths[f.name] for f in fields(Body)})


def joint_positions(body: Body, pose: Pose) -> np.ndarray:
    """Joints of a moving body: ``(T, 32, 3)`` float32 world metres in ``H36M_32`` order."""
    joints = _trunk(body, pose) | {"pelvis": pose.pelvis}
    for side in range(2):
        joints |= _leg(body, pose, side, joints[f"{SIDES[side]}_hip"])
        joints |= _arm(body, pose, side, joints[f"{SIDES[side]}_shoulder"])
    for name in H36M_32:
        if name not in joints:  # the entries that repeat a joint: neck_2, l_wrist_2, ...
            joints[name] = joints[name.rsplit("_", 1)[0]]
    return np.stack([joints[name] for name in H36M_32], 1).astype(np.float32)


def ankle_offset(body: Body, foot_angles: np.ndarray) -> np.ndarray:
    """From the ball of a foot to its ankle, ``(..., 3)`` world, given heading and pitch ``(..., 2)``."""
    rotation = rotations("z", foot_angles[..., 0]) @ rotations("y", foot_angles[..., 1])
    return rotation @ _ball_to_ankle(body)


def hip_offsets(body: Body, pelvis_angles: np.ndarray) -> np.ndarray:
    """From the pelvis to the hips, ``(T, 2, 3)`` world."""
    return np.stack([_rotated(_pelvis_rotation(pelvis_angles), (0, sign * body.hip, 0)) for sign in SIGNS], 1)


def rotations(axis: str, angles: np.ndarray) -> np.ndarray:
    """Rotation matrices ``(..., 3, 3)`` about one of the axes x, y, z by ``(...)`` angles."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrices = np.broadcast_to(np.eye(3), (*np.shape(angles), 3, 3)).copy()
    matrices[..., first, first] = matrices[..., second, second] = np.cos(angles)
    matrices[..., second, first] = np.sin(angles)
    matrices[..., first, second] = -np.sin(angles)
    return matrices


def two_segments(
    root: np.ndarray, target: np.ndarray, bend: Bend, frame: np.ndarray, swivel: np.ndarray | float, first: float, second: float
) -> tuple[np.ndarray, np.ndarray]:
    """Middle joint and end ``(T, 3)`` of a limb that reaches for a target as far as it can.

    root, target: ``(T, 3)``. frame: ``(T, 3, 3)`` axes in which ``bend`` is meant. swivel: ``(T,)`` turn of the middle joint
    about the line from root to end. The lengths are kept exactly; towards the ends of its range the limb
    resists smoothly, so that the middle joint does not snap.
    """
    stretched = first + second
    shortest = np.sqrt(first**2 + second**2 + 2 * first * second * np.cos(_MAX_FLEXION))
    towards = target - root
    wanted = np.maximum(np.linalg.norm(towards, axis=-1, keepdims=True), 1e-6)
    direction = towards / wanted
    softness = _SOFTNESS * stretched
    distance = _MAX_REACH * stretched - softness * np.logaddexp(0, (_MAX_REACH * stretched - wanted) / softness)
    distance = shortest + softness * np.logaddexp(0, (distance - shortest) / softness)
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    aside = bend.aside(direction, frame)
    turned = np.cos(swivel) * aside.T + np.sin(swivel) * np.cross(direction, aside).T
    middle = root + along * direction + np.sqrt(np.maximum(first**2 - along**2, 0)) * turned.T
    return middle, root + distance * direction


def _trunk(body: Body, pose: Pose) -> dict[str, np.ndarray]:
    pelvis = _pelvis_rotation(pose.pelvis_angles)
    spine, chest = _spine_rotations(pose)
    nod, tilt, turn = np.moveaxis(pose.head_angles, -1, 0)
    head = chest @ rotations("z", turn) @ rotations("y", nod) @ rotations("x", tilt)
    joints = {
        f"{side}_hip": pose.pelvis + _rotated(pelvis, (0, sign * body.hip, 0)) for side, sign in zip(SIDES, SIGNS, strict=True)
    }
    joints["torso"] = pose.pelvis + _rotated(spine, _direction(-0.04, 0, 1) * body.spine)
    joints["neck"] = joints["torso"] + _rotated(chest, _direction(-0.04, 0, 1) * body.chest)
    joints["head"] = joints["neck"] + _rotated(head, _direction(0.45, 0, 1) * body.neck)
    joints["head_top"] = joints["head"] + _rotated(head, _direction(-0.3, 0, 1) * body.head)
    for side, name in enumerate(SIDES):
        # the shoulder blade lifts with the arm
        lift = rotations("x", SIGNS[side] * 0.15 * (1 + np.tanh(2 * pose.hands[:, side, 2])))
        joints[f"{name}_shoulder"] = joints["neck"] + _rotated(chest @ lift, _direction(0, SIGNS[side], -0.25) * body.shoulder)
    return joints


def _leg(body: Body, pose: Pose, side: int, hip: np.ndarray) -> dict[str, np.ndarray]:
    heading, pitch = np.moveaxis(pose.foot_angles[:, side], -1, 0)
    foot = rotations("z", heading) @ rotations("y", pitch)
    target = pose.feet[:, side] + _rotated(foot, _ball_to_ankle(body))
    # knees point half way between the toes and the trunk
    frame = rotations("z", 0.5 * (heading + pose.pelvis_angles[:, 0]))
    bend = _KNEE if side == 0 else _KNEE.mirrored()
    knee, ankle = two_segments(hip, target, bend, frame, 0.0, body.thigh, body.shin)
    ball = ankle - _rotated(foot, _ball_to_ankle(body))
    name = SIDES[side]
    return {
        f"{name}_knee": knee,
        f"{name}_ankle": ankle,
        f"{name}_foot": ball,
        f"{name}_toes": ball + _rotated(rotations("z", heading), (body.toes, 0, 0)),
    }


def _arm(body: Body, pose: Pose, side: int, shoulder: np.ndarray) -> dict[str, np.ndarray]:
    _, chest = _spine_rotations(pose)
    outwards = np.array([1, SIGNS[side], 1])
    target = shoulder + np.einsum("tij,tj->ti", chest, pose.hands[:, side] * outwards) * body.arm
    lowest = body.hand + 0.02
    target[:, 2] = lowest + 0.03 * np.logaddexp(0, (target[:, 2] - lowest) / 0.03)
    bend = _ELBOW if side == 0 else _ELBOW.mirrored()
    swivel = SIGNS[side] * pose.elbows[:, side]
    elbow, wrist = two_segments(shoulder, target, bend, chest, swivel, body.upper_arm, body.forearm)
    along = (wrist - elbow) / body.forearm
    inwards = np.einsum("tij,j->ti", chest, _direction(0.6, -0.8 * SIGNS[side], 0))
    inwards = inwards - 0.99 * (inwards * along).sum(-1, keepdims=True) * along
    thumb = along + 0.8 * inwards / np.linalg.norm(inwards, axis=-1, keepdims=True)
    name = SIDES[side]
    return {
        f"{name}_elbow": elbow,
        f"{name}_wrist": wrist,
        f"{name}_thumb": wrist + body.thumb * thumb / np.linalg.norm(thumb, axis=-1, keepdims=True),
        f"{name}_fingers": wrist + body.hand * along,
    }


def _pelvis_rotation(pelvis_angles: np.ndarray) -> np.ndarray:
    heading, lean, roll = np.moveaxis(pelvis_angles, -1, 0)
    return rotations("z", heading) @ rotations("y", lean) @ rotations("x", roll)


def _spine_rotations(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Of the segments below and above the torso joint, ``(T, 3, 3)`` each."""
    flexion, side, twist = np.moveaxis(pose.spine_angles / 2, -1, 0)
    half = rotations("z", twist) @ rotations("y", flexion) @ rotations("x", side)
    lower = _pelvis_rotation(pose.pelvis_angles) @ half
    return lower, lower @ half


def _ball_to_ankle(body: Body) -> np.ndarray:
    return np.array([-np.sqrt(body.foot**2 - (0.7 * body.ankle) ** 2), 0, 0.7 * body.ankle])


def _direction(x: float, y: float, z: float) -> np.ndarray:
    return _unit(np.array([x, y, z]))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _rotated(matrices: np.ndarray, vector: np.ndarray | tuple[float, float, float]) -> np.ndarray:
    return matrices @ np.asarray(vector, np.float64)
