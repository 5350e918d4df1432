# What was asked for on the command line is looked at before anything is planned: Snakemake would only say that no rule makes it.
from types import SimpleNamespace

from uplift_upsample.plan.target_names import target_fault


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
        tested(wildcards)
    if "run" in names and wildcards.run == "published" or rule.name == "check_weights":
        published_weights(wildcards)
    if rule.name == "score_mean_pose":
        baseline_experiment(wildcards)


def check_target(target):
    """End with the nearest right word for a target that does not exist. Files that are there need no rule."""
    path = os.path.relpath(target)
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
        refuse(target_fault(target, names, results, [path for study in STUDIES.values() for path in files_of(study)]))


def files_of(study):
    """The results of a study that somebody may ask for by their names."""
    files = results_of(study) + scores_of(study) + baseline_of(study) + weights_of(study.experiments.values(), study.seeds)
    for experiment in study.experiments.values():
        files += [scores_file(experiment, seed, s_in) for seed in study.seeds for s_in in experiment.evaluated_s_in]
    files += [f"{Path(path).parent}/{name}" for path in scores_of(study) for name in ("predictions.h5", "provenance.json")]
    return files + [frames_of(study.name, dataset) for dataset in study.data]


if workflow.is_main_process and Path(sys.argv[0]).parent.name + Path(sys.argv[0]).name in ("binsnakemake", "snakemake__main__.py"):
    for _target in asked_for():
        check_target(_target)
