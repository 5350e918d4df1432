# What the data sets are made from, and the messages about missing data.
from uplift_upsample.plan.sources import missing_data_message
from uplift_upsample.plan.surroundings import surroundings_here
from uplift_upsample.plan.h36m_subjects import SUBJECTS as H36M_SUBJECTS
from uplift_upsample.plan.mpi_inf_3dhp_sequences import ANNOTATIONS_OF_TEST, ANNOTATIONS_OF_TRAIN
from uplift_upsample.plan.ways import LOGIN_VARIABLES, RAW, manifest_of

CHECKSUMS = "data/checksums.lock"


@functools.cache
def surroundings():
    """The data sources, the logins in the environment (only whether there are any), and what lies in the project's folder."""
    return surroundings_here(table_of_sources(), os.environ, holds_data_of)


def needs_of(study, dataset):
    try:
        return STUDIES[study].data[dataset].needs(surroundings(), frames_of(study, dataset))
    except InputError as error:
        refuse(str(error))


def source_of(wildcards):
    """The data set that a job is about."""
    data = STUDIES[wildcards.study].data
    if wildcards.dataset not in data:
        near = suggestion(wildcards.dataset, data)
        refuse(f"the study {wildcards.study} has no data set {wildcards.dataset!r}{near}; it has {', '.join(data)}")
    return data[wildcards.dataset]


def inputs_of(wildcards):
    """The files that a frames table is made from, or one error that names all data that the study lacks.

    Where the frames table of this data exists already, they may be gone: Snakemake then takes the table as it is.
    """
    source_of(wildcards)  # ends where the study has none
    study = wildcards.study
    unmet = {}
    for dataset, source in STUDIES[study].data.items():
        absent = [need for need in needs_of(study, dataset) if not need.is_met]
        table = frames_of(study, dataset)
        if absent and not (os.path.exists(table) and holds_data_of(table, source)):
            unmet[dataset] = absent
    if wildcards.dataset in unmet:
        refuse(missing_data_message(study, unmet, STUDIES[study].data, surroundings()))
    used = [need.used for need in needs_of(study, wildcards.dataset)]
    rerun_changed_table(wildcards, used)
    return [source_file(path) for path in used]


def content_of_inputs(wildcards):
    """Content of the user's own files, for the params."""
    return content([need.used for need in needs_of(wildcards.study, wildcards.dataset)])


def named_inputs(*names):
    """The input function of a rule that names the two files of its data set."""
    return lambda wildcards: dict(zip(names, inputs_of(wildcards), strict=True))


def mpi_inf_3dhp_originals(wildcards):
    source = source_of(wildcards)
    files = [f"{source.originals}/{name}" for name in [*ANNOTATIONS_OF_TRAIN, *ANNOTATIONS_OF_TEST]]
    if all(map(os.path.exists, files)):  # else what was made of them is taken as it is
        made = f"results/{wildcards.study}/data/{wildcards.dataset}/data_train_3dhp.npz"
        rerun_if_changed(made, annotations=source.annotations, files=sums(files, source.originals))
    return [source_file(path) for path in files]


def content_of_originals(wildcards):
    folder = source_of(wildcards).originals
    return content([f"{folder}/{name}" for name in [*ANNOTATIONS_OF_TRAIN, *ANNOTATIONS_OF_TEST]])


def flags_of_checks(*names):
    """The thresholds of checks as flags. Rules have it as a param that asks for outputs, which does not rerun a job."""
    values = {name: config["checks"][name] for name in names if name in config.get("checks", {})}
    return " ".join(
        f"--{name} {' '.join(map(str, value if isinstance(value, list) else [value]))}" for name, value in values.items()
    )


def own_folder(wildcards):
    """The folder behind a subset, or behind a data set, of the user's own motion capture."""
    source, subset = source_of(wildcards), getattr(wildcards, "subset", None)
    if subset is None:
        return source.folder
    if subset not in source.own:
        place, near = f"studies.{wildcards.study}.data.{wildcards.dataset}.own", suggestion(subset, source.own)
        refuse(f"{place} has no motion capture {subset!r}{near}; it has {', '.join(source.own) or 'none'}")
    return source.own[subset]


def own_recordings(wildcards):
    """The user's recordings. If they are gone, returns a pattern that matches nothing, so that Snakemake keeps the existing result."""
    folder = own_folder(wildcards)
    files, made = recordings(folder), frames_of(wildcards.study, wildcards.dataset)
    if "subset" in wildcards.keys():
        made = f"{made.removesuffix('.h5')}/{wildcards.subset}.npz"
    else:
        inputs_of(wildcards)  # reports what is missing
        rerun_changed_table(wildcards, files)
    if files:
        rerun_if_changed(made, recordings=sums(files, folder))
    return [source_file(path) for path in files] or [f"{folder}/*.npz"]


def content_of_recordings(wildcards):
    return content(recordings(own_folder(wildcards)))


def subject_files(wildcards):
    """Joint positions of all subjects of a CMU data set, in the order of its splits."""
    rerun_changed_table(wildcards, [])
    subjects = [subject for split in source_of(wildcards).splits.values() for subject in split]
    return [f"results/{wildcards.study}/data/{wildcards.dataset}/{subject}.npz" for subject in subjects]


def trials_of(wildcards):
    return source_file(source_of(wildcards).trials)


def content_of_trials(wildcards):
    return content([source_of(wildcards).trials])


def cmu_source(wildcards):
    return CONFIGURATION.cmu_source or source_of(wildcards).source


def cmu_files(wildcards):
    """The list of trials, and the archive of the whole database where that is the source.

    Files that are here stay, wherever others would come from now: the list has their checksums. The archive stays an
    input only of files that came out of it.
    """
    record = f"results/{wildcards.study}/data/{wildcards.dataset}/{wildcards.subject}.csv"
    names = [name for name in (cmu_source(wildcards), source_of(wildcards).source) if name in surroundings().sources]
    if os.path.exists(record):
        names = [name for name in names if is_out_of(name, record)]
    elif cmu_source(wildcards) not in names:
        names = []
    rerun_if_changed(record, trials=content_of_trials(wildcards))
    return {"trials": trials_of(wildcards), **({"archive": manifest_of(names[0])} if names else {})}


def is_out_of(source, record):
    """Whether the files that a record lists came out of an archive of the table of sources: whether it has the archive's address."""
    addresses = [surroundings().sources[source]["url"]]
    try:
        addresses.append(json.loads(Path(manifest_of(source)).read_text(encoding="utf-8"))["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # the archive was deleted
    with open(record, encoding="utf-8", errors="replace", newline="") as file:
        origins = [row.get("origin") or "" for row in csv.DictReader(file)]
    return any(origin.startswith(f"{address}/") for origin in origins for address in addresses)


def cmu_source_flag(wildcards, output):
    """Where the files come from, as a flag of fetch_cmu.py. (A param that asks for outputs does not rerun a job.)"""
    source = cmu_source(wildcards)
    return f"--archive {manifest_of(source)}" if source in surroundings().sources else f"--source {shlex.quote(source)}"


# ---- fetching


def login_of(wildcards):
    """The check of the login that a source asks for, before anything is fetched with it.

    It is there for archives that the user brought too: an input that depended on them would be another one after the download.
    """
    access = surroundings().sources[wildcards.source]["access"]
    return ancient(f"results/data/logins/{access}.json") if access in LOGIN_VARIABLES else []


def is_fetched(source):
    return os.path.exists(manifest_of(source))


def sources_behind_login(wildcards, output):
    """All sources that any study will fetch with a login, so that what was not accepted is known before the first of them.

    (A param that asks for outputs does not rerun a job.)
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
    return [source for source in asked if not (os.path.exists(around.raw(source)) or is_fetched(source))]
