"""Which of the project's code a script uses: definitions, followed from name to name, and what runs when modules are imported.

Where it is not certain that something is unused, it counts: `docs/design.md` has the rules.
"""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.machine.definitions import DYNAMIC, Module, Target, module_at

MAIN = "__main__"
_REACH_ALL = (
    "importlib.import_module",
    "runpy.run_module",
    "runpy.run_path",
    "sys.modules",
)  # by names made up at run time
# `pkgutil.resolve_name` in these modules: the package it looks into, and the one name it takes from each module (None: any).
_RESOLVE = "pkgutil.resolve_name"
_REACH = {
    "uplift_upsample.plan.network_base": ("uplift_upsample.model.own.", None),
    "uplift_upsample.report.tables.tables": ("uplift_upsample.report.tables.", "document"),
    "uplift_upsample.report.figures.figures": ("uplift_upsample.report.figures.", "figure"),
}
_OF_EVERY_MODULE = frozenset({"__name__", "__file__", "__doc__"})


def used_code(entry: str | os.PathLike[str]) -> list[str]:
    """One line for each thing of the project that a script uses: digests of its definitions, imports, data files beside modules."""
    return _Uses(Project(Path(entry).resolve())).lines()


class Project:
    """The modules that a script may import: those in its own folder and in ``src`` beside that folder."""

    def __init__(self, entry: Path) -> None:
        self.files = {**_own_modules((entry.parent, entry.parent.parent / "src")), MAIN: str(entry)}
        self.modules: dict[str, Module] = {}
        self.packages: dict[str, list[str]] = {}

    def module(self, name: str) -> Module:
        if name not in self.modules:
            path = self.files[name]
            package = name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]
            self.modules[name] = module_at(path, os.stat(path).st_mtime_ns, package)
        return self.modules[name]

    def with_packages(self, name: str) -> list[str]:
        """A module of the project after the packages around it, as far as there are any."""
        if name not in self.packages:
            outer_first = itertools.accumulate(name.split("."), "{}.{}".format)
            self.packages[name] = list(itertools.takewhile(self.files.__contains__, outer_first))
        return self.packages[name]


def _own_modules(folders: Iterable[Path]) -> dict[str, str]:
    """The modules and packages in some folders: dotted name -> file. The first folder counts first."""
    found: dict[str, str] = {}
    for top in folders:
        modules, packages = dict[str, str](), dict[str, str]()
        for folder, inner, names in os.walk(top):
            inner[:] = [name for name in inner if name.isidentifier() and name != "__pycache__"]
            package = ".".join(Path(folder).relative_to(top).parts)
            for name in names:
                if name == "__init__.py":
                    packages[package] = os.path.join(folder, name)
                elif name.endswith(".py"):
                    modules[f"{package}.{name[:-3]}" if package else name[:-3]] = os.path.join(folder, name)
        found = modules | packages | found
    return found


class _Uses:
    """Follows names through the project until nothing new is found."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.loaded = set[str]()
        self.units = set[tuple[str, int]]()
        self.resolved = set[tuple[str, tuple[str, ...]]]()
        self.whole, self.whole_to_do = set[str](), list[str]()
        self.imports = set[str]()
        self.queue: list[tuple[str, int]] = []  # units whose names are not yet followed
        self._load(MAIN)
        while self.queue or self.whole_to_do:
            if self.queue:
                self._follow(*self.queue.pop())
            else:
                self._follow_all(self.whole_to_do.pop())

    def lines(self) -> list[str]:
        found = sorted(self.imports)
        for name, index in sorted(self.units):
            unit = self.project.module(name).units[index]
            found.append(f"{name} {unit.digest}")
            for file in sorted(unit.files):
                path = os.path.join(os.path.dirname(self.project.files[name]), file)
                found += [f"{file} {sha256_of_file(path)}"] if os.path.isfile(path) else []
        return found

    def _load(self, name: str) -> None:
        """A module is imported: what it does then counts, and so do its own imports."""
        queue = [name]
        while queue:
            for module in self.project.with_packages(queue.pop()):
                if module not in self.loaded:
                    self.loaded.add(module)
                    contents = self.project.module(module)
                    self._count(module, contents.always)
                    queue += contents.loads
                    for star in contents.stars:
                        self._use_all(star)

    def _count(self, name: str, indices: Iterable[int]) -> None:
        new = {(name, index) for index in indices} - self.units
        self.units |= new
        self.queue += new

    def _follow(self, name: str, index: int) -> None:
        unit = self.project.module(name).units[index]
        for module in unit.loads:
            self._load(module)
        for bound in unit.bound.keys() - {parts[0] for parts in unit.reads}:
            for target in unit.bound[bound]:
                self._use_target(name, target, ())
        for parts in unit.reads:
            for target in unit.bound.get(parts[0], ()):
                self._use_target(name, target, parts[1:])
            if not self._use(name, parts) and parts[0] in DYNAMIC:
                self._use_all(*(self.project.files if parts[0] == "__import__" else [name]))

    def _use(self, name: str, parts: tuple[str, ...]) -> bool:
        """Something reads a name at the top of a module. Returns whether the module has it."""
        module = self.project.module(name)
        targets = module.bound.get(parts[0], ())
        if (name, parts) not in self.resolved:
            self.resolved.add((name, parts))
            self._count(name, module.defined.get(parts[0], ()))
            for target in targets:
                self.imports.add(f"{name} {parts[0]} from {target.module} {target.name}")
                self._use_target(name, target, parts[1:])
        return bool(targets) or parts[0] in module.defined

    def _use_target(self, reader: str, target: Target, rest: tuple[str, ...]) -> None:
        self._use_of_module(reader, target.module, rest if target.name is None else (target.name, *rest))

    def _use_of_module(self, reader: str, name: str, parts: tuple[str, ...]) -> None:
        """A module reads ``name.parts``; without parts the module itself, and so maybe all of it."""
        if name not in self.project.files:
            path = ".".join([name, *parts])
            if path.startswith(_REACH_ALL):
                self._use_all(*self.project.files)
            elif path == _RESOLVE:
                self._use_resolved(*_REACH.get(reader, ("", None)))
            return
        self._load(name)
        if not parts:
            self._use_all(name)
            return
        is_found = self._use(name, parts)
        if f"{name}.{parts[0]}" in self.project.files:
            self._use_of_module(reader, f"{name}.{parts[0]}", parts[1:])
        elif not is_found and parts[0] not in _OF_EVERY_MODULE and not self._use(name, ("__getattr__",)):
            self._use_all(name)  # what a module gives out by ``__getattr__`` is not its own

    def _use_resolved(self, package: str, name: str | None) -> None:
        """One name of all modules of a package that have it, or everything in them."""
        modules = [module for module in self.project.files if module.startswith(package)]
        if name is None:
            self._use_all(*modules)
            return
        for module in modules:
            if name in self.project.module(module).defined:
                self._use_of_module(module, module, (name,))

    def _use_all(self, *names: str) -> None:
        """Everything in some modules, and whatever else can be had through them."""
        new = self.project.files.keys() & set(names) - self.whole
        self.whole |= new
        self.whole_to_do += new

    def _follow_all(self, name: str) -> None:
        self._load(name)
        module = self.project.module(name)
        self._count(name, range(len(module.units)))
        for bound in module.bound:
            self._use(name, (bound,))
