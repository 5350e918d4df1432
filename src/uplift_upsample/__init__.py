"""Uplift and Upsample: 3D human poses from sparse 2D poses, as a library.

The rooms, each of which imports only from those before it: ``base``, ``plan``, ``machine``, ``data``, ``model``, ``train``,
``evaluate``, ``lift``, ``report``, ``doctor``. Only ``model``, ``train``, ``evaluate.predict`` and ``doctor.calibration`` need a
deep-learning framework; everything else runs without, and ``lift`` loads one with the weights.

``Uplifter`` is the entrance for your own keypoints.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Uplifter":  # imported when it is asked for, so that it is behind nobody else
        return import_module("uplift_upsample.lift.uplifter").Uplifter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
