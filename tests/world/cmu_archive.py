"""A miniature of the CMU database: its zip file in the true layout, and the list of trials with the checksums of its files."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

from world.acclaim_files import amc_text, asf_text

from uplift_upsample.data.mocap.cmu_trials import Trial

FOLDER = "all_asfamc"
_TIME = (2003, 9, 1, 0, 0, 0)

# trial -> action, frames at 120 Hz, walked inches a frame, frame from which on the person is somewhere else
TRIALS: dict[str, tuple[str, int, float, int | None]] = {
    "01_01": ("Walk", 261, 0.05, None),
    "01_02": ("Jump", 300, 0.0, 6),
    "02_01": ("Run", 420, 0.3, None),
    "07_01": ("Walk", 270, 0.05, None),
    "14_01": ("Sit", 250, 0.0, None),
}


def database_files(trials: Mapping[str, tuple[str, int, float, int | None]] = TRIALS) -> dict[str, bytes]:
    """The files by their path in the layout of the site; skeletons with CR LF line ends, motions without, as in the original."""
    files: dict[str, bytes] = {}
    for seed, (name, (_, frames, step, jump_at)) in enumerate(trials.items()):
        subject = name.split("_")[0]
        files[f"subjects/{subject}/{subject}.asf"] = asf_text().replace("\n", "\r\n").encode()
        files[f"subjects/{subject}/{name}.amc"] = amc_text(frames, step=step, jump_at=jump_at, seed=seed).encode()
    return files


def write_archive(path: Path, files: Mapping[str, bytes] | None = None, folder: str = FOLDER) -> Path:
    """``allasfamc.zip`` as the site has it, with members that nobody asks for; equal files give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    members = {f"{folder}/{name}" if folder else name: content for name, content in (files or database_files()).items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {f"{folder}/" if folder else "subjects/": b"", "readme.txt": b"hello", **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
    return path


def trial_rows(trials: Mapping[str, tuple[str, int, float, int | None]] = TRIALS) -> list[Trial]:
    """The list of trials with the checksums of their files, as they are and with LF line ends."""
    files = database_files(trials)
    rows = []
    for name, (action, frames, *_) in trials.items():
        trial = Trial(name.split("_")[0], name, "made by code", action, frames, 120.0)
        sums = (_sums(files[trial.amc]), _sums(files[trial.asf]))
        rows.append(
            Trial(**(asdict(trial) | dict(zip(("sha256", "sha256_lf", "asf_sha256", "asf_sha256_lf"), sum(sums, ()), strict=True))))
        )
    return rows


def write_trials(path: Path, trials: Mapping[str, tuple[str, int, float, int | None]] = TRIALS) -> Path:
    """The list of trials as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Trial)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in trial_rows(trials))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _sums(content: bytes) -> tuple[str, str]:
    return hashlib.sha256(content).hexdigest(), hashlib.sha256(content.replace(b"\r", b"")).hexdigest()
