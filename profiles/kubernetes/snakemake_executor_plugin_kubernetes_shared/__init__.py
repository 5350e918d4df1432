"""The executor plugin for Kubernetes, for pods that share a volume with the project.

The plugin itself takes it that they share nothing: declared inputs and outputs would go through an object store, and all else,
checkpoints of trainings first, would be lost with each pod. Nothing else of it is changed.
"""

from dataclasses import replace

from snakemake_executor_plugin_kubernetes import Executor, ExecutorSettings
from snakemake_executor_plugin_kubernetes import common_settings as of_the_plugin

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

common_settings = replace(
    of_the_plugin, implies_no_shared_fs=False, job_deploy_sources=False, auto_deploy_default_storage_provider=False
)
