# From the clips in data/people to 3D poses, animations and pages: one job for each clip and stage. No study needs them.
# A clip that cannot be used fails alone; --keep-going makes the others.


localrules:
    animate_clip,
    write_clip_page,


rule detect_keypoints:
    input:
        video=video_of,
        models=pose_models_of,
    output:
        "results/people/{clip}/{clip}.keypoints.npz",
    log:
        "logs/people/{clip}/detect_keypoints.log",
    benchmark:
        "logs/people/{clip}/detect_keypoints.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("detect_keypoints"),
        content=content_of_clip,
        detection=detection_of,
        models=lambda wildcards, input: f"--models {input.models}" if input.models else "",
    shell:
        "python scripts/detect_keypoints.py --video {input.video:q} {params.detection} {params.models}"
        " --output {output:q} > {log:q} 2>&1"


# lift.py does all of it in one go. Here each stage is a script of its own, so that what draws can change and nothing is lifted again.
rule lift_clip:
    input:
        keypoints_of,
    output:
        expand("results/people/{{clip}}/{{clip}}.{suffix}", suffix=["npz", *EXPORTS]),
    log:
        "logs/people/{clip}/lift_clip.log",
    benchmark:
        "logs/people/{clip}/lift_clip.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=3000,
        gpu=lifting_gpus,
    params:
        code=lambda wildcards: code("lift_clip"),
        content=content_of_keypoints,
        weights=weights_of_clip,
        lifting=lifting_of,
        device=lifting_device,
    shell:
        "python scripts/lift_clip.py --keypoints {input:q} {params.lifting} {params.device} --output {output:q} > {log:q} 2>&1"


# As .gif, or as .mp4 if ffmpeg is installed.
rule animate_clip:
    input:
        poses="results/people/{clip}/{clip}.npz",
        video=shown_video,
    output:
        "results/people/{clip}/{clip}.{format}",
    log:
        "logs/people/{clip}/animate_clip.{format}.log",
    benchmark:
        "logs/people/{clip}/animate_clip.{format}.benchmark.tsv"
    wildcard_constraints:
        format="gif|mp4",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=lambda wildcards: code("animate_clip"),
        content=content_of_video,
        drawing=drawing_of,
        video=lambda wildcards, input: f"--video {shlex.quote(input.video)}" if input.video else "",
    shell:
        "python scripts/animate_clip.py --poses {input.poses:q} {params.video} {params.drawing} --output {output:q} > {log:q} 2>&1"


rule write_clip_page:
    input:
        poses="results/people/{clip}/{clip}.npz",
        others=expand("results/people/{{clip}}/{{clip}}.{suffix}", suffix=[*EXPORTS, "gif"]),
    output:
        "results/people/{clip}/index.html",
    log:
        "logs/people/{clip}/write_clip_page.log",
    benchmark:
        "logs/people/{clip}/write_clip_page.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=lambda wildcards: code("write_clip_page"),
        on_video=lambda wildcards: "--on_video" if clip_of(wildcards).is_video else "",
    shell:
        "python scripts/write_clip_page.py --poses {input.poses:q} --files {input.poses:q} {input.others:q}"
        " {params.on_video} --output {output:q} > {log:q} 2>&1"
