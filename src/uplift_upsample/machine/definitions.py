"""What a module of the project defines and what each of its definitions reads, by its text alone: nothing is imported or run."""

import ast
import builtins
import contextlib
import functools
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DYNAMIC = frozenset({"__import__", "eval", "exec", "globals", "locals"})  # built-in functions that reach any name
_WITHOUT_EFFECT = ("ctx", "kind", "type_comment")  # fields of syntax trees
_DATA_FILE = re.compile(r"(?:[\w-]+/)*[\w-]+\.(?!py$)\w+")
# Calls and decorators that only make a value, so that a statement with them counts where its name is used and not before.
_ONLY_VALUES = {
    "annotated_types.Ge", "annotated_types.Gt", "annotated_types.Le", "annotated_types.Lt", "annotated_types.MinLen",
    "contextlib.contextmanager", "dataclasses.dataclass", "dataclasses.field", "functools.cache", "functools.cached_property",
    "functools.lru_cache", "functools.wraps", "logging.getLogger", "math.log", "math.radians", "math.sqrt", "numpy.array",
    "numpy.deg2rad", "numpy.diag", "numpy.eye", "numpy.radians", "pathlib.Path", "pydantic.AfterValidator",
    "pydantic.BeforeValidator", "pydantic.ConfigDict", "pydantic.Discriminator", "pydantic.Field", "pydantic.Strict",
    "pydantic.Tag", "pydantic.WrapValidator", "pydantic.field_validator", "pydantic.model_validator", "re.compile",
    "typing.TypeVar", "bool", "classmethod", "dict", "enumerate", "float", "frozenset", "int", "len", "list", "property", "range",
    "set", "staticmethod", "str", "tuple",
}  # fmt: skip
# Classes that take no notice of what is derived from them, beside those that are built into Python.
_PLAIN_BASES = {
    "abc.ABC", "enum.Enum", "enum.IntEnum", "enum.StrEnum", "keras.Model", "keras.layers.Layer", "pickle.Pickler",
    "pickle.Unpickler", "pickle.UnpicklingError", "pydantic.BaseModel", "typing.Generic", "typing.NamedTuple", "typing.Protocol",
    "typing.TypedDict", "uplift_upsample.base.checked.Checked",
}  # fmt: skip
_FUNCTIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda})
_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Import = ast.Import | ast.ImportFrom
_NOTED = {*_DEFINITIONS.__args__, *Import.__args__, ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom}


class Target(NamedTuple):
    """What an imported name stands for: a module, or something of it; a module of its own where the package has no such name."""

    module: str
    name: str | None


class Unit(NamedTuple):
    """A statement at the top of a module, with all that stands in it.

    digest: of what it does. reads: dotted names, each in parts. bound: what the imports within it bind.
    loads: candidates for imported modules (`a.b` of `from a import b` may be a name instead).
    files: strings that could be names of data files beside the module, such as that of the camera table.
    """

    digest: str
    reads: frozenset[tuple[str, ...]]
    bound: dict[str, list[Target]]
    loads: frozenset[str]
    files: frozenset[str]


class Module(NamedTuple):
    """units: in the order of the text. defined: the units that give a name its value. always: those that do something when the
    module is imported. bound: what the imports bind. loads: candidates for modules that are imported with this one, as of ``Unit``.
    stars: modules whose names are all imported.
    """

    units: tuple[Unit, ...]
    defined: dict[str, list[int]]
    always: list[int]
    bound: dict[str, list[Target]]
    loads: set[str]
    stars: set[str]


@functools.cache
def module_at(path: str, mtime_ns: int, package: str) -> Module:
    """Read a module of a package, once for each time of its file. Raises ``SyntaxError``."""
    return _Reader(package).read(ast.parse(Path(path).read_bytes()))


class _Text:
    """What a syntax tree contains.

    tokens: its text without what has no effect. reads: dotted names, in parts. strings. imports. runs_at_once: calls, definitions
    and the like outside the bodies of functions.
    """

    def __init__(self, tree: ast.AST) -> None:
        self.tokens: list[str] = []
        self.reads = set[tuple[str, ...]]()
        self.strings = set[str]()
        self.imports: list[Import] = []
        self.runs_at_once: list[ast.AST] = []
        self.num_functions, self.num_annotations = 0, 0  # that the present node stands in
        self._read(tree)

    @property
    def digest(self) -> str:
        return hashlib.sha256("".join([f"{token}\0" for token in self.tokens]).encode("utf-8", "surrogatepass")).hexdigest()

    def _read(self, node: Any, is_begun: bool = False) -> None:
        """Gather what a node contains. is_begun: whether it is part of a dotted name that was read as a whole.

        Not ``ast.dump``: what that leaves out depends on the version of Python, and a new one would rerun everything.
        """
        kind = type(node)
        self.tokens.append(kind.__name__)
        if kind is ast.Name or kind is ast.Attribute:
            if not is_begun and (parts := _dotted(node)):
                self.reads.add(parts)
                is_begun = True
        elif kind is ast.Constant:
            if type(node.value) is str:
                self._read_string(node.value)
        elif kind in _NOTED:
            if kind is ast.Import or kind is ast.ImportFrom:
                self.imports.append(node)
            elif not self.num_functions:
                self.runs_at_once.append(node)
            if kind is ast.Call and not node.args and _dotted(node.func) == ("vars",):
                self.reads.add(("locals",))  # the same without an argument
        for name in kind._fields:
            value = getattr(node, name, None)
            if value is None or value == [] or name in _WITHOUT_EFFECT:
                continue
            self.tokens.append(name)
            is_body, is_annotation = name == "body" and kind in _FUNCTIONS, name in ("annotation", "returns")
            self.num_functions += is_body
            self.num_annotations += is_annotation
            if isinstance(value, ast.AST):
                self._read(value, is_begun and name == "value")
            elif type(value) is list:
                self._read_list(value)
            else:
                self.tokens.append(repr(value))
            self.num_functions -= is_body
            self.num_annotations -= is_annotation
        self.tokens.append(")")

    def _read_list(self, items: list[Any]) -> None:
        for item in items:
            if not isinstance(item, ast.AST):
                self.tokens.append(repr(item))
            elif not _is_text(item):
                self._read(item)
        self.tokens.append("]")

    def _read_string(self, value: str) -> None:
        self.strings.add(value)
        if self.num_annotations:  # a type in quotes
            with contextlib.suppress(SyntaxError):
                self.reads |= _Text(ast.parse(value, mode="eval")).reads


class _Reader:
    """Gathers the statements of one module."""

    def __init__(self, package: str) -> None:
        self.package = package.split(".") if package else []
        self.units: list[Unit] = []
        self.defined = defaultdict[str, list[int]](list)
        self.always: list[int] = []
        self.bound = defaultdict[str, list[Target]](list)
        self.loads = set[str]()
        self.stars = set[str]()

    def read(self, tree: ast.Module) -> Module:
        statements = [statement for statement in tree.body if not _is_text(statement)]
        imports = [statement for statement in statements if isinstance(statement, Import)]
        self._bind(imports, self.bound, self.loads)
        for statement in statements:
            if not isinstance(statement, Import):
                self._add(statement)
        self._add_imports_for_their_effect(imports)
        units = tuple(unit._replace(reads=self._resolvable(unit)) for unit in self.units)
        return Module(units, self.defined, self.always, self.bound, self.loads, self.stars)

    def _add(self, statement: ast.stmt) -> None:
        text = _Text(statement)
        if _asks_for_types(statement):
            self._bind(text.imports, self.bound, set())
            return
        bound, loads = defaultdict[str, list[Target]](list), set[str]()
        self._bind(text.imports, bound, loads)
        names = self._only_defines(statement, text)
        if not names:
            self.always.append(len(self.units))
            for name, targets in bound.items():
                self.bound[name] += targets
        for name in names or _stored(statement):
            self.defined[name].append(len(self.units))
        files = frozenset(filter(_DATA_FILE.fullmatch, text.strings))
        self.units.append(Unit(text.digest, frozenset(text.reads), bound, frozenset(loads), files))

    def _add_imports_for_their_effect(self, imports: Sequence[Import]) -> None:
        """Imports of names that the module does not read."""
        read = {parts[0] for unit in self.units for parts in unit.reads}
        for statement in imports:
            if not {_bound_name(alias, statement) for alias in statement.names} <= read:
                self.always.append(len(self.units))
                self.units.append(Unit(_Text(statement).digest, frozenset(), {}, frozenset(), frozenset()))

    def _resolvable(self, unit: Unit) -> frozenset[tuple[str, ...]]:
        """What a unit reads, without names that mean nothing at the top of the module: those of parameters and local variables."""
        known = self.defined.keys() | self.bound.keys() | unit.bound.keys() | DYNAMIC
        return frozenset(parts for parts in unit.reads if parts[0] in known)

    def _bind(self, imports: Iterable[Import], bound: defaultdict[str, list[Target]], loads: set[str]) -> None:
        for statement in imports:
            for alias in statement.names:
                if isinstance(statement, ast.Import):
                    loads.add(alias.name)
                    module = alias.name if alias.asname else alias.name.partition(".")[0]
                    bound[_bound_name(alias, statement)].append(Target(module, None))
                    continue
                parents = self.package[: len(self.package) - statement.level + 1] if statement.level else []
                module = ".".join([*parents, statement.module] if statement.module else parents)
                loads.add(module)
                if alias.name == "*":
                    self.stars.add(module)
                else:
                    loads.add(f"{module}.{alias.name}")
                    bound[_bound_name(alias, statement)].append(Target(module, alias.name))

    def _only_defines(self, statement: ast.stmt, text: _Text) -> list[str]:
        """The names that a statement defines, where that is all that it does when the module is imported."""
        if not all(map(self._is_harmless, text.runs_at_once)):
            return []
        if isinstance(statement, _DEFINITIONS):
            return [statement.name]
        return _assigned(statement) if isinstance(statement, ast.Assign | ast.AnnAssign) else []

    def _is_harmless(self, node: ast.AST) -> bool:
        """Whether what runs in a definition only makes what its name stands for: nothing is registered or changed elsewhere."""
        if isinstance(node, ast.Call):
            return self._is_of(node.func, _ONLY_VALUES)
        if not isinstance(node, _DEFINITIONS):
            return False
        if not all(isinstance(one, ast.Call) or self._is_of(one, _ONLY_VALUES) for one in node.decorator_list):
            return False
        if not isinstance(node, ast.ClassDef):
            return True
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        return not node.keywords and all(self._is_of(base, _PLAIN_BASES) for base in bases) and all(map(_is_plain, node.body))

    def _is_of(self, node: ast.expr, known: set[str]) -> bool:
        """Whether a name stands for something of a list, or, among bases, for a class that is built into Python."""
        parts = _dotted(node)
        if not parts:
            return False
        if parts[0] not in self.bound:
            own = parts[0] in self.defined
            is_builtin_class = known is _PLAIN_BASES and isinstance(getattr(builtins, parts[0], None), type)
            return not own and len(parts) == 1 and (parts[0] in known or is_builtin_class)
        return all(
            ".".join([target.module, *([target.name] if target.name else []), *parts[1:]]) in known
            for target in self.bound[parts[0]]
        )


def _assigned(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    """The names that an assignment gives a value, empty where it changes something else, such as an attribute, too."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    names = [target.id for target in flat if isinstance(target, ast.Name)]
    return names if len(names) == len(flat) else []


def _is_plain(statement: ast.stmt) -> bool:
    """Whether a statement in the body of a class only defines something of it."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return bool(_assigned(statement))
    return isinstance(statement, _DEFINITIONS | ast.Pass) or _is_text(statement)


def _asks_for_types(statement: ast.stmt) -> bool:
    """Whether it is ``if TYPE_CHECKING:`` with imports and nothing else: they bind names for annotations and load nothing."""
    return (
        isinstance(statement, ast.If)
        and _dotted(statement.test)[-1:] == ("TYPE_CHECKING",)
        and all(isinstance(one, Import) for one in statement.body)
        and not statement.orelse
    )


def _bound_name(alias: ast.alias, statement: Import) -> str:
    if alias.asname:
        return alias.asname
    return alias.name.partition(".")[0] if isinstance(statement, ast.Import) else alias.name


def _stored(statement: ast.AST) -> set[str]:
    """Names that a statement defines among other things."""
    stored = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return stored | {node.name for node in ast.walk(statement) if isinstance(node, _DEFINITIONS)}


def _dotted(node: ast.AST) -> tuple[str, ...]:
    """``a.b.c`` in parts; empty where it is anything else than names and dots."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _is_text(statement: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring, or a comment in its form."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
