"""Export a network with its weights to ONNX, LiteRT and SavedModel, each compared with the network (docs/export.md)."""

import argparse
import os
import sys
from pathlib import Path

from _command import add_weights_flags, run

from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.network_card import write_network_card
from uplift_upsample.model.device import Wish, open_device
from uplift_upsample.model.exported import FORMATS, check_packages, export_network


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--output", required=True, metavar="FOLDER", help="where the files go, named after the weights")
    add("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="which files (all)")
    add_weights_flags(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    known = weights_named(options.weights, options.config, options.skeleton)
    read_weight_file(known.path)  # before a framework is loaded
    check_packages(options.formats)
    open_device(Wish("cpu"), os.environ)  # what runtimes on a CPU are compared with

    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import load_weights

    network = build_network(known.card.model)
    load_weights(network, known.path)
    files = []
    for name in dict.fromkeys(options.formats):
        one = export_network(network, Path(options.output) / known.name, name)
        print(f"{one.path}: at most {one.off_m:.1e} m from the network ({one.runtime})")
        files.append(one)
    card = Path(options.output) / f"{known.name}.json"
    write_network_card(card, known, files)
    print(f"{card}: inputs, outputs, joints, keypoint maps, weights")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
