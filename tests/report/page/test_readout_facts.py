"""What a training measured of the read-outs of its weights stands among the facts of a run."""

from pathlib import Path

from uplift_upsample.base.records import ChosenBlend, ResultRecord, TrainingRecord, write_record
from uplift_upsample.report.page.provenance_facts import runs

FACT = "read-outs in validation"


def facts(folder: Path, chosen: ChosenBlend | None) -> dict[str, str]:
    path = folder / "small/seed_0/s_in_20/provenance.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path, ResultRecord(training=TrainingRecord(weights_sha256="a", readout_both=chosen), weights_sha256="a"))
    return dict(runs([str(path)], folder / "index.html")[0].facts)


def test_errors_of_hops(tmp_path: Path) -> None:
    chosen = ChosenBlend(blend=0.4, mpjpe_mm={"0.0": 49.04, "1.0": 50.0}, hops_mpjpe_mm={"1": 49.04, "3": 50.1, "9": 51.26})
    assert facts(tmp_path, chosen)[FACT] == "central 50.0 mm; sequence 49.0, 50.1, 51.3 mm at a hop of 1, 3, 9 tokens"
    for older in (None, ChosenBlend(blend=0.4, mpjpe_mm={"1.0": 50.0})):
        assert FACT not in facts(tmp_path, older)
