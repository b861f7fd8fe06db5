"""What a live session sees of processes that die, stop and hang: trackers, the picture process, the fork server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import psutil

from benchmarks.streaming.clip_camera import ping_pong
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import WebRtcClient
from streamer.frames import Image

MAX_REPLACE_S = 2.0  # from a fault until the page is told, and until the avatar follows again
SHORT_STOP_S, LONG_STOP_S = 5.0, 40.0
FOLLOW_TIMEOUT_S = 30.0
SETTLED_S = 3.0  # of frames after a fault, that are compared with those before
WORKERS = ("tracker", "picture", "film")  # names of processes
PROCESS_POLL_S = 0.002
FORK_SERVER_KILLED = "fork server killed"
BOTH_KILLED = "fork server, tracker killed"
MAX_GAP_S = 0.25  # without a frame, where a fault does not concern the live session
PROCESS_TIMEOUT_S = 20.0
MAX_PICTURE_S = 60.0  # for an upload to be ready, or to be refused with a sentence


@dataclass
class Faces:
    """The last avatar picture at each frame of the camera's clip: `OnFrame` of the client."""

    count: int
    pictures: dict[int, Image] = field(default_factory=dict)

    def __call__(self, tick: int, luma: Image) -> None:
        self.pictures[ping_pong(tick, self.count)] = luma.copy()

    def take(self) -> dict[int, Image]:
        """The pictures so far; later ones are collected anew."""
        taken, self.pictures = self.pictures, {}
        return taken


def difference(before: dict[int, Image], after: dict[int, Image]) -> float:
    """Median over the frames of the clip in both of the mean absolute difference, grey levels; nan without any."""
    shared = sorted(set(before) & set(after))
    steps = [float(np.abs(before[k].astype(np.int16) - after[k]).mean()) for k in shared]
    return round(statistics.median(steps), 2) if steps else float("nan")


@dataclass(frozen=True)
class Scene:
    """A server, and one live person who follows a clip. faces: receives the client's frames. upload: a picture that is
    sent where a fault hits the picture process.
    """

    server: ServerProcess
    client: WebRtcClient
    faces: Faces
    upload: bytes


def fork_server(server: ServerProcess) -> psutil.Process | None:
    """The process from which the server's workers are forked; None while there is none."""
    return next((process for name, process in _children(server) if name == "fork-server"), None)


def workers(server: ServerProcess) -> set[psutil.Process]:
    """Trackers, and the processes of pictures and films."""
    return {process for name, process in _children(server) if name in WORKERS}


def _children(server: ServerProcess) -> Iterator[tuple[str, psutil.Process]]:
    """The server's children that run, by name."""
    for process in psutil.Process(server.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process.name(), process


def tracker(scene: Scene) -> psutil.Process:
    """The tracker of the only live session."""
    (only,) = workers(scene.server)
    return only


async def _kill_tracker(scene: Scene) -> None:
    tracker(scene).kill()


async def _stop_tracker(seconds: float, scene: Scene) -> None:
    asyncio.get_running_loop().call_later(seconds, _resume, _stopped(tracker(scene)))


async def _stop_fork_server(scene: Scene) -> None:
    """Stop the fork server, and kill the tracker, which then cannot be replaced without it."""
    process, server = tracker(scene), fork_server(scene.server)
    assert server is not None
    asyncio.get_running_loop().call_later(LONG_STOP_S, _resume, _stopped(server))
    process.kill()


async def _kill_fork_server(scene: Scene) -> None:
    server = fork_server(scene.server)
    assert server is not None
    server.kill()


async def _kill_both(scene: Scene) -> None:
    """Kill the fork server, and the tracker at once, which has to wait for the next fork server."""
    await _kill_fork_server(scene)
    tracker(scene).kill()


def _stopped(process: psutil.Process) -> psutil.Process:
    process.suspend()
    return process


def _resume(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.resume()


TRACKER_FAULTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "tracker killed": _kill_tracker,
    "tracker stopped for 5 s": partial(_stop_tracker, SHORT_STOP_S),
    "tracker stopped for 40 s": partial(_stop_tracker, LONG_STOP_S),
    "fork server stopped": _stop_fork_server,
    BOTH_KILLED: _kill_both,
}


async def tracker_fault(name: str, scene: Scene) -> dict[str, Any]:
    """One row: seconds until the page is told, until the avatar follows the camera again, the longest time without a
    frame, by how much its pictures differ afterwards from before, and whether the driver was calibrated anew.

    Where a fast machine has the next tracker answer before the page's next report, nobody is told (None), and the
    avatar follows again from when that tracker runs. A fault that lasts for LONG_STOP_S is watched as long.
    """
    client = scene.client
    scene.faces.take()
    await client.watch(SETTLED_S)
    first = scene.faces.take()
    await client.watch(SETTLED_S)
    before = scene.faces.take()
    known = workers(scene.server)
    began = time.monotonic()
    frames, followed = len(client.log.frames), len(client.log.first_seen)
    await TRACKER_FAULTS[name](scene)
    await _until(
        lambda: _live_at(client, began) is not None or not workers(scene.server) <= known, client, FOLLOW_TIMEOUT_S
    )
    replaced = time.monotonic()
    await client.watch(SETTLED_S)  # in which the page is told, where the next tracker does not answer at once
    if _silence_reported_at(client, began) is not None:
        await _until(lambda: _live_at(client, began) is not None, client, FOLLOW_TIMEOUT_S)
    scene.faces.take()
    await client.watch(LONG_STOP_S if "40" in name else SETTLED_S)
    reported = _silence_reported_at(client, began)
    live = replaced if reported is None else _live_at(client, began)
    follows = live is not None and client.log.states[-1][1] == "live"
    arrivals = [began, *client.log.frames[frames:]]
    row: dict[str, Any] = {
        "fault": name,
        "told_s": None if reported is None else round(reported - began, 2),
        "follows_s": None if live is None else round(live - began, 2),
        "longest_gap_s": round(max((b - a for a, b in itertools.pairwise(arrivals)), default=FOLLOW_TIMEOUT_S), 2),
        "pictures_differ": difference(before, scene.faces.take()),
        "pictures_differ_before": difference(first, before),
        "calibrated_anew": client.log.has_been("calibrating", began),
    }
    row["holds"] = follows and not row["calibrated_anew"] and len(client.log.first_seen) > followed
    if name != BOTH_KILLED:  # the next fork server imports everything first
        row["holds"] = row["holds"] and max(row["told_s"] or 0, row["follows_s"] or 0) <= MAX_REPLACE_S
    return row


async def fork_server_fault(scene: Scene) -> dict[str, Any]:
    """One row of a killed fork server: the longest time without a frame, frames a second before and until the next fork
    server runs, seconds until then, whether the page was told anything, and whether the tracker is the same.
    """
    client, known = scene.client, tracker(scene)
    frames, began = len(client.log.frames), time.monotonic()
    await client.watch(SETTLED_S)
    before = (len(client.log.frames) - frames) / (time.monotonic() - began)
    frames, began = len(client.log.frames), time.monotonic()
    killed = fork_server(scene.server)
    await _kill_fork_server(scene)
    is_back = await _until(lambda: fork_server(scene.server) not in (killed, None), client, FOLLOW_TIMEOUT_S)
    back_s = time.monotonic() - began
    await client.watch(SETTLED_S)  # in which it imports
    rate = (len(client.log.frames) - frames) / (time.monotonic() - began)
    arrivals = [began, *client.log.frames[frames:]]
    row: dict[str, Any] = {
        "fault": FORK_SERVER_KILLED,
        "longest_gap_s": round(max((b - a for a, b in itertools.pairwise(arrivals)), default=FOLLOW_TIMEOUT_S), 2),
        "fps_before": round(before, 1),
        "fps": round(rate, 1),
        "next_s": round(back_s, 2),
        "told": _silence_reported_at(client, began) is not None,
        "same_tracker": known in workers(scene.server),
    }
    row["holds"] = is_back and row["same_tracker"] and not row["told"] and row["longest_gap_s"] <= MAX_GAP_S
    return row


def _silence_reported_at(client: WebRtcClient, since: float) -> float | None:
    """When the page was told that tracking does not answer."""
    return next(
        (at for at, phase, sentence in client.log.states if at >= since and phase == "stalled" and sentence), None
    )


def _live_at(client: WebRtcClient, since: float) -> float | None:
    """When tracking was live again after that."""
    reported = _silence_reported_at(client, since)
    if reported is None:
        return None
    return next((at for at, phase, _ in client.log.states if at > reported and phase == "live"), None)


async def _until(done: Callable[[], bool], client: WebRtcClient, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline:
        await client.watch(0.05)
    return done()


PICTURE_FAULTS: dict[str, Callable[[psutil.Process], None]] = {
    "picture process killed": psutil.Process.kill,
    "picture process stopped": psutil.Process.suspend,
}


async def picture_fault(name: str, scene: Scene) -> dict[str, Any]:
    """One row: what became of an upload whose first process was hit, and after how long; frames a second meanwhile."""
    known = workers(scene.server)
    began, frames = time.monotonic(), len(scene.client.log.frames)
    answering = asyncio.create_task(
        asyncio.to_thread(put_picture, scene.server.url, scene.client.session, scene.upload)
    )
    hit = await asyncio.to_thread(_first_new_worker, scene.server, known)
    if hit is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            PICTURE_FAULTS[name](hit)
    status, text = await answering
    if status == 202:
        await _until(lambda: _picture_stage(scene.client, began) in ("ready", "failed"), scene.client, MAX_PICTURE_S)
    seconds = time.monotonic() - began
    await scene.client.watch(0.5)
    left = workers(scene.server) - known
    outcome = _picture_stage(scene.client, began) if status == 202 else text
    rate = (len(scene.client.log.frames) - frames) / (time.monotonic() - began)
    return {
        "fault": name,
        "outcome": outcome,
        "seconds": round(seconds, 2),
        "fps": round(rate, 1),
        "left": len(left),
        "holds": hit is not None and outcome is not None and not left and seconds < MAX_PICTURE_S,
    }


def _picture_stage(client: WebRtcClient, since: float) -> str | None:
    return next((stage for at, stage in reversed(client.log.pictures) if at >= since), None)


def _first_new_worker(server: ServerProcess, known: set[psutil.Process]) -> psutil.Process | None:
    deadline = time.monotonic() + PROCESS_TIMEOUT_S
    while time.monotonic() < deadline:
        for process in workers(server) - known:
            return process
        time.sleep(PROCESS_POLL_S)
    return None


def put_picture(url: str, session: str, data: bytes) -> tuple[int, str]:
    """Upload a picture. Returns the status, and the sentence of a refusal."""
    request = urllib.request.Request(
        f"{url.rstrip('/')}/api/picture?session={session}&name=upload.png", data, method="PUT"
    )
    try:
        with urllib.request.urlopen(request, timeout=MAX_PICTURE_S) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
