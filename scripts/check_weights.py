"""Check that published weights fill an experiment's network one to one, and take a copy of them, as HDF5."""

import argparse
import math
import os
import shutil
import sys
from typing import Any

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing, sha256_of_file
from uplift_upsample.base.records import PublishedWeights, write_record
from uplift_upsample.base.strict import from_mapping
from uplift_upsample.data.download.source_files import SourceFile, read_source
from uplift_upsample.data.torch_checkpoints import is_torch_checkpoint
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.model.device import Wish, open_device
from uplift_upsample.plan.runs import Run, read_run


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--source", required=True, metavar="JSON", help="manifest of the weight file, written by fetch_source.py")
    add("--config", required=True, metavar="YAML", help="run configuration of the experiment that the weights are of")
    add("--output", required=True, metavar="H5", help="copy of the weight file")
    add("--report", required=True, metavar="JSON", help="what was found in the file")
    return parser.parse_args(argv)


def filled_network(source: SourceFile, settings: Run) -> Any:
    """The experiment's network with the weights of a file, which has all of them and nothing else."""
    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import load_weights

    network = build_network(settings.model)
    try:
        load_weights(network, source.path)
    except InputError as error:
        hint = f"Are {source.source} the weights of another experiment than {settings.name}? See published_weights in config.yaml."
        raise InputError(f"{error}\n{hint}") from None
    return network


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    settings, _ = read_run(options.config)
    source = read_source(options.source)
    read_weight_file(source.path)  # before a framework is loaded
    open_device(Wish("cpu"), os.environ)  # a network is built here, but nothing is computed
    network = filled_network(source, settings)

    from uplift_upsample.model.weights import save_weights, weight_groups

    groups = {name: [entry.shape for entry in entries] for name, entries in weight_groups(network).items()}
    shapes = [shape for weights in groups.values() for shape in weights]
    is_torch = is_torch_checkpoint(source.path)
    with replacing(options.output) as aside:
        if is_torch:
            save_weights(network, aside)
        else:
            shutil.copyfile(source.path, aside)
        if sha256_of_file(source.path if is_torch else aside) != source.sha256:
            raise InputError(f"{source.path}: the file changed while it was read; start again when nothing writes to it")
    found = {
        "source": source.source,
        "sha256": sha256_of_file(options.output),
        "experiment": settings.name,
        "num_parameters": sum(math.prod(shape) for shape in shapes),
        "num_weights": len(shapes),
        "groups": {name: len(weights) for name, weights in groups.items()},
    }
    found |= {"checked_against": source.checked_against} if source.checked_against else {}
    found |= {"original_sha256": source.sha256} if is_torch else {}
    write_record(options.report, from_mapping(PublishedWeights, found, "report"))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
