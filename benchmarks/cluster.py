"""`python -m benchmarks.cluster`: a Ray cluster of this machine, with sessions over real WebRTC.

Two replicas of the engine on CPUs, the geometry alone, small. Sessions are spread, come back, lose their replica by
SIGKILL, and are moved away from one that is taken away; for each the longest time without an avatar frame is told, with
--browser also that of a page in Chromium. What the ingress adds to the signalling is the time of a wrong message until
its error comes, beside that of a server without a cluster, by turns. Needs Ray: pip install "kagami[cluster]".
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from aiortc import RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.common import hardware
from benchmarks.common.jsonfile import run
from benchmarks.common.percentiles import percentiles
from benchmarks.streaming.browser_page import BrowserPage
from benchmarks.streaming.clip_camera import load_clip
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import SessionRefusedError, WebRtcClient
from streamer.cluster.errors import NoRayError
from streamer.cluster.settings import read_cluster_settings
from streamer.generation.device import choose_device
from streamer.runtime.native_logs import filter_native_logs

CAMERA = (320, 240)
SERVER_FLAGS = ("--generator", "geometry", "--no-body", "--min-fps", "0", "--film-minutes", "0")
# Between one and two replicas by the engines' load: half of the sessions or less are too few for two.
CLUSTER_FLAGS = (
    "--replicas", "1", "--initial-replicas", "2", "--max-replicas", "2", "--cores", "1", "--drain-s", "3",
    "--downscale-delay-s", "25",
)  # fmt: skip
RAY_CORES = 4  # that Ray is told of, so that a replacement of a replica finds room beside what ends
PINGS = 40  # below MAX_ERRORS of one conversation
LIVE_TIMEOUT_S = 120.0
LOSS_TIMEOUT_S = 90.0  # until the sessions of a lost replica are live again


class MovingClient(WebRtcClient):
    """A client that does as the page does: it has a secret, and a further `ready` means a new offer.

    ready_at: when each came, on time.monotonic. names: of the session, in each.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secret = secrets.token_urlsafe(16)
        self.ready_at: list[float] = []
        self.names: list[str] = []
        self.resumed: list[bool] = []

    async def _negotiate(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "hello", "protocol": 1, "resume": self.secret}))
        ready = await self._expect(socket, "ready")
        self._note(ready)
        self.session = ready["session"]
        await self._offer(socket)
        answer = await self._expect(socket, "answer")
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._tasks.append(asyncio.create_task(self._receive_messages(socket), name="signalling"))

    async def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] == "ready":
            self._note(message)
            self._tasks.append(asyncio.create_task(self.reconnect(), name="reconnect"))
            return
        await super()._handle(message)

    def _note(self, ready: dict[str, Any]) -> None:
        self.ready_at.append(time.monotonic())
        self.names.append(ready["session"])
        self.resumed.append(ready["resumed"])

    async def leave(self) -> None:
        """Close the WebSocket without `bye`, as a page that is reloaded does."""
        assert self._socket is not None
        await self._socket.close()

    def longest_gap(self, since: float, until: float) -> float:
        """Seconds without a frame, the longest such time between these two."""
        frames = [since, *(at for at in self.log.frames if since <= at <= until)]
        return max(after - before for before, after in zip(frames, [*frames[1:], until], strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=8, metavar="N", help="over real WebRTC (8)")
    parser.add_argument("--fps", type=float, default=6.0, metavar="N", help="of each camera (6)")
    parser.add_argument("--size", type=int, default=160, metavar="N", help="side of the avatar video in pixels (160)")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="N", help="between two events (6)")
    parser.add_argument("--clip", type=Path, default=Path("assets/driver.mp4"), metavar="FILE", help="of the camera")
    parser.add_argument("--port", type=int, default=8177, metavar="N", help="of the ingress (8177)")
    parser.add_argument("--browser", action="store_true", help="one of the moved sessions is a page in Chromium")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args(arguments)
    filter_native_logs()
    return run("cluster", options.json, lambda: measure(options), table)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError with one sentence."""
    if importlib.util.find_spec("ray") is None:
        raise NoRayError
    from ray import serve  # noqa: PLC0415 - Ray, which is optional

    from streamer.cluster import start  # noqa: PLC0415 - Ray, which is optional

    flags = [*SERVER_FLAGS, "--size", str(options.size), "--max-sessions", str(options.sessions)]
    cluster, settings = read_cluster_settings([*CLUSTER_FLAGS, "--port", str(options.port), *flags], {})
    frames = load_clip(options.clip, *CAMERA)
    began = time.monotonic()
    start.start_ray(None, num_cpus=RAY_CORES)
    try:
        start.run(cluster, settings)
        started = time.monotonic() - began
        report = asyncio.run(_measure(options, frames))
        report["pings"] = asyncio.run(_compare_pings(options, flags))
    finally:
        serve.shutdown()
        start.ray.shutdown()
    return {**report, "start_s": started, "hardware": hardware.describe(choose_device("cpu"))}


async def _measure(options: argparse.Namespace, frames: Any) -> dict[str, Any]:
    report: dict[str, Any] = {}
    async with _live(options, frames) as clients:
        report["spread"] = [each["sessions"] for each in _health(options)["replicas"].values()]
        leaving = clients[0]
        await leaving.leave()
        back = MovingClient(_url(options), frames, options.fps)
        back.secret = leaving.secret
        async with back:
            await back.wait_until(lambda log: len(log.frames) > 2, LIVE_TIMEOUT_S, "A frame after coming back")
            report["came_back"] = back.resumed[0] and back.names[0] == leaving.names[0]
            clients[0] = back
            await asyncio.sleep(options.seconds)
            report["killed"] = await _lose(options, clients, _kill_one)
            await _until_two(options)
            for client in clients[2:]:
                await client.close()
            async with contextlib.AsyncExitStack() as stack:
                kept, page = clients[:2], None
                if options.browser:
                    page = await stack.enter_async_context(BrowserPage(f"http://localhost:{options.port}/"))
                for _ in range(2 if page is None else 1):  # they go to the new replica
                    kept.append(MovingClient(_url(options), frames, options.fps))
                    await stack.enter_async_context(kept[-1])
                for client in kept:
                    await client.wait_until(lambda log: log.has_been("live"), LIVE_TIMEOUT_S, "A new session")
                report["drained"] = await _lose(options, kept, lambda: None, int(page is not None))  # by the autoscaler
                if page is not None:
                    report["browser"] = {"moves": page.moves, "gap_s": round(await page.longest_gap_s(), 2)}
        return report


async def _lose(options: argparse.Namespace, clients: list[MovingClient], lose: Any, others: int = 0) -> dict[str, Any]:
    """Have a replica lost, and wait until all its sessions are live elsewhere. Returns the gaps of those that moved.

    others: sessions that are not of these clients.
    """
    before, at = [len(each.ready_at) for each in clients], time.monotonic()
    on_it = {name: each["sessions"] for name, each in _health(options)["replicas"].items()}
    await asyncio.to_thread(lose)
    moved: list[MovingClient] = []
    while time.monotonic() < at + LOSS_TIMEOUT_S and len(moved) < max(1, min(on_it.values(), default=1) - others):
        await asyncio.sleep(0.2)
        moved = [each for each, count in zip(clients, before, strict=True) if len(each.ready_at) > count]
    await asyncio.sleep(options.seconds)
    moved = [each for each, count in zip(clients, before, strict=True) if len(each.ready_at) > count]
    until = time.monotonic()
    return {
        "sessions": on_it,
        "moved": len(moved),
        "same_session": sum(len(set(each.names)) == 1 and each.resumed[-1] for each in moved),
        "gaps_s": sorted(round(each.longest_gap(at, until), 2) for each in moved),
        "gaps_of_others_s": sorted(round(each.longest_gap(at, until), 2) for each in clients if each not in moved),
    }


@contextlib.asynccontextmanager
async def _live(options: argparse.Namespace, frames: Any) -> AsyncIterator[list[MovingClient]]:
    """Clients whose avatars are live."""
    async with contextlib.AsyncExitStack() as stack:
        clients: list[MovingClient] = []
        for _ in range(options.sessions):
            client = MovingClient(_url(options), frames, options.fps)
            await stack.enter_async_context(client)
            clients.append(client)
            await client.wait_until(lambda log: len(log.frames) > 2, LIVE_TIMEOUT_S, "The first avatar frame")
        for client in clients:
            await client.wait_until(lambda log: log.has_been("live"), LIVE_TIMEOUT_S, "The end of the calibration")
        yield clients


def _kill_one() -> None:
    """SIGKILL one replica of the engine, of this benchmark's own cluster."""
    name = "ray::ServeReplica:kagami:engine"
    processes = [
        each for each in psutil.Process().children(recursive=True) if "".join(each.cmdline()[:1]).startswith(name)
    ]
    own = {each.pid for each in processes}
    processes = [each for each in processes if each.ppid() not in own]  # without their own workers
    if not processes:
        raise SessionRefusedError("No replica of the engine was found among this machine's processes.")
    os.kill(processes[0].pid, signal.SIGKILL)


async def _until_two(options: argparse.Namespace) -> None:
    """Wait until the lost replica was replaced."""
    end = time.monotonic() + LIVE_TIMEOUT_S
    while len(_health(options)["replicas"]) < 2:
        if time.monotonic() > end:
            raise SessionRefusedError("The lost replica was not replaced in time.")
        await asyncio.sleep(0.5)


def _health(options: argparse.Namespace) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://localhost:{options.port}/api/health", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _url(options: argparse.Namespace) -> str:
    return f"ws://localhost:{options.port}/ws"


async def _compare_pings(options: argparse.Namespace, flags: list[str]) -> dict[str, Any]:
    """The time of a wrong message to its error, milliseconds: through the ingress, and of a server alone, by turns."""
    found: dict[str, list[float]] = {"ingress": [], "alone": []}
    with ServerProcess(["--ref", "assets/avatar.png", *flags], records=False) as server:
        alone = server.url.replace("http", "ws", 1).rstrip("/") + "/ws"
        for _ in range(3):
            for name, url in (("ingress", _url(options)), ("alone", alone)):
                found[name] += await _pings(url)
        server.stop()
    return {name: percentiles(times) for name, times in found.items()}


async def _pings(url: str) -> list[float]:
    times = []
    async with connect(url) as socket:
        await socket.send(json.dumps({"type": "hello", "protocol": 1}))
        await socket.recv()
        for _ in range(PINGS):
            await asyncio.sleep(0.03)  # the server takes 50 messages a second
            began = time.perf_counter()
            await socket.send('{"type": "ping"}')
            await socket.recv()
            times.append((time.perf_counter() - began) * 1000)
        await socket.send('{"type": "bye"}')
    return times


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"two replicas ready after {report['start_s']:.0f} s; sessions on them: {report['spread']}; "
        f"came back to its session: {report['came_back']}"
    ]
    for name in ("killed", "drained"):
        each = report[name]
        lines.append(
            f"{name}: {each['moved']} moved, {each['same_session']} are the same session; longest time without a "
            f"frame, s: {each['gaps_s']}, of the others {each['gaps_of_others_s']}"
        )
    if (page := report.get("browser")) is not None:
        lines.append(
            f"a page in Chromium moved {page['moves']} times; longest time between two shown frames: {page['gap_s']} s"
        )
    pings = report["pings"]
    lines += [
        f"a message and its answer, ms: {name} p50 {pings[name]['p50']:.1f}, p95 {pings[name]['p95']:.1f}"
        for name in ("ingress", "alone")
    ]
    return "\n".join([*lines, *hardware.machine_lines(report["hardware"])])


if __name__ == "__main__":
    sys.exit(main())
