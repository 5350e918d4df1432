"""The page of somebody's own clip: its poses to turn and scrub, what the network saw, which weights they are of, and the files.

The document for the viewer is that of ``page.poses`` with one sequence and one track. There is no truth. The track has a pose for
each frame, and instead of ``key_step`` its key frames: ``keys``, a list of frames, and ``poses_2d``, their 2D poses
``(keys, 17, 2)`` in ten-thousandths of the width and the height of the picture. The sequence has ``size``, width and height in
pixels, ``first_frame``, its number in the file, and ``times``, the second of each frame, where frames are not equally far apart.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.files import write_text
from uplift_upsample.base.skeleton import ROOT
from uplift_upsample.data.keypoints.roll import rolled
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.report.page.build import rendered
from uplift_upsample.report.page.contents import Animation, animations, link
from uplift_upsample.report.page.poses import document_of, packed, packed_units

TEMPLATE = "clip.html"
SECTIONS = {"answer": "Clip", "poses-in-3d": "3D viewer", "animations": "Animation", "about": "About", "files": "Files"}
MOST_FRAMES = 30_000  # in the viewer, 4 MB of the page: ten minutes at 50 Hz
_SHARES = 10_000  # units of a 2D pose in width and height of the picture: a tenth of a pixel of 1000


def clip_page(
    name: str,
    poses: LiftedPoses,
    animation: Animation | None,
    files: Sequence[str],
    page: str | os.PathLike[str],
    *,
    has_video: bool,
) -> str:
    """The page as text. files: of the poses. page: where it will lie, from which links count. has_video: whether the clip is one.

    Raises ``InputError`` where it would be too large, and for joints of another layout.
    """
    return rendered(
        TEMPLATE,
        f"page of the clip {name}",
        clip_poses(name, poses),
        SECTIONS,
        name=name,
        about=poses.metadata,
        errors=poses.metadata["mpjpe_mm"],
        num_frames=len(poses),
        num_shown=min(len(poses), MOST_FRAMES),
        num_unknown=int(np.isnan(poses.positions).any(axis=(1, 2)).sum()),
        animation=animation,
        has_video=has_video,
        facts=facts_of(poses),
        files=[(Path(path).name, link(path, page), _WHAT.get(Path(path).suffix, "")) for path in files],
    )


def write_clip_page(path: str | os.PathLike[str], name: str, poses: LiftedPoses, files: Sequence[str], *, has_video: bool) -> None:
    """Write the page of a clip. files: links of the page; a ``.gif`` among them is shown, too."""
    shown = animations([file for file in files if file.endswith(".gif")][:1], path)
    write_text(path, clip_page(name, poses, next(iter(shown), None), files, path, has_video=has_video))


def clip_poses(name: str, poses: LiftedPoses) -> dict[str, Any]:
    """What the viewer shows of a clip, its first ``MOST_FRAMES`` frames (see the module).

    Raises ``InputError`` for joints of another layout.
    """
    poses.require_skeleton("the page of a clip")
    metadata, shown = poses.metadata, slice(MOST_FRAMES)
    positions = rolled(poses.positions[shown].astype(np.float64), -float(metadata["roll"]))
    keys = np.flatnonzero(poses.is_key[shown])
    sequence = {
        "name": name,
        "title": name,
        "frame_rate": max(poses.frame_rate, 1.0),
        "num_frames": len(positions),
        "first_frame": int(poses.frames[0]),
        "up": [0.0, -1.0, 0.0],
        "size": list(poses.size),
    }
    if _is_variable(poses):
        sequence["times"] = [round(float(second), 4) for second in poses.times[shown]]
    track = {
        "experiment": metadata["weights"],
        "run": "",
        "s_in": metadata["s_in"],
        "sequence": 0,
        "step": 1,
        "num_poses": len(positions),
        "poses": packed(positions - positions[:, ROOT : ROOT + 1]),
        "keys": keys.tolist(),
        "poses_2d": packed_units(poses.poses_2d[keys] / np.array(poses.size) * _SHARES),
    }
    return document_of([sequence], [track])


def facts_of(poses: LiftedPoses) -> list[tuple[str, str]]:
    """All that is to be known of the poses, as (name, text)."""
    about: Mapping[str, Any] = poses.metadata
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    others = ", ".join(map(str, about["other_people"]))
    facts = {
        "Clip": f"{len(poses)} frames at {about['frame_rate']}, {poses.times[-1]:.2f} s",
        "Picture": f"{poses.size[0]:g} by {poses.size[1]:g} pixels",
        "2D poses": f"{about['detector'] or 'of a keypoint file'}, joints {about['layout']}",
        "Person": f"{about['person']}{f'; other people: {others}' if others else ''}",
        "Joints that count": f"confidence from {about['min_confidence']:g} on",
        "Key frames": f"{about['key_frames']} (s_in {about['s_in']} at 50 Hz)",
        "Masked key frames": str(about["num_masked_key_frames"]),
        "Camera": f"rolled by {about['roll']:g}°" if about["roll"] else "taken as upright",
        "Where the person is": about["root"] + (f", focal length {about['focal']:.0f} pixels" if about["focal"] else ""),
        "Axes and units": f"{about['axes']}; {about['units']}",
        "Skeleton": f"{about['skeleton']}, {len(poses.joints)} joints",
        "SHA-256 of the weights": about["weights_sha256"],
        "Versions": versions,
    }
    return list(facts.items())


def _is_variable(poses: LiftedPoses) -> bool:
    steps = np.diff(poses.times)
    return bool(len(steps)) and float(np.ptp(steps)) > 1e-3 * float(steps.mean())


_WHAT = {
    ".npz": "arrays: positions, joints, times, key frames, 2D poses, metadata (NumPy)",
    ".csv": "a row for each frame",
    ".json": "metadata, joints, frame rate, frames",
    ".bvh": "for animation programs; constant bones",
    ".trc": "for OpenSim",
    ".gif": "the animation",
    ".mp4": "the animation",
}
