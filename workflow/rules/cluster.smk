# What SLURM needs beside its profile: no login goes to the scheduler, no job stays behind.
import subprocess
import time


def is_on_slurm():
    return workflow.is_main_process and workflow.executor_plugin is not None and workflow.executor_plugin.name == "slurm"


def check_cluster():
    """Refuse to start without SLURM, or to hand logins to it: it keeps the environment of each submitted job in files of its own."""
    if is_on_slurm() and shutil.which("squeue") is None:
        raise WorkflowError("profiles/slurm: there is no squeue on the PATH; start it where SLURM's programs are, on a login node")
    names = [name for names in LOGIN_VARIABLES.values() for name in names if os.environ.get(name)]
    if names and is_on_slurm():
        raise WorkflowError(
            f"the environment has logins ({', '.join(names)}), and SLURM writes the environment of every job to disk. Fetch first, on this "
            "machine alone: snakemake --workflow-profile profiles/default --cores 1 --until fetch_source -- TARGET. "
            f"Then go on without them: unset {' '.join(names)}"
        )


def submitted_jobs():
    """The numbers of the jobs in the queue that Snakemake submitted from this folder, which it locks for itself."""
    command = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    jobs = [line.split("|", 2) for line in said.splitlines() if line.count("|") > 1]
    return [
        number for number, rule, folder in jobs if rule.startswith(("rule_", "group_")) and os.path.realpath(folder) == os.getcwd()
    ]


def cancel_left_jobs(why, patience=120):
    """Cancel the jobs that nobody waits for, and give them some seconds to write their checkpoints."""
    if not is_on_slurm() or not (left := submitted_jobs()):
        return
    logger.warning(f"Cancelling jobs of this folder that {why}: {' '.join(left)}")
    subprocess.run(["scancel", *left], timeout=60, check=False)
    end = time.monotonic() + patience
    while submitted_jobs() and time.monotonic() < end:
        time.sleep(1)
