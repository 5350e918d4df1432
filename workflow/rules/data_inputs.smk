# What the data sets are made from, and what to tell somebody whose data is missing.
import glob

from uplift_upsample.sources import missing_data_message
from uplift_upsample.ways import H36M_SUBJECTS, LOGIN_VARIABLES, RAW, Surroundings, manifest_of, needs

CHECKSUMS = "data/checksums.lock"


@functools.cache
def surroundings():
    """The data sources, the logins in the environment (only whether there are any), and what lies in the project's folder."""
    with open(ROOT / SOURCES, encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    logins = {login for login, names in LOGIN_VARIABLES.items() if all(os.environ.get(name) for name in names)}
    return Surroundings(rows, logins, os.path.exists)


def needs_of(study, dataset):
    return needs(STUDIES[study].data[dataset], surroundings(), frames_of(study, dataset))


def source_of(wildcards):
    return STUDIES[wildcards.study].data[wildcards.dataset]


def inputs_of(wildcards):
    """The files that a frames table is made from, or one error that names all data that the study lacks.

    Where the frames table is there already, they may be gone: Snakemake then takes the table as it is.
    """
    study = wildcards.study
    unmet = {}
    for dataset in STUDIES[study].data:
        absent = [need for need in needs_of(study, dataset) if not need.is_met]
        if absent and not os.path.exists(frames_of(study, dataset)):
            unmet[dataset] = absent
    if wildcards.dataset in unmet:
        raise WorkflowError(missing_data_message(study, unmet, STUDIES[study].data, surroundings()))
    return [source_file(need.used) for need in needs_of(study, wildcards.dataset)]


def content_of_inputs(wildcards):
    """Content of the user's own files, for the params."""
    return content([need.used for need in needs_of(wildcards.study, wildcards.dataset)])


def h36m_files(wildcards):
    poses_3d, poses_2d = inputs_of(wildcards)
    return {"poses_3d": poses_3d, "poses_2d": poses_2d}


def synthetic_flag(wildcards):
    return "--synthetic" if STUDIES[wildcards.study].is_synthetic else ""


def recordings(folder):
    """The files of a folder with the user's own motion capture."""
    return sorted(glob.glob(f"{glob.escape(folder)}/**/*.npz", recursive=True))


def own_folder(wildcards):
    """The folder behind a subset, or behind a data set, of the user's own motion capture."""
    source = source_of(wildcards)
    return source["folder"] if source["kind"] == "mocap" else source["own"][wildcards.subset]


def own_recordings(wildcards):
    if source_of(wildcards)["kind"] == "mocap":
        inputs_of(wildcards)  # says what is missing
    return [source_file(path) for path in recordings(own_folder(wildcards))]


def content_of_recordings(wildcards):
    return content(recordings(own_folder(wildcards)))


def subject_files(wildcards):
    """Joint positions of all subjects of a CMU data set, in the order of its splits."""
    subjects = [subject for split in source_of(wildcards)["splits"].values() for subject in split]
    return [f"results/{wildcards.study}/data/{wildcards.dataset}/{subject}.npz" for subject in subjects]


def cmu_source(wildcards):
    return config.get("cmu_source") or source_of(wildcards)["source"]


def cmu_files(wildcards):
    """The list of trials, and the archive of the whole database where that is the source."""
    archive = {"archive": manifest_of(cmu_source(wildcards))} if cmu_source(wildcards) in surroundings().sources else {}
    return {"trials": source_of(wildcards)["trials"], **archive}


def cmu_source_flag(wildcards, input):
    return f"--archive {input.archive}" if "archive" in input.keys() else f"--source {shlex.quote(cmu_source(wildcards))}"


# ---- fetching


def login_of(wildcards):
    """The check of the login that a source asks for, before anything is fetched with it.

    It is there for archives that the user brought too: an input that depended on them would be another one after the download.
    """
    access = surroundings().sources[wildcards.source]["access"]
    return ancient(f"results/data/logins/{access}.json") if access in LOGIN_VARIABLES else []


def sources_behind_login(wildcards, output):
    """All sources that any study will fetch with a login, so that what was not accepted is known before the first of them.

    (A param that asks for outputs is no reason to run a job again.)
    """
    around = surroundings()
    if wildcards.login not in around.logins:
        return []
    used = [
        source
        for study in STUDIES
        for dataset in STUDIES[study].data
        for need in needs_of(study, dataset)
        for source in need.sources
    ]
    asked = [source for source in dict.fromkeys(used) if around.sources[source]["access"] == wildcards.login]
    return [source for source in asked if not os.path.exists(around.raw(source))]
