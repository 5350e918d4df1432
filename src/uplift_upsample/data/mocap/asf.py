"""Reader of Acclaim skeleton files (ASF). See ``acclaim`` for the format."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mocap.acclaim import (
    MAX_VALUE,
    ROOT_BONE,
    ROTATIONS,
    TRANSLATIONS,
    AcclaimSkeleton,
    finite_floats,
    read_bytes,
    rotation_about_axes,
    shortened,
)

METRES_PER_INCH = 0.0254  # by definition
MAX_BONES = 1000  # the database has 31
MAX_BONE = 5.0  # m; chosen: longer than any bone, so that wrong units are found
_SHORTEST_DIRECTION = 1e-9  # below it, a direction cannot be made a unit vector
_LONGEST_NAME = 60  # letters; any name of a bone is shorter
_ONCE = {"units": ("length", "angle"), "root": ("order", "axis", "position", "orientation")}
_ONCE_IN_A_BONE = ("name", "direction", "length", "axis", "dof")
_Block = dict[str, tuple[int, list[str]]]  # key of a line -> line number, the other words


def read_asf(path: str | os.PathLike[str]) -> AcclaimSkeleton:
    """Read a skeleton. Raises ``InputError`` with file and line for anything that is missing or cannot be read."""
    reader = _AsfReader(Path(path))
    return reader.skeleton()


class _AsfReader:
    """Collects the sections of an ASF file, then checks and joins them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.units: dict[str, tuple[int, str]] = {}
        self.root: _Block = {}
        self.bones: dict[str, _Block] = {}
        self.children: dict[str, list[tuple[int, str]]] = {}
        self.is_whole = False  # ends with the 'end' of :hierarchy
        self._read()

    def fail(self, line: int | None, message: str) -> InputError:
        place = f"{self.path}, line {line}" if line else str(self.path)
        return InputError(f"{place}: {message}")

    def _read(self) -> None:
        section, current = "", None
        lines = _numbered_lines(self.path)
        for number, line in lines:
            words = line.split()
            key = words[0].lower()
            self.is_whole = section == "hierarchy" and key == "end"
            if key.startswith(":"):
                section = key[1:]
            elif section == "units":
                self._check_new(number, key, self.units, _ONCE["units"])
                self.units[key] = (number, words[-1].lower())
            elif section == "root":
                self._check_new(number, key, self.root, _ONCE["root"])
                self.root[key] = (number, words[1:])
            elif section == "bonedata":
                try:
                    current = self._read_bone_line(number, key, words[1:], current)
                except InputError:
                    if number < lines[-1][0]:
                        raise
                    raise self.fail(number, "the file is cut off here, within :bonedata; get it again") from None
            elif section == "hierarchy" and key not in ("begin", "end"):
                self.children.setdefault(words[0], []).extend((number, child) for child in words[1:])
        if current is not None:
            raise self.fail(lines[-1][0], "the last bone of :bonedata has no 'end'; the file is cut off here, get it again")

    def _check_new(self, number: int, key: str, known: Mapping[str, object], once: Sequence[str]) -> None:
        if key in known and key in once:
            raise self.fail(number, f"{key!r} comes twice; it is not clear which one holds")

    def _read_bone_line(self, number: int, key: str, words: list[str], current: _Block | None) -> _Block | None:
        if key == "begin":
            if current is not None:
                raise self.fail(number, "a bone begins before the one before it has its 'end'")
            return {"begin": (number, [])}
        if current is None:
            raise self.fail(number, f"{shortened([key])!r} outside of a 'begin' ... 'end' block of :bonedata")
        if key != "end":
            self._check_new(number, key, current, _ONCE_IN_A_BONE)
            current[key] = (number, words)
            return current
        number_of_name, name = current.get("name", (number, []))
        if len(name) != 1 or len(name[0]) > _LONGEST_NAME:
            raise self.fail(number_of_name, f"a bone without a name of one word of at most {_LONGEST_NAME} letters")
        if name[0] in self.bones or name[0] == ROOT_BONE:
            raise self.fail(number_of_name, f"a second bone named {name[0]}")
        if len(self.bones) == MAX_BONES:
            raise self.fail(number, f"more than {MAX_BONES} bones; this is not the skeleton of a person")
        self.bones[name[0]] = current
        return None

    def skeleton(self) -> AcclaimSkeleton:
        for section, found in (("root", self.root), ("bonedata", self.bones), ("hierarchy", self.children)):
            if not found:
                raise self.fail(None, f"no section :{section}; the file is cut off, or is not an ASF file")
        metres, degrees = self._metres_per_unit(), self._is_degrees()
        try:
            names, parents = self._order()
        except InputError as error:
            if self.is_whole:
                raise
            raise InputError(f"{error}; the file has no 'end' of :hierarchy and may be cut off, get it again") from None
        position = self._numbers(self.root, "position", default=(0.0, 0.0, 0.0))
        orientation = self._numbers(self.root, "orientation", default=(0.0, 0.0, 0.0))
        root_order = self._axis_order(self.root, self.root.get("axis", (0, ["XYZ"]))[1])
        offsets, axes, channels = [position * metres], [_axis_frame(orientation, root_order, degrees)], [self._root_channels()]
        for name in names[1:]:
            bone = self.bones[name]
            words = self._entry(bone, "axis")[1]
            offsets.append(self._offset(name, bone, metres))
            axes.append(_axis_frame(self._numbers(bone, "axis", words=words[:3]), self._axis_order(bone, words[3:]), degrees))
            channels.append(self._channels(bone, "dof", ROTATIONS))
        return AcclaimSkeleton(tuple(names), parents, np.array(offsets), np.array(axes), tuple(channels), metres, degrees)

    def _offset(self, name: str, bone: _Block, metres: float) -> np.ndarray:
        """From start to end of a bone in the rest pose, metres; one without length needs no direction."""
        direction, (length,) = self._numbers(bone, "direction"), self._numbers(bone, "length", count=1)
        if not 0 <= length * metres <= MAX_BONE:
            raise self.fail(
                bone["length"][0],
                f"bone {name} is {length * metres:.4g} m long; the length of a bone of a person is 0 to {MAX_BONE:g} m "
                "(is the length of :units right?)",
            )
        norm = np.linalg.norm(direction)
        if norm < _SHORTEST_DIRECTION and length > 0:
            raise self.fail(bone["direction"][0], f"bone {name} has no direction")
        return direction / max(norm, _SHORTEST_DIRECTION) * length * metres

    def _entry(self, block: _Block, key: str) -> tuple[int, list[str]]:
        if key not in block:
            start = min(number for number, _ in block.values())
            raise self.fail(start, f"the block that starts here has no {key!r}")
        return block[key]

    def _numbers(
        self,
        block: _Block,
        key: str,
        count: int = 3,
        words: list[str] | None = None,
        default: tuple[float, ...] | None = None,
    ) -> np.ndarray:
        if key not in block and default is not None:
            return np.array(default)
        number, found = self._entry(block, key)
        values = finite_floats(found if words is None else words)
        if values is None or len(values) != count:
            raise self.fail(number, f"{key!r} needs {count} finite number{'s' * (count > 1)}, not {shortened(found)!r}")
        return np.array(values)

    def _axis_order(self, block: _Block, words: list[str]) -> str:
        order = "".join(words).lower()
        if sorted(order) != ["x", "y", "z"]:
            raise self.fail(
                self._entry(block, "axis")[0], f"the axis order {shortened([''.join(words)])!r} is not a permutation of XYZ"
            )
        return order

    def _channels(self, block: _Block, key: str, known: Sequence[str]) -> tuple[str, ...]:
        number, words = block.get(key, (0, []))
        channels = tuple(word.lower() for word in words)
        if len(set(channels)) != len(channels) or not set(channels) <= set(known):
            raise self.fail(number, f"{key!r} is {shortened(words)!r}; only {' '.join(known)}, each once, can be read")
        return channels

    def _root_channels(self) -> tuple[str, ...]:
        self._entry(self.root, "order")
        return self._channels(self.root, "order", (*TRANSLATIONS, *ROTATIONS))

    def _metres_per_unit(self) -> float:
        number, word = self.units.get("length", (None, "nothing"))
        values = finite_floats([word])
        if values is None or not values[0] >= 1 / MAX_VALUE:
            raise self.fail(number, f"the length of :units must be a positive number, not {shortened([word])}")
        return METRES_PER_INCH / values[0]

    def _is_degrees(self) -> bool:
        number, word = self.units.get("angle", (None, "deg"))
        if word[:3] not in ("deg", "rad"):
            raise self.fail(number, f"the angle of :units must be deg or rad, not {shortened([word])}")
        return word.startswith("deg")

    def _order(self) -> tuple[list[str], np.ndarray]:
        """Bones from the root outwards, and their parents' indices."""
        for parent, children in self.children.items():
            if parent != ROOT_BONE and parent not in self.bones:
                raise self.fail(
                    children[0][0] if children else None, f"bone {shortened([parent])} of :hierarchy is not in :bonedata"
                )
        names, parents = [ROOT_BONE], [-1]
        for index, name in enumerate(names):  # grows while it runs
            for number, child in self.children.get(name, []):
                if child not in self.bones:
                    raise self.fail(number, f"bone {shortened([child])} of :hierarchy is not in :bonedata")
                if child in names:
                    raise self.fail(number, f"bone {child} is in :hierarchy twice")
                names.append(child)
                parents.append(index)
        loose = [name for name in self.bones if name not in names]
        if loose:
            names_of_loose = shortened([", ".join(loose)])
            raise self.fail(None, f"the :hierarchy does not connect {names_of_loose} to the root")
        return names, np.array(parents, np.int64)


def _axis_frame(angles: np.ndarray, order: str, is_degrees: bool) -> np.ndarray:
    """The axis frame C ``(3, 3)``; the angles are about x, y, z, whatever the order of the turns."""
    radians = np.deg2rad(angles) if is_degrees else angles
    return rotation_about_axes(order, radians[["xyz".index(axis) for axis in order]][None])[0]


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines with content, with their numbers; any line ends."""
    lines = enumerate(read_bytes(path).splitlines(), 1)
    stripped = ((number, line.decode("latin-1").strip()) for number, line in lines)
    return [(number, line) for number, line in stripped if line]
