"""Small Acclaim files made by code: the bones of the CMU database, numbers of our own."""

from pathlib import Path

import numpy as np

from uplift_upsample.data.mocap.cmu_trials import Trial

# First line of a list of trials.
HEADER = "subject,trial,description,action,frames,fps,sha256,sha256_lf,asf_sha256,asf_sha256_lf\n"
# name, parent, direction, length in inches, degrees of freedom
BONES = [
    ("lhipjoint", "root", (0.6, -0.8, 0), 4, ""),
    ("lfemur", "lhipjoint", (0, -1, 0), 16, "rx ry rz"),
    ("ltibia", "lfemur", (0, -1, 0), 17, "rx"),
    ("rhipjoint", "root", (-0.6, -0.8, 0), 4, ""),
    ("rfemur", "rhipjoint", (0, -1, 0), 16, "rx ry rz"),
    ("rtibia", "rfemur", (0, -1, 0), 17, "rx"),
    ("lowerback", "root", (0, 1, 0), 5, "rx ry rz"),
    ("upperback", "lowerback", (0, 1, 0), 5, "rx ry rz"),
    ("thorax", "upperback", (0, 1, 0), 5, "rx ry rz"),
    ("lowerneck", "thorax", (0, 1, 0), 3, "rx ry rz"),
    ("upperneck", "lowerneck", (0, 1, 0), 3, "rx ry rz"),
    ("head", "upperneck", (0, 1, 0), 4, "rx ry rz"),
    ("lclavicle", "thorax", (0.96, 0.28, 0), 8, "ry rz"),
    ("lhumerus", "lclavicle", (1, 0, 0), 12, "rx ry rz"),
    ("lradius", "lhumerus", (1, 0, 0), 8, "rx"),
    ("rclavicle", "thorax", (-0.96, 0.28, 0), 8, "ry rz"),
    ("rhumerus", "rclavicle", (-1, 0, 0), 12, "rx ry rz"),
    ("rradius", "rhumerus", (-1, 0, 0), 8, "rx"),
]


def asf_text(bones: list = BONES, length: float = 0.45) -> str:
    """A skeleton; lengths are written in units of 1 / ``length`` inches."""
    lines = [":version 1.10", ":name TEST", ":units", "  mass 1.0", f"  length {length}", "  angle deg", ":root"]
    lines += ["  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", "  orientation 0 0 0", ":bonedata"]
    for number, (name, _, direction, inches, dof) in enumerate(bones, 1):
        lines += ["  begin", f"    id {number}", f"    name {name}", f"    direction {direction[0]} {direction[1]} {direction[2]}"]
        lines += [f"    length {inches * length}", "    axis 0 0 0 XYZ"]
        if dof:
            lines += [f"    dof {dof}", "    limits (-180.0 180.0)", *["           (-180.0 180.0)"] * dof.count(" ")]
        lines += ["  end"]
    lines += [":hierarchy", "  begin"]
    for parent in dict.fromkeys(parent for _, parent, *_ in bones):
        lines += [f"    {parent} {' '.join(name for name, p, *_ in bones if p == parent)}"]
    return "\n".join([*lines, "  end", ""])


def amc_text(num_frames: int, bones: list = BONES, step: float = 0.05, jump_at: int | None = None, seed: int = 0) -> str:
    """A person 35 inches above the floor who walks along z by ``step`` inches a frame; from frame ``jump_at`` on 2 m aside."""
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0, 2 * np.pi, (len(bones), 3))
    lines = ["#!OML:ASF test", ":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(num_frames):
        aside = 80 * 0.45 if jump_at is not None and frame >= jump_at else 0
        lines += [str(frame + 1), f"root {aside} {35 * 0.45} {frame * step * 0.45} 0 0 0"]
        for (name, *_, dof), phase in zip(bones, phases, strict=True):
            angles = 20 * np.sin(frame / 30 + phase[: len(dof.split())])
            if dof:
                lines.append(f"{name} {' '.join(f'{angle:.5f}' for angle in angles)}")
    return "\n".join([*lines, ""])


def write_subject(folder: Path, subject: str, motions: dict[str, str]) -> None:
    """The files of one subject in the layout of the database."""
    place = folder / "subjects" / subject
    place.mkdir(parents=True)
    (place / f"{subject}.asf").write_text(asf_text())
    for trial, text in motions.items():
        (place / f"{trial}.amc").write_text(text)


def text_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def trial(name: str, frames: int, action: str = "Walk") -> Trial:
    return Trial(name.split("_")[0], name, "made by code", action, frames, 120.0)
