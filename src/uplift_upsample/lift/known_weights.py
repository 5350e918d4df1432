"""The weights of a name or a path, and what is known of them: the network, the skeleton, what they were trained on, their error.

Weights that come with the project lie in ``lift/weights/``: ``{name}.h5``, and ``{name}.json`` with the keys of ``Card``. Those
that the workflow trained or fetched lie in ``results/{study}/{experiment}/{run}/``, the configuration of the run above them.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.strict import from_mapping, suggestion
from uplift_upsample.data.examples import Padding
from uplift_upsample.data.keypoints.to_model import SKELETONS, Skeleton
from uplift_upsample.evaluate.score_file import LEARNED, Protocol, read_scores
from uplift_upsample.plan.experiment import NetworkConfig
from uplift_upsample.plan.runs import Run, read_run

PACKAGED = Path(__file__).parent / "weights"
RESULTS = Path("results")
# Whose skeleton a data set has. Own motion capture may have any, so there the user names it.
_SKELETON_OF: Mapping[str, Skeleton] = {"h36m": "h36m", "amass": "h36m", "cmu": "cmu"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of weights.

    model: the network. padding: what stands outside of a video. skeleton: whose joints the network puts out.
    trained_on, tested_on: in words. mpjpe_mm: error on those people by s_in. sha256: of the weight file. licence: of the weights.
    provenance: the record of the training.
    """

    model: NetworkConfig
    skeleton: Skeleton
    sha256: str
    padding: Padding = "copy"
    trained_on: str = "unknown data"
    tested_on: str = ""
    mpjpe_mm: Mapping[str, float] = field(default_factory=dict)
    licence: str = ""
    provenance: Mapping = field(default_factory=dict)

    @property
    def described(self) -> str:
        """In a sentence: trained on what, with what error on which people."""
        if not self.mpjpe_mm:
            return f"trained on {self.trained_on}; their error was not measured here"
        errors = ", ".join(f"{error:.1f}" for error in self.mpjpe_mm.values())
        strides = ", ".join(self.mpjpe_mm)
        return f"trained on {self.trained_on}; MPJPE on {self.tested_on}: {errors} mm at s_in {strides}"


@dataclass(frozen=True)
class KnownWeights:
    """name: as the user knows them. path: of the weight file."""

    name: str
    path: Path
    card: Card


def weights_named(
    name: str | os.PathLike[str], config: str | os.PathLike[str] | None = None, skeleton: Skeleton | None = None
) -> KnownWeights:
    """Weights by their path, or by the name of those that come with the project or of an experiment in ``results/``.

    config: the run's YAML or a JSON file of the official code; None, that in the folder above the weights. skeleton: whose joints
    they put out; None, as their data set has. Raises ``InputError`` where weights, network or skeleton are not known.
    """
    if skeleton is not None and skeleton not in SKELETONS:
        raise InputError(f"no skeleton {skeleton!r}; known are {', '.join(SKELETONS)}")
    text = os.fspath(name)
    packaged = {path.stem: path for path in sorted(PACKAGED.glob("*.json"))}
    if text in packaged and config is None:
        return _packaged(text, packaged[text])
    path = Path(text)
    if not path.is_file():
        path = _in_results(text, packaged)
    run = read_run(_config_of(path) if config is None else config)[0]
    known = skeleton or _SKELETON_OF.get(run.dataset)
    if known is None:
        raise InputError(
            f"{path}: they were trained on {run.dataset!r}, whose skeleton is not known; state whose joints they put out: "
            f"{' or '.join(SKELETONS)} (--skeleton; docs/own_video.md, Joints)"
        )
    return KnownWeights(run.name or path.stem, path, _card(path, run, known))


def _packaged(name: str, path: Path) -> KnownWeights:
    card = from_mapping(Card, json.loads(path.read_text("utf-8")), path.name)
    weights = path.with_suffix(".h5")
    if not weights.is_file() or sha256_of_file(weights) != card.sha256:
        raise InputError(f"{weights}: missing or changed; install the project again")
    return KnownWeights(name, weights, card)


def _in_results(name: str, packaged: Mapping[str, Path]) -> Path:
    """The weight file of an experiment: the published one where it was fetched, else that of the first seed."""
    is_path = Path(name).name != name or name.endswith(".h5")
    runs = (
        [] if is_path else [path for run in ("published", "seed_*") for path in sorted(RESULTS.glob(f"*/{name}/{run}/weights.h5"))]
    )
    if len({path.parents[2] for path in runs}) > 1:
        raise InputError(f"weights {name!r} are in several studies: {', '.join(map(str, runs))}; give the path of one")
    if runs:
        return runs[0]
    if is_path:
        raise InputError(f"{name}: no such weight file")
    known = ", ".join(packaged) or "none yet: give the path of a weight file"
    raise InputError(
        f"no weights {name!r}{suggestion(name, packaged)}; with the project come {known}. Those of an experiment are found by its "
        f"name once the workflow made results/STUDY/{name}/seed_0/weights.h5, or fetched results/STUDY/{name}/published/weights.h5"
    )


def _config_of(weights: Path) -> Path:
    """Published weights have a configuration of their own beside them; seeds of an experiment share the one above."""
    for folder in weights.absolute().parents[:2]:
        if (folder / "run.yaml").is_file():
            return folder / "run.yaml"
    raise InputError(
        f"{weights}: no run.yaml in the folder above or beside it, so their network is not known; give its configuration (--config)"
    )


def _is_of(protocol: Protocol, sha256: str) -> bool:
    """Whether an evaluation says the error of weights: not of former ones that stood there, nor of another read-out, or live."""
    is_theirs = protocol.weights_sha256 in (None, sha256)
    return is_theirs and protocol.readout == "central" and protocol.look_ahead == "all"


def _card(weights: Path, run: Run, skeleton: Skeleton) -> Card:
    """What the folder of a run holds about its weights."""
    data = " of ".join(filter(None, (run.train_subset, run.dataset)))
    before = f", from the weights of {run.initial_weights}" if run.initial_weights else ""
    errors, people, sha256 = {}, "", sha256_of_file(weights)
    for s_in in run.model.evaluated_s_in:
        path = weights.parent / f"s_in_{s_in}" / "scores.json"
        if not path.is_file():
            continue
        scores = read_scores(path, str(s_in))
        if not _is_of(scores.protocol, sha256):
            continue
        asked = (LEARNED, "all_frames", "frame_wise", "mpjpe")
        for row in scores.rows:
            if (row.upsampling, row.frames, row.average, row.metric) == asked:
                errors[str(s_in)] = row.value
        people = f"{', '.join(scores.protocol.subjects)} of {scores.protocol.dataset} ({scores.protocol.input_2d})"
    return Card(
        model=run.model,
        skeleton=skeleton,
        sha256=sha256,
        padding=run.train.padding,
        trained_on=f"{data}{before}",
        tested_on=people,
        mpjpe_mm=errors,
    )
