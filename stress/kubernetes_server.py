"""A stand-in for the API of a Kubernetes cluster: it takes jobs as the real one does, and runs their commands on this machine."""

import json
import os
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

# The folder of the workers' own, which is empty; the real one is an emptyDir.
WORKDIR = "/workdir"


class Cluster:
    """``with Cluster(folder, path) as cluster``: an API on the loopback address.

    kubeconfig: what clients need to find it. jobs: the manifests that were submitted, by name. secrets: likewise.
    path: where the commands of jobs find their programs; nothing else of this process's environment is handed to them.
    """

    def __init__(self, folder: Path, path: str) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.secrets: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.kubeconfig = folder / "kubeconfig"
        self._environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs = folder / "pods"

    def __enter__(self) -> "Cluster":
        self.logs.mkdir(parents=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        settings = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{self._server.server_port}"}}],
            "users": [{"name": "me", "user": {}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def running(self) -> list[str]:
        return [name for name, process in self._processes.items() if process.poll() is None]

    def start(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        assert container["workingDir"] == WORKDIR
        with open(self.logs / f"{name}.log", "wb") as said:
            self._processes[name] = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=tempfile.mkdtemp(dir=self.logs),
                env=self._environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.jobs[name] = manifest

    def status(self, name: str) -> dict[str, int]:
        code = self._processes[name].poll()
        return {"active": 1} if code is None else {"succeeded": 1} if code == 0 else {"failed": 1}

    def delete(self, name: str) -> None:
        self.deleted.add(name)
        if name in self.running():
            os.killpg(self._processes[name].pid, 9)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, body: dict[str, Any], code: int = 200) -> None:
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _body(self) -> dict[str, Any]:
                return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

            def do_POST(self) -> None:
                body, kind = self._body(), self.path.partition("?")[0].rpartition("/")[2]
                if kind == "jobs":  # clients may leave out what the address says
                    cluster.start({"apiVersion": "batch/v1", "kind": "Job"} | body)
                elif kind == "secrets":
                    cluster.secrets.append(body)
                self._answer(body, 201)

            def do_GET(self) -> None:
                words = self.path.partition("?")[0].split("/")
                if words[-1] == "pods":
                    self._answer({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []})
                elif words[-1] == "status" and words[-2] in cluster.jobs:
                    self._answer(cluster.jobs[words[-2]] | {"status": cluster.status(words[-2])})
                else:
                    self._answer({"kind": "Status", "status": "Failure", "code": 404}, 404)

            def do_DELETE(self) -> None:
                self._body()
                cluster.delete(self.path.partition("?")[0].rpartition("/")[2])
                self._answer({"kind": "Status", "status": "Success"})

            def log_message(self, *_: object) -> None:
                pass

        return Handler
