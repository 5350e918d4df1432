"""Frozen dataclasses from untrusted mappings: every key known, every value of the declared type, all faults at once."""

import dataclasses
import difflib
import math
import reprlib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from uplift_upsample.errors import InputError

T = TypeVar("T")
LARGEST = 2**63 - 1  # whole number; more cannot be computed with
# Metadata of a field that came when results were there already: with its default it is not written, so that they keep their names.
UNSAID_DEFAULT = {"unsaid_default": True}
_LONGEST_KEY = 100

_SHORT = reprlib.Repr()  # a few words of a file may be a book, and nested so that it never ends
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 4, 200, 200, 60
_SHORT.maxdict = _SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = 20


def shown(value: Any) -> str:
    """A value as an error message quotes it: ``repr``, shortened."""
    if isinstance(value, int) and abs(value) > 10**_SHORT.maxlong:  # Python refuses to spell the longest
        return f"a whole number of {value.bit_length()} bits"
    return _SHORT.repr(value)


def suggestion(key: str, known: Iterable[str]) -> str:
    """``, did you mean 'epochs'?`` or nothing, for an error about an unknown key."""
    close = difflib.get_close_matches(str(key)[:_LONGEST_KEY], map(str, known), n=1, cutoff=0.6)
    return f", did you mean {close[0]!r}?" if close else ""


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that can be computed with; Python's ``True`` is none here."""
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
    faults: list[str] = []
    result = _build(cls, values, where, faults)
    if faults:
        raise InputError("\n".join(faults))
    assert result is not None
    return result


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
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    before = len(faults)
    arguments = {}
    for key, value in values.items():
        if key not in known:
            faults.append(f"{where}: unknown key {shown(key)}{suggestion(key, known)}")
            continue
        arguments[key] = _converted(hints[key], value, f"{where}.{key}", faults)
    faults += [
        f"{where}: the key {f.name!r} is missing"
        for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        if f.name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if len(faults) > before:
        return None
    try:
        return cls(**arguments)
    except InputError as error:
        faults.extend(f"{where}: {line}" for line in str(error).splitlines())
        return None


def _converted(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type, hint), value, where, faults)
    fits, result = _fit(hint, value)
    if not fits:
        faults.append(f"{where}: expected {_readable(hint)}, not {shown(value)}")
    return result


def _fit(hint: Any, value: Any) -> tuple[bool, Any]:
    """Whether a value fits a type, and the value in that type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            fits, result = _fit(option, value)
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
        results = [_fit(item, element) for item, element in zip(items, value, strict=True)]
        return all(fits for fits, _ in results), tuple(result for _, result in results)
    if origin in (dict, Mapping) or hint in (dict, Mapping):
        fits = isinstance(value, Mapping)
        if fits and arguments:
            fits = all(_fit(arguments[0], key)[0] and _fit(arguments[1], item)[0] for key, item in value.items())
        return fits, value
    if hint is float:
        fits = isinstance(value, float) or _is_whole(value)
        return fits, float(value) if fits else value
    if hint is int:
        return _is_whole(value), value
    if hint is type(None):
        return value is None, value
    return isinstance(value, hint), value


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
