# What this machine has and lacks, and how long everything will take, before anything starts: snakemake --cores all doctor


localrules:
    doctor,


# No outputs: it looks anew each time. Shown and kept in the log.
rule doctor:
    log:
        "logs/doctor.log",
    conda:
        ENVIRONMENT
    threads: os.cpu_count()  # capped by --cores, which a cluster or a report does without
    resources:
        mem_mb=2000,
    params:
        # config.yaml, then the files that are merged into it
        config=lambda wildcards: sorted(map(str, workflow.configfiles), key=lambda path: path != "config.yaml"),
    shell:
        "python scripts/doctor.py --config {params.config:q} --estimate 2>&1 | tee {log}"
