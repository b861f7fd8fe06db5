"""A cluster on this machine, with engines that paint plain colours, in a process of its own: `ClusterProcess`.

Ray leaves threads, sockets and signal handlers in the process that starts it, so tests do not start it in theirs. The
process does what is asked for line by line on its standard input, and ends Ray and itself where that closes, also
because the tests were killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import psutil

ROOT = Path(__file__).parents[2]
STORE_BYTES = 80 * 2**20  # Ray takes no less than 75 MiB
NO_HOME = "/proc/nobody"  # nothing can be written there, as in a container whose file system is read-only
END_S = 60.0  # for Ray's processes to end in order, after which they are killed
# The machine may be full and slow for reasons of others: Ray is neither to end processes for memory nor to take them
# for dead.
PATIENT_RAY = {"RAY_memory_monitor_refresh_ms": "0", "RAY_worker_register_timeout_seconds": "300"}


class ClusterProcess:
    """`with ClusterProcess(flags) as cluster`. address: of the ingress. flags: of `python -m streamer.cluster`."""

    def __init__(self, flags: Sequence[str]) -> None:
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._flags = [*flags, "--port", str(port)]

    def __enter__(self) -> ClusterProcess:
        self._folder = tempfile.mkdtemp(prefix="kr", dir="/tmp")  # Ray's sockets are below it: paths of 107 bytes
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.cluster_process", self._folder, *self._flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, **PATIENT_RAY, "PYTHONPATH": str(ROOT), "HOME": NO_HOME},
        )  # fmt: skip
        try:
            assert self._hear() == {"ready": True}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and all of Ray."""
        with contextlib.suppress(psutil.NoSuchProcess):
            own = psutil.Process(self._process.pid)
            family = [own, *own.children(recursive=True)]
            self._input.close()
            for each in psutil.wait_procs(family, END_S)[1]:
                each.kill()
        self._process.wait()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def ask(self, command: str, *arguments: str) -> Any:
        """What the process answers, see `_answer`."""
        self._input.write(json.dumps([command, *arguments]) + "\n")
        self._input.flush()
        return await asyncio.to_thread(self._hear)

    def _hear(self) -> Any:
        line = self._output.readline()
        assert line, "the process of the cluster has ended"
        return json.loads(line)

    @property
    def _input(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout


def _free_port() -> int:
    """A TCP port below those that the system gives to others, since the ingress takes it only when Ray has started."""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port
    raise OSError("no TCP port is free")


def main(folder: str, *flags: str) -> None:
    """The process. folder: of Ray's logs and sockets."""
    from streamer.cluster import start  # noqa: PLC0415 - Ray
    from streamer.cluster.settings import read_cluster_settings  # noqa: PLC0415
    from tests.support.cluster_engine import make_fake_engine  # noqa: PLC0415

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints is no answer
    options = {"num_cpus": 4, "include_dashboard": False, "object_store_memory": STORE_BYTES, "_temp_dir": folder}
    start.start_ray(None, **options)
    try:
        start.run(*read_cluster_settings(flags, {}), make_fake_engine)
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(asyncio.run(_answer(*json.loads(line), flags=flags))), file=answers, flush=True)
    finally:
        start.serve.shutdown()
        start.ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)  # also where nobody is left who would


async def _answer(command: str, *arguments: str, flags: Sequence[str]) -> Any:
    """record, with a page's secret: what the directory knows of its session. kill, with a replica's name: SIGKILL.
    shrink: take one of the replicas away. redeploy, with further flags: run the application with them from now on.
    """
    import ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    from streamer.cluster import start  # noqa: PLC0415
    from streamer.cluster.session_directory import digest  # noqa: PLC0415
    from streamer.cluster.settings import read_cluster_settings  # noqa: PLC0415
    from tests.support.cluster_engine import make_fake_engine  # noqa: PLC0415

    if command == "record":
        record = await serve.get_deployment_handle("directory", start.NAME).find.remote(digest(arguments[0]))
        carried = None if record is None else pickle.loads(record.carried)
        return carried and {
            "replica": record.replica, "name": carried.name, "head": carried.controls.head,
            "background": record.background,
        }  # fmt: skip
    if command == "kill":
        ray.kill(ray.get_actor(f"SERVE_REPLICA::{start.NAME}#engine#{arguments[0]}", namespace="serve"))
    elif command in ("shrink", "redeploy"):
        others = ["--replicas", "1"] if command == "shrink" else arguments
        cluster, settings = read_cluster_settings([*flags, *others], {})
        application = start.make_application(cluster, settings, make_fake_engine)
        start.serve_without_waiting(application, name=start.NAME, route_prefix=None, _blocking=False)
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
