"""TRC, the marker files of OpenSim: plain text, metres, y up. A joint that is not known is left empty."""

from pathlib import Path

import numpy as np

from uplift_upsample.base.files import write_text
from uplift_upsample.lift.exports.bvh import Y_UP
from uplift_upsample.lift.lifted import LiftedPoses


def write_trc(path: Path, poses: LiftedPoses) -> str:
    """Write joints as markers, a row for each frame with its time."""
    rate = f"{poses.frame_rate:.6g}"
    num_frames, num_joints = poses.positions.shape[:2]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{num_frames}\t{num_joints}\tm\t{rate}\t1\t{num_frames}",
        "Frame#\tTime\t" + "\t\t\t".join(poses.joints) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{number}" for number in range(1, num_joints + 1) for axis in "XYZ"),
        "",
    ]
    values = (poses.positions.astype(np.float64) * Y_UP).reshape(num_frames, -1)
    for number, (second, row) in enumerate(zip(poses.times, values, strict=True), start=1):
        cells = ("" if np.isnan(value) else f"{value:.6f}" for value in row)
        lines.append("\t".join([str(number), f"{second:.6f}", *cells]))
    write_text(path, "\n".join(lines) + "\n")
    return ""
