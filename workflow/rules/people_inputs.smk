# Helpers of the rules for clips of people that the user brings: which clips there are, and what is done with each.
import hashlib

from uplift_upsample.base.strict import to_mapping
from uplift_upsample.plan.people import OF_KEYPOINTS, people_plan

PEOPLE = people_plan(CONFIGURATION.people)
EXPORTS = [name for name in PEOPLE.formats if name != "npz"]


@functools.cache
def clips():
    """The clips in the user's folder by name, or one error with everything that is wrong with them and their settings."""
    from uplift_upsample.lift.clip_files import clip_files
    from uplift_upsample.lift.own_clips import own_clips  # no start without clips needs it

    try:
        found = own_clips(PEOPLE)
    except InputError as error:
        refuse(str(error))
    others = [path.name for path in clip_files(Path(PEOPLE.folder))[1]]
    if others and workflow.is_main_process:
        logger.warning(f"{PEOPLE.folder}: left out, by their suffixes neither videos nor keypoints: {', '.join(others)}")
    return found


def clip_of(wildcards):
    """The clip that a job is about."""
    if wildcards.clip not in clips():
        near = suggestion(wildcards.clip, clips())
        refuse(f"{PEOPLE.folder} has no clip {wildcards.clip!r}{near}; it has {', '.join(clips())}")
    return clips()[wildcards.clip]


def made_of(wildcards):
    """What is made of a clip, without the suffix."""
    return f"results/people/{wildcards.clip}/{wildcards.clip}"


def results_of_clip(name):
    """The files of a clip's poses, its animation and its page."""
    folder = f"results/people/{name}"
    return [f"{folder}/{name}.{suffix}" for suffix in ("npz", *EXPORTS, "gif")] + [f"{folder}/index.html"]


def pages_of_people(wildcards):
    return [results_of_clip(name)[-1] for name in clips()]


def video_of(wildcards):
    """The video that people are looked for in."""
    clip = clip_of(wildcards)
    if not clip.is_video:
        refuse(f"{clip.path} is a file of keypoints; people are looked for in videos only")
    rerun_if_changed(f"{made_of(wildcards)}.keypoints.npz", content=content_of_clip(wildcards), detection=detection_of(wildcards))
    return source_file(str(clip.path))


def pose_models_of(wildcards):
    """The manifest of MediaPipe's models, where a detector needs them."""
    return [] if clip_of(wildcards).plan.detector == "rtmlib" else manifest_of("mediapipe_pose")


def detection_of(wildcards):
    """How people are looked for, as flags of detect_keypoints.py. Which weights will lift them does not count, but what these can see does."""
    clip = clip_of(wildcards)
    return f"--s_in {clip.s_in} --s_out {clip.known.card.model.s_out} --detector {clip.plan.detector}"


def keypoints_of(wildcards):
    """The keypoints of a clip: those that are found in a video, or the user's own."""
    clip, made = clip_of(wildcards), made_of(wildcards)
    of_clip = {"content": content_of_keypoints(wildcards), "weights": weights_of_clip(wildcards)}
    rerun_if_changed(f"{made}.npz", **of_clip, lifting=lifting_of(wildcards))
    return f"{made}.keypoints.npz" if clip.is_video else source_file(str(clip.path))


def shown_video(wildcards):
    """The video behind an animation, none of a clip that is keypoints alone."""
    clip = clip_of(wildcards)
    rerun_if_changed(f"{made_of(wildcards)}.{wildcards.format}", content=content_of_video(wildcards), drawing=drawing_of(wildcards))
    return source_file(str(clip.path)) if clip.is_video else []


def content_of_clip(wildcards):
    """The sum of the user's file, or of all files of a folder."""
    from uplift_upsample.data.keypoints.read import folder_of_files  # no start without clips needs it

    path = clip_of(wildcards).path
    return digest(folder_of_files(path) if path.is_dir() else path, DIGESTS)


def content_of_keypoints(wildcards):
    """The same, where the user brought keypoints."""
    return None if clip_of(wildcards).is_video else content_of_clip(wildcards)


def content_of_video(wildcards):
    return content_of_clip(wildcards) if clip_of(wildcards).is_video else None


def weights_of_clip(wildcards):
    """The sum of the weights and of what is known of them. They are not inputs: lifting a clip must not start a training."""
    card = json.dumps(to_mapping(clip_of(wildcards).known.card), sort_keys=True)
    return hashlib.sha256(card.encode()).hexdigest()


def lifting_of(wildcards):
    """How a clip is lifted, as flags of lift_clip.py."""
    clip, plan = clip_of(wildcards), clip_of(wildcards).plan
    values = {name: getattr(plan, name) for name in ("config", "skeleton", "person", "min_confidence", "focal")}
    if not clip.is_video:
        values |= {name: getattr(plan, name) for name in OF_KEYPOINTS}
    values |= {"weights": plan.weights, "s_in": clip.s_in, "roll": plan.roll or None, **clip.readout}
    words = []
    for name, value in values.items():
        if value is not None:
            words += [f"--{name}", *map(str, value if isinstance(value, tuple) else [value])]
    return shlex.join([*words, *(["--root"] if plan.root else []), *([] if plan.mirror else ["--no_mirror"])])


def lifting_gpus(wildcards):
    return 0 if DEVICE == "cpu" else PEOPLE.gpus


def drawing_of(wildcards):
    """How an animation is drawn, as flags of animate_clip.py."""
    return f"--seconds {clip_of(wildcards).plan.seconds:g}"
