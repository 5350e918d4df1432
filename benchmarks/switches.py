"""Write the figures of docs/numbers.md from real runs: each switch of the protocol, measured on the demo; what determinism costs.

    make numbers                                      all of it, some 15 minutes on two cores; needs the finished demo
    python benchmarks/switches.py --only determinism   one part

Trainings are kept in .benchmarks/numbers, so that an interrupted or a second call goes on from there. Every number is of miniature
networks and simulated detections: it shows what a switch does, not how large its effect is on the published networks.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the demo is a study for CPUs

PROJECT = Path(__file__).parents[1]
DEMO = PROJECT / "results/demo"
WORK = PROJECT / ".benchmarks/numbers"
DOCUMENT = PROJECT / "docs/numbers.md"
EXPERIMENT, SEED = "people_351", 0
STEPS, ROUNDS, WARM = 400, 3, 50  # of the determinism measurement
CENTRAL = {"loss_weight_center": 1.0, "loss_weight_sequence": 0.0}


@dataclass(frozen=True)
class Switch:
    """One row: what is switched, as the protocol has it and as it was changed, and the errors of the changed run by s_in."""

    what: str
    protocol: str
    changed: str
    scores: dict[int, float]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["switches", "determinism"], help="one part of the document")
    parser.add_argument("--time_steps", metavar="on|off", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.time_steps:
        print(json.dumps(timed_steps(is_deterministic=options.time_steps == "on")))
        return 0
    if not (DEMO / EXPERIMENT / f"seed_{SEED}/weights.h5").exists():
        parser.error("the demo is not built; run make first")
    if options.only != "determinism":
        write_section("switches", switches_text())
    if options.only != "switches":
        write_section("determinism", determinism_text())
    return 0


def write_section(name: str, text: str) -> None:
    """Put text between the marks of a section of the document."""
    section = rf"(?s)(<!-- {name} -->\n).*?(\n<!-- end -->)"
    now = DOCUMENT.read_text("utf-8")
    if len(re.findall(section, now)) != 1:
        raise SystemExit(f"{DOCUMENT}: the marks of the section {name!r} are not there once")
    DOCUMENT.write_text(re.sub(section, lambda found: f"{found[1]}\n{text}\n{found[2]}", now), "utf-8")


def measured_on() -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"Measured on {time.strftime('%Y-%m-%d')}, {machine}."


# ---- switches


def switches_text() -> str:
    """The tables of both kinds of switches, evaluation and training."""
    base, evaluated = evaluation_switches()
    trained, spread = training_switches()
    s_in = sorted(base)
    lines = [
        "Miniature networks and simulated detections: not comparable with published figures. "
        f"`{EXPERIMENT}` of the demo, seed {SEED}, MPJPE in mm; the first row is the result, the others are differences from it.",
        "",
        "| switch | in the protocol | changed to | " + " | ".join(f"s_in={stride}" for stride in s_in) + " |",
        "|---|---|---|" + "---:|" * len(s_in),
        "| **as configured** | | | " + " | ".join(f"**{base[stride]:.1f}**" for stride in s_in) + " |",
    ]
    for heading, rows in (("evaluation, same weights", evaluated), ("training, same evaluation", trained)):
        lines.append(f"| *{heading}* | | |" + " |" * len(s_in))
        for row in rows:
            cells = " | ".join(f"{row.scores[stride] - base[stride]:+.1f}" for stride in s_in)
            lines.append(f"| {row.what} | {row.protocol} | {row.changed} | {cells} |")
    seeds = ", ".join(f"{spread[stride]:.1f} (s_in={stride})" for stride in s_in)
    lines += [
        "",
        f"Standard deviation over seeds 0, 1 and 2, in mm: {seeds}. A difference of that size in a training row means nothing.",
    ]
    return "\n".join([*lines, "", measured_on()])


def evaluation_switches() -> tuple[dict[int, float], list[Switch]]:
    """What evaluating the same weights otherwise gives."""
    from uplift_upsample.data.frames import read_frames_table

    table, weights = read_frames_table(DEMO / "data/people.h5"), DEMO / EXPERIMENT / f"seed_{SEED}/weights.h5"
    documents = evaluated(weights, table)
    base = frame_wise(documents)
    every_fifth = frame_wise(evaluated(weights, table, test_step=5))
    exact = frame_wise(evaluated(weights, exact_table()))
    single = frame_wise(evaluated(weights, table, mirror=False))

    def entry(*keys: str) -> dict[int, float]:
        return {stride: value_at(document, *keys) for stride, document in documents.items()}

    return base, [
        Switch("mean", "over frames", "over actions (action-wise)", entry("all_frames", "action_wise", "mpjpe")),
        Switch("frames", "all", "those with a 2D pose (key frames)", entry("key_frames", "frame_wise", "mpjpe")),
        Switch(
            "upsampling",
            "learned",
            "linear between predictions at multiples of s_in",
            entry("no_learned_upsampling", "all_frames", "frame_wise", "mpjpe"),
        ),
        Switch("mirroring (`evaluate.mirror`)", "average with the mirrored input", "off", single),
        Switch("frames evaluated (`evaluate.test_step`)", "1, every frame", "every 5th", every_fifth),
        Switch("2D poses at test", "detector-like", "exact (`gt`)", exact),
        Switch("alignment before the error", "none", "scale (N-MPJPE)", entry("all_frames", "frame_wise", "nmpjpe")),
        Switch("alignment before the error", "none", "similarity (P-MPJPE)", entry("all_frames", "frame_wise", "pampjpe")),
    ]


def training_switches() -> tuple[list[Switch], dict[int, float]]:
    """What training otherwise gives, and the standard deviation over seeds."""
    from uplift_upsample.data.frames import read_frames_table

    table = read_frames_table(DEMO / "data/people.h5")
    variants: list[tuple[str, str, str, dict[str, Any]]] = [
        ("averaged weights (`ema_decay`)", "none", "0.995", {"ema_decay": 0.995}),
        ("mirrored examples (`train.mirror`)", "on", "off", {"mirror": False, "in_batch_mirror": False}),
        ("mirrored twin in the batch (`in_batch_mirror`)", "on", "off: anywhere in the pass", {"in_batch_mirror": False}),
        ("shift of the mask (`random_shift`)", "drawn", "centred", {"random_shift": False}),
        ("outside of a video (`padding`)", "nearest frame", "zeros", {"padding": "zeros"}),
        ("loss (`loss_weight_sequence`)", "half central token, half all tokens", "central token alone", CENTRAL),
        ("weight decay", "6e-6", "none", {"weight_decay": None}),
    ]  # fmt: skip
    rows = [
        Switch(
            what,
            protocol,
            changed,
            frame_wise(evaluated(trained(name_of(changes), table, changes=changes), table, **padding_of(changes))),
        )
        for what, protocol, changed, changes in variants
    ]
    exact = exact_table()
    rows.append(
        Switch(
            "2D poses in training and at test", "detector-like", "exact (`gt`)", frame_wise(evaluated(trained("gt", exact), exact))
        )
    )
    pretrained = DEMO / f"{EXPERIMENT}_pt/seed_{SEED}/weights.h5"
    rows.append(Switch("initial weights", "random", f"pre-trained (`{EXPERIMENT}_pt`)", frame_wise(evaluated(pretrained, table))))
    by_seed = [frame_wise(evaluated(trained(f"seed_{seed}", table, seed=seed), table)) for seed in (0, 1, 2)]
    return rows, {stride: statistics.stdev(scores[stride] for scores in by_seed) for stride in by_seed[0]}


def name_of(changes: dict[str, Any]) -> str:
    return "-".join(f"{key}_{value}" for key, value in changes.items())


def padding_of(changes: dict[str, Any]) -> dict[str, Any]:
    return {"padding": changes["padding"]} if "padding" in changes else {}


def exact_table() -> Any:
    """The demo's people with exact 2D poses."""
    import yaml

    from uplift_upsample.data.detections import JOINT_SCALES, DetectionNoise
    from uplift_upsample.data.mocap.own_folder import mocap_table

    people = yaml.safe_load((PROJECT / "config.yaml").read_text("utf-8"))["studies"]["demo"]["data"]["people"]
    exact = DetectionNoise(joint_scales=dict.fromkeys(JOINT_SCALES, 0.0), outlier_rate=0.0)
    return mocap_table(PROJECT / people["folder"], people["splits"], noise=exact)


def trained(name: str, table: Any, *, seed: int = SEED, changes: dict[str, Any] | None = None) -> Path:
    """The weights of a variant, trained where they are not there yet."""
    from uplift_upsample.base.files import replacing
    from uplift_upsample.data.frames import subjects_of
    from uplift_upsample.model.weights import save_weights
    from uplift_upsample.plan.runs import read_run
    from uplift_upsample.train.training import TrainingData, train

    run, _ = read_run(DEMO / EXPERIMENT / "run.yaml")
    run = replace(run, train=replace(run.train, **(changes or {})))
    settings = json.dumps([run.to_mapping(), table.sha256, seed], sort_keys=True)
    folder = WORK / f"{name}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    weights = folder / "weights.h5"
    if not weights.exists():
        print(f"training {folder.name}", file=sys.stderr, flush=True)
        result = train(run, TrainingData(table, table.videos_of(subjects_of(table, run.train_subset))), folder, seed)
        with replacing(weights) as aside:
            save_weights(result.network, aside, result.weights)
    return weights


def evaluated(weights: Path, table: Any, *, padding: str = "copy", **switches: Any) -> dict[int, dict[str, Any]]:
    """Scores by s_in; switches: of ``EvaluateConfig``."""
    from uplift_upsample.evaluate.predict import predict_subset
    from uplift_upsample.evaluate.scores import scores
    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import load_weights
    from uplift_upsample.plan.evaluation import EvaluateConfig
    from uplift_upsample.plan.runs import read_run

    run, _ = read_run(DEMO / EXPERIMENT / "run.yaml")
    network = build_network(run.model)
    load_weights(network, weights)
    found = {}
    for predictions in predict_subset(network, table, "test", run.model.s_in, EvaluateConfig(**switches), padding):
        s_in = predictions.metadata["s_in"]
        found[s_in] = scores(predictions, table).document()[str(s_in)]
    return found


def value_at(document: dict[str, Any], *keys: str) -> float:
    value: Any = document
    for key in keys:
        value = value[key]
    return float(value)


def frame_wise(documents: dict[int, dict[str, Any]]) -> dict[int, float]:
    """MPJPE over all frames, in mm, by s_in."""
    return {stride: value_at(document, "all_frames", "frame_wise", "mpjpe") for stride, document in documents.items()}


# ---- determinism


def determinism_text() -> str:
    """Steps of the demo's network with and without the setting, in turns, so that whatever else the machine does hits both."""
    found: dict[str, list[dict[str, Any]]] = {"off": [], "on": []}
    for kind, answer in in_turns():
        found[kind].append(answer)
    milliseconds = {kind: min(answer["milliseconds"] for answer in answers) for kind, answers in found.items()}
    sums = {kind: {answer["sha256"] for answer in answers} for kind, answers in found.items()}
    is_equal = {kind: len(sums[kind]) == 1 for kind in sums}
    lines = [f"| `deterministic` | ms for a step | different weights in {ROUNDS} equal runs |", "|---|---:|---:|"]
    lines += [f"| {kind} | {milliseconds[kind]:.1f} | {len(sums[kind])} |" for kind in found]
    what = f"the quickest of {ROUNDS} runs each, in turns; `{EXPERIMENT}` of the demo, {STEPS} steps"
    equal = "Equal runs gave equal bytes with and without it" if all(is_equal.values()) else f"EQUAL BYTES: {is_equal}"
    both = (
        "the same bytes as"
        if sums["on"] == sums["off"]
        else "other bytes (with it, Keras leaves XLA out, which rounds otherwise) than"
    )
    lines += [
        "",
        f"On this CPU the setting takes {milliseconds['on'] / milliseconds['off']:.2f} times as long ({what}). {equal}; "
        f"weights with it are {both} those without.",
        "On a GPU: NOT RUN.",
        "",
        measured_on(),
    ]
    return "\n".join(lines)


def in_turns() -> Iterator[tuple[str, dict[str, Any]]]:
    for _ in range(ROUNDS):
        for kind in ("off", "on"):
            command = [sys.executable, __file__, "--time_steps", kind]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            yield kind, json.loads(said.splitlines()[-1])


def timed_steps(*, is_deterministic: bool) -> dict[str, Any]:
    """Milliseconds for a step after the first ones, and the sum of the weights, of a short training."""
    from uplift_upsample.model.device import set_determinism

    if is_deterministic:
        set_determinism(os.environ)
    import tempfile

    from uplift_upsample.data.frames import read_frames_table, subjects_of
    from uplift_upsample.plan.runs import read_run
    from uplift_upsample.train.training import TrainingData, train

    run, _ = read_run(DEMO / EXPERIMENT / "run.yaml")
    run = replace(run, train=replace(run.train, epochs=1, steps_per_epoch=STEPS))
    table = read_frames_table(DEMO / "data/people.h5")
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        data = TrainingData(table, table.videos_of(subjects_of(table, run.train_subset)))
        result = train(run, data, Path(folder), SEED, on_step=lambda step, loss: times.append(time.perf_counter()))
    seconds = [end - start for start, end in zip(times[WARM:], times[WARM + 1 :], strict=False)]
    total = hashlib.sha256(b"".join(array.tobytes() for array in result.weights)).hexdigest()
    return {"milliseconds": 1000 * statistics.median(seconds), "sha256": total}


if __name__ == "__main__":
    sys.exit(main())
