"""docs/results.md from the finished studies on real people, and their main figure and table in the README (make results).

A study that was not run, or not whole, is shown as far as it was; its cells say NOT RUN. What the page has of a study that is not
built here stays as it stands, with its own date, machine and commit: studies that take hours need not run together.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uplift_upsample.base.records import Environment, ResultRecord, TrainingRecord, read_record

PROJECT = Path(__file__).parents[1]
DENSE = "nothing: dense"  # between key poses, as the table of systems has it
ENOUGH_SEEDS = 3  # fewer show no spread, and an order of systems may be chance
SECTION = re.compile(r"^## ([^\n]+)\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
README_PART = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A section of the page: the first table of a document of a study, and a figure."""

    title: str
    text: str
    study: str
    table: str | None = None
    figure: str | None = None


PARTS = (
    Part(
        "The paper's network",
        "The network of the paper in small (`cmu_small`, 1.0 million weights), trained on nine people, tested on four others.",
        "open",
        "main_results",
        "error_over_s_in",
    ),
    Part(
        "More from the same weights",
        "The same trained weights under other read-outs ([method.md](method.md#read-outs)). The weight of the central head was "
        "chosen on validation people, at the end of each training.",
        "open",
        "readouts",
        "error_over_cost",
    ),
    Part(
        "Trained for more",
        "`cmu_small_plus` is the same network with as many weights, trained for as many steps: with averaged weights, with token "
        "dropout, and with masked tokens that begin as the learned token plus what lies between their visible neighbours "
        "([method.md](method.md#upsampling-token)). Validation people chose these three: seed 0 had 55.4 mm there as the paper "
        "trains it, 52.9 with averaged weights, 53.1 with token dropout too, and 52.5 with all three. All differences are those "
        "to `cmu_small` and the paper's protocol, one window a pose; `sequence_9` has a ninth of the windows.",
        "open",
        "ablations",
    ),
    Part(
        "Live",
        "What a live stream would give that waits this long for later 2D poses.",
        "open",
        figure="error_over_look_ahead",
    ),
    Part(
        "Learned upsampling against interpolation",
        "Plain: the network's poses at key frames, interpolated. 2D linear and cubic: the 2D poses are interpolated and lifted as "
        "if they were dense.",
        "open",
        "learned_upsampling",
    ),
    Part(
        "What one would use instead",
        "The systems around the paper, with windows of the same length, as many training steps and examples, and about as many "
        "weights. `uplift_upsample` is the paper's network (`cmu_small`) in a quarter of the steps, 4,000 instead of 16,000; so "
        "its error is larger than that of the study `open`. `uplift_dense` is the same network without its upsampling token, "
        "trained with a 2D pose at every token.",
        "systems",
        "systems",
        "systems",
    ),
    Part(
        "What each part does",
        "The network of the paper, in a quarter of the steps, with one thing changed at a time.",
        "ablations",
        "ablations",
    ),
)
FIGURES = {"systems": "error over the 2D poses that are needed", "error_over_s_in": "error over the frames between two 2D poses"}
HEADING = """# Results on real people

What this project stands for, measured on free motion capture (CMU): no licence is needed to repeat it. `make results` runs the
studies `open`, `systems` and `ablations` and writes this page. Errors are MPJPE in mm on all frames, frame-wise, unless a column
says otherwise; ± is the standard deviation over the seeds.
"""
NOT_SAID = """## What these numbers do not say

- The 2D poses are simulated: real motion, seen by the four cameras of Human3.6M, with errors like those of a detector
  ([numbers.md](numbers.md)). A real detector errs in other ways.
- The networks are small, and see a small part of the published 369 million examples: a 1,400th in `open` (256,000), a 5,800th in
  `systems` and `ablations` (64,000). None of the numbers can be compared with published figures, and an order of systems may be
  another one at full size.
- Test people are four people of one database, captured with one method. The standard deviation is that over seeds; other people
  give other errors, by more than that.
- The systems around the paper have their published kinds of optimisers, and were not tuned for this size. VideoPose3D and
  StridedTransformer have their published first learning rates; PoseFormer starts from 0.001 instead of 0.0004, with a weight
  decay of 0.02 of the rate instead of 0.1.
"""


def main(argv: Sequence[str] | None = None, project: Path = PROJECT) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(argv)
    built = [part for part in PARTS if (project / "results" / part.study / "tables").is_dir()]
    if not built:
        parser.error("none of the studies is built; make results builds them")
    page = project / "docs/results.md"
    kept = sections(page.read_text("utf-8")) if page.is_file() else {}
    shown = [section(project, part) if part in built else kept.get(part.title) or not_run(part) for part in PARTS]
    page.write_text("\n".join([HEADING, *shown, NOT_SAID]), "utf-8")
    write_readme(project, built, kept)
    return 0


def sections(page: str) -> dict[str, str]:
    """The sections of a page by their titles, as they stand there."""
    return {found[1]: found[0].rstrip("\n") + "\n" for found in SECTION.finditer(page)}


def not_run(part: Part) -> str:
    return f"## {part.title}\n\n{part.text}\n\nNOT RUN yet: `make results` runs the study `{part.study}`.\n"


def run(project: Path, study: str) -> str:
    """What was run, when, on what, with which code and seeds, as the records of the study say."""
    found = environments(project, study)
    return f"Study `{study}`, {seeds(project, study)}; {dates(found)}, {machine(found)}, {commits(found)}."


def trainings(project: Path, study: str) -> list[Path]:
    return sorted((project / "results" / study).glob("*/seed_*/training.json"))


def seeds(project: Path, study: str) -> str:
    """Those of the study, and which experiments have fewer of them."""
    of_experiment: dict[str, set[int]] = {}
    manifest = project / "results" / study / "tables/manifest.json"
    if manifest.is_file():
        jobs = json.loads(manifest.read_text("utf-8")).get("jobs", [])
        of_experiment = {job["experiment"]: set() for job in jobs if job["stage"] == "train"}
    for path in trainings(project, study):
        of_experiment.setdefault(path.parents[1].name, set()).add(int(path.parent.name.removeprefix("seed_")))
    whole = set.union(set(), *of_experiment.values())
    fewer = [f"{name}: {_listed(found)}" for name, found in of_experiment.items() if found != whole]
    return f"seeds {_listed(whole)}" + f" ({'; '.join(fewer)})" * bool(fewer)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "none"


def environments(project: Path, study: str) -> list[Environment]:
    """Of all trainings, predictions and scorings that left a record."""
    found = [record.environment for path in trainings(project, study) if (record := read_record(path, TrainingRecord))]
    for path in sorted((project / "results" / study).glob("*/seed_*/s_in_*/**/provenance.json")):
        result = read_record(path, ResultRecord)
        steps = [result.scoring, result.prediction] if result else []
        found += [step.environment for step in steps if step]
    return found


def dates(found: Sequence[Environment]) -> str:
    """The day, or the first and the last one."""
    days = sorted({each.time[:10] for each in found if each.time})
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "on an unknown day"


def machine(found: Sequence[Environment]) -> str:
    """The processors of the jobs."""
    return " and ".join(sorted({f"{each.cpu} ({each.num_cores} cores)" for each in found if each.cpu})) or "unknown machine"


def commits(found: Sequence[Environment]) -> str:
    """The code that the jobs ran with, and whether some of it was not committed."""
    known = [each.git for each in found if each.git and each.git.commit]
    names = list(dict.fromkeys(str(git.commit)[:7] for git in known))
    if not names:
        return "an unknown commit"
    is_changed = any(git.is_clean is False for git in known)
    return f"commit{'s' * (len(names) > 1)} {', '.join(names)}" + " with changes that were not committed" * is_changed


def section(project: Path, part: Part) -> str:
    """A part of the page; its figure is copied beside it."""
    lines = [f"## {part.title}", "", part.text, "", run(project, part.study), ""]
    if part.figure:
        name = f"results_{part.study}_{part.figure}.png"
        shutil.copyfile(project / f"results/{part.study}/figures/{part.figure}.png", project / "docs/images" / name)
        lines += [f"![{part.title}](images/{name})", ""]
    if part.table:
        document = json.loads((project / f"results/{part.study}/tables/{part.table}.json").read_text("utf-8"))
        lines += [*table(document["sections"][0]), ""]
        lines += [f"- {remark}" for remark in document["remarks"]] + [""]
    return "\n".join(lines)


def table(shown: dict[str, Any]) -> list[str]:
    """A section of a document as Markdown, without the links to where its numbers come from."""
    return lines_of([shown["header"], *shown["rows"]])


def by_stride(shown: dict[str, Any]) -> list[str]:
    """The table of systems with one line for each system and way to fill the gaps, and a column for each s_in; best first."""
    rows = [dict(zip(shown["header"], row, strict=True)) for row in shown["rows"]]
    strides = list(dict.fromkeys(row["s_in"] for row in rows))
    found = {(row["model"], row["between key poses"], row["s_in"]): row for row in rows}
    sparse = {key[:2]: row for key, row in found.items() if key[1] != DENSE}  # a dense one serves all ways of its system
    lines = [
        [model, row["network"], way]
        + [(found.get((model, way, stride)) or found[model, DENSE, stride])["MPJPE"] for stride in strides]
        + [row["MACs per 3D pose, M"]]
        for (model, way), row in sparse.items()
    ]
    header = ["model", "network", "between key poses", *(f"s_in = {stride}" for stride in strides), "MACs per 3D pose, M"]
    return lines_of([header, *lines])


def lines_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown of a table whose first row is its header."""
    return [f"| {' | '.join(cells)} |" for cells in (rows[0], ["---"] * len(rows[0]), *rows[1:])]


def write_readme(project: Path, built: Sequence[Part], kept: Mapping[str, str]) -> None:
    """The main figure and table: what one would use instead; the paper's network as long as that was not run with enough seeds."""
    of_systems = next(part for part in PARTS if part.table == "systems")
    if of_systems in built:
        has_seeds = len({path.parent.name for path in trainings(project, of_systems.study)}) >= ENOUGH_SEEDS
        main = of_systems if has_seeds or len(built) == 1 else built[0]
    elif of_systems.title in kept and "NOT RUN yet" not in kept[of_systems.title]:
        return
    else:
        main = built[0]
    document = json.loads((project / f"results/{main.study}/tables/{main.table}.json").read_text("utf-8"))
    shown = (by_stride if main.table == "systems" else table)(document["sections"][0])
    name = f"results_{main.study}_{main.figure}.png"
    lead = (
        f"On real people of the same database, whose numbers cannot be compared with published figures either. {main.text} MPJPE "
        "in mm; [docs/results.md](docs/results.md) has all of it, and what it does not say."
    )
    figure = [f"![{main.title}: {FIGURES[main.figure]}](docs/images/{name})", ""] if main.figure in FIGURES else []
    text = "\n".join([lead, "", *figure, *shown, ""])
    readme = project / "README.md"
    readme.write_text(README_PART.sub(lambda found: found[1] + text + found[2], readme.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
