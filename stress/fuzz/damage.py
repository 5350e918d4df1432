"""Damage to bytes, to text, and to trees of plain values. Everything is drawn from the generator that is given."""

import copy
import re
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

HOSTILE_WORDS = [
    "nan", "inf", "-inf", "1e999", "-1e999", "1e308", "-1", "0", "-0.0", "1e-320", "99999999999999999999", "9" * 5000,
    "0x10", "1_0", "٣", "1,5", "", "true", "null", "../../x", "a\tb", "\x1b[31m", "日本", "é", "{}", "[[[",
    "!!python/object:os.system x",
    "*a", "&a [*a]", "2001-99-99", "=1+1", '"', "'",
]  # fmt: skip
HOSTILE_INTEGERS = [0, 1, 2, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")


class Evil:
    """What runs code where it is unpickled."""

    def __deepcopy__(self, memo: Any) -> "Evil":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('code of the file was run')",)


def damaged_bytes(rng: Random, content: bytes, other: bytes = b"") -> bytes:
    """One to three kinds of damage, one after the other. other: a second file, to splice from."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_BYTE_DAMAGES)(rng, content, other)
    return content


def _cut(rng: Random, content: bytes, other: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flip(rng: Random, content: bytes, other: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if damaged:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _insert(rng: Random, content: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(rng.choice((1, 2, 7, 64, 512))) + content[at:]


def _remove(rng: Random, content: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 2, 4, 8, 64, 512)) :]


def _repeat(rng: Random, content: bytes, other: bytes) -> bytes:
    at, length = rng.randrange(len(content) + 1), rng.choice((1, 8, 64, 512, 4096))
    return content[: at + length] + content[at : at + length] * rng.choice((1, 2, 10)) + content[at + length :]


def _splice(rng: Random, content: bytes, other: bytes) -> bytes:
    other = other or content
    at, start = rng.randrange(len(content) + 1), rng.randrange(len(other) + 1)
    length = rng.choice((8, 64, 512, len(other)))
    return content[:at] + other[start : start + length] + content[at + rng.choice((0, length)) :]


def _integer(rng: Random, content: bytes, other: bytes) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    value = rng.choice(HOSTILE_INTEGERS) % (1 << 8 * width)
    at = rng.randrange(max(len(content) - width, 0) + 1)
    if rng.random() < 0.5:  # counts and places stand near the beginning
        at = min(at, rng.randrange(1024))
    return content[:at] + value.to_bytes(width, rng.choice(("little", "big"))) + content[at + width :]


def _blank(rng: Random, content: bytes, other: bytes) -> bytes:
    at, length = rng.randrange(len(content) + 1), rng.choice((4, 64, 4096))
    return content[:at] + bytes([rng.choice((0, 32, 255))]) * len(content[at : at + length]) + content[at + length :]


def _another_file(rng: Random, content: bytes, other: bytes) -> bytes:
    web_page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
    return rng.choice((b"", web_page, b"\x89PNG\r\n\x1a\n" + content[:64], b"PK\x05\x06" + bytes(18), rng.randbytes(300), other))


_BYTE_DAMAGES: list[Callable[[Random, bytes, bytes], bytes]] = [
    _cut, _cut, _flip, _flip, _insert, _remove, _repeat, _splice, _integer, _integer, _blank,
] * 3 + [_another_file]  # fmt: skip


def damaged_text(rng: Random, content: bytes, other: bytes = b"") -> bytes:
    """Damage of a text file: numbers, words, cells and lines; sometimes of its bytes."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice((_number, _number, _word, _line, _line, _cell, damaged_bytes))(rng, content, other)
    return content


def _number(rng: Random, content: bytes, other: bytes) -> bytes:
    places = list(_NUMBER.finditer(content))
    if not places:
        return content
    place = rng.choice(places)
    return content[: place.start()] + rng.choice(HOSTILE_WORDS).encode() + content[place.end() :]


def _word(rng: Random, content: bytes, other: bytes) -> bytes:
    words = list(re.finditer(rb"[^\s,:]+", content))
    if not words:
        return content
    word = rng.choice(words)
    new = rng.choice((b"", rng.choice(words)[0], word[0] * 2, rng.choice(HOSTILE_WORDS).encode(), word[0] + b" " + word[0]))
    return content[: word.start()] + new + content[word.end() :]


def _line(rng: Random, content: bytes, other: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif kind == 2:
        lines[at], lines[-1] = lines[-1], lines[at]
    elif kind == 3:
        lines[at] = lines[at].strip() * rng.choice((2, 50)) + b"\r\n"
    else:
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    return b"".join(lines)


def _cell(rng: Random, content: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice((b",", b'"', b"\n", b"\r", b"\0", b"#", b":", b"\xff", b"\t", b"- ", b"  ")) + content[at:]


def hostile_value(rng: Random) -> Any:
    """A plain value that does not belong where it is put."""
    deep: Any = []
    for _ in range(rng.choice((2, 50, 5000))):
        deep = [deep]
    values: list[Any] = [
        None, True, False, 0, -1, 1, 2, 10**30, 10**400, -(10**400), 1.5, -0.0, float("nan"), float("inf"), -float("inf"), 1e308,
        5e-324, "", "x", "nan", "\0", "\x1b[31m", "a\nb", "../../etc/passwd", "x" * 100_000, "日本",
        "\ud800", [], {}, [[]], [None], {"": 0},
        {"a": {"b": {}}}, list(range(1000)), deep,
    ]  # fmt: skip
    return rng.choice(values)


def damaged_tree(rng: Random, tree: Any, leaf: Callable[[Random, Any], Any] | None = None) -> Any:
    """A copy of nested dictionaries and lists with one to three places changed. leaf: what becomes of a value, sometimes."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return hostile_value(rng)
        holder, key = rng.choice(places)
        kind = rng.randrange(7)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            new = rng.choice(
                (f"{key}x", str(key)[:-1], "日本", "", 7, "a/b", "\x1b[2J", "../x", key.upper() if isinstance(key, str) else key)
            )
            holder[new] = holder.pop(key)
        elif kind == 2:
            donor, name = rng.choice(places)
            holder[key] = _copied(donor[name]) if _has(donor, name) else None
        elif kind == 3 and isinstance(holder, list):
            holder.insert(key, _copied(holder[key]))
        elif kind == 4 and leaf is not None:
            holder[key] = leaf(rng, holder[key])
        elif kind == 5 and isinstance(holder[key], int | float) and -(2**60) < holder[key] < 2**60:
            holder[key] = rng.choice((-holder[key], holder[key] * 10**6, holder[key] + 0.5, float("nan"), str(holder[key]), 0))
        else:
            holder[key] = hostile_value(rng)
    return tree


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except RecursionError:
        return None  # the value itself might be put into its own inside, which then never ends


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(tree: Any) -> Any:
    stack = [tree]
    while stack:
        node = stack.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            yield node, key
            stack.append(value)


def damaged_array(rng: Random, array: Any) -> Any:
    """Another shape, type or content of an array."""
    if not isinstance(array, np.ndarray):
        return hostile_value(rng)
    kind = rng.randrange(9)
    if kind == 0 and array.ndim:
        return array[: rng.choice((0, 1))]
    if kind == 1:
        return array[..., :-1] if array.ndim else array[None]
    if kind == 2:
        return (
            array.astype(rng.choice(("f2", "f4", ">f8", "i4", "u1", "c8", "S4", "U5", "?")), copy=True)
            if array.dtype.kind in "fiu"
            else array
        )
    if kind == 3:
        return np.array(rng.choice((0, 24, 29.97, 50, 59.94, 240, -1, float("nan"), float("inf"), 1e300)))
    if kind == 4:
        return array.reshape(-1)
    if kind == 5:
        return np.asfortranarray(array[None])
    if kind == 6:
        return np.array([Evil(), None], object)[rng.randrange(2) :]
    if array.dtype.kind not in "fiu" or array.size == 0:
        return np.array("日本\0x")
    changed = np.array(array, np.float64 if array.dtype.kind == "f" else array.dtype)
    value = rng.choice((float("nan"), float("inf"), -float("inf"), 1e30, -1e300, 3.4e38, 1e-300, 0.0, -1.0))
    with np.errstate(all="ignore"):
        changed.reshape(-1)[rng.randrange(changed.size)] = value if array.dtype.kind == "f" else rng.choice((0, 1, 100))
        return changed.astype(array.dtype) if rng.random() < 0.5 else changed
