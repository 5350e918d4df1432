# From the files that the user brings, or that are made or fetched here, to one frames table for each data set.


localrules:
    fetch_cmu,


rule convert_h36m:
    input:
        unpack(h36m_files),
    output:
        "results/{study}/data/{dataset}.h5",
    log:
        "logs/{study}/data/{dataset}.log",
    benchmark:
        "logs/{study}/data/{dataset}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("h36m"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
    params:
        code=lambda wildcards: code("convert_h36m"),
        content=content_of_inputs,
        input_2d=lambda wildcards: source_of(wildcards).input_2d,
        checks=checks_of_h36m,
    shell:
        "python scripts/convert_h36m.py --poses_3d {input.poses_3d:q} --poses_2d {input.poses_2d:q}"
        " --input_2d {params.input_2d:q} {params.checks} --output {output} > {log} 2>&1"


rule convert_amass:
    input:
        inputs_of,
    output:
        "results/{study}/data/{dataset}.h5",
    log:
        "logs/{study}/data/{dataset}.log",
    benchmark:
        "logs/{study}/data/{dataset}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("amass"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=16000,
    params:
        code=lambda wildcards: code("convert_amass"),
        content=content_of_inputs,
        checks=checks_of_amass,
    shell:
        "python scripts/convert_amass.py --files {input:q} {params.checks} --output {output} > {log} 2>&1"


# What the files are is checked by the sums in the table of trials, wherever they come from.
rule fetch_cmu:
    input:
        unpack(cmu_files),
    output:
        "results/{study}/data/{dataset}/{subject}.csv",
    log:
        "logs/{study}/data/{dataset}/{subject}.fetch.log",
    benchmark:
        "logs/{study}/data/{dataset}/{subject}.fetch.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("cmu"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        download=1,
    params:
        code=lambda wildcards: code("fetch_cmu"),
        content=content_of_trials,
        source=cmu_source_flag,
        cache=cmu_cache,
    shell:
        "python scripts/fetch_cmu.py {params.source} --trials {input.trials:q} --subject {wildcards.subject}"
        " --cache {params.cache:q} --output {output} > {log} 2>&1"


rule convert_cmu:
    input:
        manifest="results/{study}/data/{dataset}/{subject}.csv",
        trials=trials_of,
    output:
        positions="results/{study}/data/{dataset}/{subject}.npz",
        glitches="results/{study}/data/{dataset}/{subject}.glitches.csv",
    log:
        "logs/{study}/data/{dataset}/{subject}.log",
    benchmark:
        "logs/{study}/data/{dataset}/{subject}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("cmu"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("convert_cmu"),
        content=content_of_trials,
    shell:
        "python scripts/convert_cmu.py --manifest {input.manifest} --trials {input.trials:q} --output {output.positions}"
        " --glitches {output.glitches} > {log} 2>&1"


rule merge_cmu:
    input:
        subject_files,
    output:
        "results/{study}/data/{dataset}.h5",
    log:
        "logs/{study}/data/{dataset}.log",
    benchmark:
        "logs/{study}/data/{dataset}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("cmu"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: code("merge_cmu"),
        splits=lambda wildcards: json.dumps(source_of(wildcards).splits),
        seed=lambda wildcards: STUDIES[wildcards.study].data_seed,
    shell:
        "python scripts/merge_cmu.py --subjects {input} --splits {params.splits:q} --seed {params.seed} --output {output} > {log} 2>&1"


# The user's own motion capture as one more subset for pre-training, and as a data set of its own.
rule convert_mocap:
    input:
        own_recordings,
    output:
        "results/{study}/data/{dataset}/{subset}.npz",
    log:
        "logs/{study}/data/{dataset}/{subset}.log",
    benchmark:
        "logs/{study}/data/{dataset}/{subset}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("amass"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: code("convert_mocap"),
        content=content_of_recordings,
        folder=own_folder,
    shell:
        "python scripts/convert_mocap.py --folder {params.folder:q} --output {output} > {log} 2>&1"


rule merge_mocap:
    input:
        own_recordings,
    output:
        "results/{study}/data/{dataset}.h5",
    log:
        "logs/{study}/data/{dataset}.log",
    benchmark:
        "logs/{study}/data/{dataset}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("mocap"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: code("merge_mocap"),
        content=content_of_recordings,
        folder=own_folder,
        detections=lambda wildcards: source_of(wildcards).detections,
        splits=lambda wildcards: json.dumps(source_of(wildcards).splits),
        seed=lambda wildcards: STUDIES[wildcards.study].data_seed,
    shell:
        "python scripts/merge_mocap.py --folder {params.folder:q} --splits {params.splits:q} --seed {params.seed}"
        " --detections {params.detections} --output {output} > {log} 2>&1"
