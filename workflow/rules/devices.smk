# Which jobs take a GPU, and what is checked before the first of them.
import shutil

from uplift_upsample.machine.devices import listed_devices, offered_devices, too_few_devices


def training_gpus(wildcards):
    """How many GPUs a training takes."""
    return 0 if DEVICE == "cpu" else planned(wildcards).resources.gpus


def prediction_gpus(wildcards):
    """How many GPUs a prediction takes, 0 or 1."""
    return min(1, training_gpus(wildcards))


def device(wildcards, resources):
    """What a job runs on and how strictly, as flags. (A param that asks for resources is no reason to run a job again.)"""
    devices = f" --devices {resources.gpu}" if resources.gpu > 1 else ""
    return f"--device {DEVICE if resources.gpu else 'cpu'}{devices}{DETERMINISTIC}"


def training_device(wildcards, resources):
    """The same for a training, and which attempt it is: a retry is for what was killed, not for what was refused."""
    return f"{device(wildcards, resources)} --attempt {resources.attempt}"


def check_device():
    """Stop before the first job, and not after hours of conversions, if this machine has no GPU for those that need one.

    On a cluster the jobs run on other machines; there, each job reports it.
    """
    jobs = [job for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")] if workflow.local_exec else []
    devices = offered_devices(os.environ, listed_devices(shutil.which("nvidia-smi"))) if jobs else None
    trainings = [job for job in jobs if job.rule.name == "train_network"]
    most = max((training_gpus(job.wildcards) for job in trainings), default=0)
    if any(job.resources["gpu"] < training_gpus(job.wildcards) for job in trainings):  # Snakemake cuts it to what is allowed
        raise WorkflowError(
            f"{most} devices are to share the batches of a training; allow as many at a time: --resources gpu={most}"
        )
    if most > 1 and (few := too_few_devices(devices, most)):
        raise WorkflowError(f"{most} devices are to share the batches of a training, but {few}")
    reason = devices.reason if jobs else ""
    if reason and DEVICE == "gpu":
        raise WorkflowError(f"device is gpu in the configuration, but there is no GPU: {reason}")
    if reason:
        logger.warning(
            f"NO GPU: {reason}. {len(jobs)} TRAININGS AND PREDICTIONS WILL RUN ON THE CPU, which is slow for large networks."
        )
