"""Write what the training of an experiment depends on: its complete configuration, and the fingerprint of its code."""

import argparse
import json
import sys

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text
from uplift_upsample.plan.runs import run_from_mapping, write_run


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--experiment", required=True, metavar="JSON", help="model, train, name, study, dataset, subsets, initial weights")
    add("--output", required=True, metavar="YAML", help="run configuration to write, for train.py")
    add("--code", metavar="FINGERPRINT", help="fingerprint of the code that the experiment is to be trained with")
    add("--code_output", metavar="FILE", help="file for the fingerprint")
    options = parser.parse_args(argv)
    if (options.code is None) != (options.code_output is None):
        parser.error("--code and --code_output go together")
    try:
        values = json.loads(options.experiment)
    except ValueError as error:
        raise InputError(f"--experiment: not JSON ({error})") from None
    write_run(options.output, run_from_mapping(values, "--experiment"))
    if options.code_output is not None:
        write_text(options.code_output, options.code + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
