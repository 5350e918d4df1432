# Helpers of tables, figures, animations and pages: what they show, and where it is.


def manifest(study):
    """What a study's tables are to show, and where the scores and the records of the jobs are.

    An experiment that is defined but not run is not part of it. One that only others start from has no strides.
    """
    return {
        "study": study.name,
        "note": study.note,
        "experiments": [
            {
                "name": experiment.name,
                "dataset": experiment.dataset,
                "test_dataset": experiment.test_dataset,
                "s_in": experiment.evaluated_s_in if experiment in study.evaluated else (),
                "seeds": study.seeds,
                "initial_weights": experiment.initial_weights,
                "published_weights": experiment.published_weights,
                "compared_with": experiment.compared_with,
                "model": experiment.experiment.to_mapping()["model"],
                "evaluations": {name: asdict(evaluate) for name, evaluate in experiment.evaluations.items()},
            }
            for experiment in study.shown
        ],
        **scores_by_experiment(study, ""),
        "variants": {
            variant: scores_by_experiment(study, variant)
            for variant in dict.fromkeys(name for experiment in study.evaluated for name in experiment.variants)
        },
        "mean_pose": next(iter(baseline_of(study)), None),
        "published": PUBLISHED,
        "published_test_set": PUBLISHED_TEST_SET,
        "verdict": config.get("verdict", {}),
        "jobs": jobs_of(study),
    }


def scores_by_experiment(study, variant):
    """Where the scores of one evaluation of all experiments are."""

    def of_run(experiment, run):
        return {s_in: scores_file(experiment, run, s_in, variant) for s_in in experiment.evaluated_s_in}

    tested, published = (
        [experiment for experiment in experiments if variant in experiment.evaluations]
        for experiments in (study.tested, study.published)
    )
    return {
        "scores": {experiment.name: {seed: of_run(experiment, seed) for seed in study.seeds} for experiment in tested},
        "published_scores": {experiment.name: of_run(experiment, "published") for experiment in published},
    }


def jobs_of(study):
    """The jobs that cost time, with what they leave behind about it: the benchmark file and the record."""
    trainings = [(experiment, seed) for experiment in study.trained for seed in study.seeds]
    runs = [(experiment, seed) for experiment in study.tested for seed in study.seeds]
    runs += [(experiment, "published") for experiment in study.published]
    jobs = [job_of(experiment, run, "train", None, "training.json", "train") for experiment, run in trainings]
    for experiment, run in runs:
        for s_in, variant in evaluated(experiment):
            place = f"s_in_{s_in}/{variant and f'{variant}/'}"
            jobs += [
                job_of(experiment, run, "predict", s_in, f"{place}prediction.json", f"{place}predict_poses", variant),
                job_of(experiment, run, "score", s_in, f"{place}provenance.json", f"{place}score_predictions", variant),
            ]
    return jobs


def job_of(experiment, run, stage, s_in, record, benchmark, variant=""):
    folder = run_folder(experiment, run)
    return {
        "experiment": experiment.name,
        "seed": None if run == "published" else run,
        "stage": stage,
        "s_in": s_in,
        "variant": variant,
        "record": f"{folder}/{record}",
        "benchmark": f"{folder.replace('results', 'logs', 1)}/{benchmark}.benchmark.tsv",
    }


def figures_of(study):
    return [f"results/{study.name}/figures/{file}" for file in topics.FILES_OF_FIGURES]


def animations_of(study):
    """The chosen sequences of each experiment at its largest stride: by the weights of the first seed, and by published ones."""
    runs = [(experiment, study.seeds[0]) for experiment in study.tested]
    runs += [(experiment, "published") for experiment in study.published]
    return [
        f"{run_folder(experiment, run)}/s_in_{max(experiment.evaluated_s_in)}/animation/{sequence}.gif"
        for experiment, run in runs
        for sequence in experiment.animations
    ]


def histories_of_wildcards(wildcards):
    """The learning curves of all trainings of a study."""
    study = STUDIES[wildcards.study]
    return [f"{run_folder(experiment, seed)}/history.csv" for experiment in study.trained for seed in study.seeds]


def page_of(study):
    return [f"results/{study.name}/index.html"]


def shown_runs(study):
    """The evaluations whose poses a page shows, as (experiment, run, s_in, variant): of the first seed and of published weights."""
    trained = [(experiment, seed) for experiment in study.tested for seed in study.seeds[:1]]
    published = [(experiment, "published") for experiment in study.published]
    return [(experiment, run, *each) for experiment, run in published + trained for each in evaluated(experiment)]


def planned_poses(study):
    """What ``select_poses.py`` reads of each run."""
    return [
        {
            "experiment": experiment.name,
            "run": Path(run_folder(experiment, run)).name + (variant and f", {variant}"),
            "s_in": s_in,
            "predictions": str(Path(scores_file(experiment, run, s_in, variant)).with_name("predictions.h5")),
            "frames": frames_of(study.name, experiment.test_dataset),
            "sequences": list(experiment.animations),
        }
        for experiment, run, s_in, variant in shown_runs(study)
        if experiment.animations
    ]


def files_of_poses(wildcards):
    plan = planned_poses(STUDIES[wildcards.study])
    rerun_if_changed(
        f"results/{wildcards.study}/page/poses.json", sequences={track["predictions"]: track["sequences"] for track in plan}
    )
    return list(dict.fromkeys(track[key] for track in plan for key in ("predictions", "frames")))


def records_of_results(wildcards):
    """The records beside all scores of a study."""
    return [f"{Path(path).parent}/provenance.json" for path in scores_of(STUDIES[wildcards.study])]


def rule_graph(wildcards, output):
    """Each rule behind a page with the rules that it needs, as JSON. (A param that asks for outputs does not rerun a job.)

    A file that was fetched has no rule any more, but it came from one.
    """
    graph, seen, queue = {}, set(), [job for job in workflow.dag.jobs if str(output[0]) in job.output]
    while queue:
        job = queue.pop()
        if job in seen:
            continue
        seen.add(job)
        others = list(workflow.dag.dependencies[job])
        needed = graph.setdefault(job.rule.name, set())
        needed.update(other.rule.name for other in others)
        needed.update("fetch_source" for path in job.input if path.startswith("results/data/sources/"))
        queue += others
    return json.dumps({name: sorted(needed) for name, needed in sorted(graph.items())})


def tell_outcomes():
    """Where to look and the main numbers, for each study whose page or tables a command has asked for."""
    if not workflow.is_main_process:
        return
    from uplift_upsample.report.outcome import outcome  # here, because most starts do without

    asked = set(workflow.dag.bfs(workflow.dag.dependencies, *workflow.dag.targetjobs))
    for study in STUDIES.values():
        made = {job.rule.name for job in asked if getattr(job.wildcards, "study", None) == study.name}
        tables = f"results/{study.name}/tables"
        if "write_tables" in made:
            shown = page_of(study)[0] if "write_page" in made else f"{tables}/main_results.md"
            logger.info("\n".join(outcome(study.name, shown, tables)))
    pages = sorted(job.output[0] for job in asked if job.rule.name == "write_clip_page")
    if pages:
        logger.info("\n".join(pages))


def tell_of_other_clips():
    """Where a clip failed, how to go on with those that have not run."""
    left = {job.wildcards.clip for job in workflow.dag.needrun_jobs() if hasattr(job.wildcards, "clip")}
    if len(left) > 1 and not workflow.execution_settings.keep_going:
        logger.error("A clip failed; why, stands above. To go on with the others: the same command with --keep-going")
