"""What is done with the clips of people that the user brings: videos, and keypoints of any detector."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from uplift_upsample.plan.bounds import Count, Number, Ratio, Share
from uplift_upsample.plan.evaluation import Readout

DetectorName = Literal["lite", "full", "heavy", "rtmlib"]
Format = Literal["npz", "csv", "json", "bvh", "trc"]
Degrees = Annotated[float, Ge(-360), Le(360)]
OF_KEYPOINTS = ("layout", "frame_rate", "size")  # Options of keypoint files; a video contains them.


@dataclass(frozen=True)
class ClipPlan:
    """How a clip is lifted, as the flags of ``scripts/lift.py`` set it."""

    weights: str = "open"
    """The weights: those that come with the project, the name of an experiment that was trained or fetched, or a weight file."""
    config: str | None = None
    """Configuration of a weight file that has no run.yaml in the folder above; null, it has."""
    skeleton: Literal["h36m", "cmu"] | None = None
    """Whose joints the weights put out; null, as the data set that they were trained on has them."""
    s_in: Literal["auto"] | Count = "auto"
    """The network sees every s_in-th frame at 50 Hz, and the detector of a video no other; auto, the largest that costs little."""
    detector: DetectorName = "heavy"
    """What finds people in a video: one of MediaPipe's models, or rtmlib where it is installed."""
    layout: str | None = None
    """Joints of a keypoint file that leaves it open, such as body_25; null: the file names the layout, or its joints show it."""
    frame_rate: Ratio | None = None
    """Frames a second of a keypoint file, if the file does not state them."""
    size: tuple[Count, Count] | None = None
    """Width and height of the picture that a keypoint file is of, pixels, if the file does not state them."""
    person: Number | None = None
    """Which person; null, the largest."""
    min_confidence: Share | None = None
    """Joints below it are missing; null, 0.3, and 0 for MediaPipe."""
    roll: Degrees = 0.0
    """Degrees by which the camera was turned clockwise, seen from behind it."""
    root: bool = False
    """Add where the person is, approximately."""
    focal: Ratio | None = None
    """Focal length in pixels, for root; null, the diagonal of the picture."""
    mirror: bool = True
    """Average with the lifted mirror image; off, it takes half the time."""
    readout: Readout = "central"
    """What makes a pose: the central head of its own window, the sequence heads of all windows that reach it, or both."""
    hop: Literal["auto"] | Count = 1
    """Tokens between two windows; above 1 with sequence and both. auto, the largest that costs little, as training measured it."""
    blend: Literal["auto"] | Share = "auto"
    """Weight of the central head in the readout both; auto, the one that training chose on its validation people."""
    seconds: Ratio = 20.0
    """How much of a clip its animation shows."""


@dataclass(frozen=True)
class PeoplePlan(ClipPlan):
    """What the target `people` does: each clip in a folder becomes 3D poses, an animation and a page."""

    folder: str = "data/people"
    """Where the clips are: videos, keypoint files, and folders with a keypoint file for each frame."""
    formats: tuple[Format, ...] = ("csv", "json", "bvh", "trc")
    """Files of the poses beside the .npz, which is always there."""
    gpus: Annotated[int, Ge(0), Le(1)] = 0
    """GPUs of one job that lifts; 0, the CPU, which is enough for small networks."""
    clips: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is different for single clips, by their names: those of their files without the suffix, or of their folders."""

    def of_clip(self, name: str) -> ClipPlan:
        """The plan of one clip."""
        shared = {each.name: getattr(self, each.name) for each in fields(ClipPlan)}
        return ClipPlan(**{**shared, **self.clips.get(name, {})})


def people_plan(settings: Any) -> PeoplePlan:
    """The plan that the section `people` of a configuration stands for."""
    given = settings.given()
    return PeoplePlan(**{**given, "clips": {name: clip.given() for name, clip in given.get("clips", {}).items()}})
