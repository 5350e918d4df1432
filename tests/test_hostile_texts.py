"""Configurations that never end, run code or say what they cannot mean; and messages that quote a file."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from uplift_upsample.base.errors import InputError, WriteError
from uplift_upsample.base.strict import shown
from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.configuration import ToleranceOf
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.plan.runs import Run, read_run, write_run


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\n"
        + "".join(f"{chr(99 + k)}: &{chr(99 + k)} [*{chr(98 + k)}, *{chr(98 + k)}]\n" for k in range(20)),
        "model: &m\n  num_tokens: *m\n",
        "model: &m {num_tokens: 9, s_out: 5, strides: [3, 3], s_in: &s [*s]}\n",
        "model: 2001-99-99\n",
        "model: " + "[" * 500,
        "model: {num_tokens: " + "9" * 5000 + "}\n",
        "model: {num_tokens: 9, s_out: 5, strides: [3, " + "9" * 400 + "]}\n",
        "model: !!python/object/apply:os.system ['touch x']\n",
        "? [a, {b: c}]\n: d\n",
        "model: {num_tokens: 9, s_out: 5, strides: [0x" + "f" * 4000 + "]}\n",
        "? 0x" + "f" * 4000 + "\n: 1\n",
        "model: {num_tokens: 9, s_out: 5, ? 0x" + "f" * 4000 + "\n: 1}\n",
        "\x00",
    ],
)
def test_configurations_that_never_end_or_run_code(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(InputError, match=r"run\.yaml") as caught:
        read_run(tmp_path / "run.yaml")
    assert len(str(caught.value)) < 25_000 and not (tmp_path / "x").exists()


def test_parameters_of_a_schedule_are_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "run.yaml", Run(ModelConfig(9, 5, strides=(3, 3))))
    values = yaml.safe_load((tmp_path / "run.yaml").read_text())
    for bad in ({"a": 1}, math.nan, [[1]], None, 10**400):
        values["train"]["schedule_params"] = {"decay_rate": bad}
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(values))
        with pytest.raises(InputError, match=r"run\.yaml\.train: schedule_params\.decay_rate is .*; it must be a number"):
            read_run(tmp_path / "run.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("studies: {7: {}}", "studies: the key 7 is not text; write it in quotes"),
        ("on: 1", "the key True is not text; write it in quotes"),
        ("2001-01-01: 1", "the key datetime.date(2001, 1, 1) is not text; write it in quotes"),
        ("experiments: {a: {model: {7: 1}}}", "experiments.a.model: the key 7 is not text; write it in quotes"),
        ("studies: &a {s: *a}", "studies.s: it holds itself"),
        ("reproduce: &a [*a, *a, *a]", "reproduce.2: it holds itself"),
        ("reproduce: " + "[" * 99 + "]" * 99, "reproduce.0: expected text, not ["),
        ("checks: &a {body_size: [*a, {b: *a}]}", "checks.body_size.1: expected a number, not {"),
    ],
)
def test_parts_that_hold_themselves_and_keys_that_are_no_text(text: str, told: str) -> None:
    faults = config_faults(yaml.safe_load(text))
    assert len([fault for fault in faults if fault.startswith(told)]) == 1
    assert max(map(len, faults)) < 5000


def test_no_number_is_suggested_for_a_text_that_is_none() -> None:
    for text in ("inf", "nan", "1e999", "x"):
        assert ToleranceOf.read({"pass_mm": text, "warn_mm": 1})[2] == [f"pass_mm: expected a number, not {text!r}"]
    assert "write 4.0e-5)" in ToleranceOf.read({"pass_mm": "4e-5", "warn_mm": 1})[2][0]


def test_messages_hold_nothing_that_a_terminal_obeys_and_come_to_an_end() -> None:
    assert str(InputError("x\x1b[2Jy\r\0\ud800\u202e日本\nz")) == "x\\x1b[2Jy\\r\\x00\\ud800\\u202e日本\nz"
    assert str(InputError("plain")) == "plain" and isinstance(InputError("x"), ValueError)
    assert str(WriteError("no\x07 room")) == "no\\x07 room"
    long = str(InputError("x" * 10**6))
    assert len(long) < 20_100 and long.endswith("further letters)")
    deep: Any = []
    for _ in range(60):
        deep = [deep, deep]
    assert len(shown(deep)) < 1000 and shown("x") == "'x'"
    assert len(shown(10**5000)) < 100 and len(shown([10**5000])) < 100
