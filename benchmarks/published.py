"""The experiments, as config.yaml has them."""

import functools
from pathlib import Path
from typing import Any

import yaml

from uplift_upsample.lift.known_weights import Card, KnownWeights
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import save_weights
from uplift_upsample.plan.experiment import Experiment
from uplift_upsample.plan.study import plan

CONFIG = Path(__file__).parents[1] / "config.yaml"
NETWORKS = ("h36m_351", "h36m_81")  # h36m_351_pt and amass_351 have the network of h36m_351
DEMO = "people_351"
SMALL = (DEMO, "cmu_small")  # what people train on a CPU


@functools.cache
def published(name: str) -> Experiment:
    """An experiment of some study by its name, such as ``h36m_351``."""
    studies = plan(yaml.safe_load(CONFIG.read_text("utf-8"))).values()
    return next(study.experiments[name].experiment for study in studies if name in study.experiments)


def untrained(name: str, folder: Path, **options: Any) -> Uplifter:
    """An uplifter with the network of an experiment, whose weights are as they were drawn."""
    model, path = published(name).model, folder / f"{name}.h5"
    save_weights(build_network(model), path)
    return Uplifter(KnownWeights(name, path, Card(model=model, skeleton="h36m", sha256="")), **options)
