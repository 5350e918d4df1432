"""Pickles that hold NumPy arrays of plain types and plain containers, and nothing else.

Unpickling runs what the file asks for. This unpickler knows a fixed list of names, each bound to a function of this module,
so that a pickle can neither call anything else nor hand NumPy a state that does not fit. It reads what
NumPy 1 and 2 wrote, and Python 2. ``torch_checkpoints`` adds the tensors of PyTorch.
"""

import math
import pickle
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

_PLAIN_DTYPE = re.compile(r"[|<>=]?(b1|[iu][1248]|f[248]|c8|c16|[SU]\d+|O8?)")


class ForbiddenError(pickle.UnpicklingError):
    """The pickle asks for something other than arrays and containers. The message is the name that it asks for."""


class PlainUnpickler(pickle.Unpickler):
    """Reads one object from a file. Raises ``ForbiddenError``, or anything else where the pickle is damaged."""

    def __init__(self, file: Any, more: Mapping[tuple[str, str], Any] = MappingProxyType({})) -> None:
        """more: what is admitted beside arrays and containers, by module and name."""
        # latin1: Python 2 keeps the bytes of arrays in strings
        super().__init__(file, encoding="latin1")
        self._admitted = {**_ADMITTED, **more}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._admitted:
            raise ForbiddenError(f"{module}.{name}")
        return self._admitted[module, name]


class Admitted:
    """A callable that a pickle may name, and may not change."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("it tries to change a function")


class _PickledDtype:
    """What a pickle holds about a dtype. NumPy's own ``dtype.__setstate__`` trusts its input, so it never sees it."""

    __slots__ = ("_code",)

    def __init__(self, code: Any, *_: Any) -> None:
        if isinstance(code, Admitted):
            raise pickle.UnpicklingError("it has an array with named fields")
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"it has an array of the type {code!r}")
        self._code = code.lstrip("|<>=")

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or state[3] or state[4]:
            raise pickle.UnpicklingError("it has an array with named fields")
        self._code = state[1] + self._code

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("O" if self._code.lstrip("|<>=").startswith("O") else self._code)


class _PickledArray(np.ndarray):
    """An array whose content must fit its shape and type, which NumPy does not check for object arrays."""

    def __setstate__(self, state: Any) -> None:
        shape, dtype, is_fortran, content = state[-4:]
        dtype = dtype.dtype
        size = math.prod(_checked_shape(shape))
        expected = list if dtype.hasobject else (bytes, str)
        if not isinstance(content, expected) or len(content) != (size if dtype.hasobject else size * dtype.itemsize):
            raise pickle.UnpicklingError("an array does not fit its shape")
        super().__setstate__((1, shape, dtype, bool(is_fortran), content))  # type: ignore[arg-type]


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"an array has the shape {shape!r}")
    return shape


def _empty_array(*_: Any) -> np.ndarray:
    return _PickledArray((0,), np.int8)


def _array_from_buffer(buffer: Any, dtype: _PickledDtype, shape: Any, order: str) -> np.ndarray:
    if dtype.dtype.hasobject:
        raise pickle.UnpicklingError("it has an array of objects in a buffer")
    return np.frombuffer(bytes(buffer), dtype.dtype).reshape(_checked_shape(shape), order="F" if order == "F" else "C")


def _scalar(dtype: _PickledDtype, content: Any = b"") -> Any:
    if dtype.dtype.hasobject:
        raise pickle.UnpicklingError("it has a scalar of objects")
    return np.frombuffer(content.encode("latin1") if isinstance(content, str) else content, dtype.dtype, 1)[0]


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it has bytes in the encoding {encoding!r}")
    return str(text).encode("latin1")


def _plain_dict(*args: Any) -> dict:
    # a defaultdict names its factory first; nobody needs it here
    return dict(*[argument for argument in args if not isinstance(argument, Admitted)])


# Memory maps, record arrays and matrices are pickled as arrays, under the name that NumPy has for them, or had.
_ARRAYS = {
    "numpy": ("ndarray", "memmap", "recarray", "record", "matrix"),
    "numpy.rec": ("recarray", "record"),
    "numpy.core.memmap": ("memmap",),
    "numpy._core.memmap": ("memmap",),
    "numpy.core.records": ("recarray", "record"),
    "numpy._core.records": ("recarray", "record"),
    "numpy.matrixlib.defmatrix": ("matrix",),
}
_ADMITTED = {
    **{(module, name): Admitted(_empty_array) for module, names in _ARRAYS.items() for name in names},
    ("numpy", "dtype"): Admitted(_PickledDtype),
    ("_codecs", "encode"): Admitted(_encoded),
    ("collections", "OrderedDict"): Admitted(_plain_dict),
    ("collections", "defaultdict"): Admitted(_plain_dict),
}
for _core in ("numpy.core", "numpy._core"):  # before and since NumPy 2
    _ADMITTED[_core + ".multiarray", "_reconstruct"] = Admitted(_empty_array)
    _ADMITTED[_core + ".multiarray", "scalar"] = Admitted(_scalar)
    _ADMITTED[_core + ".numeric", "_frombuffer"] = Admitted(_array_from_buffer)
for _builtins in ("builtins", "__builtin__"):  # Python 3, Python 2
    for _type in (list, tuple, set, frozenset):
        _ADMITTED[_builtins, _type.__name__] = Admitted(_type)
    _ADMITTED[_builtins, "dict"] = Admitted(_plain_dict)
