# Which jobs take a GPU, and what is told before the first of them.
import shutil

from uplift_upsample.devices import listed_devices, offered_devices


def gpus(wildcards):
    """How many GPUs a job of an experiment takes, 0 or 1."""
    return 0 if DEVICE == "cpu" else planned(wildcards).resources.gpus


def device(wildcards, resources):
    """What a job runs on and how strictly, as flags. (A param that asks for resources is no reason to run a job again.)"""
    return f"--device {DEVICE if resources.gpu else 'cpu'}{DETERMINISTIC}"


def check_device():
    """Tell before the first job, instead of after hours of conversions, that this machine has no GPU for those that are to run.

    A cluster's machines are others than this one; there, each job tells it.
    """
    jobs = [job for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")] if workflow.local_exec else []
    reason = offered_devices(os.environ, listed_devices(shutil.which("nvidia-smi"))).reason if jobs else ""
    if reason and DEVICE == "gpu":
        raise WorkflowError(f"device is gpu in the configuration, but there is no GPU: {reason}")
    if reason:
        logger.warning(
            f"NO GPU: {reason}. {len(jobs)} TRAININGS AND PREDICTIONS WILL RUN ON THE CPU, which is slow for large networks."
        )
