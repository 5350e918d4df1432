"""What dataclasses have in common whose values must fit together, and the bounds of their numbers."""

import dataclasses
import functools
import math
import operator
import typing
from collections.abc import Callable, Iterator
from typing import Any

from annotated_types import Ge, Gt, Le, Lt

from uplift_upsample.base.strict import Check, Known, all_faults, hints_of, raise_all


class Checked:
    """There is one only where nothing is wrong with it: otherwise ``InputError`` with a line for each fault."""

    def __post_init__(self) -> None:
        raise_all(self.faults())

    def faults(self) -> list[str]:
        """What is wrong with its values; empty where nothing is. Works on ``strict.Known``, too."""
        known, faults = within_bounds(self)
        return faults + all_faults(known, self.checks())

    def checks(self) -> tuple[Check, ...]:
        """What is looked at beside the bounds of each number."""
        return ()


def within_bounds(value: Any) -> tuple[Any, list[str]]:
    """Checks each number, also of lists, against the bounds in its field's type, such as ``Annotated[int, Ge(1)]``.

    Returns the value (as ``strict.Known`` without the fields that fail) and one line per failing number.
    """
    cls, values = (value._cls, value._values) if isinstance(value, Known) else (type(value), vars(value))
    hints = hints_of(cls, include_extras=True)
    wrong = {name: list(_beyond(hints[name], number)) for name, number in values.items() if name in hints}
    faults = [f"{name} is {number}; it must be {bounds}" for name, found in wrong.items() for number, bounds in found]
    return (Known(cls, {name: known for name, known in values.items() if not wrong.get(name)}) if faults else value), faults


def _beyond(hint: Any, value: Any) -> Iterator[tuple[Any, str]]:
    """The numbers of a value that are out of the bounds of its type, each with these in words."""
    if typing.get_origin(hint) is typing.Annotated and isinstance(value, int | float):  # beside a number, a word may be allowed
        bounds = _limits(hint.__metadata__)
        if isinstance(value, float) and not math.isfinite(value):
            yield value, "finite"
        elif not all(holds(value, limit) for holds, _, limit in bounds):
            yield value, " and ".join(f"{words} {limit}" for _, words, limit in bounds)
    elif isinstance(value, tuple):
        options = [arm for arm in (hint, *typing.get_args(hint)) if typing.get_origin(arm) is tuple]
        items = typing.get_args(options[0])
        for index, item in enumerate(value):
            yield from _beyond(items[0 if items[-1] is Ellipsis else index], item)
    elif value is not None:
        for arm in typing.get_args(hint):
            yield from _beyond(arm, value)


@functools.cache
def _limits(bounds: tuple[Any, ...]) -> list[tuple[Callable[[Any, Any], bool], str, Any]]:
    return [(*_BOUNDS[type(bound)], *dataclasses.astuple(bound)) for bound in bounds]


_BOUNDS: dict[type, tuple[Callable[[Any, Any], bool], str]] = {
    Ge: (operator.ge, "at least"),
    Gt: (operator.gt, "above"),
    Le: (operator.le, "at most"),
    Lt: (operator.lt, "below"),
}
