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
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from uplift_upsample.files import sha256_of_file, write_text

PACKAGES = ("uplift-upsample", "numpy", "h5py", "keras", "tensorflow", "jax", "torch", "pandas", "snakemake")
_WITHOUT_EFFECT = ("ctx", "kind", "type_comment")  # fields of syntax trees


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
        code = _code_of(path, path.stat().st_mtime_ns)
        total.update(f"{name} {code.digest}\n".encode())
        for file in sorted(code.named_files):
            if (path.parent / file).is_file():
                total.update(f"{file} {sha256_of_file(path.parent / file)}\n".encode())
    return total.hexdigest()[:16]


def code_modules(entry: str | os.PathLike[str]) -> dict[str, Path]:
    """The modules behind a script: dotted name (the script's own is ``__main__``) -> file."""
    entry = Path(entry).resolve()
    own = _own_modules((entry.parent, entry.parent.parent / "src"))
    found: dict[str, Path] = {}
    queue = [("__main__", entry)]
    while queue:
        name, path = queue.pop()
        if name in found:
            continue
        found[name] = path
        package = (name if path.name == "__init__.py" else name.rpartition(".")[0]).split(".")
        for level, imported in _code_of(path, path.stat().st_mtime_ns).imports:
            parents = package[: len(package) - level + 1] if level else []
            parts = ".".join([*parents, imported] if imported else parents).split(".")
            for end in range(1, len(parts) + 1):  # the packages around a module count, too
                module = ".".join(parts[:end])
                if module not in own:
                    break
                if module not in found:
                    queue.append((module, own[module]))
    return found


def _own_modules(folders: Iterable[Path]) -> dict[str, Path]:
    """The modules and packages in some folders: dotted name -> file. The first folder counts first."""
    found: dict[str, Path] = {}
    for top in folders:
        modules, packages = dict[str, Path](), dict[str, Path]()
        for folder, inner, names in os.walk(top):
            inner[:] = [name for name in inner if name.isidentifier() and name != "__pycache__"]
            package = ".".join(Path(folder).relative_to(top).parts)
            for name in names:
                if name == "__init__.py":
                    packages[package] = Path(folder, name)
                elif name.endswith(".py"):
                    modules[f"{package}.{name[:-3]}" if package else name[:-3]] = Path(folder, name)
        found = modules | packages | found
    return found


class _Code(NamedTuple):
    """What a module brings into a fingerprint.

    digest: of what it does. imports: names that it may import, each with the number of its leading dots; of ``from a import b``,
    ``a.b`` too, which may be a module. named_files: strings in it that could be names of data files beside it, such as that of the
    camera table.
    """

    digest: str
    imports: frozenset[tuple[int, str]]
    named_files: frozenset[str]


@functools.cache
def _code_of(path: Path, mtime_ns: int) -> _Code:
    tree = ast.parse(path.read_bytes())
    tokens: list[str] = []
    imports: set[tuple[int, str]] = set()
    texts: set[str] = set()
    _read_tree(tree, tokens, imports, texts)
    digest = hashlib.sha256("".join([f"{token}\0" for token in tokens]).encode("utf-8", "surrogatepass")).hexdigest()
    return _Code(digest, frozenset(imports), frozenset(text for text in texts if re.fullmatch(r"[\w-]+\.(?!py$)\w+", text)))


def _read_tree(node: ast.AST, tokens: list[str], imports: set[tuple[int, str]], texts: set[str]) -> None:
    """Gather what a syntax tree says: its text without what has no effect, the names that it imports, its strings.

    Not ``ast.dump``: what that leaves out depends on the version of Python, and a new one would rerun everything.
    """
    kind = type(node)
    tokens.append(kind.__name__)
    if kind is ast.Constant and isinstance(node.value, str):  # type: ignore[attr-defined]
        texts.add(node.value)  # type: ignore[attr-defined]
    elif isinstance(node, ast.Import):
        imports.update((0, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = [node.module] if node.module else []
        imports.update((node.level, ".".join(names)) for names in (base, *([*base, alias.name] for alias in node.names)))
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None or name in _WITHOUT_EFFECT:
            continue
        if isinstance(value, list):
            if name == "body":
                value = [statement for statement in value if not _is_text(statement)]
            if not value:
                continue
            tokens.append(name)
            for item in value:
                if isinstance(item, ast.AST):
                    _read_tree(item, tokens, imports, texts)
                else:
                    tokens.append(repr(item))
            tokens.append("]")
        else:
            tokens.append(name)
            if isinstance(value, ast.AST):
                _read_tree(value, tokens, imports, texts)
            else:
                tokens.append(repr(value))
    tokens.append(")")


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
