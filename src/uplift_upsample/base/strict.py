"""Frozen dataclasses from untrusted mappings: every key known, every value of the declared type, all faults at once.

For what jobs and files of the project read; it needs no pydantic (``plan.settings`` does, for ``config.yaml``).

A dataclass whose values must fit together has a method ``faults``, made of small checks (``checked.Checked``). Where some of its
values are wrong by themselves, the checks that need none of them still run, on what is known (``Known``).
"""

import contextlib
import dataclasses
import difflib
import functools
import inspect
import math
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from uplift_upsample.base.errors import InputError

T = TypeVar("T")
Check = Callable[[Any], list[str]]  # what is wrong with a value, a line for each fault
LARGEST = 2**63 - 1  # whole number; more cannot be computed with
# Metadata of a field that is added when there are results already: it is not written while it has its default, so that the
# configurations of those results stay the same. Every later field of a network or a training needs it, or all are trained again.
UNSAID_DEFAULT = {"unsaid_default": True}
_LONGEST_KEY = 100  # letters; keys are shorter, and comparing a long text with each known word takes long


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        if abs(x) > 10**self.maxlong:  # Python refuses to spell the longest
            return f"a whole number of {x.bit_length()} bits"
        return super().repr_int(x, level)


_SHORT = _Short()  # a few words of a file may be a book, and nested so that it never ends
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 4, 200, 200, 60
_SHORT.maxdict = _SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = 20


@functools.cache  # a hundredth of the time
def hints_of(cls: type, include_extras: bool = False) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=include_extras)


class UnknownValueError(LookupError):
    """A check asked for a value that is known to be wrong already, so it has nothing to report."""


class Known:
    """What is known of a dataclass or model some of whose values are wrong: its other values, its properties and its methods.

    values: the right ones by name. Asking for another one raises ``UnknownValueError``.
    """

    def __init__(self, cls: type, values: Mapping[str, Any]) -> None:
        self._cls, self._values = cls, values

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name in (getattr(self._cls, "model_fields", None) or self._cls.__dataclass_fields__):  # type: ignore[attr-defined]
            raise UnknownValueError(name)
        of_class = inspect.getattr_static(self._cls, name)
        return of_class.__get__(self, self._cls) if hasattr(of_class, "__get__") else of_class


class _Unknown:
    def __getattr__(self, name: str) -> Any:
        raise UnknownValueError(name)

    def __iter__(self) -> Iterator[Any]:
        raise UnknownValueError


UNKNOWN = _Unknown()  # stands for a value that was found wrong: nothing more is reported of it, nor of what depends on it


def raise_all(faults: list[str]) -> None:
    """Raise ``InputError`` with these lines, if there are any."""
    if faults:
        raise InputError("\n".join(faults))


def all_faults(value: Any, checks: Iterable[Check]) -> list[str]:
    """What the checks find wrong with a value, all of it. Those that need an unknown value find nothing."""
    faults: list[str] = []
    for check in checks:
        with contextlib.suppress(UnknownValueError):
            faults += check(value)
    return faults


def shown(value: Any) -> str:
    """A value as an error message quotes it: ``repr``, shortened."""
    return _SHORT.repr(value)


def suggestion(key: str, known: Iterable[str]) -> str:
    """``, did you mean 'epochs'?`` or nothing, for an error about an unknown key."""
    close = nearest(key, known)
    return f", did you mean {close!r}?" if close is not None else ""


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known word that is meant by another one, None where none is near. Case and the signs between words count least."""
    word, words = (key if isinstance(key, str) else shown(key))[:_LONGEST_KEY], [str(other) for other in known]
    for simplified in (str.casefold, _letters):
        same = [other for other in words if simplified(other) == simplified(word)]
        if same and simplified(word):
            return same[0]
    spelt: dict[str, str] = {}
    for other in words:
        spelt.setdefault(other.casefold(), other)
    close = difflib.get_close_matches(word.casefold(), spelt, n=1, cutoff=0.6)
    return spelt[close[0]] if close else None


def _letters(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that can be computed with; Python's ``True`` does not count."""
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_whole(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build a (nested) dataclass from a mapping.

    Lists become tuples and whole numbers become floats where a float is declared. Raises ``InputError`` that lists
    every unknown key with the nearest right one, and every value of a wrong type; ``where`` starts each line.
    """
    result, faults = examined(cls, values, where)
    raise_all(faults)
    assert result is not None
    return result


def examined(cls: type[T], values: Mapping[str, Any], where: str) -> tuple[T | None, list[str]]:
    """As ``from_mapping``, with the faults as lines. With a value that is ``UNKNOWN`` there is no result, and may be no fault."""
    faults: list[str] = []
    return _build(cls, values, where, faults), faults


def fitting(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build a (nested) dataclass, whose fields all have defaults, from what fits in a mapping.

    Unknown keys and values of other types are left out: for files of other versions, which must stay readable.
    """
    hints = hints_of(cls)  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for each in dataclasses.fields(cls):  # type: ignore[arg-type]
        if each.name in values:
            fits, value = _fit(hints[each.name], values[each.name], is_strict=False)
            arguments |= {each.name: value} if fits else {}
    return cls(**arguments)


def to_mapping(value: Any) -> Any:
    """The inverse of ``from_mapping``: plain dictionaries and lists, ready for JSON or YAML."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_mapping(getattr(value, f.name)) for f in dataclasses.fields(value) if not _is_unsaid(f, value)}
    if isinstance(value, Mapping):
        return {key: to_mapping(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_mapping(item) for item in value]
    return value


def _is_unsaid(field: "dataclasses.Field[Any]", value: Any) -> bool:
    return field.metadata == UNSAID_DEFAULT and getattr(value, field.name) == field.default


def _build(cls: type[T], values: Any, where: str, faults: list[str]) -> T | None:
    if not isinstance(values, Mapping):
        faults.append(f"{where}: expected keys and values, not {shown(values)}")
        return None
    try:  # of a class with several forms, the values mean one
        cls = typing.cast(type[T], getattr(cls, "meant_by", lambda _: cls)(values))
    except (InputError, UnknownValueError) as error:
        faults += [f"{where}.{error}"] if isinstance(error, InputError) else []
        return None
    hints = hints_of(cls)  # type: ignore[arg-type]
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    before = len(faults)
    arguments, wrong = {}, set()
    for key, value in {**values}.items():
        found = len(faults)
        if value is UNKNOWN:
            wrong.add(key)
        elif key not in known:
            faults.append(f"{where}: unknown key {shown(key)}{suggestion(key, known)}")
        else:
            arguments[key] = _converted(hints[key], value, f"{where}.{key}", faults)
            if len(faults) > found or (arguments[key] is None and dataclasses.is_dataclass(hints[key])):
                wrong.add(key)
    faults += [
        f"{where}: the key {f.name!r} is missing"
        for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        if f.name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if wrong or len(faults) > before:
        if hasattr(cls, "faults"):
            right = {key: value for key, value in {**_defaults(cls), **arguments}.items() if key not in wrong}
            faults += [f"{where}: {line}" for line in cls.faults(Known(cls, right))]  # type: ignore[attr-defined]
        return None
    try:
        return cls(**arguments)
    except InputError as error:
        faults.extend(f"{where}: {line}" for line in str(error).splitlines())
        return None


def _defaults(cls: type) -> dict[str, Any]:
    defaults = {f.name: f.default for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING}
    made = {f.name: f.default_factory() for f in dataclasses.fields(cls) if f.default_factory is not dataclasses.MISSING}
    return {**defaults, **made}


def _converted(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type, hint), value, where, faults)
    fits, result = _fit(hint, value)
    if not fits:
        faults.append(f"{where}: expected {_readable(hint)}, not {shown(value)}")
    return result


def _fit(hint: Any, value: Any, *, is_strict: bool = True) -> tuple[bool, Any]:
    """Whether a value fits a type, and the value in that type.

    is_strict: unknown keys in nested dataclasses are faults; false, they are ignored.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _fit_dataclass(typing.cast(type, hint), value, is_strict)
    if origin in (typing.Union, types.UnionType):
        for option in sorted(arguments, key=lambda option: -_num_known(option, value)):
            fits, result = _fit(option, value, is_strict=is_strict)
            if fits:
                return True, result
        return False, value
    if origin is typing.Literal:
        return value in arguments, value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False, value
        items = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(items) != len(value):
            return False, value
        results = [_fit(item, element, is_strict=is_strict) for item, element in zip(items, value, strict=True)]
        return all(fits for fits, _ in results), tuple(result for _, result in results)
    if origin in (dict, Mapping) or hint in (dict, Mapping):
        if not isinstance(value, Mapping) or not arguments:
            return isinstance(value, Mapping), value
        results = [_fit(arguments[1], item, is_strict=is_strict) for item in value.values()]
        fits = all(fits for fits, _ in results) and all(_fit(arguments[0], key)[0] for key in value)
        return fits, dict(zip(value, (result for _, result in results), strict=True))
    if hint is float:
        fits = isinstance(value, float) or _is_whole(value)
        return fits, float(value) if fits else value
    if hint is int:
        return _is_whole(value), value
    if hint is type(None):
        return value is None, value
    return isinstance(value, hint), value


def _fit_dataclass(cls: type, value: Any, is_strict: bool) -> tuple[bool, Any]:
    if not isinstance(value, Mapping):
        return isinstance(value, cls), value
    if not is_strict:
        return True, fitting(cls, value)
    faults: list[str] = []
    result = _build(cls, value, "", faults)
    return not faults, result


def _num_known(option: Any, value: Any) -> int:
    """How many keys of a mapping a dataclass knows: of two in a union, the nearer one is meant."""
    if not dataclasses.is_dataclass(option) or not isinstance(value, Mapping):
        return 0
    return sum(field.name in value for field in dataclasses.fields(option))


def _readable(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_readable(option) for option in arguments)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"a list of ({_readable(arguments[0])})"
        return "a list [" + ", ".join(map(_readable, arguments)) + "]"
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        type(None): "null",
        dict: "keys and values",
        Mapping: "keys and values of the right types",
    }
    return names.get(hint, names.get(origin, str(hint)))
