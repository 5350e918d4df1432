"""Whether the poses of a view mean what they should: people of the size of people, joints where they belong, 2D poses of these 3D
poses.

The 2D poses are exact, so the 3D poses have to project to them. Universal 3D poses are those of a body of another size; with
a place of its own in each frame, which is found by least squares, such a body projects to the same points as the person's own.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MIRROR, MODEL_17, ROOT
from uplift_upsample.data.checks import body_size, sampled_frames
from uplift_upsample.data.mpi_inf_3dhp.views import MPI_17, Optics, View
from uplift_upsample.plan.thresholds import Checks

_SUSPECT = 0.2  # of the largest accepted distance; above it, the known mistakes are tried
_BETTER = 0.5  # of the distance is left at most once the mistake that was made is undone
_UNITS = {"metres": 1000.0, "centimetres": 10.0, "micrometres": 0.001}  # and how many millimetres they have
# Universal bodies are at most a fifth larger or smaller than people's own; pictures of another size are off by a third at least.
_OTHER_SIZE = 1.3
_NORMALISED = 10  # px: no picture is so small
# What is measured of somebody's own body is off by the centre of the picture alone, which costs nothing in depth, and by 0.2 % of
# the focal length; people differ from the universal body by 3 to 20 %.
_OTHER_BODY = 0.03
_FROM_HIPS = 0.2  # m, between the pelvis and the middle of the hips, of anybody
_BONES = {("hip", "knee"): (0.25, 0.65), ("knee", "ankle"): (0.25, 0.65), ("shoulder", "elbow"): (0.15, 0.45),
          ("elbow", "wrist"): (0.15, 0.45)}  # m, of adults  # fmt: skip


def check_meaning(path: str, view: View, annotations: str, checks: Checks) -> float:
    """How far the 2D poses are from the projected 3D poses, pixels: the mean over the joints, the median over sampled frames.

    Raises ``InputError`` with the measured figure and the likely mistake.
    """
    where, sample = f"{path}: {view.title}", _sample(view)
    _check_body(where, sample, checks)
    _check_joints(where, sample)
    off, size = _fit(sample)
    misfit = f"{where}: the 3D poses, projected, are {off:.1f} px away from the 2D poses, which should be exact"
    has_size = 1 / _OTHER_SIZE < size < _OTHER_SIZE
    if off > _SUSPECT * checks.reprojection_px or not has_size:
        best, words = min((_fit(undone)[0], words) for words, undone in _mistakes(sample))
        if best <= _BETTER * off:
            raise InputError(f"{misfit}, and {best:.1f} px if {words}")
    if not has_size:
        likely = "normalised" if abs(sample.poses_2d).max() < _NORMALISED else "of another size"
        raise InputError(
            f"{where}: the 2D poses are {1 / size:.2g} times as large as the 3D poses look in a picture {view.optics.width:g} wide"
            f": they must be pixels of such pictures, and are likely {likely}"
        )
    if off > checks.reprojection_px:
        limit = f"{checks.reprojection_px:g}"
        raise InputError(f"{misfit}; no known mistake explains it. If it is right nevertheless, raise reprojection_px ({limit})")
    if annotations == "metric" and abs(size - 1) > _OTHER_BODY:
        raise InputError(
            f"{where}: the 3D poses would have to be {size:.2f} times as far away to project to the 2D poses, so they are of "
            "another body: these are universal annotations (annotations: universal)"
        )
    return off


def _sample(view: View) -> View:
    """Some valid frames."""
    frames = np.arange(len(view.poses_3d)) if view.is_valid is None else np.flatnonzero(view.is_valid)
    frames = frames[sampled_frames(len(frames))]
    return replace(view, poses_3d=view.poses_3d[frames].astype(np.float64), poses_2d=view.poses_2d[frames].astype(np.float64))


def _check_body(where: str, sample: View, checks: Checks) -> None:
    size = body_size(sample.poses_3d)
    smallest, largest = checks.body_size
    if not smallest <= size <= largest:
        likely = next((unit for unit, factor in _UNITS.items() if smallest <= size * factor <= largest), None)
        words = f"they are likely {likely}" if likely else "no unit gives the size of a person"
        raise InputError(
            f"{where}: the person measures {size * 1000:.4g} mm, not {smallest:g} to {largest:g} m; the file must have "
            f"millimetres: {words}"
        )
    if not (np.median(sample.poses_3d[..., 2], axis=1) > 0).all():
        behind = "relative to the pelvis" if not sample.poses_3d[:, ROOT].any() else "behind the camera"
        raise InputError(f"{where}: the 3D poses are {behind}; they must be in the axes of the camera (x right, y down, z forward)")


def _check_joints(where: str, sample: View) -> None:
    """That joints are where their names place them, by lengths of bones."""
    if _has_bones(sample.poses_3d):
        return
    for name, order in (("Human3.6M", H36M_17), ("the networks of this project", MODEL_17)):
        if _has_bones(_reordered(sample.poses_3d, order)):
            raise InputError(
                f"{where}: its joints are in the order of {name}; they must be in that of MPI-INF-3DHP ({', '.join(MPI_17[:3])}, …)"
            )
    raise InputError(
        f"{where}: limbs have lengths that nobody's have, so the joints are in another order than that of MPI-INF-3DHP "
        f"({', '.join(MPI_17[:3])}, …)"
    )


def _has_bones(poses: np.ndarray) -> bool:
    def length(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.median(np.linalg.norm(one - other, axis=-1)))

    at = {name: poses[:, index] for index, name in enumerate(MODEL_17)}
    return length((at["l_hip"] + at["r_hip"]) / 2, at["pelvis"]) <= _FROM_HIPS and all(
        shortest <= length(at[f"{side}_{upper}"], at[f"{side}_{lower}"]) <= longest
        for (upper, lower), (shortest, longest) in _BONES.items()
        for side in "lr"
    )


def _reordered(poses: np.ndarray, order: tuple[str, ...]) -> np.ndarray:
    """Poses whose joints stood in another order in the file."""
    in_file = np.empty_like(poses)
    in_file[:, [MPI_17.index(name) for name in MODEL_17]] = poses
    return in_file[:, [order.index(name) for name in MODEL_17]]


def _fit(sample: View) -> tuple[float, float]:
    """Distance of projections from the 2D poses in pixels, once each pose has the place where it fits best; and how many times as
    far away from the camera that is."""
    width, height, focal = sample.optics
    seen, poses = (sample.poses_2d - np.array([width, height]) / 2) / focal, sample.poses_3d
    system = np.zeros((*seen.shape, 3))  # two rows a joint: X + tx = u (Z + tz)
    system[..., 0, 0] = system[..., 1, 1] = 1
    system[..., 2] = -seen
    right = seen * poses[..., 2:] - poses[..., :2]
    moved = np.linalg.pinv(system.reshape(len(seen), -1, 3)) @ right.reshape(len(seen), -1, 1)  # (n, 3, 1)
    placed = poses + moved[:, None, :, 0]
    depth = np.where(placed[..., 2:] > 0, placed[..., 2:], np.nan)
    off = np.linalg.norm(placed[..., :2] / depth - seen, axis=-1).mean(-1) * focal
    farther = placed[:, ROOT, 2] / poses[:, ROOT, 2]
    is_known = np.isfinite(off)
    return (float(np.median(off[is_known])), float(np.median(farther))) if is_known.any() else (np.inf, float(np.median(farther)))


def _mistakes(sample: View) -> Iterator[tuple[str, View]]:
    """Known mistakes, each undone."""
    seen, optics = sample.poses_2d, sample.optics
    yield "left and right are exchanged in one of the two", replace(sample, poses_2d=seen[:, MIRROR])
    yield "the pictures behind the 2D poses are mirrored", replace(sample, poses_2d=_mirrored(seen, optics)[:, MIRROR])
    yield "x of the 2D poses points to the left", replace(sample, poses_2d=_mirrored(seen, optics))
    yield "y of the 2D poses points up", replace(sample, poses_2d=[0, optics.height] + seen * [1, -1])
    yield "x and y of the 2D poses are exchanged", replace(sample, poses_2d=seen[..., ::-1])
    for name, order in (("Human3.6M", H36M_17), ("the networks of this project", MODEL_17)):
        yield f"the joints of the 2D poses are in the order of {name}", replace(sample, poses_2d=_reordered(seen, order))


def _mirrored(seen: np.ndarray, optics: Optics) -> np.ndarray:
    return [optics.width, 0] + seen * [-1, 1]
