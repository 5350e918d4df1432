"""Measure how fast some networks are on this machine, for the estimate of doctor.py: one JSON object on the standard output."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict

from _command import add_device_flags, run

from uplift_upsample.base.errors import InputError
from uplift_upsample.model.device import Wish, log_device, open_device
from uplift_upsample.plan.experiment import Experiment

CPU_STEP, GPU_STEP = 4e9, 1e12  # multiply-accumulates of a step that either makes within a second


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", required=True, metavar="JSON", help="list of: name, experiment, multiply_accumulates")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each network, compilation aside (default: %(default)s)")
    add_device_flags(parser)
    options = parser.parse_args(argv)
    begin = time.perf_counter()
    try:
        networks = [
            (entry["name"], Experiment.from_mapping(entry["experiment"], entry["name"]), float(entry["multiply_accumulates"]))
            for entry in json.loads(options.networks)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--networks: not a list of what is asked for ({error})") from None
    device = open_device(Wish(options.device, options.gpu_id), os.environ)

    from uplift_upsample.doctor.calibration import measured_speed

    name = log_device(device)
    import_seconds = time.perf_counter() - begin
    speeds = []
    for network, experiment, cost in networks:
        most = GPU_STEP if device.slots else CPU_STEP
        speeds.append(asdict(measured_speed(network, experiment, cost, most, options.seconds, import_seconds)))
    print(json.dumps({"device": name, "speeds": speeds, "seconds": round(time.perf_counter() - begin, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
