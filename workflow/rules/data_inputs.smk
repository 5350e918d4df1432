# What the rules of the data start from, and what to tell somebody whose data is missing.
from uplift_upsample.sources import missing_data_message


def source_of(wildcards):
    return STUDIES[wildcards.study].data[wildcards.dataset]


def content_of_sources(wildcards):
    return content(source_paths(source_of(wildcards)))


def synthetic_flag(wildcards):
    return "--synthetic" if STUDIES[wildcards.study].is_synthetic else ""


def subject_files(wildcards):
    """Joint positions of all subjects of a CMU data set, in the order of its splits."""
    subjects = [subject for split in source_of(wildcards)["splits"].values() for subject in split]
    return [f"results/{wildcards.study}/data/{wildcards.dataset}/{subject}.npz" for subject in subjects]


def required(study, files):
    """Some inputs of a study, or one error that names all data that the study lacks.

    Where a frames table is there already, its sources may be gone: Snakemake then takes the table as it is.
    """
    absent = {}
    for dataset, source in STUDIES[study].data.items():
        paths = [path for path in source_paths(source) if not is_generated(path) and not os.path.exists(path)]
        if paths and not os.path.exists(frames_of(study, dataset)):
            absent[dataset] = paths
    if any(path in files for paths in absent.values() for path in paths):
        with open(ROOT / "workflow/resources/sources.csv", encoding="utf-8", newline="") as file:
            raise WorkflowError(missing_data_message(study, absent, STUDIES[study].data, list(csv.DictReader(file))))
    return [source_file(path) for path in files]


def source_paths(source):
    """The files that a frames table is made from, as far as they have names beforehand."""
    if source["kind"] == "h36m":
        return [source["poses_3d"], source["poses_2d"].format(input_2d=source["input_2d"])]
    if source["kind"] == "amass":
        return [f"{source['folder']}/{subset}.npz" for subset in source["subsets"]]
    return []


def h36m_files(wildcards):
    poses_3d, poses_2d = required(wildcards.study, source_paths(source_of(wildcards)))
    return {"poses_3d": poses_3d, "poses_2d": poses_2d}


def amass_files(wildcards):
    return required(wildcards.study, source_paths(source_of(wildcards)))
