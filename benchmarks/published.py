"""The experiments, as config.yaml has them."""

import functools
from pathlib import Path

import yaml

from uplift_upsample.plan.experiment import Experiment
from uplift_upsample.plan.study import plan

CONFIG = Path(__file__).parents[1] / "config.yaml"
NETWORKS = ("h36m_351", "h36m_81")  # h36m_351_pt and amass_351 have the network of h36m_351


@functools.cache
def published(name: str) -> Experiment:
    """An experiment of some study by its name, such as ``h36m_351``."""
    studies = plan(yaml.safe_load(CONFIG.read_text("utf-8"))).values()
    return next(study.experiments[name].experiment for study in studies if name in study.experiments)
