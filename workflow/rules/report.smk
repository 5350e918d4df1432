# From scores, learning curves and predictions to tables, figures, animations and pages.


# ---- from scores to result tables

PUBLISHED = "workflow/resources/paper_results.csv"
PUBLISHED_TEST_SET = "workflow/resources/paper_test_set.yaml"
TABLES_OF_STUDY = expand("results/{{study}}/tables/{table}", table=topics.FILES_OF_TABLES)
SHOWN = expand("results/{{study}}/tables/{table}.csv", table=topics.TABLES)  # in Snakemake's report


localrules:
    plan_tables,
    write_tables,


rule plan_tables:
    input:
        rerun_changed_manifest,
    output:
        "results/{study}/tables/manifest.json",
    log:
        "logs/{study}/tables/plan_tables.log",
    benchmark:
        "logs/{study}/tables/plan_tables.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=100,
    params:
        manifest=lambda wildcards: json.dumps(manifest(STUDIES[wildcards.study]), indent=1),
    shell:
        "printf '%s\\n' {params.manifest:q} > {output} 2> {log}"


# Benchmark files and records of jobs, which the manifest names, are not inputs: a job that ran again in another time, with the same
# result, must not rebuild the tables, and logs can be deleted.
rule write_tables:
    input:
        manifest="results/{study}/tables/manifest.json",
        published=PUBLISHED,
        published_test_set=PUBLISHED_TEST_SET,
        scores=scores_of_wildcards,
    output:
        [path for path in TABLES_OF_STUDY if path not in SHOWN],
        [
            report(
                path,
                caption=f"../report/tables/{table}.rst",
                category="{study}",
                subcategory="Tables",
                labels={"table": table},
            )
            for table, path in zip(topics.TABLES, SHOWN)
        ],
    log:
        "logs/{study}/tables/write_tables.log",
    benchmark:
        "logs/{study}/tables/write_tables.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=lambda wildcards: code("write_tables"),
        out_dir=subpath(output[0], parent=True),
    shell:
        "python scripts/write_tables.py --study {wildcards.study} --manifest {input.manifest} --out_dir {params.out_dir} > {log} 2>&1"


# ---- from scores, learning curves and predictions to pictures


localrules:
    draw_figures,
    draw_animation,


rule draw_figures:
    input:
        manifest="results/{study}/tables/manifest.json",
        published=PUBLISHED,
        published_test_set=PUBLISHED_TEST_SET,
        scores=scores_of_wildcards,
        histories=histories_of_wildcards,
    output:
        expand("results/{{study}}/figures/{figure}.png", figure=topics.FIGURES),
        [
            report(
                f"results/{{study}}/figures/{figure}.svg",
                caption=f"../report/figures/{figure}.rst",
                category="{study}",
                subcategory="Figures",
                labels={"figure": figure},
            )
            for figure in topics.FIGURES
        ],
    log:
        "logs/{study}/figures/draw_figures.log",
    benchmark:
        "logs/{study}/figures/draw_figures.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=lambda wildcards: code("draw_figures"),
        out_dir=subpath(output[0], parent=True),
    shell:
        "python scripts/draw_figures.py --study {wildcards.study} --manifest {input.manifest} --histories {input.histories}"
        " --out_dir {params.out_dir} > {log} 2>&1"


# Any sequence can be asked for, as .gif, or as .mp4 if ffmpeg is installed; a wrong name gives an error with the right ones.
rule draw_animation:
    input:
        predictions="results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/predictions.h5",
        frames=drawn_frames,
    output:
        "results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/animation/{sequence}.{format}",
    log:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}{variant}/animation/{sequence}.{format}.log",
    benchmark:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}{variant}/animation/{sequence}.{format}.benchmark.tsv"
    wildcard_constraints:
        sequence=r"[A-Za-z0-9_-]+",
        format="gif|mp4",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("draw_animation"),
        upsampling=lambda wildcards: "" if evaluation(wildcards).learned_upsampling else "--no_learned_upsampling",
    shell:
        "python scripts/draw_animation.py --predictions {input.predictions} --frames {input.frames} --sequence {wildcards.sequence}"
        " {params.upsampling} --output {output} > {log} 2>&1"


# ---- one page for each study with all of its results

CAPTIONS = "workflow/report/figures"  # the same on the page and in Snakemake's report


localrules:
    select_poses,
    write_page,


rule select_poses:
    input:
        files_of_poses,
    output:
        "results/{study}/page/poses.json",
    log:
        "logs/{study}/page/select_poses.log",
    benchmark:
        "logs/{study}/page/select_poses.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("select_poses"),
        plan=lambda wildcards: json.dumps(planned_poses(STUDIES[wildcards.study])),
    shell:
        "python scripts/select_poses.py --plan {params.plan:q} --output {output} > {log} 2>&1"


rule write_page:
    input:
        tables=expand("results/{{study}}/tables/{table}.json", table=topics.TABLES),
        figures=expand("results/{{study}}/figures/{figure}.svg", figure=topics.FIGURES),
        captions=expand("{folder}/{figure}.rst", folder=CAPTIONS, figure=topics.FIGURES),
        animations=lambda wildcards: animations_of(STUDIES[wildcards.study]),
        poses="results/{study}/page/poses.json",
        records=records_of_results,
    output:
        report("results/{study}/index.html", caption="../report/page.rst", category="{study}", subcategory="Page"),
    log:
        "logs/{study}/page/write_page.log",
    benchmark:
        "logs/{study}/page/write_page.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=lambda wildcards: code("write_page"),
        captions=lambda wildcards, input: str(Path(input.captions[0]).parent),
        rule_graph=rule_graph,
    shell:
        "python scripts/write_page.py --study {wildcards.study} --tables {input.tables} --figures {input.figures}"
        " --captions {params.captions} --animations {input.animations} --poses {input.poses} --records {input.records}"
        " --rule_graph {params.rule_graph:q} --output {output} > {log} 2>&1"
