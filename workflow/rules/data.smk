# From the sites, or the files that the user brings, to one frames table for each data set.


# ---- from the sites to converted files for all studies. Users who have the archives put them into data/raw; users who have the converted
# files need none of this.


localrules:
    check_login,
    fetch_source,


# Credentials are in the environment, and nowhere else. The answer is used up by the downloads that wait for it, so that the
# login is checked again before the next ones.
rule check_login:
    output:
        temp("results/data/logins/{login}.json"),
    log:
        "logs/data/logins/{login}.log",
    benchmark:
        "logs/data/logins/{login}.benchmark.tsv"
    wildcard_constraints:
        login=any_of(LOGIN_VARIABLES),
    priority: 100
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        download=1,
    params:
        sources=sources_behind_login,
        table=SOURCES,
        folder=RAW,
    shell:
        "python scripts/check_login.py --login {wildcards.login} --sources {params.table} --names {params.sources}"
        " --folder {params.folder} --output {output} > {log} 2>&1"


# No fingerprint of the code, and the file itself is not an output: it is what it is, and a download of days is not thrown away. The script
# asks again by itself what may get better; the rest, such as a login that was refused, is not tried twice.
# What has been fetched has no rule any more: else the check of a login, for one more source, would make Snakemake fetch all others
# behind it again.
rule fetch_source:
    input:
        login_of,
    output:
        "results/data/sources/{source}.json",
    log:
        "logs/data/sources/{source}.log",
    benchmark:
        "logs/data/sources/{source}.benchmark.tsv"
    wildcard_constraints:
        source=any_of(source for source in surroundings().sources if not is_fetched(source)),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        download=1,
    params:
        table=SOURCES,
        folder=RAW,
        checksums=CHECKSUMS,
    shell:
        "python scripts/fetch_source.py --source {wildcards.source} --sources {params.table} --folder {params.folder}"
        " --lock {params.checksums} --output {output} > {log} 2>&1"


rule convert_h36m_archive:
    input:
        "results/data/sources/h36m_{subject}.json",
    output:
        "results/data/h36m/{subject}.npz",
    log:
        "logs/data/h36m/{subject}.log",
    benchmark:
        "logs/data/h36m/{subject}.benchmark.tsv"
    wildcard_constraints:
        subject=any_of(H36M_SUBJECTS),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=lambda wildcards: code("convert_h36m_archive"),
    shell:
        "python scripts/convert_h36m_archive.py --source {input} --subject {wildcards.subject} --output {output} > {log} 2>&1"


rule merge_h36m:
    input:
        expand("results/data/h36m/{subject}.npz", subject=H36M_SUBJECTS),
    output:
        poses_3d="results/data/h36m/data_3d_h36m.npz",
        poses_2d="results/data/h36m/data_2d_h36m_gt.npz",
    log:
        "logs/data/h36m/merge_h36m.log",
    benchmark:
        "logs/data/h36m/merge_h36m.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("merge_h36m"),
    shell:
        "python scripts/merge_h36m.py --subjects {input} --poses_3d {output.poses_3d} --poses_2d {output.poses_2d} > {log} 2>&1"


rule prepare_body_model:
    input:
        smplh="results/data/sources/smplh.json",
        dmpls="results/data/sources/dmpls.json",
        regressor="results/data/sources/h36m_regressor.json",
    output:
        "results/data/amass/body_model.npz",
    log:
        "logs/data/amass/body_model.log",
    benchmark:
        "logs/data/amass/body_model.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("prepare_body_model"),
    shell:
        "python scripts/prepare_body_model.py --smplh {input.smplh} --dmpls {input.dmpls} --regressor {input.regressor}"
        " --output {output} > {log} 2>&1"


rule convert_amass_archive:
    input:
        archive="results/data/sources/amass_{subset}.json",
        body_model="results/data/amass/body_model.npz",
    output:
        positions="results/data/amass/{subset}.npz",
        report="results/data/amass/{subset}.report.csv",
    log:
        "logs/data/amass/{subset}.log",
    benchmark:
        "logs/data/amass/{subset}.benchmark.tsv"
    wildcard_constraints:
        subset=any_of(name.removeprefix("amass_") for name in surroundings().sources if name.startswith("amass_")),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("convert_amass_archive"),
    shell:
        "python scripts/convert_amass_archive.py --source {input.archive} --subset {wildcards.subset} --body_model {input.body_model}"
        " --output {output.positions} --report {output.report} > {log} 2>&1"


# ---- from the files that the user brings, or that are made or fetched here, to one frames table for each data set


localrules:
    fetch_cmu,


rule convert_h36m:
    input:
        unpack(named_inputs("poses_3d", "poses_2d")),
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
        checks=lambda wildcards, output: flags_of_checks("body_size", "reprojection_px", "exact_px", "shift_px", "surplus"),
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
        checks=lambda wildcards, output: flags_of_checks("body_size"),
    shell:
        "python scripts/convert_amass.py --files {input:q} {params.checks} --output {output} > {log} 2>&1"


rule merge_mpi_inf_3dhp:
    input:
        mpi_inf_3dhp_originals,
    output:
        train="results/{study}/data/{dataset}/data_train_3dhp.npz",
        test="results/{study}/data/{dataset}/data_test_3dhp.npz",
    log:
        "logs/{study}/data/{dataset}.merge.log",
    benchmark:
        "logs/{study}/data/{dataset}.merge.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("mpi_inf_3dhp"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=6000,
    params:
        code=lambda wildcards: code("merge_mpi_inf_3dhp"),
        content=content_of_originals,
        folder=lambda wildcards: source_of(wildcards).originals,
        annotations=lambda wildcards: source_of(wildcards).annotations,
    shell:
        "python scripts/merge_mpi_inf_3dhp.py --folder {params.folder:q} --annotations {params.annotations}"
        " --train {output.train} --test {output.test} > {log} 2>&1"


rule convert_mpi_inf_3dhp:
    input:
        unpack(named_inputs("train", "test")),
    output:
        "results/{study}/data/{dataset}.h5",
    log:
        "logs/{study}/data/{dataset}.log",
    benchmark:
        "logs/{study}/data/{dataset}.benchmark.tsv"
    wildcard_constraints:
        dataset=datasets_of("mpi_inf_3dhp"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=6000,
    params:
        code=lambda wildcards: code("convert_mpi_inf_3dhp"),
        content=content_of_inputs,
        annotations=lambda wildcards: source_of(wildcards).annotations,
        test_frame_rate=lambda wildcards: source_of(wildcards).test_frame_rate,
        checks=lambda wildcards, output: flags_of_checks("body_size", "reprojection_px"),
    shell:
        "python scripts/convert_mpi_inf_3dhp.py --train {input.train:q} --test {input.test:q} --annotations {params.annotations}"
        " --test_frame_rate {params.test_frame_rate} {params.checks} --output {output} > {log} 2>&1"


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
        cache=lambda wildcards, output: source_of(wildcards).cache,  # another place does not fetch the files again
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
