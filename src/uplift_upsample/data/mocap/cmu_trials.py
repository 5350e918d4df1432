"""The list of trials to use from the CMU motion capture database, and the fetching of their files, one by one.

A list is a CSV file with one row for each trial. ``action`` is what scores are grouped by: the database has free
descriptions only, which are summed up in the categories of ``ACTIONS``. Frames and checksums may be left empty for a
list of your own. Lines that start with # are comments.
"""

import csv
import logging
import math
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_csv
from uplift_upsample.base.strict import suggestion
from uplift_upsample.data.download.fetch import Fetched, FetchPolicy, fetch, local_path, new_session
from uplift_upsample.data.resample import nominal_rate

_LOG = logging.getLogger(__name__)
PAUSE = 1.0  # s between two requests: the database asks not to be crawled
_NAME = re.compile(r"[A-Za-z0-9-]+")  # names become paths

# In this order in tables. Each names what the whole trial is about, by its description.
ACTIONS = {
    "Walk": "walking straight or in a curve, slowly, stealthily, in several directions",
    "UnevenWalk": "walking on uneven terrain",
    "Run": "running and jogging, also in a curve or to a sudden stop",
    "Jump": "jumping, hopping, leaping",
    "Climb": "steps, ladders, playground equipment, hanging on ropes",
    "Sit": "sitting down, standing up, sitting on a vehicle",
    "Reach": "handling things while standing: drinking, opening a bottle, reaching up",
    "Gesture": "signals and rhymes told with arms and hands",
    "Dance": "dance steps and turns, static dance poses",
    "Balance": "standing on one leg",
    "Acrobatics": "cartwheels",
    "Fight": "boxing, striking, swordplay",
    "Karate": "kicks and forms of karate",
    "Kick": "kicking a ball",
}


@dataclass(frozen=True)
class Trial:
    """One row of the list.

    subject, trial: ``01``, ``01_08``. frames, fps: as recorded; frames are not checked where they are None. sha256, asf_sha256: of
    the AMC and ASF files as they are on the site; ``_lf``: with LF line ends (copies differ in line ends only).
    """

    subject: str
    trial: str
    description: str
    action: str
    frames: int | None
    fps: float
    sha256: str = ""
    sha256_lf: str = ""
    asf_sha256: str = ""
    asf_sha256_lf: str = ""

    @property
    def asf(self) -> str:
        """Path of the skeleton in the layout of the site."""
        return f"subjects/{self.subject}/{self.subject}.asf"

    @property
    def amc(self) -> str:
        """Path of the motion in the layout of the site."""
        return f"subjects/{self.subject}/{self.trial}.amc"


def read_trials(path: str | os.PathLike[str]) -> list[Trial]:
    """Read a list of trials. Raises ``InputError`` with the line of anything that is missing, twice, or of the wrong
    kind.
    """
    rows = _rows(path, [field.name for field in fields(Trial)])
    trials = [_trial(f"{path}, line {number}", row) for number, row in rows]
    seen: set[str] = set()
    for (number, _), trial in zip(rows, trials, strict=True):
        if trial.trial in seen:
            raise InputError(f"{path}, line {number}: trial {trial.trial} is listed twice")
        seen.add(trial.trial)
    if not trials:
        raise InputError(f"{path}: the list has no trials")
    return trials


def trials_of(trials: Iterable[Trial], subject: str) -> list[Trial]:
    """The trials of one subject. Raises ``InputError`` if there are none."""
    trials = list(trials)
    found = [trial for trial in trials if trial.subject == subject]
    if not found:
        known = sorted({trial.subject for trial in trials})
        raise InputError(f"the list of trials has no subject {subject!r}; it has {', '.join(known)}")
    return found


def _trial(where: str, row: Mapping[str, str]) -> Trial:
    if row["action"] not in ACTIONS:
        raise InputError(
            f"{where}: unknown action {row['action']!r}{suggestion(row['action'], ACTIONS)}; known are {', '.join(ACTIONS)}"
        )
    if not _NAME.fullmatch(row["subject"]) or not _NAME.fullmatch(row["trial"].partition("_")[2]):
        raise InputError(f"{where}: subject {row['subject']!r} and trial {row['trial']!r} must read like 01 and 01_08")
    if row["trial"].partition("_")[0] != row["subject"]:
        raise InputError(f"{where}: trial {row['trial']!r} is not of subject {row['subject']!r}")
    try:
        frames, fps = int(row["frames"]) if row["frames"].strip() else None, float(row["fps"])
    except ValueError:
        raise InputError(f"{where}: frames {row['frames']!r} (or nothing) and fps {row['fps']!r} must be numbers") from None
    if (frames is not None and frames < 1) or not math.isfinite(fps) or fps <= 0:
        raise InputError(f"{where}: frames {row['frames']!r} and fps {row['fps']!r} must be positive")
    texts = {key: value.strip() for key, value in row.items() if key not in ("frames", "fps")}
    return Trial(frames=frames, fps=nominal_rate(fps), **texts)


def fetch_subject(
    source: str, trials: Sequence[Trial], cache: str | os.PathLike[str], pause: float = PAUSE, policy: FetchPolicy | None = None
) -> dict[str, Fetched]:
    """Fetch the skeleton and all motions of one subject, one after the other, with a pause between requests.

    source: the URL of a site, or a folder, with the layout of the database (``subjects/01/01_08.amc``). A folder is
    used in place; downloads are kept in ``cache`` with the same layout. Returns the files by their path in the
    layout. Raises ``InputError`` as ``fetch`` does; what was fetched before stays in the cache.
    """
    folder = local_path(source)
    fetched: dict[str, Fetched] = {}
    with new_session() as session:
        for name, checksums in files_of(trials).items():
            origin = f"{source.rstrip('/')}/{name}" if folder is None else folder / name
            if any(file.is_downloaded for file in list(fetched.values())[-1:]):
                time.sleep(pause)
            fetched[name] = fetch(
                origin,
                Path(cache) / name,
                sha256=checksums,
                ignore_carriage_returns=True,
                check=acclaim_fault,
                policy=policy,
                session=session,
            )
    downloads = sum(file.is_downloaded for file in fetched.values())
    _LOG.info("%s: %d files, %d of them downloaded now", trials[0].subject if trials else source, len(fetched), downloads)
    return fetched


def files_of(trials: Sequence[Trial]) -> dict[str, tuple[str, ...]]:
    """The files that trials need, by their path in the layout of the site, with the accepted checksums of each."""
    files: dict[str, tuple[str, ...]] = {trial.asf: (trial.asf_sha256, trial.asf_sha256_lf) for trial in trials}
    return files | {trial.amc: (trial.sha256, trial.sha256_lf) for trial in trials}


def acclaim_fault(path: Path) -> str | None:
    """What is wrong with a file that should be an ASF or AMC file, from its first lines; None if it may be one."""
    with path.open("rb") as file:
        start = file.read(4096)
    lines = start.removeprefix(b"\xef\xbb\xbf").splitlines()
    sections = [line.strip().lower() for line in lines if line.lstrip().startswith(b":")]
    expected = b":version" if path.name.removesuffix(".part").endswith(".asf") else b":fully-specified"
    if any(section.startswith(expected) for section in sections):
        return None
    return f"no {expected.decode()} in its first lines; this is not an Acclaim file of the database"


@dataclass(frozen=True)
class ManifestRow:
    """A fetched file: its path in the layout of the site, where it came from, where it is (relative to the working
    folder), and its content.
    """

    file: str
    origin: str
    path: str
    sha256: str
    bytes: int


def write_manifest(path: str | os.PathLike[str], fetched: Mapping[str, Fetched]) -> None:
    """List fetched files. The same content in the same places gives the same bytes."""
    rows = [ManifestRow(name, f.origin, os.path.relpath(f.path), f.sha256, f.num_bytes) for name, f in fetched.items()]
    write_csv(path, [field.name for field in fields(ManifestRow)], map(astuple, rows))


def read_manifest(path: str | os.PathLike[str]) -> dict[str, ManifestRow]:
    """The files of a manifest by their path in the layout. Raises ``InputError`` where it cannot be read."""
    rows = _rows(path, [field.name for field in fields(ManifestRow)])
    for number, row in rows:
        if not row["bytes"].isdecimal() or len(row["bytes"]) > 15:
            raise InputError(f"{path}, line {number}: bytes is {row['bytes']!r}, which is not a number; fetch the subject again")
    return {row["file"]: ManifestRow(row["file"], row["origin"], row["path"], row["sha256"], int(row["bytes"])) for _, row in rows}


def _rows(path: str | os.PathLike[str], columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()  # spreadsheets begin with a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    try:
        parsed = [next(csv.reader([line], strict=True)) for _, line in numbered]  # a cell ends on its line
    except csv.Error as error:
        raise InputError(f"{path}: no CSV table ({error})") from None
    header = parsed[0] if parsed else []
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; needed are {', '.join(columns)}")
    rows = []
    for (number, _), cells in zip(numbered[1:], parsed[1:], strict=True):
        if len(cells) != len(header):
            raise InputError(f"{path}, line {number}: {len(cells)} cells where the header has {len(header)}")
        rows.append((number, {column: cells[header.index(column)] for column in columns}))
    return rows
