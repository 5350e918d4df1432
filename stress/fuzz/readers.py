"""All readers of the project, each with sound files, a way to damage them, and a check of what comes out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzz.damage import damaged_bytes, damaged_text

Damage = Callable[[Random], bytes]


@dataclass(frozen=True)
class Reader:
    """One reader.

    intact: files that it reads. damages: ways to make a damaged file, one is drawn for each case. read: reads a file, and asserts
    that what comes out is sound. suffix: of the file. share: of all cases, relative to other readers.
    """

    name: str
    intact: Sequence[bytes]
    damages: Sequence[Damage]
    read: Callable[[Path], object]
    suffix: str
    share: float = 1.0

    def damaged(self, rng: Random) -> bytes:
        return rng.choice(self.damages)(rng)


def of_bytes(intact: Sequence[bytes]) -> Damage:
    """Damage of whole files, whatever they hold."""
    return lambda rng: damaged_bytes(rng, rng.choice(intact), rng.choice(intact))


def of_text(intact: Sequence[bytes]) -> Damage:
    """Damage of text files."""
    return lambda rng: damaged_text(rng, rng.choice(intact), rng.choice(intact))


def check_array(array: Any, kind: str, *shape: int | None) -> None:
    """A finite array of a kind of numbers and a shape; None: any length."""
    assert isinstance(array, np.ndarray), f"a {type(array).__name__} instead of an array"
    assert array.dtype.kind == kind, f"an array of {array.dtype}"
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    assert fits, f"an array with the shape {array.shape}, not {shape}"
    if kind == "f":
        assert np.isfinite(array).all(), "an array with values that are not finite"


def check_texts(texts: Iterable[Any]) -> None:
    """Text, every one of them."""
    for text in texts:
        assert isinstance(text, str), f"{text!r} instead of text"


def all_readers() -> list[Reader]:
    """Every reader, those of text first."""
    from fuzz.readers_arrays import array_readers  # each brings half of the libraries
    from fuzz.readers_data import data_readers
    from fuzz.readers_text import text_readers

    return [*text_readers(), *array_readers(), *data_readers()]
