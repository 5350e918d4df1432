"""Uplift and Upsample: 3D human poses from sparse 2D poses, as a library.

The packages, in the order in which the data flows: ``data``, ``model``, ``train``, ``evaluate``, ``report``.
Each imports only from those before it. Only ``model``, ``train`` and ``evaluate.predict`` need a
deep-learning framework; everything else runs on NumPy alone.
"""

__version__ = "0.1.0"
