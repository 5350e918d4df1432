"""Where a result comes from: content of data files, fingerprint of code, versions and hardware of a run.

Nothing here imports a deep-learning framework: the workflow asks for digests and fingerprints each time it starts.
"""

import ast
import contextlib
import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from uplift_upsample.files import sha256_of_file, write_text

PACKAGES = ("uplift-upsample", "numpy", "h5py", "keras", "tensorflow", "jax", "torch", "pandas", "snakemake")


def digest(path: str | os.PathLike[str], cache: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, remembered in the JSON file ``cache`` for as long as size and time of the file stay the same.

    The cache's keys are the paths as given: relative ones survive a move of the project. A cache that cannot be read or
    written (damaged, read-only folder) costs time, nothing else.
    """
    status = os.stat(path)
    key, stamp = Path(path).as_posix(), [status.st_size, status.st_mtime_ns]
    known = _read_cache(cache)
    entry = known.get(key)
    if isinstance(entry, list) and len(entry) == 3 and entry[:2] == stamp:
        return entry[2]
    checksum = sha256_of_file(path)
    known[key] = [*stamp, checksum]
    with contextlib.suppress(OSError):
        write_text(cache, json.dumps(known, indent=1, sort_keys=True))
    return checksum


def _read_cache(cache: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        known = json.loads(Path(cache).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def code_fingerprint(entry: str | os.PathLike[str]) -> str:
    """Fingerprint of what a script of this project does: equal as long as only comments, docstrings or formatting change.

    A hash over the syntax trees of the script and of the project modules that it imports, directly or not (the script's own folder
    and ``src`` beside that folder), and over the bytes of data files that these modules name and that lie beside them. Other
    packages do not count: their versions are recorded by ``describe_run``.
    """
    total = hashlib.sha256()
    for name, path in sorted(code_modules(entry).items()):
        mtime_ns = path.stat().st_mtime_ns
        total.update(f"{name} {_module_digest(path, mtime_ns)}\n".encode())
        for file in sorted(_named_files(path, mtime_ns)):
            if (path.parent / file).is_file():
                total.update(f"{file} {sha256_of_file(path.parent / file)}\n".encode())
    return total.hexdigest()[:16]


def code_modules(entry: str | os.PathLike[str]) -> dict[str, Path]:
    """The modules behind a script: dotted name (the script's own is ``__main__``) -> file."""
    entry = Path(entry).resolve()
    folders = (entry.parent, entry.parent.parent / "src")
    found: dict[str, Path] = {}
    queue = [("__main__", entry)]
    while queue:
        name, path = queue.pop()
        if name in found:
            continue
        found[name] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imports(path, path.stat().st_mtime_ns, package):
            queue += [(module, file) for module, file in _located(imported, folders) if module not in found]
    return found


def _located(name: str, folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """The file of a module and those of the packages around it; nothing for what is not the project's."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        bases = [folder.joinpath(*parts[:end]) for folder in folders]
        files = [path for base in bases for path in (base / "__init__.py", base.with_name(f"{base.name}.py")) if path.is_file()]
        if not files:
            return
        yield ".".join(parts[:end]), files[0]


@functools.cache
def _imports(path: Path, mtime_ns: int, package: str) -> frozenset[str]:
    """Names that a module may import; of ``from a import b``, ``a.b`` too, which may be a module."""
    names = set()
    for node in ast.walk(_tree(path, mtime_ns)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@functools.cache
def _tree(path: Path, mtime_ns: int) -> ast.Module:
    return ast.parse(path.read_bytes())


@functools.cache
def _module_digest(path: Path, mtime_ns: int) -> str:
    total = hashlib.sha256()
    for token in _tokens(_tree(path, mtime_ns)):
        total.update(token.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()


@functools.cache
def _named_files(path: Path, mtime_ns: int) -> frozenset[str]:
    """Strings in a module that could be names of data files beside it, such as that of the camera table."""
    nodes = ast.walk(_tree(path, mtime_ns))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(text for text in texts if re.fullmatch(r"[\w-]+\.(?!py$)\w+", text))


def _tokens(node: Any) -> Iterator[str]:
    """A syntax tree as text, without what has no effect.

    Not ``ast.dump``: what that leaves out depends on the version of Python, and a new one would rerun everything.
    """
    if isinstance(node, list):
        for item in node:
            yield from _tokens(item)
        yield "]"
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                value = [statement for statement in value if not _is_text(statement)]
            if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
                yield name
                yield from _tokens(value)
        yield ")"
    else:
        yield repr(node)


def _is_text(statement: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring, or a comment in its form."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


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
    folder = Path(__file__).resolve().parents[2]
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
