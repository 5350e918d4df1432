# From scores to result tables.
PUBLISHED = "workflow/resources/paper_results.csv"
PUBLISHED_TEST_SET = "workflow/resources/paper_test_set.yaml"
TABLES_OF_STUDY = expand("results/{{study}}/tables/{table}", table=topics.FILES_OF_TABLES)
SHOWN = expand("results/{{study}}/tables/{table}.csv", table=topics.TABLES)  # in Snakemake's report


localrules:
    plan_tables,
    write_tables,


rule plan_tables:
    input:
        settled_manifest,
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


# Benchmark files and records of jobs, which the manifest names, are no inputs: a job that ran again, in another time but with the same
# result, is no reason to make the tables again, and logs can be deleted.
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
