"""Uplift and Upsample: 3D human poses from sparse 2D poses, as a library.

The rooms, each of which imports only from those before it: ``base``, ``plan``, ``machine``, ``data``, ``model``, ``train``,
``evaluate``, ``report``, ``doctor``. Only ``model``, ``train``, ``evaluate.predict`` and ``doctor.calibration`` need a
deep-learning framework; everything else runs on NumPy alone.
"""

__version__ = "0.1.0"
