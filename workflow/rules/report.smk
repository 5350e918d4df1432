# From scores to result tables.
PUBLISHED = "workflow/resources/paper_results.csv"
DOCUMENTS = ["main_results", "per_action", "learned_upsampling", "pretraining"]
TABLES = ["scores.csv", *(f"{document}.{suffix}" for document in DOCUMENTS for suffix in ("csv", "md", "tex"))]


localrules:
    plan_tables,
    write_tables,


rule plan_tables:
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


rule write_tables:
    input:
        manifest="results/{study}/tables/manifest.json",
        published=PUBLISHED,
        scores=scores_of_wildcards,
    output:
        expand("results/{{study}}/tables/{table}", table=TABLES),
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
