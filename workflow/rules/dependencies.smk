# What jobs depend on beside their files: the content of what the user brings, and fingerprints of code.
import contextlib
import json
import re
from dataclasses import asdict

from uplift_upsample.base.files import write_text
from uplift_upsample.data.frames_contents import table_metadata, table_sum
from uplift_upsample.machine.provenance import CodeFingerprints, digest
from uplift_upsample.plan.recorded_settings import differences, held_settings
from uplift_upsample.plan.ways import is_generated

DIGESTS = ".snakemake/digests.json"  # remembered sums of the user's data
FINGERPRINTS = CodeFingerprints(ROOT, ".snakemake/fingerprints.json")
PLANNED_SETTINGS = {}  # the settings of planned jobs whose outputs do not say them, by the output


def code(script):
    """Fingerprint of what a script does: a job with it among its params runs again when that changes."""
    return FINGERPRINTS.of(f"{script}.py")


def source_file(path):
    """An input file; what the user brings counts by its content (see ``content``), not by its time."""
    return path if is_generated(path) else ancient(path)


def content(paths):
    """The sums of the user's files among some inputs: among the params, they make a job run again when the content changes, and only then."""
    return [digest(path, DIGESTS) for path in paths if not is_generated(path) and os.path.isfile(path)]


def sums(paths, folder):
    """The same by the names of the files in a folder."""
    return {Path(path).relative_to(folder).as_posix(): digest(path, DIGESTS) for path in paths}


def make_again(files, held, planned_now):
    """Have the job of some files run again, as --forcerun does, if they hold, or were made with, other settings than planned now.

    Snakemake's own records show that, too, but results may be here without them. A dry run does the same, and writes nothing.
    """
    if not workflow.is_main_process or held is None or not any(os.path.exists(path) for path in files):
        return
    found = differences(held, planned_now)
    if found and not workflow.dag.forcefiles.issuperset(files):
        workflow.dag.forcefiles.update(files)
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        logger.warning(f"{files[0]} has other settings than the configuration: {'; '.join(found[:3])}{more}. It is rebuilt.")


def make_other_again(files, held, planned_now):
    """Have these files made again where the first one is there and holds other settings than those planned now, or is damaged (None)."""
    if os.path.exists(files[0]):
        make_again(files, held if held is not None else {}, planned_now)


def rerun_if_changed(path, **settings):
    """Have the job of a file run again where the file with its settings has others than those planned now.

    For results that do not say themselves what they were made with. Pass every setting whose change should rerun the job.
    """
    PLANNED_SETTINGS[path] = json.loads(json.dumps(settings))
    make_again([path], held_settings(settings_file(path)), PLANNED_SETTINGS[path])


def settings_file(path):
    """Where the settings stand that a result was made with: beside it, so that whoever copies the folder has both."""
    return Path(path).parent / f".{Path(path).name}.settings.json"


def blank_settings_of_planned():
    """Empty the settings of what is about to be made again: a run that fails or is killed before that starts with it next time."""
    for job in workflow.dag.needrun_jobs() if workflow.is_main_process else ():
        for path in PLANNED_SETTINGS.keys() & set(job.output):
            if os.path.exists(path):
                write_aside(settings_file(path), {})


def write_settings():
    """Write the settings of what was made now, and of what Snakemake's own records show to be made with them."""
    dag = workflow.dag
    for job in dag.jobs if workflow.is_main_process else ():
        paths = [path for path in PLANNED_SETTINGS.keys() & set(job.output) if os.path.exists(path)]
        if paths and (dag.finished(job) or (not dag.needrun(job) and workflow.persistence.has_metadata(job))):
            for path in paths:
                if held_settings(settings_file(path)) != PLANNED_SETTINGS[path]:
                    write_aside(settings_file(path), PLANNED_SETTINGS[path])


def write_aside(path, values):
    """Write a small file beside a result. Without room, it is done without: what the jobs made exists all the same."""
    try:
        write_text(path, json.dumps(values, indent=1))
    except OSError as error:
        logger.warning(str(error))


def rerun_changed_run(wildcards):
    """Returns no inputs. Forces run.yaml and code.txt to be made again where they differ from the plan.

    They may have been copied here without the records by which Snakemake would see it.
    """
    folder = f"results/{wildcards.study}/{wildcards.experiment}"
    files = [f"{folder}/run.yaml", f"{folder}/code.txt"]
    make_other_again(files, held_settings(files[0]), planned(wildcards).to_mapping())
    if os.path.exists(files[1]):
        make_again(
            files, {"code": Path(files[1]).read_text(encoding="utf-8", errors="replace").strip()}, {"code": pinned_code(wildcards)}
        )
    return []


def rerun_changed_published(wildcards):
    """The same for the run.yaml of published weights, which holds the defaults of a training that it does not say."""
    path = f"results/{wildcards.study}/{wildcards.experiment}/published/run.yaml"
    now, held = planned(wildcards).published_mapping(), held_settings(path)
    if isinstance(held, dict) and isinstance(held.get("train"), dict):
        held["train"] = {key: value for key, value in held["train"].items() if key in now["train"]}
    make_other_again([path], held, now)
    return []


def rerun_changed_manifest(wildcards):
    """The same for ``manifest.json``, which lists what tables are to show."""
    path = f"results/{wildcards.study}/tables/manifest.json"
    make_other_again([path], held_settings(path), json.loads(json.dumps(manifest(STUDIES[wildcards.study]))))
    return []


def rerun_changed_training(wildcards):
    """Weights that were trained with other settings, by their record, are trained again (their checkpoints are looked at first)."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}/seed_{wildcards.seed}"
    record = held_settings(f"{folder}/training.json")
    held = record.get("run") if isinstance(record, dict) else None
    make_again([f"{folder}/weights.h5"], held, planned(wildcards).to_mapping())


def rerun_changed_weights(wildcards):
    """The same for published weights of another source. An input function without inputs."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}/published"
    record = held_settings(f"{folder}/weights.json")
    if isinstance(record, dict) and "source" in record:
        source = planned(wildcards).published_weights
        make_again([f"{folder}/weights.h5"], {"source": record["source"]}, {"source": source})
    return []


def rerun_changed_prediction(wildcards):
    """The same for predictions. How many windows are predicted at once changes nothing. An input function without inputs."""
    folder = f"results/{wildcards.study}/{wildcards.experiment}/{wildcards.run}/s_in_{wildcards.s_in}{wildcards.variant}"
    record = held_settings(f"{folder}/prediction.json")
    keys = ("mirror", "interpolate", "test_step", "precision", *BEYOND_THE_PAPER)
    try:
        former = {
            **asdict(EvaluateConfig()),
            **record["configuration"]["evaluate"],
        }  # what is younger than a record was as in the paper
        held = {key: former[key] for key in keys} | {"test_subset": record["configuration"]["test_subset"]}
    except (TypeError, KeyError):
        return []
    now = {key: getattr(evaluation(wildcards), key) for key in keys} | {"test_subset": tested(wildcards).test_subset}
    data = record.get("data")
    compare_frames(held, now, data.get("sha256") if isinstance(data, dict) else None, tested_frames(wildcards))
    make_again([f"{folder}/predictions.h5"], held, now)
    return []


sum_of_frames = functools.cache(table_sum)


def compare_frames(held, now, of_held, path):
    """Add the sums of the frames that a result is of and of those planned now, where both are known.

    A data set of another name may have a frames table that is older than the result.
    """
    if of_held is not None and sum_of_frames(path) is not None:
        held["frames_sha256"], now["frames_sha256"] = of_held, sum_of_frames(path)


def rerun_changed_scores(wildcards):
    """The same for scores. An input function without inputs."""
    path = f"results/{wildcards.study}/{wildcards.experiment}/{wildcards.run}/s_in_{wildcards.s_in}{wildcards.variant}/scores.json"
    scores = held_settings(path)
    try:
        held = {"learned_upsampling": scores["protocol"]["learned_upsampling"]}
    except (TypeError, KeyError):
        return []
    make_again([path], held, {"learned_upsampling": evaluation(wildcards).learned_upsampling})
    return []


def rerun_changed_baseline(wildcards):
    """The same for the mean pose."""
    path = f"results/{wildcards.study}/mean_pose/scores.json"
    scores = held_settings(path)
    subsets = {key: getattr(baseline_experiment(wildcards), key) for key in ("train_subset", "test_subset")}
    protocol = scores.get("protocol") if isinstance(scores, dict) else None
    if not isinstance(protocol, dict):
        return
    held = {key: protocol[key] for key in subsets if key in protocol}
    now = {key: subsets[key] for key in held}
    compare_frames(held, now, protocol.get("frames_sha256"), frames_of(wildcards.study, baseline_experiment(wildcards).dataset))
    make_again([path], held, now)


def rerun_changed_table(wildcards, used):
    """The same for a frames table: its splits, its source of 2D poses, and the content of the user's files that it was made from."""
    path, source = frames_of(wildcards.study, wildcards.dataset), source_of(wildcards)
    about = table_metadata(path)
    if about is None:
        return
    if not holds_data_of(path, source):
        make_again([path], {"made from": "other sources"}, {"made from": "those of the configuration"})
    with contextlib.suppress(AttributeError, LookupError, TypeError, ValueError):  # damaged: the job that reads its poses says how
        held, now = settings_of_table(about, wildcards, used)
        make_again([path], held, {key: now[key] for key in held})


def settings_of_table(about, wildcards, used):
    """The settings that a frames table with these metadata was made with, and those planned now. used: the files that it is made from."""
    now = source_of(wildcards).recorded()
    if "splits" in now:
        now["splits"] = {split: sorted(subjects) for split, subjects in now["splits"].items()}
        about = {**about, "splits": {split: sorted(subjects) for split, subjects in about.get("splits", {}).items()}}
    sums = {entry["file"]: entry["sha256"] for entry in about.get("sources", []) if "sha256" in entry}
    own = [Path(file) for file in used if not is_generated(file) and os.path.isfile(file)]
    parts = {name: Path(name).parts for name in sums}  # anna/walk.npz, in whatever folder
    files = {name: str(file) for name in sums for file in own if file.parts[-len(parts[name]) :] == parts[name]}
    for name, file in files.items():
        now[name] = digest(file, DIGESTS)
    held = {key: about[key] for key in now if key in about} | {name: sums[name] for name in files}
    if "seed" in about.get("detection_noise", {}):
        held["data_seed"], now["data_seed"] = about["detection_noise"]["seed"], STUDIES[wildcards.study].data_seed
    return held, now


def pinned_code(wildcards):
    """Fingerprint of training code that decides whether an experiment is trained again; training.json has that of its training.

    Once an experiment is trained it stays what it was, so that no change of code throws days of training away; with
    retrain_on_code_change it becomes the present one as soon as weights of another one exist.
    """
    experiment = planned(wildcards)
    try:
        pinned = Path(f"results/{experiment.study}/{experiment.name}/code.txt").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return code("train")
    if not re.fullmatch(r"[\w-]+", pinned):  # a damaged file; it would become a part of a command
        return code("train")
    if not (RETRAIN and foreign_seeds(experiment)):
        return pinned
    return code("train") if pinned != code("train") else f"{pinned}-again"  # anything else than before


def foreign_seeds(experiment):
    """The seeds of an experiment that were trained with other code than the present one."""
    seeds = []
    for path in sorted(Path(f"results/{experiment.study}/{experiment.name}").glob("seed_*/training.json")):
        try:
            fingerprint = json.loads(path.read_text(encoding="utf-8")).get("code_fingerprint")
        except (OSError, ValueError, AttributeError):
            continue
        if fingerprint is not None and fingerprint != code("train"):
            seeds.append(path.parent.name.removeprefix("seed_"))
    return seeds


def report_foreign_code():
    """Say in one line which weights were trained with other code."""
    found = [
        f"{study.name}/{experiment.name} (seed {', '.join(seeds)})"
        for study in STUDIES.values()
        for experiment in study.experiments.values()
        if (seeds := foreign_seeds(experiment))
    ]
    if found:
        remedy = "training them again." if RETRAIN else "to train them again: --config retrain_on_code_change=true"
        logger.warning(f"Trained with other code than the present one: {'; '.join(found)}; {remedy}")


if workflow.is_main_process:
    report_foreign_code()
