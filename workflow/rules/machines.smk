# What the machine offers to jobs: GPUs, and the scheduler of a cluster.
import shutil
import subprocess
import time

from uplift_upsample.machine.devices import listed_devices, offered_devices, too_few_devices

# ---- which jobs take a GPU, and what is checked before the first of them


def training_gpus(wildcards):
    """How many GPUs a training takes."""
    return 0 if DEVICE == "cpu" else planned(wildcards).resources.gpus


def prediction_gpus(wildcards):
    """How many GPUs a prediction takes, 0 or 1."""
    return min(1, training_gpus(wildcards))


def lifting_device(wildcards, resources):
    """What a clip is lifted on, as a flag. (A param that asks for resources does not rerun a job.)"""
    return f"--device {DEVICE if resources.gpu else 'cpu'}"


def device(wildcards, resources):
    """The same for a training or a prediction, and how strictly."""
    devices = f" --devices {resources.gpu}" if resources.gpu > 1 else ""
    return f"{lifting_device(wildcards, resources)}{devices}{DETERMINISTIC}"


def training_device(wildcards, resources):
    """The same for a training, and which attempt it is: a retry is for what was killed, not for what was refused."""
    return f"{device(wildcards, resources)} --attempt {resources.attempt}"


def planned_gpus(job):
    """How many GPUs a job is to take; its resources have fewer where Snakemake is allowed fewer."""
    planned = {"train_network": training_gpus, "predict_poses": prediction_gpus, "lift_clip": lifting_gpus}
    return planned[job.rule.name](job.wildcards) if job.rule.name in planned else 0


def check_device():
    """Stop before the first job, and not after hours of conversions, if this machine has no GPU for those that need one.

    On a cluster the jobs run on other machines; there, each job reports it.
    """
    planned = {job: planned_gpus(job) for job in workflow.dag.needrun_jobs()} if workflow.local_exec else {}
    most = max(planned.values(), default=0)
    is_allowed = all(job.resources.get("gpu", 0) >= number for job, number in planned.items())
    if most > 1 and not is_allowed:
        raise WorkflowError(
            f"{most} devices are to share the batches of a training; allow as many at a time: --resources gpu={most}"
        )
    if DEVICE == "gpu" and not is_allowed:  # jobs without one would take the CPU
        raise WorkflowError("device is gpu in the configuration, but no GPU may be used; allow one: --resources gpu=1")
    jobs = [job for job in planned if job.resources.get("gpu")]
    devices = offered_devices(os.environ, listed_devices(shutil.which("nvidia-smi"))) if jobs else None
    if most > 1 and (few := too_few_devices(devices, most)):
        raise WorkflowError(f"{most} devices are to share the batches of a training, but {few}")
    reason = devices.reason if jobs else ""
    if reason and DEVICE == "gpu":
        raise WorkflowError(f"device is gpu in the configuration, but there is no GPU: {reason}")
    if reason:
        logger.warning(
            f"NO GPU: {reason}. {len(jobs)} TRAININGS AND PREDICTIONS WILL RUN ON THE CPU, which is slow for large networks."
        )


# ---- what SLURM needs beside its profile: no login goes to the scheduler, no job stays behind


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


def said_by(*command, is_checked=True):
    """What a program of SLURM prints. One that fails, or takes longer than a minute, says nothing about what is in the queue."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=is_checked).stdout
    except subprocess.SubprocessError as error:
        complaint = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else ""
        raise WorkflowError(
            f"{command[0]} gives no answer ({complaint or error}). Jobs of this folder that nobody waits for may still run: "
            "squeue --me lists them, scancel ends them"
        ) from None


def submitted_jobs():
    """The numbers of the jobs in the queue that Snakemake submitted from this folder, which it locks for itself."""
    said = said_by("squeue", "--me", "--noheader", "--format=%i|%k|%Z")
    jobs = [line.split("|", 2) for line in said.splitlines() if line.count("|") > 1]
    return [
        number for number, rule, folder in jobs if rule.startswith(("rule_", "group_")) and os.path.realpath(folder) == os.getcwd()
    ]


def cancel_left_jobs(why, patience=120):
    """Cancel the jobs that nobody waits for, and give them some seconds to write their checkpoints."""
    if not is_on_slurm() or not (left := submitted_jobs()):
        return
    logger.warning(f"Cancelling jobs of this folder that {why}: {' '.join(left)}")
    said_by("scancel", *left, is_checked=False)  # it complains of jobs that have just ended
    end = time.monotonic() + patience
    while submitted_jobs() and time.monotonic() < end:
        time.sleep(1)
