"""Everything that the paper's study needs, in miniature and in the true formats, on the sites that it comes from."""

import csv
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from world.amass_archives import amass_archives, body_model_archives
from world.h36m_archives import h36m_archives, public_recordings, recordings
from world.people import detected
from world.sites import Sites

from uplift_upsample.data.download.source_files import Source
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.public_npz import write_positions_2d
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.plan.h36m_subjects import SUBJECTS as H36M_SUBJECTS
from uplift_upsample.plan.ways import LOGIN_VARIABLES

# Frames of a sequence, Human3.6M from-to, of AMASS one after another: all are shorter than a window, and there are few to predict.
LENGTHS = (11, 22)
AMASS_LENGTHS = (24, 40, 30, 26)
DETECTIONS = "h36m_cpn_ft_h36m_dbb"


@dataclass(frozen=True)
class Credentials:
    """Random words for every variable of ``LOGIN_VARIABLES``."""

    variables: Mapping[str, str]

    @property
    def words(self) -> list[str]:
        return list(self.variables.values())


def random_credentials() -> Credentials:
    """Words with signs that shells, addresses and forms spell differently."""
    names = [name for names in LOGIN_VARIABLES.values() for name in names]
    return Credentials({name: secrets.token_hex(8) + ("" if name == "H36M_PHPSESSID" else "+ä&%'$ x") for name in names})


def open_accounts(sites: Sites, credentials: Credentials) -> None:
    """Let the sites know the user."""
    words = credentials.variables
    sites.sessions.add(words["H36M_PHPSESSID"])
    for domain, site in (("amass", "AMASS"), ("mano", "MANO"), ("smpl", "SMPL")):
        sites.accounts[domain] = (words[f"{site}_USERNAME"], words[f"{site}_PASSWORD"])


def paper_files(folder: Path, table: Mapping[str, Source], networks: Mapping[str, ModelConfig]) -> dict[str, Path]:
    """Write the files of all sources but the CMU database; networks: of the published weights, by the name of their source."""
    subsets = [name.removeprefix("amass_") for name in table if name.startswith("amass_")]
    files = h36m_archives(folder / "h36m", 0, LENGTHS) | body_model_archives(folder / "body_models")
    files |= amass_archives(folder / "amass", subsets, 0, AMASS_LENGTHS)
    people = {subject: public_recordings(subject, recordings(subject, 0, LENGTHS)) for subject in H36M_SUBJECTS}
    files[DETECTIONS] = folder / "cpn.npz"
    write_positions_2d(files[DETECTIONS], detected(projections(people)))
    return files | {name: _weights(folder / f"{name}.h5", network) for name, network in networks.items()}


def _weights(path: Path, config: ModelConfig) -> Path:
    import keras

    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import save_weights

    keras.utils.set_random_seed(0)
    save_weights(build_network(config), path)
    return path


def put_files(sites: Sites, table: Mapping[str, Source], files: Mapping[str, Path]) -> None:
    """Let each site have its files."""
    for name, path in files.items():
        sites.put_source(table[name], path)


def write_table(path: Path, files: Mapping[str, Path]) -> None:
    """Put the checksums of the miniature files into a table of sources, where it has any."""
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        if row["checksum"] and row["name"] in files:
            row["checksum"] = "md5:" + hashlib.md5(files[row["name"]].read_bytes()).hexdigest()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
