# From scores, learning curves and predictions to pictures.


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
        predictions="results/{study}/{experiment}/{run}/s_in_{s_in}/predictions.h5",
        frames=tested_frames,
    output:
        "results/{study}/{experiment}/{run}/s_in_{s_in}/animation/{sequence}.{format}",
    log:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}/animation/{sequence}.{format}.log",
    benchmark:
        "logs/{study}/{experiment}/{run}/s_in_{s_in}/animation/{sequence}.{format}.benchmark.tsv"
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
        upsampling=lambda wildcards: "" if tested(wildcards).experiment.evaluate.learned_upsampling else "--no_learned_upsampling",
    shell:
        "python scripts/draw_animation.py --predictions {input.predictions} --frames {input.frames} --sequence {wildcards.sequence}"
        " {params.upsampling} --output {output} > {log} 2>&1"
