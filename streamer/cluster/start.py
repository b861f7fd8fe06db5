"""Starts the application: on a Ray of its own on this machine, or on a cluster that others keep."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import ray
from ray import serve
from ray.serve.api import _run as serve_without_waiting
from ray.serve.schema import ApplicationStatus

from streamer.cluster.application import NAME, make_application
from streamer.cluster.engine_replica import MakeEngine
from streamer.cluster.errors import ClusterUnreachableError, RayNotStartedError, ReplicasFailedError
from streamer.cluster.settings import ClusterSettings
from streamer.runtime.end_signals import end_as_ctrl_c_does
from streamer.settings import Settings

START_TIMEOUT_S = 600.0  # a cluster may have to start machines first
POLL_S = 0.5
CONNECT_TIMEOUT_S = 5.0


def serve_here(cluster: ClusterSettings, settings: Settings, print_line: Callable[[str], None]) -> None:
    """Serve on this machine until Ctrl-C or SIGTERM. Raises KagamiError."""
    end_as_ctrl_c_does()
    start_ray(None)
    try:
        run(cluster, settings)
        print_line(f"open {page_url(settings)}   (Ctrl-C stops)")
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        serve.shutdown()
        ray.shutdown()


def serve_there(cluster: ClusterSettings, settings: Settings, print_line: Callable[[str], None]) -> None:
    """Put the application on a cluster; of an earlier one those replicas are replaced that the settings concern.
    Raises KagamiError.
    """
    assert cluster.address is not None
    start_ray(cluster.address)
    run(cluster, settings)
    print_line(f"{NAME} runs on the cluster, port {settings.port}; `serve status` tells how, `serve shutdown` ends it")


def start_ray(address: str | None, **options: Any) -> None:
    """Connect to a cluster, or start Ray on this machine, where it takes calls only with a word of this start: its
    ports are open on every address, and who reaches them runs code. Raises ClusterUnreachableError, RayNotStartedError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    if address is not None:
        _check_answers(address)
    else:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one into the home folder
    try:
        ray.init(
            address=address or "local", log_to_driver=False, logging_level=logging.ERROR, namespace=NAME, **options
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterUnreachableError(address) if address else RayNotStartedError(str(error)) from error


def run(cluster: ClusterSettings, settings: Settings, make: MakeEngine | None = None) -> None:
    """Run the application and wait until its replicas answer. make: see `EngineReplica`. Raises ReplicasFailedError."""
    serve.start(proxy_location="Disabled")  # an ingress has a socket of its own
    serve_without_waiting(make_application(cluster, settings, make), name=NAME, route_prefix=None, _blocking=False)
    last_states: list[Any] = []
    changed_at = time.monotonic()
    while time.monotonic() < changed_at + START_TIMEOUT_S + cluster.drain_s:  # former replicas end one after another
        status = serve.status().applications[NAME]
        if status.status == ApplicationStatus.RUNNING:
            return
        if status.status in (ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.UNHEALTHY):
            raise ReplicasFailedError(_last_words(status))
        states = [each.replica_states for each in status.deployments.values()]
        if states != last_states:
            last_states, changed_at = states, time.monotonic()
        time.sleep(POLL_S)
    raise ReplicasFailedError("they are not ready in time; beside former ones they need room, or --surge 0")


def _check_answers(address: str) -> None:
    """Ray itself waits for minutes for an address where nobody listens. Raises ClusterUnreachableError."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():  # `auto`, which Ray answers at once
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterUnreachableError(address) from error


def _last_words(status: Any) -> str:
    """What Serve tells of deployments that failed, as a part of a sentence."""
    texts = [deployment.message for deployment in status.deployments.values() if deployment.message]
    lines = [line.strip() for line in (texts or [status.message])[-1].splitlines() if line.strip()]
    return (lines or ["without a word"])[-1].rpartition("Error: ")[2].rstrip(".")[:300]


def page_url(settings: Settings) -> str:
    """The URL of the page for this machine."""
    host = "localhost" if settings.host in ("0.0.0.0", "::", "127.0.0.1") else settings.host
    return f"http://{host}:{settings.port}/" + ("" if settings.token is None else f"?token={settings.token}")
