"""The modules behind a script, whether it uses anything of them or not."""

import os
from pathlib import Path

from uplift_upsample.machine.definitions import Module
from uplift_upsample.machine.used_code import MAIN, Project


def code_modules(entry: str | os.PathLike[str]) -> dict[str, Path]:
    """Dotted name (the script's own is ``__main__``) -> file. Imports within functions and of types alone count, too."""
    project = Project(Path(entry).resolve())
    found: dict[str, Path] = {}
    queue = [MAIN]
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = Path(project.files[name])
            for mentioned in _mentioned(project.module(name)):
                queue += project.with_packages(mentioned)
    return found


def _mentioned(module: Module) -> set[str]:
    """All that any import in a module names."""
    named = {".".join(filter(None, target)) for targets in module.bound.values() for target in targets}
    return named.union(module.loads, *(unit.loads for unit in module.units))
