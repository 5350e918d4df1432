# Helpers: the plan, names of outputs, inputs and params of the rules.
import csv
import os
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.logging import logger

ROOT = Path(workflow.basedir)
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
    "train_network",
    *(path.stem for path in ROOT.glob("scripts/*.py")),
}

if not os.path.samefile(ROOT, "."):
    raise WorkflowError(f"paths count from the project's folder; run Snakemake there (cd {ROOT}) instead of in {Path.cwd()}")

# Jobs run with the interpreter that runs Snakemake, activated or not, and with the library of this clone. Neither path may stand in
# a shell command or a param: there, moving the clone would count as a change.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")])),
)
sys.path.insert(0, str(ROOT / "src"))

from uplift_upsample.errors import InputError
from uplift_upsample.study import check_s_in, plan
from uplift_upsample.study_checks import config_faults

# ---- the plan


def subjects_of_trials(path):
    """The subjects of a table of trials, None where there is no such table."""
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8", newline="") as file:
        return {row.get("subject") for row in csv.DictReader(line for line in file if not line.startswith("#"))}


def weight_files():
    """The weight files among the data sources, by name."""
    with open(ROOT / SOURCES, encoding="utf-8", newline="") as file:
        return [row["name"] for row in csv.DictReader(file) if (row["file"] or "").endswith(".h5")]


def checked_plan():
    """The studies by name, or one error that tells everything that is wrong with the configuration."""
    text = (ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8")
    schema = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # in C where it can be: a tenth of the time
    faults = config_faults(config, schema, RESERVED, subjects_of_trials, weight_files())
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise WorkflowError("\n".join([f"{count} in the configuration (config.yaml, --configfile, --config):", *faults]))
    return plan(config)


for _key, _value in config.items():  # --config gives these words as text
    config[_key] = {"true": True, "false": False, "null": None}.get(_value, _value) if isinstance(_value, str) else _value
STUDIES = checked_plan()
REPRODUCED = [config["reproduce"]] if isinstance(config["reproduce"], str) else config["reproduce"]
ENVIRONMENT = f"../../envs/{config.get('environment', 'cpu')}.yaml"
# A job on a cluster is a Snakemake of its own: retries there would multiply those here.
RETRIES = 2 if workflow.is_main_process else 0
RETRAIN = "--retrain_on_code_change" if config.get("retrain_on_code_change", False) else ""
DEVICE = config.get("device", "auto")
DETERMINISTIC = " --deterministic" if config.get("deterministic", False) else ""


def any_of(names):
    """A pattern that matches these names, and nothing where there are none."""
    return "|".join(sorted(set(names))) or "(?!)"


def datasets_of(kind):
    return any_of(name for study in STUDIES.values() for name, source in study.data.items() if source["kind"] == kind)


wildcard_constraints:
    study=any_of(STUDIES),
    dataset=any_of(name for study in STUDIES.values() for name in study.data),
    experiment=any_of(name for study in STUDIES.values() for name in study.experiments),
    seed=r"\d+",
    run=r"seed_\d+|published",
    s_in=r"\d+",
    subject=r"\w+",


def planned(wildcards):
    """The experiment that a job is about."""
    experiments = STUDIES[wildcards.study].experiments
    if wildcards.experiment not in experiments:
        raise WorkflowError(f"study {wildcards.study} has no experiment {wildcards.experiment}; it has {', '.join(experiments)}")
    return experiments[wildcards.experiment]


def tested(wildcards):
    """The experiment that a job evaluates, if it can be evaluated at the job's s_in."""
    experiment = planned(wildcards)
    where = f"results/{experiment.study}/{experiment.name}"
    if experiment.test_subset is None:
        raise WorkflowError(f"{where}: the experiment has no test_subset in the configuration, so it cannot be evaluated")
    try:
        check_s_in(experiment.experiment.model, int(wildcards.s_in), where)
    except InputError as error:
        raise WorkflowError(str(error))
    return experiment


def baseline_experiment(wildcards):
    """The experiment whose training and test people the mean pose is taken from and measured on."""
    experiment = STUDIES[wildcards.study].baseline
    if experiment is None:
        raise WorkflowError(f"study {wildcards.study}: no mean pose, since nothing is trained and tested on one data set")
    return experiment


# ---- outputs


def frames_of(study, dataset):
    return f"results/{study}/data/{dataset}.h5"


def run_folder(experiment, run):
    """The folder of one set of weights of an experiment. run: the seed that they are trained with, or ``published``."""
    return f"results/{experiment.study}/{experiment.name}/{run if run == 'published' else f'seed_{run}'}"


def scores_file(experiment, run, s_in):
    return f"{run_folder(experiment, run)}/s_in_{s_in}/scores.json"


def weights_of(experiments, seeds):
    return [f"{run_folder(experiment, seed)}/weights.h5" for experiment in experiments for seed in seeds]


def scores_of(study):
    """The scores of all experiments, seeds and strides that a study runs, and those of published weights."""
    trained = [
        scores_file(experiment, seed, s_in)
        for experiment in study.tested
        for seed in study.seeds
        for s_in in experiment.evaluated_s_in
    ]
    return trained + published_scores_of(study)


def published_scores_of(study):
    return [scores_file(experiment, "published", s_in) for experiment in study.published for s_in in experiment.evaluated_s_in]


def baseline_of(study):
    return [f"results/{study.name}/mean_pose/scores.json"] if study.baseline else []


def of_reproduced(files):
    """The files that a function names for each study of `reproduce`."""
    return [path for name in REPRODUCED for path in files(STUDIES[name])]


# ---- inputs and params of single rules


def run_files(wildcards):
    """What a training starts from: its configuration, its code, its data, and the weights of another one where it has to."""
    experiment = planned(wildcards)
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
        raise WorkflowError(f"{where}: the experiment names no published_weights in the configuration")
    return manifest_of(experiment.published_weights)


def evaluation_switches(wildcards):
    """How an experiment is evaluated, as flags of predict_poses.py."""
    experiment = tested(wildcards)
    evaluate = experiment.experiment.evaluate
    mirror = "" if evaluate.mirror else " --no_mirror"
    mirror += "" if evaluate.interpolate else " --no_interpolation"
    precision = "" if evaluate.precision == "float32" else f" --precision {evaluate.precision}"
    subset = shlex.quote(experiment.test_subset)
    return f"--test_subset {subset} --test_step {evaluate.test_step} --batch_size {evaluate.batch_size}{mirror}{precision}"


def origin_of_weights(wildcards):
    """Where evaluated weights are from, as a flag of predict_poses.py."""
    return "--published" if wildcards.run == "published" else f"--seed {wildcards.run.removeprefix('seed_')}"


def records_of_run(wildcards):
    """The records of the prediction and of the weights behind some scores, as flags of score_predictions.py."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}/{wildcards.run}"
    weights = "weights.json" if wildcards.run == "published" else "training.json"
    return f"--prediction_record {folder}/s_in_{wildcards.s_in}/prediction.json --weights_record {folder}/{weights}"


def tables_of(study):
    return [f"results/{study.name}/tables/{table}" for table in TABLES]


def results_of(study):
    """Everything that the target of a study builds."""
    return tables_of(study) + figures_of(study) + animations_of(study) + page_of(study)


def scores_of_wildcards(wildcards):
    study = STUDIES[wildcards.study]
    return scores_of(study) + baseline_of(study)


onstart:
    check_device()
    check_cluster()
    cancel_left_jobs("a former start left behind")


onerror:
    cancel_left_jobs("are not waited for any more")
