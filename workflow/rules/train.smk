# From frames tables to weights. Checkpoints are next to the outputs but are not declared: a killed job keeps them and resumes from them.


localrules:
    resolve_run,


# The code of resolve_run.py is not among the params: its output depends on these two alone, the complete configuration (defaults
# included) and the fingerprint of the training code.
rule resolve_run:
    input:
        rerun_changed_run,  # no inputs; its effect is a forced job
    output:
        run="results/{study}/{experiment}/run.yaml",
        code="results/{study}/{experiment}/code.txt",
    log:
        "logs/{study}/{experiment}/resolve_run.log",
    benchmark:
        "logs/{study}/{experiment}/resolve_run.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=200,
    params:
        experiment=lambda wildcards: json.dumps(planned(wildcards).to_mapping()),
        code=pinned_code,
    shell:
        "python scripts/resolve_run.py --experiment {params.experiment:q} --code {params.code}"
        " --output {output.run} --code_output {output.code} > {log} 2>&1"


# exec: a shell in between would end at once on the SIGTERM of a time limit, and with it the job that is to write its checkpoint.
rule train_network:
    input:
        unpack(run_files),
    output:
        weights="results/{study}/{experiment}/seed_{seed}/weights.h5",
        training="results/{study}/{experiment}/seed_{seed}/training.json",
        history="results/{study}/{experiment}/seed_{seed}/history.csv",
    log:
        "logs/{study}/{experiment}/seed_{seed}/train.log",
    benchmark:
        "logs/{study}/{experiment}/seed_{seed}/train.benchmark.tsv"
    retries: RETRIES
    conda:
        ENVIRONMENT
    threads: lambda wildcards: planned(wildcards).resources.train_threads
    resources:
        mem_mb=lambda wildcards, attempt: min(attempt, 3) * planned(wildcards).resources.train_memory,
        runtime=lambda wildcards: planned(wildcards).resources.train_runtime,
        gpu=training_gpus,
        attempt=lambda wildcards, attempt: attempt,
    params:
        device=training_device,
        retrain=lambda wildcards, output: RETRAIN,
        weights=lambda wildcards, input: f"--weights {input.weights}" if "weights" in input.keys() else "",
        out_dir=subpath(output.weights, parent=True),
    shell:
        "exec python scripts/train.py --config {input.run} --frames {input.frames} --seed {wildcards.seed} {params.weights}"
        " {params.device} {params.retrain} --out_dir {params.out_dir} > {log} 2>&1"
