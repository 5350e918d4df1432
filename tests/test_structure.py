"""The directions of the house: imports point one way, and what needs no network loads no deep-learning framework."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from world.modules import code_modules

PROJECT = Path(__file__).parents[1]
LIBRARY = PROJECT / "src" / "uplift_upsample"
ROOMS = [
    "",
    "base",
    "plan",
    "machine",
    "data",
    "model",
    "train",
    "evaluate",
    "lift",
    "report",
    "doctor",
]  # in the order in which the data flows
FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
USES_FRAMEWORK = ["model/*.py", "train/*.py", "evaluate/predict.py", "doctor/calibration.py"]
MODULES = sorted(LIBRARY.rglob("*.py"))
SCRIPTS = sorted((PROJECT / "scripts").glob("*.py"))
LIGHT_SCRIPTS = [
    path for path in SCRIPTS if path.stem not in {"train", "eval", "predict_poses", "lift"} and not path.stem.startswith("_")
]
BUILD_A_NETWORK = {"train", "eval", "predict_poses", "check_weights", "calibrate", "stream", "lift", "lift_clip", "export"}


def _imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return names


def _room(parts: tuple[str, ...]) -> int:
    return ROOMS.index(parts[0]) if len(parts) > 1 else 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(LIBRARY)
    for name in _imports(path):
        parts = tuple(name.split("."))
        if parts[0] != "uplift_upsample" or len(parts) == 1:
            continue
        target = parts[1:]
        is_package = target[0] in ROOMS
        assert not is_package or ROOMS.index(target[0]) <= _room(own.parts), f"{own} imports {name}"
        if is_package and own.parts[0] != target[0] and len(target) > 2:
            assert not target[-1].startswith("_"), f"{own} imports the private {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_library_knows_no_command_line(path: Path) -> None:
    own = path.relative_to(LIBRARY)
    tops = {name.split(".")[0] for name in _imports(path)}
    assert not tops & {"snakemake", "argparse", "click"}
    if not any(own.match(pattern) for pattern in USES_FRAMEWORK):
        assert not tops & FRAMEWORKS, f"{own} needs a deep-learning framework"
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{own} prints"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr not in {"environ", "getenv"}, f"{own} reads the environment"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant), own
            assert node.value.value is False, f"{own} unpickles"


# Runs each script with --help in a process forked from one that has what many of them import; which frameworks each has then.
HELP = f"""
import json, os, runpy, sys
import h5py, numpy, pandas, yaml
for path in sys.argv[1:]:
    process = os.fork()
    if process == 0:
        sys.argv, sys.path[0], sys.stdout = [path, "--help"], os.path.dirname(path), sys.stderr
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            assert not end.code, end.code
        sys.__stdout__.write(json.dumps([path, sorted({FRAMEWORKS!r} & set(sys.modules))]) + "\\n")
        sys.__stdout__.flush()
        os._exit(0)
    os.waitpid(process, 0)
"""


@pytest.fixture(scope="module")
def loaded_for_help() -> dict[str, list[str]]:
    """The frameworks that are loaded for the help of a script, by its path; a script that failed is missing."""
    done = subprocess.run([sys.executable, "-c", HELP, *map(str, LIGHT_SCRIPTS)], capture_output=True, text=True, check=True)
    print(done.stderr)
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("path", LIGHT_SCRIPTS, ids=lambda path: path.stem)
def test_light_commands_load_no_framework(path: Path, loaded_for_help: dict[str, list[str]]) -> None:
    """Data, scoring and tables start at once."""
    assert loaded_for_help.get(str(path)) == []


@pytest.mark.parametrize("path", [path for path in LIGHT_SCRIPTS if path.stem not in BUILD_A_NETWORK], ids=lambda path: path.stem)
def test_commands_without_a_network_never_load_a_framework(path: Path) -> None:
    """No module behind them has such an import, not even in a function."""
    for name, module in code_modules(path).items():
        found = FRAMEWORKS & {imported.partition(".")[0] for imported in _imports(module)}
        assert not found, f"{path.stem}: {name} imports {', '.join(found)}"


@pytest.mark.parametrize("path", [path for path in SCRIPTS if not path.stem.startswith("_")], ids=lambda path: path.stem)
def test_jobs_do_without_the_models_of_the_configuration(path: Path) -> None:
    """Pydantic takes as long to load as a short job takes in all; the workflow checks the configuration before any of them."""
    assert ("uplift_upsample.plan.settings" in code_modules(path)) == (path.stem in {"calibrate", "doctor"})


def test_rules_run_known_commands() -> None:
    """Each script that a rule runs is among those that are tested here."""
    rules = "".join(path.read_text("utf-8") for path in (PROJECT / "workflow/rules").glob("*.smk"))
    run = set(re.findall(r"scripts/(\w+)\.py", rules))
    assert len(run) > 20
    assert run <= {path.stem for path in LIGHT_SCRIPTS} | BUILD_A_NETWORK


@pytest.mark.parametrize("name", ["train", "eval", "predict_poses", "lift"])
def test_help_of_heavy_commands_is_quick(name: str) -> None:
    """Bad flags are reported before a framework is loaded."""
    scripts = str(PROJECT / "scripts")
    code = f"import sys; sys.path.insert(0, {scripts!r}); import {name}; print(sorted({FRAMEWORKS!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rooms_are_the_documented_ones() -> None:
    assert sorted(path.name for path in LIBRARY.iterdir() if path.is_dir() and path.name != "__pycache__") == sorted(ROOMS[1:])


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: path.stem)
def test_files_can_be_read_at_a_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 350
