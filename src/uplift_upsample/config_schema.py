"""Violations of a JSON schema as lines that somebody who edits a configuration can act on, all of them at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from uplift_upsample.strict import shown, suggestion

NAMES_OF_TYPES = {
    "object": "keys and values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def schema_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Unknown and missing keys, wrong types and values out of range: (place, line), sorted."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    return sorted({fault for error in errors for fault in _faults_of(error)})


def key_faults(config: Any, place: str = "") -> list[str]:
    """Keys that are no text: YAML takes ``7``, ``on`` and dates for something else, a schema does not look at them."""
    if isinstance(config, list):
        return [fault for item in config for fault in key_faults(item, place)]
    if not isinstance(config, Mapping):
        return []
    start = f"{place}: " if place else ""
    faults = [f"{start}the key {shown(key)} is no text; write it in quotes" for key in config if not isinstance(key, str)]
    inside = f"{place}." if place else ""
    return faults + [fault for key, item in config.items() for fault in key_faults(item, f"{inside}{key}")]


def _faults_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    place = ".".join(str(part) for part in error.absolute_path)
    start = f"{place}: " if place else ""
    inside = f"{place}." if place else ""
    if error.validator == "additionalProperties":
        known = set(error.schema.get("properties", {}))
        for key in set(error.instance) - known:
            yield f"{inside}{key}", f"{start}unknown key {key!r}{suggestion(key, known)}"
    elif error.validator == "required":
        for key in set(error.validator_value) - set(error.instance):
            yield f"{inside}{key}", f"{start}the key {key!r} is missing"
    else:
        yield place, start + _told(error)


def _told(error: ValidationError) -> str:
    value, wanted = error.instance, error.validator_value
    match error.validator:
        case "type":
            types = [wanted] if isinstance(wanted, str) else wanted
            named = " or ".join(NAMES_OF_TYPES[name] for name in types)
            return f"expected {named}, not {value!r}{_number_hint(value, types)}"
        case "enum":
            options = [option for option in wanted if isinstance(option, str)]
            near = suggestion(value, options) if isinstance(value, str) else ""
            return f"expected one of {', '.join(map(str, wanted))}, not {value!r}{near}"
        case "minimum":
            return f"{value!r} is too small; it must be at least {wanted}"
        case "maximum":
            return f"{value!r} is too large; it must be at most {wanted}"
        case "exclusiveMaximum":
            return f"{value!r} is too large; it must be below {wanted}"
        case "uniqueItems":
            return f"{value!r} repeats an entry"
        case "minItems" | "minProperties" if not value:
            return "it is empty"
        case "pattern":
            return f"{value!r} cannot be a name here; {error.schema['description']}"
    return error.message


def _number_hint(value: Any, types: Iterable[str]) -> str:
    if not isinstance(value, str) or "number" not in types:
        return ""
    try:
        mantissa, _, exponent = f"{float(value):e}".partition("e")
    except ValueError:
        return ""
    return f" (YAML takes it for text: write {float(mantissa)}e{int(exponent):+d})"
