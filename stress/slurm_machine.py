"""A SLURM of one machine on the loopback address, all of whose files lie in one folder."""

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "setpriv")
PACKAGES = "slurm-wlm and munge (apt-get install --no-install-recommends slurm-wlm munge)"
KILL_WAIT = 10  # seconds from the SIGTERM of a time limit to the SIGKILL

# config_overrides: the node says that it has more memory and cores than this machine may have, so that jobs need not wait for ever.
SLURM_CONF = """\
ClusterName=one_machine
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
MinJobAge=3600
InactiveLimit=0
KillWait={kill_wait}
OverTimeLimit=0
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why it cannot be started here; None where it can."""
    missing = [program for program in PROGRAMS if find(program) is None]
    if missing:
        return f"no {', '.join(missing)} here; Debian and Ubuntu have them in {PACKAGES}"
    return None if os.geteuid() == 0 else "slurmd starts jobs as root only"


def find(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def free_ports(number: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class OneMachine:
    """``with OneMachine(folder) as slurm``: daemons that end with the block, and with this process however it ends.

    environment: what programs need to talk to this SLURM.
    """

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self.folder = folder
        path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", os.defpath)])
        self.environment: Mapping[str, str] = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        self._cpus = cpus
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "OneMachine":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        host = socket.gethostname().partition(".")[0]
        values = {"folder": self.folder, "host": host, "user": getpass.getuser(), "kill_wait": KILL_WAIT, "cpus": self._cpus}
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values, ports=free_ports(2)), encoding="utf-8")
        # device files that every machine has stand in for two GPUs
        gpus = "".join(f"NodeName={host} Name=gpu File={device}\n" for device in ("/dev/null", "/dev/zero"))
        (self.folder / "gres.conf").write_text(gpus, encoding="utf-8")
        # the executor plugin takes every SLURM_... from the environment of srun, and with it the way to this slurm.conf
        srun = self.folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={shlex.quote(self.environment["SLURM_CONF"])} exec {find("srun")} "$@"\n')
        srun.chmod(0o755)
        munge = [f"--{what}-file={self.folder}/munge.{what}" for what in ("key", "pid", "log", "seed")]
        self._daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *munge)
        self._wait_for("the socket of munged", lambda: (self.folder / "munge.socket").exists())
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D", "-c")
        self._wait_for("an idle node", lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"))

    def _daemon(self, program: str, *arguments: str) -> None:
        command = [find("setpriv") or "", "--pdeathsig", "TERM", find(program) or "", *arguments]
        with open(self.folder / f"{program}.out", "wb") as said:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, **self.environment}, stdout=said, stderr=said, start_new_session=True
            )
        self._daemons.append(process)

    def _wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end or any(daemon.poll() is not None for daemon in self._daemons):
                said = "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.out"))
                raise RuntimeError(f"SLURM has not come to {what} within {seconds:.0f} s:\n{said}")
            time.sleep(0.1)

    def ask(self, *command: str) -> str:
        """What a program of SLURM answers."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False).stdout

    def queue(self) -> list[str]:
        """The numbers of the jobs that wait or run."""
        return self.ask("squeue", "--noheader", "--format=%i").split()

    def jobs(self) -> dict[str, dict[str, str]]:
        """All jobs since the start, with what SLURM knows about them."""
        found = {}
        for text in self.ask("scontrol", "--oneliner", "show", "job").splitlines():
            fields = dict(word.split("=", 1) for word in text.split() if "=" in word)
            if "JobId" in fields:
                found[fields["JobId"]] = fields
        return found

    def stop(self) -> None:
        """End jobs and daemons; what does not end by itself is killed."""
        if len(self._daemons) == 3 and all(daemon.poll() is None for daemon in self._daemons):
            if left := self.queue():
                self.ask("scancel", *left)
            end = time.monotonic() + KILL_WAIT + 10
            while self.queue() and time.monotonic() < end:
                time.sleep(0.2)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for daemon in reversed(self._daemons):
                if daemon.poll() is None:
                    daemon.send_signal(number)
            end = time.monotonic() + 10
            while any(daemon.poll() is None for daemon in self._daemons) and time.monotonic() < end:
                time.sleep(0.1)
        for process in self.processes():
            process.kill()

    def processes(self) -> list[psutil.Process]:
        """Processes of this SLURM and of its jobs."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                    found.append(process)
            except psutil.Error:
                continue
        return found
