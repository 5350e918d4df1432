"""The published experiments, as config.yaml has them."""

import functools
from pathlib import Path

import yaml

from uplift_upsample.plan.experiment import Experiment

CONFIG = Path(__file__).parents[1] / "config.yaml"
NETWORKS = ("h36m_351", "h36m_81")  # h36m_351_pt and amass_351 have the network of h36m_351


@functools.cache
def published(name: str) -> Experiment:
    """An experiment by its name, such as ``h36m_351``."""
    return Experiment.from_mapping(yaml.safe_load(CONFIG.read_text("utf-8"))["experiments"][name], name)
