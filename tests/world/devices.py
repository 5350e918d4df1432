"""Machines with GPUs that do not exist: a driver's command that lists them, and a framework that sees what it is shown."""

import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[2]
UUIDS = ("GPU-aaaa1111-0000", "GPU-bbbb2222-0000")
FRAMEWORKS = {
    "keras": """import os
class distribution:
    def list_devices():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
        return [] if {is_blind} or visible == ["-1"] else [f"gpu:{{number}}" for number in range(len(visible))]
class backend:
    backend = staticmethod(lambda: "tensorflow")
""",
    "tensorflow": """class test:
    is_built_with_cuda = staticmethod(lambda: {is_built_with_cuda})
""",
}
# A job as the scripts are one: it takes its device, says which, notes when it had it, and works for a while.
JOB = """import argparse, logging, os, sys, time
from pathlib import Path
sys.path.insert(0, {scripts!r})
from _command import add_device_flags, run
from uplift_upsample.model.device import Wish, log_device, open_device
def main():
    parser = argparse.ArgumentParser()
    add_device_flags(parser)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--devices", type=int, default=1)
    options = parser.parse_args()
    device = open_device(Wish(options.device, options.gpu_id, options.devices), os.environ)
    begin = time.monotonic_ns()
    print("runs on", log_device(device), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    time.sleep(options.seconds)
    print("held", begin, time.monotonic_ns(), flush=True)
sys.exit(run(main))
"""


class Machine:
    """A folder with stand-ins for what a machine with GPUs has."""

    def __init__(
        self, folder: Path, uuids: Sequence[str] | None = UUIDS, *, is_built_with_cuda: bool = True, is_blind: bool = False
    ) -> None:
        """uuids: of its GPUs; None, no driver. is_blind: the framework sees no GPU, though there is one."""
        self.temporary = folder / "tmp"
        self._bin, self._modules = folder / "bin", folder / "modules"
        for path in (self.temporary, self._bin, self._modules):
            path.mkdir(parents=True)
        if uuids is not None:
            self.write_driver("".join(f"{index}, {uuid}\n" for index, uuid in enumerate(uuids)))
        for name, text in FRAMEWORKS.items():
            (self._modules / f"{name}.py").write_text(text.format(is_built_with_cuda=is_built_with_cuda, is_blind=is_blind))
        self._job = folder / "job.py"
        self._job.write_text(JOB.format(scripts=str(PROJECT / "scripts")))

    @property
    def slots(self) -> Path:
        return self.temporary / f"uplift-upsample-{os.geteuid()}"

    def write_driver(self, says: str, status: int = 0) -> None:
        """What nvidia-smi says to whoever asks."""
        path = self._bin / "nvidia-smi"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}END\nexit {status}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment variables on this machine, those of a scheduler or a GPU of the real one left out."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "CUDA_"))}
        own |= {"PATH": f"{self._bin}:/usr/bin:/bin", "TMPDIR": str(self.temporary)}
        return own | {"PYTHONPATH": f"{self._modules}:{PROJECT / 'src'}"} | dict(variables or {})

    def start(self, *flags: object, **variables: str) -> subprocess.Popen[str]:
        """Start a job."""
        command = [sys.executable, str(self._job), *map(str, flags)]
        return subprocess.Popen(command, env=self.environment(variables), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *flags: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a job to its end."""
        process = self.start(*flags, **variables)
        said, told = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, said, told)


def device_of(said: str) -> str:
    """What a job's framework was shown."""
    return said.splitlines()[0].split()[-1]


def times_of(said: str) -> tuple[int, int]:
    """When a job had its device (ns); only one that came to its end says so."""
    words = said.splitlines()[1].split()
    return int(words[1]), int(words[2])


def collisions(held: Sequence[tuple[str, tuple[int, int]]]) -> int:
    """Pairs of jobs that had the same device at the same time."""
    return sum(
        one == two and first[0] < second[1] and second[0] < first[1]
        for number, (one, first) in enumerate(held)
        for two, second in held[number + 1 :]
    )
