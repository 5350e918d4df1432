"""What the parts of ``config.yaml`` have in common: frozen models that know every key, and lines about what is wrong with them.

For what the user writes there; the workflow and the doctor alone load it (what jobs read is of ``base.strict``).

A part with a fault has no model. What is known of it (``strict.Known``) serves the checks of what several values mean together, so
that their faults come at once with those of single values.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar

from annotated_types import MinLen
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    Strict,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from uplift_upsample.base.strict import LARGEST, UNKNOWN, Known, UnknownValueError, shown, suggestion

S = TypeVar("S", bound="Settings")
Handler = Callable[[Any], Any]
NAME, SEQUENCE = r"^[A-Za-z][A-Za-z0-9_]*$", r"^[A-Za-z0-9_-]+$"
_DEEPEST = 20  # levels of lists and keys; a configuration has about ten
_MOST_PARTS = 100_000  # keys and entries of lists, where anchors are used as well; the one that comes with the project has 650
_IN_WORDS = {
    NAME: "letters, digits and underscores can, a letter first",
    SEQUENCE: "it has letters, digits, hyphens and underscores, like S9_Walking_cam0",
}


@dataclass
class _Reading:
    """One reading of a configuration. is_known: whether parts with faults become what is known of them, instead of an error.

    models: by the ``id`` of the keys and values that they were read from.
    """

    is_known: bool
    models: dict[int, type["Settings"]] = field(default_factory=dict)


def _reading(info: ValidationInfo) -> _Reading:
    return info.context or _Reading(is_known=False)


def _without_repeats(items: tuple) -> tuple:
    if len({*items}) < len(items):
        raise PydanticCustomError("repeats", "repeats an entry")
    return items


def _right_names(value: Any, handler: Handler, info: ValidationInfo) -> Any:
    try:
        return handler(value)
    except ValidationError:
        if not _reading(info).is_known or not isinstance(value, list):
            raise
        return handler([item for item in value if isinstance(item, str)] or None)


class _Plain:
    """Copies a parsed file, without what no part of a configuration can hold: YAML has sets, keys that are not texts, and anchors.

    faults: place and words of each. In the copy no part occurs twice; ``UNKNOWN`` stands where a fault was.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self._num_parts = 0

    def copy(self, value: Any, place: str = "", around: tuple[int, ...] = ()) -> Any:
        """place: of the value. around: the ``id`` of each part that it is in."""
        self._num_parts += 1
        if self._num_parts > _MOST_PARTS:  # a few lines of anchors can stand for more than any memory holds
            if self._num_parts == _MOST_PARTS + 1:
                self.faults.append((place, f"the configuration has more than {_MOST_PARTS:,} entries up to here"))
            return UNKNOWN
        if isinstance(value, Mapping | list) and (id(value) in around or len(around) > _DEEPEST):
            self.faults.append((place, "it holds itself" if id(value) in around else "it is nested too deeply"))
            return UNKNOWN
        inner = (*around, id(value))
        if isinstance(value, Mapping):
            strange = [key for key in value if not isinstance(key, str)]
            self.faults += [(place, f"the key {shown(key)} is not text; write it in quotes") for key in strange]
            known = [key for key in value if isinstance(key, str)]
            return {key: self.copy(value[key], f"{place}.{key}" if place else key, inner) for key in known}
        if isinstance(value, list):
            return [self.copy(item, f"{place}.{index}", inner) for index, item in enumerate(value)]
        if isinstance(value, tuple | set | frozenset):
            self.faults.append((place, f"expected a list, not {shown(value)}"))
            return UNKNOWN
        if isinstance(value, int) and abs(value) > LARGEST:
            self.faults.append((place, f"{shown(value)} is too large; a number must be below 2**63"))
            return UNKNOWN
        return value


Unique = (AfterValidator(_without_repeats), Field(json_schema_extra={"uniqueItems": True}))
Name = Annotated[str, Field(pattern=NAME)]
Names = Annotated[tuple[str, ...], Strict(False), *Unique, WrapValidator(_right_names)]  # YAML has lists where Python has tuples
SomeNames = Annotated[tuple[str, ...], Strict(False), MinLen(1), *Unique, WrapValidator(_right_names)]


class Settings(BaseModel):
    """A part of the configuration. A whole number can stand for a number; nothing else is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    _said: tuple[str, ...] = PrivateAttr(())  # the keys that it has, in their order

    @classmethod
    def read(cls: type[S], values: Any) -> tuple[S | None, Any, list[str]]:
        """The settings, what is known of them where they have faults, and these, a line each with the place."""
        plain = _Plain()
        values, impossible = plain.copy(values), plain.faults
        if not isinstance(values, Mapping):
            return None, Known(cls, {}), [words for _, words in impossible] or [f"expected keys and values, not {shown(values)}"]
        reading = _Reading(is_known=False)
        try:
            settings = cls.model_validate(values, context=reading)
        except ValidationError as error:
            found = error.errors(include_url=False)
        else:
            found = []
            if not impossible:
                return settings, settings, []
        # A list whose entries are all wrong is not also reported as empty.
        found = [fault for fault in found if not _is_of_unknown(fault) and (fault["type"] != "too_short" or not fault["input"])]
        beside = {fault["loc"][:-1] for fault in found if _is_word_beside_number(fault)}
        found = [
            fault
            for fault in found
            if fault["loc"][:-1] not in beside or _is_word_beside_number(fault) != isinstance(fault["input"], int | float)
        ]
        emptied = {f"{place}: it is empty" for place, _ in impossible}
        faults = {_line(fault, values, reading) for fault in found} - emptied
        lines = sorted(faults | {f"{place}: {words}" if place else words for place, words in impossible})
        return None, cls.model_validate(values, context=_Reading(is_known=True)), lines

    @model_validator(mode="wrap")
    @classmethod
    def _or_known(cls, values: Any, handler: Handler, info: ValidationInfo) -> Any:
        _reading(info).models[id(values)] = cls
        if not isinstance(values, Mapping):
            return handler(values)
        if not _reading(info).is_known:
            model = handler(values)
            model._said = tuple(values)
            return model
        known = {key: value for key, value in values.items() if key in cls.model_fields}
        known |= {name: UNKNOWN for name, field in cls.model_fields.items() if field.is_required() and name not in known}
        model = handler(known)
        right = {name: value for name, value in model if value is not UNKNOWN}
        return Known(cls, {**right, "_said": tuple(known)})

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_unknown(cls, value: Any, handler: Handler, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if not _reading(info).is_known:
                raise
            wrong = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
            if not isinstance(value, Mapping) or not wrong:
                return UNKNOWN
            right = {key: item for key, item in value.items() if key not in wrong}
            return (handler(right) if right else {}) | dict.fromkeys(wrong, UNKNOWN)


class Differences(Settings):
    """A group of settings in which any key may be missing, since it only holds what differs from another group.

    dataclasses: the classes whose fields these are; one of them is built from the merged group, and holds the defaults.
    """

    dataclasses: ClassVar[tuple[type, ...]]

    def given(self) -> dict[str, Any]:
        """What it holds, by name and in its order; what was found wrong is ``UNKNOWN``. Works on ``strict.Known``, too."""
        found = {}
        for name in self._said:
            try:
                found[name] = getattr(self, name)
            except UnknownValueError:
                found[name] = UNKNOWN
                continue
            if hasattr(found[name], "given"):
                found[name] = found[name].given()
        return found


def differences_of(*classes: type, **instead: Any) -> type[Differences]:
    """The model of what may differ from a dataclass, or from one of several. instead: other types than those of fields, by name."""
    fields: dict[str, Any] = {}
    for cls in classes:
        hints = {**typing.get_type_hints(cls, include_extras=True), **instead}
        fields |= {each.name: (_from_yaml(hints[each.name]), None) for each in dataclasses.fields(cls) if each.name not in fields}
    of_all = classes[0] if len(classes) == 1 else classes[0].__mro__[1]
    model = create_model(of_all.__name__, __base__=Differences, **fields)
    model.dataclasses = classes
    return model


def _from_yaml(hint: Any) -> Any:
    """The same type, where YAML has lists for tuples."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return Annotated[tuple[tuple(map(_from_yaml, arguments))], Strict(False)]  # type: ignore[misc]
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(map(_from_yaml, arguments))]  # noqa: UP007 (of types that are known only here)
    return hint


def _line(fault: Any, values: Any, reading: _Reading) -> str:
    """A fault in words, behind its place. Its ``loc`` has more than keys and indices: tags of unions, a key that is missing."""
    *around, last = [*fault["loc"]] or [""]
    if last == "[key]" and fault["type"].startswith("string_"):  # of a name; pydantic has the name before
        around.pop()
    elif fault["type"] != "extra_forbidden":  # that is about the key, too
        around.append(last)
    part, place = values, ""
    for key in around:
        if (isinstance(part, Mapping) and key in part) or (isinstance(part, list) and isinstance(key, int) and key < len(part)):
            part = part[key]
            place = f"{place}.{key}" if place else str(key)
    value, limits = fault["input"], fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            words = f"the key {last!r} is missing" if isinstance(last, str) else f"{shown(part)} has too few entries"
        case "extra_forbidden":
            words = f"unknown key {last!r}{suggestion(last, reading.models[id(part)].model_fields)}"
        case "union_tag_not_found" if isinstance(value, Mapping) and "kind" in value:
            place, words = f"{place}.kind", f"expected text, not {shown(value['kind'])}"
        case "union_tag_not_found":
            words = "the key 'kind' is missing" if isinstance(value, Mapping) else f"expected keys and values, not {shown(value)}"
        case "literal_error":
            words = _choice(value, limits["expected"], " or a number" if _is_word_beside_number(fault) else "")
        case "union_tag_invalid":
            place, words = f"{place}.kind", _choice(value["kind"], limits["expected_tags"])
        case "greater_than_equal":
            words = f"{shown(value)} is too small; it must be at least {limits['ge']:g}"
        case "greater_than":
            words = f"{shown(value)} is too small; it must be above {limits['gt']:g}"
        case "less_than_equal":
            words = f"{shown(value)} is too large; it must be at most {limits['le']:g}"
        case "less_than":
            words = f"{shown(value)} is too large; it must be below {limits['lt']:g}"
        case "repeats":
            words = f"{shown(value)} repeats an entry"
        case "too_short" | "string_too_short":
            words = "it is empty"
        case "too_long":
            words = f"{shown(value)} has too many entries"
        case "string_pattern_mismatch":
            words = f"{shown(value)} cannot be a name here; {_IN_WORDS[limits['pattern']]}"
        case kind:
            expected = next((words for name, words in _TYPES.items() if name in kind), fault["msg"])
            words = f"expected {expected}, not {shown(value)}{_number_hint(value) if expected == 'a number' else ''}"
    return f"{place}: {words}" if place else words


_TYPES = {  # by what the name of a type of errors has in it
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "keys and values",
    "model": "keys and values",
}


def _is_of_unknown(fault: Any) -> bool:
    """Whether it is about a value that was found wrong before, or about the kind of a data set where that was."""
    value = fault["input"]
    return value is UNKNOWN or (
        fault["type"].startswith("union_tag") and isinstance(value, Mapping) and value.get("kind") is UNKNOWN
    )


def _is_word_beside_number(fault: Any) -> bool:
    """Whether a value is not among the words that may replace a number; pydantic reports each by itself what is wrong."""
    return fault["type"] == "literal_error" and str(fault["loc"][-1]).startswith("literal[")


def _choice(value: Any, expected: str, more: str = "") -> str:
    """expected: as pydantic lists it, ``'AdamW' or 'Adam'``. more: what else it may be."""
    options = re.findall(r"'([^']+)'", expected)
    near = suggestion(value, options) if isinstance(value, str) else ""
    start = "" if more else "one of "
    return f"expected {start}{', '.join(options) or expected}{more}, not {shown(value)}{near}"


def _number_hint(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    try:
        mantissa, _, exponent = f"{float(value):e}".partition("e")
        return f" (YAML takes it for text: write {float(mantissa)}e{int(exponent):+d})"
    except ValueError:  # not a number, or not a finite one
        return ""
