# One page for each study with everything that it has to say.
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
