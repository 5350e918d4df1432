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


def test_claims_on_real_people_are_those_of_the_results(project: Path) -> None:
    _, _, of_ours = text_of(project, "docs/claims.md").partition("## The same on real people")
    measured = re.findall(r"(\d+\.\d\d) ± (\d+\.\d\d)", text_of(project, "docs/results.md"))
    rounded = {(f"{float(mean):.1f}", f"{float(std):.1f}") for mean, std in measured}
    quoted = re.findall(r"(\d+\.\d) ± (\d+\.\d) with", of_ours)
    assert len(quoted) == 3
    assert set(quoted) <= rounded


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
