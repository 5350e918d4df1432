"""Where a result comes from: content of data files, fingerprint of code, versions and hardware of a run.

Nothing here imports a deep-learning framework: the workflow asks for digests and fingerprints each time it starts.
"""

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uplift_upsample.base.files import sha256_of_file, write_text
from uplift_upsample.machine.used_code import used_code

PACKAGES = ("uplift-upsample", "numpy", "h5py", "keras", "tensorflow", "jax", "torch", "pandas", "snakemake")


def digest(path: str | os.PathLike[str], cache: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, remembered in the JSON file ``cache`` for as long as size and time of the file stay the same.

    Of a folder, that of the names and bytes of the files in it (not below), for as long as none of them has another size or time.
    The cache's keys are the paths as given: relative ones survive a move of the project. A cache that cannot be read or
    written (damaged, read-only folder) costs time, nothing else.
    """
    files = sorted(each for each in Path(path).iterdir() if each.is_file()) if os.path.isdir(path) else None
    key, stamp = Path(path).as_posix(), _stamp(Path(path)) if files is None else _stamp_of_files(files)
    known = _read_cache(cache)
    entry = known.get(key)
    if isinstance(entry, list) and len(entry) == 3 and entry[:2] == stamp:
        return entry[2]
    checksum = sha256_of_file(path) if files is None else _sha256_of_files(files)
    known[key] = [*stamp, checksum]
    _write_cache(cache, known)
    return checksum


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _stamp_of_files(files: Sequence[Path]) -> list[Any]:
    stamps = json.dumps([[file.name, *_stamp(file)] for file in files])
    return [len(files), hashlib.sha256(stamps.encode("utf-8", "surrogateescape")).hexdigest()]


def _sha256_of_files(files: Sequence[Path]) -> str:
    lines = (f"{sha256_of_file(file)}  {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _read_cache(cache: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        known = json.loads(Path(cache).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_cache(cache: str | os.PathLike[str], known: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        write_text(cache, json.dumps(known, indent=1, sort_keys=True))


def code_fingerprint(entry: str | os.PathLike[str]) -> str:
    """Fingerprint of what a script of this project does.

    Equal as long as only comments, docstrings, formatting and code that the script does not use change: a hash over what
    ``used_code`` finds. Other packages do not count: their versions are recorded by ``describe_run``.
    """
    return hashlib.sha256("\n".join(used_code(entry)).encode()).hexdigest()[:16]


class CodeFingerprints:
    """The ``code_fingerprint`` of scripts, remembered while names, sizes and times of all files of the code stay the same.

    root: the project; its files are looked at once, here. cache: a JSON file; one that cannot be read or written costs time,
    nothing else. Finding the fingerprints of all scripts takes a second or two, half of a dry run.
    """

    def __init__(self, root: Path, cache: str | os.PathLike[str]) -> None:
        self._root, self._cache = root, cache
        state, self._known = _state_of_code(root), _read_cache(cache)
        if self._known.get("files") != state:
            self._known = {"files": state}

    def of(self, script: str) -> str:
        """script: the name of its file."""
        found = self._known.get(script)
        if not isinstance(found, str):
            found = self._known[script] = code_fingerprint(self._root / "scripts" / script)
            _write_cache(self._cache, self._known)
        return found


def _state_of_code(root: Path) -> str:
    """Names, sizes and times of all files below ``src`` and ``scripts``: modules, and the data files beside them."""
    files = []
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if (name in ("src", "scripts") if folder == str(root) else name != "__pycache__")]
        for name in names if folder != str(root) else ():
            with contextlib.suppress(FileNotFoundError):  # an editor's temporary file
                status = os.stat(os.path.join(folder, name))
                files.append(f"{os.path.relpath(folder, root)}/{name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(files)).encode("utf-8", "surrogateescape")).hexdigest()


def describe_run() -> dict[str, Any]:
    """What a result should carry with it: command, UTC time, versions, hardware, and the commit where there is one."""
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": _versions(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "num_cores": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "gpus": _gpus(),
        "git": _git(),
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _gpus() -> list[str]:
    """Models of the NVIDIA GPUs of the machine, whether used or not, as the driver lists them."""
    models = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        models += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    return models


def _git() -> dict[str, Any] | None:
    """Commit of the project's folder, and whether its tracked files are as committed; None outside a repository."""
    folder = Path(__file__).resolve().parents[3]
    if not (folder / ".git").exists():
        return None
    try:
        commit = _output_of("git", "-C", str(folder), "rev-parse", "HEAD")
        status = _output_of("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "is_clean": not status}


def _output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
