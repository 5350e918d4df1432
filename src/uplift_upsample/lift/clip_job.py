"""What the commands that lift a clip have in common."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from uplift_upsample.base.progress import CountProgress
from uplift_upsample.data.keypoints.clip import check_confidence
from uplift_upsample.data.keypoints.found import Found
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.lift.camera import check_camera
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.model.device import Wish, check_device, log_device, open_device


def lift_clip(
    uplifter: Uplifter,
    read: Callable[[], Found],
    settings: Mapping[str, Any],
    wish: Wish,
    environ: MutableMapping[str, str],
    say: Callable[[Sequence[str]], None],
) -> LiftedPoses:
    """Lift a clip. What is wrong is found before a framework is loaded, and ``say`` then gets what is to be known of the result.

    read: gives the keypoints; it may take a detector minutes, so settings are looked at before. settings: of
    ``Uplifter.prepared``. wish, environ: for the device. say: takes lines.
    """
    check_device(wish, environ)
    read_weight_file(uplifter.known.path)
    check_camera(settings["roll"], settings["focal"])
    check_confidence(settings["min_confidence"])
    task = uplifter.prepared(read(), **settings)
    say(uplifter.described(task))
    log_device(open_device(wish, environ))
    with CountProgress("lifting", "window") as progress:
        return uplifter.lifted(task, progress)
