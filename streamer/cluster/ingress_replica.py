"""One replica of the ingress, with a socket of its own: it answers as `run_server.py` does, and Serve keeps it alive.

Serve's own proxies would be one more process on each message's way, and know neither the server's time limits of
requests nor its limits of WebSocket messages.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import uvicorn

from streamer.cluster.errors import NoReplicaError
from streamer.cluster.ingress import Ingress
from streamer.cluster.replica_links import ReplicaLinks
from streamer.errors import PortInUseError
from streamer.server.listening import bind, serve_config
from streamer.settings import Settings

PORT_TIMEOUT_S = 30.0  # for the replica before this one to release the port
RETRY_S = 0.5


class IngressReplica:
    """Made by Serve in a process of its own. Raises PortInUseError, AddressError."""

    async def __init__(self, engines: Any, directory: Any, settings: Settings) -> None:  # type: ignore[misc]
        listening = await _bind_soon(settings)
        self._ingress = ingress = Ingress(ReplicaLinks(engines, directory), settings)
        self._web = uvicorn.Server(serve_config(ingress.app))
        self._moving = asyncio.get_running_loop().create_task(ingress.keep_moving())
        self._serving = asyncio.get_running_loop().create_task(self._web.serve([listening]))

    def reconfigure(self, config: dict[str, float]) -> None:
        """Called by Serve after the start, and whenever a redeployment changes the deployment's `user_config`."""
        self._ingress.drain_s = config["drain_s"]

    def check_health(self) -> None:
        """Called by Serve once in a period; where it raises, the replica is replaced. Raises NoReplicaError."""
        if self._serving.done():
            raise NoReplicaError

    async def __del__(self) -> None:
        """Called by Serve when the replica ends in order: pages come back at the next one."""
        self._moving.cancel()
        await self._ingress.close()
        self._web.should_exit = True
        await asyncio.wait([self._serving])


async def _bind_soon(settings: Settings) -> socket.socket:
    """`bind`, once the port is free. Raises PortInUseError, AddressError."""
    end = time.monotonic() + PORT_TIMEOUT_S
    while True:
        try:
            return bind(settings)
        except PortInUseError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(RETRY_S)
