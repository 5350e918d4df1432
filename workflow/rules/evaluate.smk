# From weights to scores: one prediction job and one scoring job for each experiment, run and s_in, and the mean pose as the baseline.
# A run is a seed, or `published`: the same rules evaluate weights that were trained here and those that others published.


localrules:
    resolve_published,
    check_weights,


# A run.yaml of their own: how we train the same network does not touch what others trained.
rule resolve_published:
    input:
        rerun_changed_published,
    output:
        "results/{study}/{experiment}/published/run.yaml",
    log:
        "logs/{study}/{experiment}/published/resolve_published.log",
    benchmark:
        "logs/{study}/{experiment}/published/resolve_published.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=200,
    params:
        experiment=lambda wildcards: json.dumps(planned(wildcards).published_mapping()),
    shell:
        "python scripts/resolve_run.py --experiment {params.experiment:q} --output {output} > {log} 2>&1"


# Where published weights cannot be had, --config evaluate_published=false builds the tables without them.
rule check_weights:
    input:
        rerun_changed_weights,
        source=published_weights,
        run=run_of_weights,
    output:
        weights="results/{study}/{experiment}/published/weights.h5",
        report="results/{study}/{experiment}/published/weights.json",
    log:
        "logs/{study}/{experiment}/published/check_weights.log",
    benchmark:
        "logs/{study}/{experiment}/published/check_weights.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("check_weights"),
    shell:
        "python scripts/check_weights.py --source {input.source} --config {input.run} --output {output.weights}"
        " --report {output.report} > {log} 2>&1"


rule predict_poses:
    input:
        rerun_changed_prediction,
        run=run_of_weights,
        weights="results/{study}/{experiment}/{run}/weights.h5",
        frames=tested_frames,
    output:
        predictions="results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/predictions.h5",
        provenance="results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/prediction.json",
    log:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}{variant}/predict_poses.log",
    benchmark:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}{variant}/predict_poses.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: planned(wildcards).resources.predict_threads
    resources:
        mem_mb=lambda wildcards: planned(wildcards).resources.predict_memory,
        gpu=prediction_gpus,
    params:
        code=lambda wildcards: code("predict_poses"),
        device=device,
        origin=origin_of_weights,
        switches=evaluation_switches,
    shell:
        "python scripts/predict_poses.py --config {input.run} --weights {input.weights} --frames {input.frames}"
        " {params.origin} --s_in {wildcards.s_in} {params.switches} {params.device} --output {output.predictions}"
        " --provenance {output.provenance} > {log} 2>&1"


# Records of former steps are not inputs: they hold times and machines, which must not start a new scoring.
rule score_predictions:
    input:
        rerun_changed_scores,
        predictions="results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/predictions.h5",
        frames=tested_frames,
    output:
        scores="results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/scores.json",
        provenance="results/{study}/{experiment}/{run}/s_in_{s_in}{variant}/provenance.json",
    log:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}{variant}/score_predictions.log",
    benchmark:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}{variant}/score_predictions.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: code("score_predictions"),
        records=records_of_run,
        upsampling=lambda wildcards: "" if evaluation(wildcards).learned_upsampling else "--no_learned_upsampling",
    shell:
        "python scripts/score_predictions.py --predictions {input.predictions} --frames {input.frames}"
        " {params.upsampling} {params.records} --output {output.scores} --provenance {output.provenance} > {log} 2>&1"


rule score_mean_pose:
    input:
        frames=baseline_frames,
    output:
        scores="results/{study}/mean_pose/scores.json",
        provenance="results/{study}/mean_pose/provenance.json",
    log:
        "logs/{study}/mean_pose/score_mean_pose.log",
    benchmark:
        "logs/{study}/mean_pose/score_mean_pose.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: code("score_mean_pose"),
        train_subset=lambda wildcards: baseline_experiment(wildcards).train_subset,
        test_subset=lambda wildcards: baseline_experiment(wildcards).test_subset,
    shell:
        "python scripts/score_mean_pose.py --frames {input.frames} --train_subset {params.train_subset:q}"
        " --test_subset {params.test_subset:q} --output {output.scores} --provenance {output.provenance} > {log} 2>&1"
