# Where Snakemake has to run, what it is to do, and helpers of all rules: names of outputs, inputs and params.
import csv
import functools
import glob
import json
import os
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from snakemake.logging import logger

from snakemake.cli import get_argument_parser

ROOT = Path(workflow.basedir)


def refuse(message):
    """End with a message for the user. An exception would be shown with a traceback around it."""
    logger.error(message)
    raise SystemExit(1)


if not os.path.samefile(ROOT, "."):
    folder = shlex.quote(str(ROOT))
    refuse(f"paths count from the project's folder, not from {Path.cwd()}: cd {folder}, or add -d {folder} to the command")


def targets_of_command(*others):
    """The targets of this command, and what other flags name. (To build Snakemake's parser takes a fifth of a second.)"""
    options, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    groups = (getattr(options, name) for name in ("targets", *others))
    return list(dict.fromkeys(word for words in groups if words for word in words))


configfile: "config.yaml"


SOURCES = "workflow/resources/sources.csv"
# What a study cannot be called.
RESERVED = {
    "all",
    "data",
    "pretrain",
    "train",
    "evaluate",
    "published",
    "tables",
    "figures",
    "animations",
    "people",
    "train_network",
    "resolve_published",
    "plan_tables",
    *(path.stem for path in ROOT.glob("scripts/*.py")),
}

# Jobs run with the interpreter that runs Snakemake, activated or not, and with the library of this clone. Neither path may stand in
# a shell command or a param: there, moving the clone would count as a change.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")])),
)
sys.path.insert(0, str(ROOT / "src"))

from uplift_upsample.data.frames_contents import holds_data_of
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.misspelt import meant_path
from uplift_upsample.report import topics
from uplift_upsample.report.animation.sequences import table_sequences
from uplift_upsample.base.strict import suggestion
from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.configuration import Configuration
from uplift_upsample.plan.evaluation import BEYOND_THE_PAPER, EvaluateConfig
from uplift_upsample.plan.repeated_keys import repeated_keys
from uplift_upsample.plan.study import studies_of
from uplift_upsample.plan.surroundings import rows_of_sources
from uplift_upsample.plan.target_names import target_fault
from uplift_upsample.plan.ways import frames_of, is_generated

# ---- the plan


def rows_of_trials(path):
    """The rows of a table of trials."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    except UnicodeDecodeError:
        refuse(f"{path}: not UTF-8; save the table as UTF-8")
    if rows and "subject" not in rows[0]:
        refuse(f"{path}: there is no column subject; its columns are {', '.join(map(str, rows[0]))}")
    return rows


def recordings(folder):
    """The files of a folder with the user's own motion capture."""
    return sorted(glob.glob(f"{glob.escape(folder)}/**/*.npz", recursive=True))


@functools.cache
def listed(folder):
    """Subject, trial and action of the recordings in a folder; read once for all data sets and experiments that ask."""
    from uplift_upsample.data.mocap.own_folder import listed_recordings  # no start without such a folder needs it

    return listed_recordings(folder)


def known_subjects(path):
    """The subjects of a table of trials, or of a folder of recordings; None if nothing names them."""
    if os.path.isfile(path):
        return {row.get("subject") for row in rows_of_trials(path)}
    files = recordings(path)
    names = [Path(recording).relative_to(path).parts for recording in files]
    if not any(len(parts) == 1 for parts in names):
        return {parts[0] for parts in names} or None
    rows = listed(path)  # files beside the folders name their subjects themselves
    is_complete = {row["file"] for row in rows} == set(files) and all(row["subject"] for row in rows)
    # The job of the file reports what is wrong with it.
    return {row["subject"] for row in rows} if is_complete else None


def meant_table(path):
    """The end of a message about a table that is not there."""
    near = meant_path(path, Path.is_file)
    return f", did you mean '{near}'?" if near else ""


def folder_faults():
    """Folders that do not exist, but another one with nearly this name does.

    Otherwise Snakemake would silently use what was made from the right folder.
    """
    faults = []
    for study in STUDIES.values():
        for name, source in study.data.items():
            for key, folder in source.places().items():
                if source.kind == "cmu" and CONFIGURATION.cmu_source:
                    folder = CONFIGURATION.cmu_source
                if folder in table_of_sources():
                    continue
                place = "cmu_source" if folder == CONFIGURATION.cmu_source else f"studies.{study.name}.data.{name}.{key}"
                try:
                    has_login = "@" in urlsplit(folder).netloc
                except ValueError as error:
                    faults.append(f"{place}: {folder!r} is no address ({error})")
                    continue
                if has_login:
                    faults.append(
                        f"{place}: an address with a login in it would stand in logs and records; put the login into ~/.netrc"
                    )
                    continue
                near = None if "://" in folder else meant_path(folder)
                if near is not None:
                    faults.append(f"{place}: there is no folder {folder}, did you mean '{near}'?")
            for key, paths in source.files().items():
                faults += [f"studies.{study.name}.data.{name}.{key}: {line}" for line in misspelt_folders(paths)]
    return list(dict.fromkeys(faults))


def misspelt_folders(paths):
    """What is to be said where none of some files is there, which may well be, but one is in a folder of nearly the same name."""
    files = [] if any(map(os.path.exists, paths)) else [Path(path) for path in paths if not is_generated(path)]
    near = [(file, meant_path(file.parent)) for file in files]
    return [
        f"there is no folder {file.parent}, did you mean '{folder}'?"
        for file, folder in near
        if folder is not None and (folder / file.name).exists()
    ]


@functools.cache
def names_in_table(path, subset):
    return table_sequences(path, subset)


def sequences_of(study, dataset, source, subset, subjects):
    """The names of the test sequences of a data set, as far as they are known.

    Out of its frames table, and those that the whole data set has: data may be a part of it, which the drawing job reports.
    """
    table = frames_of(study, dataset)
    names = names_in_table(table, subset) if os.path.isfile(table) and holds_data_of(table, source) else []
    people, rows = source.people(), []
    if people is not None and os.path.isfile(people):
        rows = rows_of_trials(people)
    elif people is not None and not names:
        rows = listed(people)
    return names + source.sequences(subjects, [row for row in rows if {"subject", "trial", "action"} <= row.keys()])


@functools.cache
def table_of_sources():
    """The rows of the table of sources by name."""
    return rows_of_sources(ROOT / SOURCES)


def weight_files():
    """The weight files among the data sources, by name."""
    return [name for name, row in table_of_sources().items() if (row["file"] or "").startswith("weights/")]


def checked_configuration():
    """The configuration, or one error with everything that is wrong with it."""
    faults = config_faults(config, RESERVED, known_subjects, weight_files(), sequences_of, meant_table)
    undrawn = [fault for fault in faults if ".animations: " in fault and " has no sequence " in fault]
    if undrawn and workflow.is_main_process:  # they stop what draws them, nothing else
        words = targets_of_command()
        faults = [fault for fault in faults if fault not in undrawn or draws(words, fault.split(".")[1])]
    refuse_faults(faults)
    return Configuration.model_validate(config)


def draws(words, study):
    """Whether a command with these targets draws a study's animations, be it for its page."""
    reproduced = config.get("reproduce")
    is_reproduced = study in (reproduced if isinstance(reproduced, list) else [reproduced])
    drawing = {f"results/{study}/index.html", f"results/{study}/page/poses.json"}
    if study in words or not drawing.isdisjoint(map(os.path.relpath, words)):
        return True
    return is_reproduced and (not words or bool({"all", "animations"} & set(words)))


def refuse_faults(faults):
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        refuse("\n".join([f"{count} in the configuration (config.yaml, --configfile, --config):", *faults]))


for _key, _value in config.items():  # --config gives these words as text
    config[_key] = {"true": True, "false": False, "null": None}.get(_value, _value) if isinstance(_value, str) else _value
refuse_faults([fault for _path in workflow.configfiles for fault in repeated_keys(_path)])
CONFIGURATION = checked_configuration()
STUDIES = studies_of(CONFIGURATION)
refuse_faults(folder_faults())
REPRODUCED = CONFIGURATION.reproduce
ENVIRONMENT = f"../../envs/{CONFIGURATION.environment}.yaml"
# A job on a cluster is a Snakemake of its own: retries there would multiply those here.
RETRIES = 2 if workflow.is_main_process else 0
RETRAIN = "--retrain_on_code_change" if CONFIGURATION.retrain_on_code_change else ""
DEVICE = CONFIGURATION.device
DETERMINISTIC = " --deterministic" if CONFIGURATION.deterministic else ""


def any_of(names):
    """A pattern that matches these names, and nothing where there are none."""
    return "|".join(sorted(set(names))) or "(?!)"


def datasets_of(kind):
    return any_of(name for study in STUDIES.values() for name, source in study.data.items() if source.kind == kind)


wildcard_constraints:
    study=any_of(STUDIES),
    dataset=any_of(name for study in STUDIES.values() for name in study.data),
    experiment=any_of(name for study in STUDIES.values() for name in study.experiments),
    seed=r"\d+",
    run=r"seed_\d+|published",
    s_in=r"\d+",
    variant=f"(/({any_of(name for study in STUDIES.values() for each in study.experiments.values() for name in each.variants)}))?",
    subject=r"[\w-]+",


def planned(wildcards):
    """The experiment that a job is about."""
    experiments = STUDIES[wildcards.study].experiments
    if wildcards.experiment not in experiments:
        near = suggestion(wildcards.experiment, experiments)
        refuse(f"the study {wildcards.study} has no experiment {wildcards.experiment!r}{near}; it has {', '.join(experiments)}")
    return experiments[wildcards.experiment]


def tested(wildcards):
    """The experiment that a job evaluates, if it can be evaluated at the job's s_in."""
    experiment = planned(wildcards)
    where = f"results/{experiment.study}/{experiment.name}"
    if experiment.test_subset is None:
        refuse(f"{where}: the experiment has no test_subset in the configuration, so it cannot be evaluated")
    variant = getattr(wildcards, "variant", "").removeprefix("/")
    if variant not in experiment.evaluations:
        known = ", ".join(experiment.variants) or "none"
        refuse(f"{where}: its evaluate_variants are {known}{suggestion(variant, experiment.variants)}, and not {variant}")
    way = experiment.evaluations[variant].input_interpolation
    if faults := experiment.experiment.model.s_in_faults(int(wildcards.s_in), way):
        refuse(f"{where}: {faults[0]}")
    return experiment


def evaluation(wildcards):
    """How a job evaluates."""
    return tested(wildcards).evaluations[wildcards.variant.removeprefix("/")]


def baseline_experiment(wildcards):
    """The experiment whose training and test people the mean pose is taken from and measured on."""
    experiment = STUDIES[wildcards.study].baseline
    if experiment is None:
        refuse(f"study {wildcards.study}: no mean pose, since nothing is trained and tested on one data set")
    return experiment


def values_of_command():
    """What the command sets with --config, as a flag of doctor.py."""
    values = {key: config[key] for key in workflow.config_settings.config}
    return f" --values {shlex.quote(json.dumps(values))}" if values else ""


# ---- outputs


def run_folder(experiment, run):
    """The folder of one set of weights of an experiment. run: the seed that they are trained with, or ``published``."""
    return f"results/{experiment.study}/{experiment.name}/{run if run == 'published' else f'seed_{run}'}"


def scores_file(experiment, run, s_in, variant=""):
    return Path(run_folder(experiment, run), f"s_in_{s_in}", variant, "scores.json").as_posix()


def evaluated(experiment):
    """The evaluations of each set of weights of an experiment, as (s_in, variant)."""
    return [(s_in, variant) for variant in experiment.evaluations for s_in in experiment.evaluated_s_in]


def weights_of(experiments, seeds):
    return [f"{run_folder(experiment, seed)}/weights.h5" for experiment in experiments for seed in seeds]


def scores_of(study):
    """The scores of all experiments, seeds and strides that a study runs, and those of published weights."""
    trained = [
        scores_file(experiment, seed, *each)
        for experiment in study.tested
        for seed in study.seeds
        for each in evaluated(experiment)
    ]
    return trained + published_scores_of(study)


def published_scores_of(study):
    return [scores_file(experiment, "published", *each) for experiment in study.published for each in evaluated(experiment)]


def baseline_of(study):
    return [f"results/{study.name}/mean_pose/scores.json"] if study.baseline else []


def of_reproduced(files):
    """The files that a function names for each study of `reproduce`."""
    return [path for name in REPRODUCED for path in files(STUDIES[name])]


# ---- inputs and params of single rules


def run_files(wildcards):
    """What a training starts from: its configuration, its code, its data, and the weights of another one where it has to."""
    experiment = planned(wildcards)
    rerun_changed_training(wildcards)
    folder = f"results/{experiment.study}/{experiment.name}"
    files = {
        "run": f"{folder}/run.yaml",
        "code": f"{folder}/code.txt",
        "frames": frames_of(experiment.study, experiment.dataset),
    }
    if experiment.initial_weights is not None:
        initial = STUDIES[experiment.study].experiments[experiment.initial_weights]
        files["weights"] = f"{run_folder(initial, wildcards.seed)}/weights.h5"
    return files


def published_weights(wildcards):
    """The manifest of the file with the weights that were published for an experiment."""
    experiment = planned(wildcards)
    if experiment.published_weights is None:
        where = f"results/{experiment.study}/{experiment.name}"
        refuse(f"{where}: the experiment names no published_weights in the configuration")
    source, around = experiment.published_weights, surroundings()
    if not (is_fetched(source) or around.is_at_hand(source, can_fetch=True)):
        row = around.sources[source]
        refuse(
            f"{source}: the published weights of {experiment.name} cannot be fetched by a program. Open {row['url']} ({row['notes']}) and"
            f" put the file at {around.raw(source)}, or do without: --config evaluate_published=false"
        )
    return manifest_of(source)


def tested_frames(wildcards):
    """The data that a job evaluates on."""
    return frames_of(wildcards.study, tested(wildcards).test_dataset)


def drawn_frames(wildcards):
    """The data that an animation shows beside the predictions."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}/{wildcards.run}/s_in_{wildcards.s_in}{wildcards.variant}"
    path = f"{folder}/animation/{wildcards.sequence}.{wildcards.format}"
    rerun_if_changed(path, learned_upsampling=evaluation(wildcards).learned_upsampling)
    return tested_frames(wildcards)


def baseline_frames(wildcards):
    """The data that the mean pose is of."""
    rerun_changed_baseline(wildcards)
    return frames_of(wildcards.study, baseline_experiment(wildcards).dataset)


def evaluation_switches(wildcards):
    """How an experiment is evaluated, as flags of predict_poses.py; those of the published protocol are left out."""
    experiment = tested(wildcards)
    evaluate, paper = evaluation(wildcards), EvaluateConfig()
    switches = "" if evaluate.mirror else " --no_mirror"
    switches += "" if evaluate.interpolate else " --no_interpolation"
    named = ("precision", *BEYOND_THE_PAPER)
    others = "".join(f" --{name} {getattr(evaluate, name)}" for name in named if getattr(evaluate, name) != getattr(paper, name))
    subset = shlex.quote(experiment.test_subset)
    return f"--test_subset {subset} --test_step {evaluate.test_step} --batch_size {evaluate.batch_size}{switches}{others}"


def is_of_published(wildcards):
    """Whether a job is about weights that others published; the job that checks these has no other ones."""
    return getattr(wildcards, "run", "published") == "published"


def run_of_weights(wildcards):
    """The configuration behind some weights. Published weights have their own, which holds nothing of how we train."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}"
    return f"{folder}/published/run.yaml" if is_of_published(wildcards) else f"{folder}/run.yaml"


def origin_of_weights(wildcards):
    """Where evaluated weights are from, as a flag of predict_poses.py."""
    return "--published" if is_of_published(wildcards) else f"--seed {wildcards.run.removeprefix('seed_')}"


def records_of_run(wildcards):
    """The records of the prediction and of the weights behind some scores, as flags of score_predictions.py."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}/{wildcards.run}"
    weights = "weights.json" if is_of_published(wildcards) else "training.json"
    return (
        f"--prediction_record {folder}/s_in_{wildcards.s_in}{wildcards.variant}/prediction.json --weights_record {folder}/{weights}"
    )


def tables_of(study):
    return [f"results/{study.name}/tables/{table}" for table in topics.FILES_OF_TABLES]


def results_of(study):
    """Everything that the target of a study builds."""
    return tables_of(study) + figures_of(study) + animations_of(study) + page_of(study)


def scores_of_wildcards(wildcards):
    study = STUDIES[wildcards.study]
    return scores_of(study) + baseline_of(study)


# ---- the targets of a command, looked at before anything is planned: Snakemake would only report that no rule makes one


def asked_for():
    """The targets of this command, and the files and rules that it forces, stops at or leaves out."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if all(workflow.is_rule(word) for word in words):
        return words
    return targets_of_command("forcerun", "until", "omit_from")


def makers(path):
    """The rules that make a file, each with the wildcards."""
    return [(rule, SimpleNamespace(**rule.get_wildcards(path))) for rule in workflow.rules if rule.is_producer(path)]


def check_wildcards(rule, wildcards):
    """End with the reason where the plan has no such job."""
    names = vars(wildcards)
    if "experiment" in names:
        planned(wildcards)
    if "s_in" in names:
        tested(wildcards)  # and its variant, where there is one
    if "dataset" in names:
        source_of(wildcards)
    if rule.name == "convert_mocap":
        own_folder(wildcards)
    if "run" in names and wildcards.run == "published" or rule.name in ("check_weights", "resolve_published"):
        published_weights(wildcards)
    if rule.name == "score_mean_pose":
        baseline_experiment(wildcards)
    if "clip" in names:
        clip_of(wildcards)


def check_target(target):
    """End with the nearest right word for a target that does not exist. Existing files need no rule."""
    path = os.path.relpath(target)
    if os.path.isabs(target):  # Snakemake finds no rule for it, whatever is there
        refuse(f"{target}: files of results count from the project's folder; ask for {path}")
    if workflow.is_rule(target) or os.path.exists(path):
        return
    found = makers(path)
    for rule, wildcards in found:
        check_wildcards(rule, wildcards)
    if not found:
        names = [rule.name for rule in workflow.rules if not rule.has_wildcards() and (rule.norun or rule.name == "doctor")]
        results = {}
        for study in [*(STUDIES[name] for name in REPRODUCED), *STUDIES.values()]:
            for experiment in study.experiments.values():
                strides = experiment.evaluated_s_in
                weights = weights_of([experiment], study.seeds[:1])[0]
                results.setdefault(experiment.name, scores_file(experiment, study.seeds[0], max(strides)) if strides else weights)
        files = [path for study in STUDIES.values() for path in files_of(study)]
        files += [path for name in clips() for path in results_of_clip(name)] if path.startswith("results/people/") else []
        refuse(target_fault(target, names, results, files))


def files_of(study):
    """The results of a study that somebody may ask for by their names."""
    files = results_of(study) + scores_of(study) + baseline_of(study) + weights_of(study.experiments.values(), study.seeds)
    for experiment in study.experiments.values():
        files += [scores_file(experiment, seed, *each) for seed in study.seeds for each in evaluated(experiment)]
    files += [f"{Path(path).parent}/{name}" for path in scores_of(study) for name in ("predictions.h5", "provenance.json")]
    return files + [frames_of(study.name, dataset) for dataset in study.data]


onstart:
    check_device()
    check_cluster()
    cancel_left_jobs("a former start left behind")
    blank_settings_of_planned()


onsuccess:
    write_settings()
    tell_outcomes()


onerror:
    write_settings()
    tell_of_other_clips()
    cancel_left_jobs("are not waited for any more")
