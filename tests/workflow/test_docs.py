"""The configurations that the documentation shows are right ones."""

import copy
import csv
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.configuration import Configuration
from uplift_upsample.plan.people import people_plan
from uplift_upsample.plan.study import plan


def _merged(config: dict, text: str) -> dict:
    """As --configfile merges it."""
    merged = copy.deepcopy(config)
    update_config(merged, yaml.safe_load(text))
    return merged


def _faults(config: dict) -> list[str]:
    subjects = [subject for split in config["studies"]["open"]["data"]["cmu"]["splits"].values() for subject in split]
    return config_faults(config, {"all"}, lambda path: subjects)


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("docs/examples/*.yaml")), ids=lambda path: path.stem)
def test_examples(path: Path, config: dict) -> None:
    merged = _merged(config, path.read_text("utf-8"))
    assert merged != config
    assert _faults(merged) == []


def test_readme(project: Path, config: dict) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (project / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    merged = _merged(config, blocks[0])
    assert _faults(merged) == []
    demo = plan(merged)["demo"]
    assert list(demo.seeds) == [0, 1, 2]
    assert demo.experiments["people_81"].experiment.train.schedule_params["initial_learning_rate"] == 3e-3
    unchanged = plan(config)["demo"].experiments["people_351"]
    assert demo.experiments["people_351"].experiment == unchanged.experiment


def test_an_ablation_of_ones_own(project: Path, config: dict) -> None:
    [block] = re.findall(r"```yaml\n(studies:\n  ablations:.*?)```", (project / "docs/changing.md").read_text("utf-8"), re.DOTALL)
    assert _faults(_merged(config, block)) == []
    assert _faults(_merged(config, block.replace("paper", "papr"))) != []


def test_settings_of_clips(project: Path, config: dict) -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", (project / "docs/own_video.md").read_text("utf-8"), re.DOTALL)
    merged = _merged(config, block)
    assert _faults(merged) == []
    people = people_plan(Configuration.model_validate(merged).people)
    assert (people.of_clip("walk").roll, people.of_clip("openpose_folder").size, people.s_in) == (3, (1088, 1920), 20)


def test_readme_imports_what_there_is(project: Path) -> None:
    """The entrance itself, ``from uplift_upsample import Uplifter``, is called where clips are lifted."""
    blocks = re.findall(r"```python\n(.*?)```", (project / "README.md").read_text("utf-8"), re.DOTALL)
    imports = re.findall(r"^from (uplift_upsample\.[\w.]*) import (\w+)$", "".join(blocks), re.MULTILINE)
    assert len(imports) == 3
    for module, name in imports:
        text = (project / "src" / f"{module.replace('.', '/')}.py").read_text("utf-8")
        assert re.search(rf"^(?:def|class) {name}\b", text, re.MULTILINE), f"{module} has no {name}"


def test_readme_names_targets_and_files_that_exist(project: Path) -> None:
    text = (project / "README.md").read_text("utf-8")
    for path in re.findall(r"(?:scripts|docs|workflow|envs|profiles)/[\w./]*\w", text):
        assert (project / path).exists(), path


def test_readme_lists_every_original_file(project: Path) -> None:
    table = (project / "README.md").read_text("utf-8").split("| file in `data/raw/` |")[1].split("\n\n")[0]
    told = set()
    for pattern in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE):
        start, words, end = re.fullmatch(r"([^{]*)(?:\{(.*)\})?(.*)", pattern).groups()
        told |= {f"{start}{word.strip()}{end}" for word in (words or "").split(",")}
    with (project / "workflow/resources/sources.csv").open(encoding="utf-8", newline="") as file:
        assert told == {row["file"] for row in csv.DictReader(file)}


def test_readme_gives_the_doctor_one_time(project: Path) -> None:
    text = (project / "README.md").read_text("utf-8")
    [[row]] = [re.findall(r"\| `snakemake --cores all doctor` \| ([^|]+) \|", text)]
    [told] = re.findall(r"`make doctor` \(([^)]+)\)", text)
    assert told == row.replace("min", "minutes")
