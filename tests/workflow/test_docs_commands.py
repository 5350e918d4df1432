"""Every command that a document shows runs as it stands: its flags, its targets and its settings exist."""

import argparse
import functools
import re
import runpy
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from snakemake.cli import get_argument_parser
from workflow_copy import Workflow, bring_clips

PROJECT = Path(__file__).parents[2]
DOCUMENTS = [PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md"))]
PROGRAMS = ("snakemake", "make", "python")
# Words that stand for something of the reader's own.
OWN_WORDS = {"...": "the rest of the reader's command", "TARGET": "whatever is to be fetched"}
OWN_FILES = {
    "mine.yaml": "the differences that README.md shows above the command",
    "recurrent.yaml": "docs/changing.md shows it above the command",
    "my_lab.yaml": "docs/own_motion_capture.md shows what to save under this name",
    "more_cmu.yaml": "the same",
    "profiles/ours": "docs/clusters.md shows what to write into it",
}


class Command(NamedTuple):
    """document: where it stands. words: as a shell splits it, the program first."""

    document: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document}: {shlex.join(self.words)}"


def shell_lines(text: str) -> list[str]:
    """The lines of all blocks of shell commands, continued lines joined; blocks may be indented."""
    blocks = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    shown = [block for _, language, block in blocks if language in ("sh", "bash")]
    return [line for block in shown for line in block.replace("\\\n", " ").splitlines()]


def inline_code(text: str) -> list[str]:
    """What stands between single backticks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE))


def commands_of(path: Path) -> list[Command]:
    """The commands of the workflow, of make and of Python in a document, without variables set for them alone."""
    text = path.read_text("utf-8")
    found = []
    for line in [*shell_lines(text), *(code for code in inline_code(text) if code.startswith(PROGRAMS))]:
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word in ("&&", "||", "|", ";"):
                found += [Command(path.name, tuple(words))] if words and words[0] in PROGRAMS else []
                words = []
            else:
                words.append(word)
    return list(dict.fromkeys(found))


COMMANDS = [command for path in DOCUMENTS for command in commands_of(path)]


def commands(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.words[0] == program]


snakemake_parser = functools.cache(get_argument_parser)


def parsed(command: Command) -> argparse.Namespace:
    """Snakemake's own reading of a command."""
    try:
        return snakemake_parser().parse_args(list(command.words[1:]))
    except (SystemExit, ValueError) as error:
        pytest.fail(f"{command}: {error!r}")


def test_commands_are_found() -> None:
    """In blocks, indented ones too, continued over lines, behind others, and in tables and sentences."""
    shown = [(command.document, command.words) for command in COMMANDS]
    assert ("README.md", ("make",)) in shown
    assert ("README.md", ("snakemake", "-n", "paper")) in shown
    assert ("clusters.md", ("make", "install", "GPU=1")) in shown
    assert ("clusters.md", ("snakemake", "--workflow-profile", "profiles/kubernetes", "-n", "paper")) in shown
    [train] = [words for document, words in shown if document == "README.md" and words[1:2] == ("scripts/train.py",)]
    assert train[-2:] == ("--out_dir", "runs/h36m_351")


def test_make() -> None:
    """Targets exist, and what is set is something that the Makefile reads."""
    words = {word for command in commands("make") for word in command.words[1:]}
    settings = {word for word in words if "=" in word}
    text = (PROJECT / "Makefile").read_text("utf-8")
    assert [word for word in settings if f"$({word.split('=')[0]})" not in text] == []
    result = subprocess.run(["make", "--dry-run", *sorted(words)], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", [command for command in commands("python") if len(command.words) > 1], ids=str)
def test_scripts_accept_their_flags(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as a script reads its command line; nothing is done."""
    _, *words = command.words
    if words[:2] == ["-m", "pytest"]:
        assert all((PROJECT / word).exists() for word in words[2:])
        return
    read = argparse.ArgumentParser.parse_args

    def only_read(parser: argparse.ArgumentParser, *arguments: Any) -> None:
        read(parser, *arguments)  # ends with another status for a command line that it refuses
        raise SystemExit("accepted")

    monkeypatch.syspath_prepend(PROJECT / "scripts")
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_read)
    main: Callable[[list[str]], int] = runpy.run_path(str(PROJECT / words[0]))["main"]
    with pytest.raises(SystemExit, match="accepted"):
        main(words[1:])


def test_snakemake_accepts_its_flags(schema: dict[str, Any]) -> None:
    """Files that are named exist, and settings are known."""
    for command in commands("snakemake"):
        options = parsed(command)
        files = [*map(str, options.configfile), *filter(None, [options.workflow_profile])]
        assert [file for file in files if file not in OWN_FILES and not (PROJECT / file).exists()] == [], command
        assert [word for word in options.config or [] if word.split("=")[0] not in schema["properties"]] == [], command


def test_settings_that_are_shown_alone_are_known(schema: dict[str, Any]) -> None:
    shown = [code for path in DOCUMENTS for code in inline_code(path.read_text("utf-8")) if code.startswith("--config ")]
    assert "--config evaluate_published=false" in shown
    assert [code for code in shown if code.split()[1].split("=")[0] not in schema["properties"]] == []


def test_targets_exist(pristine: Workflow, tmp_path: Path) -> None:
    """All of them in one plan, with the user's data there; ``target_names`` refuses those that nothing makes."""
    read = [parsed(command) for command in commands("snakemake")]
    targets = {target for options in read for target in options.targets} - OWN_WORDS.keys()
    assert {"demo", "open", "paper", "data", "doctor"} <= targets
    forced = {word for options in read for word in options.forcerun}
    until = {word for options in read for word in options.until}
    workflow = pristine.copy_to(tmp_path / "project")
    workflow.bring_data()
    bring_clips(workflow, "walk.mp4")
    planned = {job.rule for job in workflow.jobs(*sorted(targets), "--forcerun", *sorted(forced))}
    assert until <= planned


def test_a_file_that_looks_wrong_is_made_again(built: Workflow) -> None:
    """docs/after_a_crash.md: an intermediate file that is complete, with what depends on it; nothing before it."""
    [command] = [command for command in commands("snakemake") if "--forcerun" in command.words]
    [shown] = parsed(command).forcerun
    own = shown.replace("s_in_20", "s_in_10")  # the one stride of this copy
    words = [own if word == shown else word for word in command.words[1:]]
    assert (built.folder / own).exists()
    jobs = [job.rule for job in built.jobs(*words)]
    assert jobs.count("score_predictions") == 1
    assert "write_tables" in jobs
    assert "train_network" not in jobs
    assert "predict_poses" not in jobs


def test_the_graph_of_a_study(pristine: Workflow) -> None:
    """Alone on standard output, as a program that draws it reads it."""
    shown = [command for command in commands("snakemake") if "--rulegraph" in command.words]
    assert shown
    for command in shown:
        result = pristine.snakemake(*command.words[1:])
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("---\ntitle: DAG\n---\nflowchart TB\n")
        assert {"demo", "train_network", "write_page"} <= set(re.findall(r"id\d+\[(\w+)\]", result.stdout))


def test_a_start_in_another_folder(pristine: Workflow, tmp_path: Path) -> None:
    """docs/after_a_crash.md; a folder without a Snakefile is no help, whatever -d says."""
    shown = [command for command in commands("snakemake") if "-d" in command.words]
    assert shown
    for command in shown:
        words = [word.replace("FOLDER_OF_THE_PROJECT", str(pristine.folder)) for word in command.words[1:] if word != "..."]
        assert Workflow(tmp_path).counts(*words, "demo") == pristine.counts("demo")
