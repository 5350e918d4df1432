"""How the numbers of a table were made: its footer, and whether published figures may be shown with it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from uplift_upsample.data.h36m.table import is_corrupt
from uplift_upsample.evaluate.score_file import Protocol
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.mpi_inf_3dhp_sequences import TEST
from uplift_upsample.report.cells import NOT_RUN
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.results import PUBLISHED, Evaluation, Results

# What an evaluation must agree in to be compared with published figures, beside what its data set asks for.
_EVALUATION = {
    "mirror": True,
    "learned_upsampling": True,
    "interpolate": True,
    "test_step": 1,
    "precision": "float32",
    "readout": "central",
    "hop": 1,
    "input_interpolation": "none",
    "look_ahead": "all",
    "dropped_videos": (),
}
# By data set.
PUBLISHED_PROTOCOLS = {
    "h36m": {"dataset": "h36m", "input_2d": "cpn_ft_h36m_dbb", "subjects": ("S11", "S9"), **_EVALUATION},
    "mpi_inf_3dhp": {"dataset": "mpi_inf_3dhp", "input_2d": "gt", "subjects": TEST, **_EVALUATION},
}
# Why no verdict is possible for this figure.
UNKNOWN_RECIPE = (
    "the s_in, the 3D annotations and the training behind the figure are stated nowhere; s_in 20 is that of the other figure "
    "in the same sentence of the abstract"
)
NOTHING_RUN = "not known, nothing was run"


def footer(results: Results) -> list[str]:
    """One line for each switch of the protocol; where evaluations differ, the line lists them."""
    lines = [
        "Averages: frame-wise is the mean over all frames and joints; action-wise is the mean over the frames of each action, then "
        "the mean of the actions.",
        "Over seeds: mean ± sample standard deviation; the seeds differ in training, not in data. "
        "With one seed there is no standard deviation.",
        f"Metrics: 17 joints, root subtracted; {', '.join(f'{one.title} {one.meaning}' for one in results.metrics.values())}. "
        "Motion is measured between consecutive frames of a video, interpolated ones too; not where only every n-th is evaluated.",
        f"2D input: {_stated(results, lambda p: str(p.input_2d))}.",
        f"Mirroring (average with the prediction for the mirrored input): {_stated(results, lambda p: _yes(p.mirror))}.",
        f"Learned upsampling: {_stated(results, lambda p: _yes(p.is_learned))}.",
        f"Frames between two multiples of s_out: {_stated(results, _between)}.",
        f"Read-out: {_stated(results, readout_text)}.",
        f"Precision: {_stated(results, _precision)}.",
        f"Test subjects: {_stated(results, lambda p: ', '.join(p.subjects) or 'not recorded')}.",
        f"Cameras: {_stated(results, lambda p: ', '.join(p.cameras) or 'not recorded')}.",
        f"Frames: {_stated(results, _frames)}; key frames (multiples of s_in): "
        f"{_stated(results, lambda p: str(p.num_frames['key_frames']), lambda key: f's_in = {key.s_in}')}.",
        f"Frames per action: {_stated(results, _per_action)}.",
        "Actions without a frame, which do not count in the action-wise mean: "
        f"{_stated(results, lambda p: _listed(p.absent_actions))}.",
        f"Dropped videos: {_stated(results, lambda p: _listed(p.dropped_videos))}.",
        "Degenerate predictions (all joints in one point; without N-MPJPE, and with the P-MPJPE of the unaligned pose): "
        f"{_stated(results, lambda p: str(p.degenerate_frames['all_frames']))}.",
        f"Frames table, SHA-256: {_stated(results, lambda p: str(p.frames_sha256)[:16])}.",
    ]
    if any(protocol.annotations for protocol in results.protocols.values()):
        lines.append(f"3D annotations: {_stated(results, lambda p: str(p.annotations))}; the other kind gives other numbers.")
    if any(protocol.test_frame_rate for protocol in results.protocols.values()):
        rates = _stated(results, lambda p: "unknown" if p.test_frame_rate is None else f"{p.test_frame_rate:g}")
        lines.append(f"Frames a second of the test videos, as configured (their files leave it open): {rates}.")
    if results.has_published_weights:
        lines.append(f"Published weights, SHA-256: {_published_weights(results)}.")
    unevaluated = [experiment.name for experiment in results.manifest.experiments if not experiment.s_in]
    if unevaluated:
        lines.append(f"Without an evaluation of their own, because others start from their weights: {', '.join(unevaluated)}.")
    return [*lines, *_untrained(results)]


def _untrained(results: Results) -> list[str]:
    """What † stands for in any table: strides that a model was not trained for, and 2D poses at every token that it never saw."""
    strides: dict[str, None] = {}
    dense: dict[str, None] = {}
    for variant in ("", *results.variants):
        found = results.of_variant(variant)
        for experiment in found.evaluated:
            for s_in in (s_in for s_in in experiment.s_in if found.is_untrained(experiment, s_in)):
                if experiment.evaluations[variant].input_interpolation == "none":
                    strides[f"{experiment.name} at s_in = {s_in}"] = None
                else:
                    dense[f"{experiment.name}, {variant}" if variant else experiment.name] = None
    lines = [f"† The model was not trained for this s_in: {', '.join(strides)}."] if strides else []
    return lines + ([f"† The model was not trained with a 2D pose at every token: {'; '.join(dense)}."] if dense else [])


def reasons_against_published(results: Results, experiment: ShownExperiment) -> list[str]:
    """Why the published figures of an experiment may not stand beside its results; empty where they may.

    Of its strides those count that have a published figure.
    """
    wanted = PUBLISHED_PROTOCOLS.get(experiment.tested_on)
    if wanted is None or experiment.dataset != experiment.tested_on:
        verb, dataset = ("tested", experiment.tested_on) if wanted is None else ("trained", experiment.dataset)
        return [f"it is {verb} on {dataset}"]
    named = {s_in for name, s_in, *_ in (*results.published, *results.published_shares) if name == experiment.name}
    reasons: list[str] = []
    for s_in in [s_in for s_in in experiment.s_in if s_in in named] or experiment.s_in:
        for protocol in results.protocols_of(experiment, s_in):
            reasons += _departures(protocol, s_in, wanted)
    return list(dict.fromkeys(reasons))


def _departures(protocol: Protocol, s_in: int, wanted: Mapping[str, Any]) -> Iterator[str]:
    """What an evaluation has otherwise than it is wanted."""
    for key, expected in wanted.items():
        value = getattr(protocol, key)
        if value in (None, ()) and key not in ("dataset", "input_2d"):  # nothing is known of it
            continue
        if key == "input_interpolation" and s_in == protocol.s_out:  # every token has a 2D pose: nothing is interpolated
            continue
        if key == "dropped_videos":  # published numbers are without the corrupt recording too
            value = tuple(video for video in value if not is_corrupt(video))
        if (tuple(sorted(value)) if isinstance(value, tuple) else value) != expected:
            yield f"{key} is {_readable(value)}, not {_readable(expected)}"


def reasons_against_verdict(results: Results, experiment: ShownExperiment, weights: str) -> list[str]:
    """Why published figures, which may stand beside an experiment's results, allow no verdict on whether they are reproduced.

    The results are measured on another test set, such as a part of the published one. Empty where nothing is against it.
    """
    if experiment.tested_on == "mpi_inf_3dhp":
        return [UNKNOWN_RECIPE]
    if results.published_test_set is None:
        return []
    protocols = results.protocols_of(experiment, weights=weights)
    return list(dict.fromkeys(reason for protocol in protocols for reason in results.published_test_set.differences(protocol)))


def _name(key: Evaluation) -> str:
    return f"{key.experiment} with published weights" if key.weights == PUBLISHED else key.experiment


def _stated(
    results: Results,
    value: Callable[[Protocol], str],
    label: Callable[[Evaluation], str] = _name,
) -> str:
    """The value that all evaluations share, or each value with the evaluations that have it."""
    groups: dict[str, list[str]] = {}
    for key, protocol in sorted(results.protocols.items(), key=lambda item: item[0].s_in):
        labels = groups.setdefault(value(protocol), [])
        if label(key) not in labels:
            labels.append(label(key))
    if not groups:
        return NOTHING_RUN
    if len(groups) == 1:
        return next(iter(groups))
    return "; ".join(f"{text} ({', '.join(labels)})" for text, labels in groups.items())


def _published_weights(results: Results) -> str:
    """The weight file behind each experiment's published weights, as its evaluations recorded it."""
    stated = []
    for experiment, weights in results.rows:
        if weights == PUBLISHED:
            protocols = results.protocols_of(experiment, weights=PUBLISHED)
            sums = dict.fromkeys((protocol.weights_sha256 or "not recorded")[:12] for protocol in protocols)
            stated.append(f"{experiment.name} {' and '.join(sums) or NOT_RUN}")
    return ", ".join(stated)


def _frames(protocol: Protocol) -> str:
    step = protocol.test_step or 1
    thinned = f", every {step}th frame" if step != 1 else ""
    return f"{protocol.num_frames['all_frames']} in {protocol.num_videos} videos{thinned}"


def _per_action(protocol: Protocol) -> str:
    return ", ".join(f"{action} {count}" for action, count in protocol.frames_per_action["all_frames"].items())


def _precision(protocol: Protocol) -> str:
    """What the network computed in when it was evaluated, and when it was trained where that was something else."""
    evaluated, trained = protocol.precision or "float32", protocol.train_precision or "float32"
    return evaluated if trained == "float32" else f"{evaluated}, trained in {trained}"


def readout_text(evaluation: Protocol | EvaluateConfig) -> str:
    """What makes a pose, and what the network sees between two 2D poses where that is something."""
    apart = "all windows" if evaluation.hop == 1 else f"windows {evaluation.hop} tokens apart"
    blend = "chosen in training" if evaluation.blend == "auto" else f"{evaluation.blend:g}" if evaluation.blend is not None else ""
    texts = {
        "central": "central head of one window a pose",
        "sequence": f"sequence head, mean over {apart}",
        "both": f"sequence head, mean over {apart}, and central head (weight {blend})",
    }
    text = texts.get(evaluation.readout, evaluation.readout)
    way = {"linear": "linearly", "cubic": "cubically"}.get(evaluation.input_interpolation)
    if evaluation.look_ahead != "all":
        return f"{text}, live: later 2D poses for {20 * evaluation.look_ahead} ms"  # frames at 50 Hz
    return f"{text}; 2D poses interpolated {way}" if way else text


def _between(protocol: Protocol) -> str:
    return "each predicted by itself" if protocol.interpolate is False else "interpolated"


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, "not recorded") if isinstance(value, bool) else "not recorded"


def _readable(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return _yes(value) if isinstance(value, bool) else str(value)
