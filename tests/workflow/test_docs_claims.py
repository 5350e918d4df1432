"""What the documents say about commands, targets, rules and published figures is right."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from workflow_copy import Workflow

from uplift_upsample.report.topics import TABLES

NAMES = ("method", "glossary", "claims", "changing", "numbers", "gpus", "after_a_crash")
DOCUMENTS = ["README.md", *(f"docs/{name}.md" for name in NAMES)]


def text_of(project: Path, name: str) -> str:
    return (project / name).read_text("utf-8")


def rules(project: Path) -> set[str]:
    texts = [path.read_text("utf-8") for path in [project / "Snakefile", *project.glob("workflow/rules/*.smk")]]
    return {name for text in texts for name in re.findall(r"^rule (\w+):", text, re.MULTILINE)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(project: Path, name: str) -> None:
    links = re.findall(r"\[[^\]]*\]\((?!https?:)([^)#]+)", text_of(project, name))
    for link in links:
        if not link.startswith("docs/images/"):
            assert ((project / name).parent / link).exists(), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_results_that_are_named_can_be_asked_for(project: Path, name: str) -> None:
    config = yaml.safe_load(text_of(project, "config.yaml"))
    found = re.findall(r"results/(\w+)/(\w+)/seed_\d+/s_in_(\d+)/scores\.json", text_of(project, name))
    for study, experiment, s_in in found:
        planned = config["studies"][study]["experiments"][experiment]
        base = config["experiments"][planned.get("base", experiment)]
        assert int(s_in) in planned.get("evaluate_s_in", base["model"]["s_in"]), (study, experiment, s_in)
    assert found or name not in ("README.md", "docs/claims.md")


def test_tables_that_claims_name_are_made(project: Path) -> None:
    named = set(re.findall(r"results/\w+/tables/(\w+)\.md", text_of(project, "docs/claims.md")))
    assert named
    assert named <= set(TABLES)


def test_claims_quote_published_figures(project: Path) -> None:
    of_paper, _, _ = text_of(project, "docs/claims.md").partition("## The same on real people")
    quoted = set(re.findall(r"(\d+\.\d) mm", of_paper))
    with (project / "workflow/resources/paper_results.csv").open(encoding="utf-8", newline="") as file:
        assert quoted
        assert quoted <= {row["value_mm"] for row in csv.DictReader(file)}


Cell = tuple[float, float | None]  # a number, and its standard deviation where it is told
NUMBER = re.compile(r"(?<![\w.])([+-]?\d+\.\d+)(?: ± (\d+\.\d+))?")


def numbers(text: str) -> list[Cell]:
    return [(float(number), float(std) if std else None) for number, std in NUMBER.findall(text)]


def results_of(project: Path, title: str) -> list[dict[str, str]]:
    """The rows of the table of a section of results.md."""
    [part] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text_of(project, "docs/results.md"), re.DOTALL | re.MULTILINE)
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return [dict(zip(header, row, strict=True)) for row in rows]


def column(rows: list[dict[str, str]], name: str, **where: str) -> list[Cell]:
    return [cell for row in rows if where.items() <= row.items() for cell in numbers(row[name])]


def assert_quoted(told: str, measured: list[Cell]) -> None:
    """What is told, with one decimal, is what was measured; a standard deviation, where results.md has it, too."""
    found = numbers(told)
    assert len(found) == len(measured), (told, measured)
    for (number, std), (mean, spread) in zip(found, measured, strict=True):
        assert abs(number - mean) < 0.0551, (told, mean)
        assert std is None or spread is None or abs(std - spread) < 0.0551, (told, spread)


def test_claims_on_real_people_are_those_of_the_results(project: Path) -> None:
    """Every figure of the section; but for the motion of plain interpolation and the spread of those that are summed up in one."""
    _, _, of_ours = text_of(project, "docs/claims.md").partition("## The same on real people")
    lines = [line.strip("|").split("|") for line in of_ours.splitlines() if line.startswith("| ")]
    claims = {cells[0].strip(): cells[1] for cells in lines}
    main, learned, readouts = (
        [row for row in results_of(project, title) if row["model"] == "cmu_small"]
        for title in ("The paper's network", "Learned upsampling against interpolation", "More from the same weights")
    )
    sparse = [row for row in learned if row["s_in"] != row["s_out"]]

    strides = [f"s_in = {s_in}" for s_in in (5, 10, 20)]
    [ours] = [row for row in main if row["numbers"] == "this project, frame-wise"]
    assert_quoted(
        re.sub(r"with 2\.5", "", claims["one network serves several input rates, and the error grows little"]),
        [cell for name in strides for cell in numbers(ours[name])],
    )
    upsampled, motion = claims["learned upsampling is better than linear interpolation between sparse predictions"].split("(5 and")
    assert_quoted(re.sub(r"\(not.*?\)", "", upsampled), column(sparse, "gain, frame-wise"))
    assert_quoted(
        motion.partition("MPJVE")[2].partition("against")[0],
        [cell for s_in in ("10", "20") for cell in column(readouts, "MPJVE (mm/frame)", s_in=s_in, evaluation="as configured")],
    )
    on_input, smooth = claims["it is better than 2D poses interpolated to every token"].split(";")
    gains = [cell for way in ("linear", "cubic") for cell in column(sparse, f"gain on 2D {way}, frame-wise")]
    assert_quoted(on_input, gains)
    verdicts = [row[f"against 2D {way}"] for row in sparse for way in ("linear", "cubic")]
    if "- Helps: " in text_of(project, "docs/results.md"):  # verdicts that know chance
        assert ("not beyond the seeds" in on_input) == (set(verdicts) == {"not beyond the seeds"})
    measured = [column(readouts, "MPJVE (mm/frame)", s_in=s_in, evaluation="cubic") for s_in in ("10", "20")]
    assert_quoted(smooth, [cell for found in measured for cell in found])

    trained = {row["change"]: row for row in results_of(project, "Trained for more")}
    quoted = {
        "what does training for it give": ("cmu_small_plus", "cmu_small_plus, both"),
        "and for a ninth of the windows": ("cmu_small_plus, sequence_9",),
    }
    for question, changes in quoted.items():
        [told] = [found for claim, found in claims.items() if claim.startswith(question)]
        measured = [cell for name in changes for s_in in (5, 10, 20) for cell in numbers(trained[name][f"s_in {s_in}"])]
        assert_quoted(told, measured)
    both = claims["do both heads together give less error?"]
    assert_quoted(re.sub(r"\(.*?\)|;.*", "", both), column(readouts, "difference", evaluation="both"))
    [weight] = {row["weight of the central head"] for row in readouts if row["evaluation"] == "both"}
    assert weight in both
    hop = claims["does the sequence head give the same for a ninth of the windows?"]
    assert_quoted(hop, column(readouts, "difference", evaluation="sequence_9"))
    live = [
        cell
        for s_in in ("5", "10", "20")
        for way in ("live_0", "live_5", "live_15")
        for cell in column(readouts, "difference", s_in=s_in, evaluation=way)
    ]
    assert_quoted(claims["what does a live stream cost that waits 0, 100, 300 ms?"], live)


def test_graph_shows_rules_that_exist(project: Path) -> None:
    graph = re.search(r"```mermaid\n(.*?)```", text_of(project, "README.md"), re.DOTALL)
    assert graph is not None
    named = {name for line in graph[1].splitlines()[1:] for name in re.split(r"\s*--[^>]*>\s*", line.strip()) if name}
    assert len(named) > 10
    assert named <= rules(project), named - rules(project)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_exist(project: Path, name: str) -> None:
    targets = set(re.findall(r"^\.PHONY: (.*)$", text_of(project, "Makefile"), re.MULTILINE)[0].split())
    for target in re.findall(r"`make ([a-z][\w-]*)", text_of(project, name)):
        assert target in targets, target


def test_worked_examples_are_the_files(project: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", text_of(project, "docs/changing.md"), re.DOTALL)
    assert len(blocks) == 5  # the others: test_docs, test_new_data_set, test_docs_additions
    for block, name in zip(blocks, ("variants", "readouts"), strict=False):
        assert yaml.safe_load(block) == yaml.safe_load(text_of(project, f"docs/examples/{name}.yaml"))


def test_other_evaluations_train_nothing(pristine: Workflow, project: Path) -> None:
    """A prediction and a scoring for each experiment, stride and variant, and otherwise the jobs of the study as it is."""
    variants = yaml.safe_load(text_of(project, "docs/examples/readouts.yaml"))
    own, with_variants = (Counter(job.rule for job in pristine.jobs("demo", **changes)) for changes in ({}, variants))
    count = 12 * len(variants["studies"]["demo"]["evaluate_variants"])  # experiments and strides
    assert with_variants - own == {"predict_poses": count, "score_predictions": count}
    folder = "results/demo/people_81/seed_0/s_in_20"
    result = pristine.snakemake("--dry-run", "--printshellcmds", f"{folder}/sequence_5/scores.json", **variants)
    said = result.stdout + result.stderr
    assert re.search(r"predict_poses\.py .* --readout sequence --hop 5 .*s_in_20/sequence_5/predictions\.h5", said)
    assert f"--prediction_record {folder}/sequence_5/prediction.json" in said
    result = pristine.snakemake("--dry-run", f"{folder}/sequence_6/scores.json", **variants)
    assert f"did you mean '{folder}/sequence_5/scores.json'?" in result.stdout + result.stderr


def test_worked_example_trains_what_it_says(pristine: Workflow, project: Path) -> None:
    jobs = pristine.jobs("demo", **yaml.safe_load(text_of(project, "docs/examples/variants.yaml")))
    trained = {(job.experiment, job.seed) for job in jobs if job.rule == "train_network"}
    names = ("people_351", "people_351_average", "people_351_shallow")
    assert trained == {(name, seed) for name in names for seed in ("0", "1")}


def test_doctor_and_determinism_reach_the_jobs(pristine: Workflow) -> None:
    target = "results/demo/people_81/seed_0/s_in_10/scores.json"
    result = pristine.snakemake("--dry-run", "--printshellcmds", target, "doctor", deterministic=True)
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert len(re.findall(r"scripts/(?:train|predict_poses)\.py .*--deterministic", said)) == 2
    assert re.search(r"scripts/doctor\.py --config config\.yaml '?[^ ]*changes\.yaml'? --estimate", said)


def test_doctor_looks_at_what_the_command_sets(pristine: Workflow) -> None:
    result = pristine.snakemake("--dry-run", "--printshellcmds", "doctor", "--config", "evaluate_published=false", "cmu_source=a b")
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert '--config config.yaml --values \'{"evaluate_published": false, "cmu_source": "a b"}\' --estimate' in said


def test_each_change_of_the_ablations_has_its_line(project: Path) -> None:
    """With the differences of results.md, and whether they are beyond the seeds."""
    _, _, of_ours = text_of(project, "docs/claims.md").partition("## The same on real people")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in of_ours.splitlines() if line.startswith("| `")]
    told = {cells[0].strip("`"): cells[2:] for cells in lines}
    measured = results_of(project, "What each part does")
    assert list(told) == [row["change"] for row in measured]
    for row in measured:
        *differences, is_beyond = told[row["change"]]
        for text, s_in in zip(differences, (5, 10, 20), strict=True):
            assert_quoted(text, numbers(row[f"s_in {s_in}"]))
        assert is_beyond == row["beyond the seeds"]
