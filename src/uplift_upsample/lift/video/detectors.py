"""The detectors by their names."""

from collections.abc import Callable
from pathlib import Path

from uplift_upsample.lift.video.blazepose import BlazePose
from uplift_upsample.lift.video.detected import Detector
from uplift_upsample.lift.video.rtm import RtmPose
from uplift_upsample.plan.people import DetectorName


def detector_named(name: DetectorName, models: Callable[[], Path]) -> Detector:
    """models: gives the package with MediaPipe's models; it is asked only for a detector that needs it."""
    return RtmPose() if name == "rtmlib" else BlazePose(models(), name)
