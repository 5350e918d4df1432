"""The demo's pictures and numbers in the README, and whether what the documents show is still what the demo gives.

python benchmarks/demo_numbers.py           write them, from the finished demo (a part of make numbers)
python benchmarks/demo_numbers.py --check   compare README.md and docs/numbers.md with it (make check-numbers)
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TOLERANCE_MM = 2.0  # a training lets differences of rounding grow: to 1.2 mm between steps with and without XLA, on one processor
EXPERIMENT, SEED = "people_351", 0
PICTURES = {
    "demo_error_over_s_in.png": "figures/error_over_s_in.png",
    "demo_animation.gif": "people_351_pt/seed_0/s_in_20/animation/14_Climb_cam1.gif",
}
PICTURE = re.compile(r"!\[(Error of the demo[^\]]*)\]\(docs/images/demo_error_over_s_in\.png\)")
ERRORS = re.compile(r"(\w+) ([\d., ]+) mm at s_in ([\d, ]+)")
# Rows of docs/numbers.md whose figures are in the scores of every demo: the errors, or differences from the result.
ROWS = {
    "**as configured**": ("all_frames", "frame_wise", "mpjpe"),
    "over actions (action-wise)": ("all_frames", "action_wise", "mpjpe"),
    "those with a 2D pose (key frames)": ("key_frames", "frame_wise", "mpjpe"),
    "linear between predictions at multiples of s_in": ("no_learned_upsampling", "all_frames", "frame_wise", "mpjpe"),
    "scale (N-MPJPE)": ("all_frames", "frame_wise", "nmpjpe"),
    "similarity (P-MPJPE)": ("all_frames", "frame_wise", "pampjpe"),
}

Errors = dict[tuple[str, int], float]  # (what, s_in) -> mm


def main(argv: Sequence[str] | None = None, project: Path = PROJECT) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    options = parser.parse_args(argv)
    demo = project / "results/demo"
    if not (demo / "figures/error_over_s_in.png").exists():
        parser.error("the demo is not built; run make first")
    if not options.check:
        write(project, demo)
        return 0
    faults = differences("README.md", shown_in_readme(project), errors_of(demo))
    faults += differences("docs/numbers.md", shown_in_numbers(project), rows_of(demo))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(
        "README.md and docs/numbers.md show other numbers; make numbers writes them" if faults else "the documents show this demo"
    )
    return 1 if faults else 0


def write(project: Path, demo: Path) -> None:
    """Copy the pictures, and write the errors that one of them shows into its text."""
    for name, source in PICTURES.items():
        shutil.copyfile(demo / source, project / "docs/images" / name)
    found: dict[str, dict[int, float]] = {}
    for (experiment, s_in), error in sorted(errors_of(demo).items()):
        found.setdefault(experiment, {})[s_in] = error
    shown = "; ".join(
        f"{experiment} {', '.join(f'{error:.1f}' for error in errors.values())} mm at s_in {', '.join(map(str, errors))}"
        for experiment, errors in found.items()
    )
    readme = project / "README.md"
    picture = f"![Error of the demo over the stride of 2D poses: {shown}](docs/images/demo_error_over_s_in.png)"
    readme.write_text(PICTURE.sub(lambda _: picture, readme.read_text("utf-8")), "utf-8")


def errors_of(demo: Path) -> Errors:
    """MPJPE on all frames, frame-wise, of every experiment and s_in that the picture shows."""
    records = json.loads((demo / "tables/main_results.json").read_text("utf-8"))["records"]
    wanted = {"frames": "all_frames", "metric": "mpjpe", "average": "frame_wise", "weights": "trained"}
    chosen = [record for record in records if all(record.get(key) == value for key, value in wanted.items())]
    return {(record["experiment"], int(record["s_in"])): float(record["mean_mm"]) for record in chosen}


def rows_of(demo: Path) -> Errors:
    """The rows of docs/numbers.md as the scores of the demo have them."""
    rows: Errors = {}
    for path in sorted((demo / EXPERIMENT / f"seed_{SEED}").glob("s_in_*/scores.json")):
        s_in = path.parent.name.removeprefix("s_in_")
        document = json.loads(path.read_text("utf-8"))[s_in]
        errors = {}
        for row, keys in ROWS.items():
            value = document
            for key in keys:
                value = value[key]
            errors[row] = float(value)
        base = errors["**as configured**"]
        rows |= {(row, int(s_in)): error - base * (row != "**as configured**") for row, error in errors.items()}
    return rows


def shown_in_readme(project: Path) -> Errors:
    shown = PICTURE.search((project / "README.md").read_text("utf-8"))
    errors: Errors = {}
    for experiment, values, strides in ERRORS.findall(shown[1] if shown else ""):
        pairs = zip(strides.strip(" ,").split(", "), values.split(", "), strict=True)
        errors |= {(experiment, int(s_in)): float(value) for s_in, value in pairs}
    return errors


def shown_in_numbers(project: Path) -> Errors:
    errors: Errors = {}
    strides: list[int] = []
    for line in (project / "docs/numbers.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        strides = [int(cell.removeprefix("s_in=")) for cell in cells if cell.startswith("s_in=")] or strides
        row = next((cell for cell in cells if cell in ROWS), None)
        if row is not None and len(cells) > len(strides):
            values = [float(cell.strip("*")) for cell in cells[-len(strides) :]]
            errors |= {(row, s_in): value for s_in, value in zip(strides, values, strict=True)}
    return errors


def differences(document: str, shown: Errors, found: Errors) -> list[str]:
    """What a document shows otherwise than the demo, one line each."""
    faults = [f"{document}: {what} at s_in {s_in} is not there" for what, s_in in found if (what, s_in) not in shown]
    for (what, s_in), value in shown.items():
        now = found.get((what, s_in))
        if now is None or abs(now - value) > TOLERANCE_MM:
            shown = "has no such number" if now is None else f"has {now:.1f} mm"
            faults.append(f"{document}: {what} at s_in {s_in} is {value:.1f} mm, the demo {shown}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
