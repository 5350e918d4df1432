"""What of a module's code counts for a script: what it uses, and whatever might be used."""

import os
from pathlib import Path

import pytest

from uplift_upsample.machine.provenance import code_fingerprint
from uplift_upsample.machine.used_code import used_code

# `lib` beside `entry` in a folder of scripts; each case says what the entry does with it, and what changes in it.
LIB = """\
import json
from dataclasses import dataclass

import numpy as np

from other import helped

SCALE = 2
UNUSED = 3
TABLE = {"scale": SCALE}
FILE = "data.txt"


@dataclass(frozen=True)
class Shape:
    size: int = SCALE

    def area(self):
        return helped(self.size)


class Other:
    pass


def used(x):
    return x * SCALE


def unused(x):
    return np.sqrt(x) * UNUSED


def lazily():
    from late import value

    return value()


def named():
    return FILE
"""
FILES = {
    "lib.py": LIB,
    "other.py": "FACTOR = 1\n\n\ndef helped(x):\n    return x * FACTOR\n\n\ndef alone():\n    return json.dumps\n",
    "giving.py": "import other\n\nUNUSED = 0\n\n\ndef __getattr__(name):\n    return getattr(other.helped, name)\n",
    "late.py": "def value():\n    return 1\n\n\ndef other_value():\n    return 2\n",
    "data.txt": "1\n",
    "package/__init__.py": "from package.inner import shown\n",
    "package/inner.py": "def shown():\n    return 1\n\n\ndef hidden():\n    return 2\n",
}
USE_LIB = "import lib\n\nprint(lib.used(1))\n"


@pytest.fixture
def write(tmp_path: Path):
    """Write some modules, and give the fingerprint of the entry."""
    (tmp_path / "scripts/package").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    number = 0

    def write(**texts: str) -> str:
        nonlocal number
        number += 1
        for name, text in texts.items():
            path = tmp_path / "scripts" / name
            path.write_text(text, encoding="utf-8")
            os.utime(path, (number, number))
        return code_fingerprint(tmp_path / "scripts/entry.py")

    write(**FILES, **{"entry.py": ""})
    return write


def changed(name: str, old: str, new: str) -> dict[str, str]:
    assert FILES[name].count(old) == 1, old
    return {name: FILES[name].replace(old, new)}


NEVER = [("lib.py", "UNUSED = 3", "UNUSED = 4"), ("lib.py", "np.sqrt(x)", "np.exp(x)"), ("other.py", "json.dumps", "json.loads")]
SCALED, AREA, LATE = ("lib.py", "SCALE = 2", "SCALE = 3"), ("lib.py", "self.size)", "-self.size)"), ("late.py", "1", "3")
WAYS = {  # what the entry does: changes that count, changes that do not
    "import lib\n\nprint(lib.used(1))\n": ([SCALED, ("lib.py", "x * SCALE", "x / SCALE")], [*NEVER, AREA, LATE]),
    "from lib import used as of_lib\n\nprint(of_lib(1))\n": ([SCALED], [*NEVER, AREA, LATE]),
    "from lib import used\n": ([], [*NEVER, SCALED, AREA]),
    "from lib import TABLE\n\nprint(TABLE)\n": ([SCALED], [*NEVER, AREA]),
    "import lib\n\nprint(lib.Shape(1).area())\n": ([SCALED, AREA, ("other.py", "FACTOR = 1", "FACTOR = 2")], [*NEVER, LATE]),
    "from lib import lazily\n\nprint(lazily())\n": ([LATE], [*NEVER, ("late.py", "return 2", "return 4"), SCALED]),
    "import lib\n\n\nclass Mine(lib.Shape):\n    pass\n": ([AREA], NEVER),
    "import lib\n\n\n@lib.used\ndef f():\n    pass\n": ([SCALED], NEVER),
    "import lib\n\n\ndef f(x: 'lib.Shape'):\n    pass\n\n\nf(1)\n": ([AREA], NEVER),
    "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from lib import Shape\n\nX: 'Shape'\nprint(X)\n": ([AREA], NEVER),
    "def main():\n    import lib\n\n    return lib.used(1)\n\n\nmain()\n": ([SCALED], [*NEVER, AREA]),
    "try:\n    from lib import used\nexcept ImportError:\n    used = None\n": ([SCALED], [*NEVER, AREA]),
    # whatever might be used
    "import lib\n\nprint(getattr(lib, 'used'))\n": ([SCALED, AREA, *NEVER[:2], LATE], NEVER[2:]),
    "import lib\n\nMODULES = [lib]\nprint(MODULES)\n": ([SCALED, AREA, *NEVER[:2], LATE], NEVER[2:]),
    "from lib import *\n\nprint(used(1))\n": ([SCALED, AREA, *NEVER[:2], LATE], NEVER[2:]),
    "import lib\n\nprint(lib.missing)\n": ([SCALED, AREA, *NEVER[:2], LATE], NEVER[2:]),
    "import importlib\n\nprint(importlib.import_module('l' + 'ib'))\n": ([SCALED, AREA, *NEVER, LATE], []),
    "from sys import modules\n\nprint(modules['lib'])\n": ([SCALED, AREA, *NEVER, LATE], []),
    "print(__import__('lib'))\n": ([SCALED, AREA, *NEVER, LATE], []),
    "X = 1\nprint(eval('X'))\n": ([("entry.py", "X = 1", "X = 2")], [SCALED]),
    "from giving import something\n\nprint(something)\n": (
        [("giving.py", "helped, name", "helped, 'name'"), ("other.py", "FACTOR = 1", "FACTOR = 2")],
        [("giving.py", "UNUSED = 0", "UNUSED = 1"), NEVER[2]],
    ),
    "import package\n\nprint(package.shown())\n": (
        [("package/inner.py", "1", "3")],
        [("package/inner.py", "return 2", "return 3")],
    ),
    "import package.inner\n\nprint(package.inner.hidden())\n": (
        [("package/inner.py", "return 2", "return 3")],
        [("package/inner.py", "1", "3")],
    ),
    "from lib import named\n\nprint(named())\n": ([("data.txt", "1", "2"), ("lib.py", "data.txt", "late.py")], NEVER),
    USE_LIB + "\n\ndef alone():\n    return lib.lazily()\n": ([], [LATE, ("data.txt", "1", "2")]),
}


@pytest.mark.parametrize("entry", WAYS, ids=lambda entry: entry.replace("\n", ";").replace(" ", "_")[:60])
def test_what_a_script_uses_counts(entry: str, write) -> None:
    before = write(**{"entry.py": entry})
    files = {**FILES, "entry.py": entry}
    for is_counted, changes in zip((True, False), WAYS[entry], strict=True):
        for name, old, new in changes:
            assert old in files[name], old
            after = write(**{name: files[name].replace(old, new, 1)})
            assert (after != before) == is_counted, (name, old)
            assert write(**{name: files[name]}) == before


AT_IMPORT = [
    "REGISTERED = []\nREGISTERED.append(1)",
    "import os\n\nos.environ['A'] = 'b'",
    "def register(f):\n    return f\n\n\n@register\ndef g():\n    return 1",
    "def make():\n    return 1\n\n\nMADE = make()",
    "from other import FACTOR\n\nif FACTOR:\n    FACTOR = 2",
    "class Base:\n    def __init_subclass__(cls):\n        print(cls)\n\n\nclass Derived(Base):\n    pass",
    "class Noisy:\n    print('made')",
    "class Meta(type):\n    pass\n\n\nclass Made(metaclass=Meta):\n    pass",
    "def f(x=print(1)):\n    return x",
    "SCALE += 1",
    "TABLE['more'] = 1",
    "del UNUSED",
    "for NAME in ('a', 'b'):\n    pass",
    "import antigravity",
    "import late\nlate.value = None",
]


@pytest.mark.parametrize("statement", AT_IMPORT)
def test_what_runs_at_an_import_counts(statement: str, write) -> None:
    before = write(**{"entry.py": USE_LIB})
    assert write(**{"lib.py": f"{LIB}\n\n{statement}\n"}) != before


PLAIN = [
    "import re\n\nPATTERN = re.compile('a')\n\n\ndef f():\n    return PATTERN",
    "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef f():\n    logger.info('a')",
    "@dataclass\nclass New(Exception):\n    x: int\n\n    @property\n    def y(self):\n        return print(self.x)",
    "import functools\n\n\n@functools.cache\ndef f():\n    return print(1)",
    "import enum\n\n\nclass Colour(enum.Enum):\n    RED = 1",
    "from typing import Annotated\n\nfrom annotated_types import Ge\n\nCount = Annotated[int, Ge(1)]",
    "from typing import Annotated\n\nfrom annotated_types import Gt, Le\n\nShare = Annotated[float, Gt(0), Le(1)]",
    "from uplift_upsample.base.checked import Checked\n\n\n@dataclass\nclass New(Checked):\n    x: int = 1",
    "from pydantic import BaseModel, Field, field_validator\n\n\nclass Model(BaseModel):\n    x: int = Field(1)\n    'An x.'\n\n"
    "    @field_validator('x')\n    @classmethod\n    def f(cls, x):\n        return x",
    "PAIR, ITS = 1, [SCALE, -SCALE]",
    "f = lambda: print(1)",
]


@pytest.mark.parametrize("statement", PLAIN)
def test_definitions_that_nobody_uses_do_not_count(statement: str, write) -> None:
    before = write(**{"entry.py": USE_LIB})
    assert write(**{"lib.py": f"{LIB}\n\n{statement}\n"}) == before


def test_the_same_name_of_another_module_counts(write) -> None:
    texts = {"first.py": "def f():\n    return 1\n\n\ndef g():\n    return f()\n", "second.py": "def f():\n    return 2\n"}
    entry = "from first import f\nfrom second import f as g\n\nprint(f(), g())\n"
    before = write(**texts, **{"entry.py": entry})
    assert write(**{"entry.py": entry.replace("first", "x").replace("second", "first").replace("x", "second")}) != before


def test_a_number_format_is_no_part_of_pictures(project: Path) -> None:
    """On the real scripts: which of them use the formats of the tables."""

    def uses(script: str, module: str) -> bool:
        return any(line.startswith(f"{module} ") for line in used_code(project / f"scripts/{script}.py"))

    assert uses("write_tables", "uplift_upsample.report.render")
    assert not uses("draw_animation", "uplift_upsample.report.cells")
    assert not uses("draw_animation", "uplift_upsample.report.render")
    assert not uses("select_poses", "uplift_upsample.report.cells")
