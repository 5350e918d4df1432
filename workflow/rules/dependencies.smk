# What jobs depend on beside their files: the content of what the user brings, and fingerprints of code.
import json

from uplift_upsample.provenance import code_fingerprint, digest

DIGESTS = ".snakemake/digests.json"  # remembered sums of the user's data


@functools.cache
def code(script):
    """Fingerprint of what a script does: a job with it among its params runs again when that changes."""
    return code_fingerprint(ROOT / "scripts" / f"{script}.py")


def is_generated(path):
    return Path(path).parts[:1] == ("results",)


def source_file(path):
    """An input file; what the user brings counts by its content (see ``content``), not by its time."""
    return path if is_generated(path) else ancient(path)


def content(paths):
    """The sums of the user's files among some inputs: among the params, they make a job run again when the content changes, and only then."""
    return [digest(path, DIGESTS) for path in paths if not is_generated(path) and os.path.isfile(path)]


def pinned_code(wildcards):
    """Fingerprint of the code that an experiment is to be trained with.

    Once an experiment is trained it stays what it was, so that no change of code throws days of training away; with
    retrain_on_code_change it becomes the present one as soon as weights of another one are there.
    """
    experiment = planned(wildcards)
    try:
        pinned = Path(f"results/{experiment.study}/{experiment.name}/code.txt").read_text(encoding="utf-8").strip()
    except OSError:
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
