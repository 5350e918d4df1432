# Uplift and Upsample as a workflow: from data to result tables. This file is the table of contents.
#
#   snakemake --cores all            the studies listed in config.yaml under `reproduce`
#   snakemake --cores all paper      one study
#   snakemake --cores all evaluate   one stage of the studies under `reproduce`, see localrules below
#   snakemake --cores all FILE       one result, e.g. results/demo/people_81/seed_0/s_in_20/scores.json
#   snakemake --cores all people     the clips in data/people: 3D poses, animations and pages
#   snakemake -n ...                 what would be done, and why
#   snakemake --cores all doctor     what this machine has and lacks, and how long everything will take
from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/dependencies.smk"
include: "workflow/rules/machines.smk"
include: "workflow/rules/data_inputs.smk"
include: "workflow/rules/report_inputs.smk"
include: "workflow/rules/people_inputs.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/people.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    data,
    pretrain,
    train,
    evaluate,
    published,
    tables,
    figures,
    animations,
    people,
    doctor,


rule all:
    default_target: True
    input:
        of_reproduced(results_of),


rule data:
    input:
        of_reproduced(lambda study: [frames_of(study.name, dataset) for dataset in study.used_datasets]),


rule pretrain:
    input:
        of_reproduced(lambda study: weights_of(study.pretraining, study.seeds)),


rule train:
    input:
        of_reproduced(lambda study: weights_of(study.trained, study.seeds)),


rule evaluate:
    input:
        of_reproduced(lambda study: scores_of(study) + baseline_of(study)),


rule published:
    input:
        of_reproduced(published_scores_of),


rule tables:
    input:
        of_reproduced(tables_of),


rule figures:
    input:
        of_reproduced(figures_of),


rule animations:
    input:
        of_reproduced(animations_of),


# The user's own clips, in data/people. No study, and no part of `all`.
rule people:
    input:
        pages_of_people,


# Each study is a target of its own name.
for _study in STUDIES.values():

    rule:
        name:
            _study.name
        input:
            results_of(_study),
        localrule: True


# What this machine has and lacks, and how long everything will take, before anything starts.
# No outputs: it looks anew each time. Shown and kept in the log.
rule doctor:
    log:
        "logs/doctor.log",
    conda:
        f"envs/{CONFIGURATION.environment}.yaml"
    threads: os.cpu_count()  # capped by --cores, which a cluster or a report does without
    resources:
        mem_mb=2000,
    params:
        # config.yaml, then the files that are merged into it
        config=lambda wildcards: sorted(map(str, workflow.configfiles), key=lambda path: path != "config.yaml"),
        values=values_of_command(),
    shell:
        "python scripts/doctor.py --config {params.config:q}{params.values} --estimate 2>&1 | tee {log}"


if workflow.is_main_process and Path(sys.argv[0]).parent.name + Path(sys.argv[0]).name in ("binsnakemake", "snakemake__main__.py"):
    for _target in asked_for():
        check_target(_target)
