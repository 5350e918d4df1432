"""Report what this machine has and lacks, where to get the rest and, with --estimate, how long everything will take.

Status 0 when the demo can run, 1 when it cannot.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.doctor.estimate import table_of, wall_seconds
from uplift_upsample.doctor.examination import STUDIES_DEFAULT, estimates_of, findings_of, read_plan
from uplift_upsample.doctor.findings import demo_can_run, device_findings, text_of
from uplift_upsample.machine.devices import usable_cores


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        nargs="+",
        default=["config.yaml"],
        metavar="FILE",
        help="configuration, and files that change it (config.yaml)",
    )
    parser.add_argument("--values", default="{}", metavar="JSON", help="what changes these, as Snakemake's --config does ({})")
    parser.add_argument("--studies", nargs="*", metavar="NAME", help=f"studies to look at ({STUDIES_DEFAULT})")
    parser.add_argument("--estimate", action="store_true", help="time a few real steps, 30 to 90 seconds, and estimate each stage")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    options = parser.parse_args(argv)
    project = Path(__file__).resolve().parents[1]
    try:
        values = json.loads(options.values)
    except (ValueError, RecursionError) as error:
        raise InputError(f"--values: not JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError("--values: it holds no keys and values")
    studies, people = read_plan(options.config, options.studies, values)
    findings, devices = findings_of(studies, people, project, os.environ)
    calibration, estimates = estimates_of(studies, project, os.environ) if options.estimate else (None, {})
    findings += [calibration.failure] if calibration and calibration.failure else []
    seconds = {study.name: wall_seconds(study, estimates[study.name], usable_cores()) for study in studies if estimates}
    findings += device_findings(devices, calibration.device if calibration else None)
    if options.json:
        stages = [asdict(row) for rows in estimates.values() for row in rows]
        known = calibration.known if calibration else None
        document = {"demo_can_run": demo_can_run(findings), "findings": list(map(asdict, findings))}
        print(
            json.dumps(
                document | {"calibration": known, "estimates": stages if options.estimate else None, "seconds": seconds}, indent=1
            )
        )
        return 0 if demo_can_run(findings) else 1
    print(text_of(findings))
    for name, rows in estimates.items():
        print(f"\nEstimate for the study {name}\n{table_of(rows, seconds[name])}")
    if calibration and not calibration.failure:
        print(f"\nThe estimates rest on {calibration.basis}. Not in them: downloads, reading of archives, validation.")
    elif not options.estimate:
        print("Not estimated how long it will take: --estimate, 30 to 90 seconds.")
    return 0 if demo_can_run(findings) else 1


if __name__ == "__main__":
    sys.exit(run(main))
