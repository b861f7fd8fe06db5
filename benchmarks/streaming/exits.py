"""How a server ends in each state: the time from SIGTERM or SIGKILL until it and all its children are gone."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.streaming.film_fault import send_clip
from benchmarks.streaming.process_faults import put_picture
from benchmarks.streaming.webrtc_client import WebRtcClient
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.runtime.memory import process_tree

ROOT = Path(__file__).resolve().parents[2]
MAX_EXIT_S = 3.0  # until the server and all its children are gone
PATIENCE_S = 30.0
LOADING_S = 1.0  # since the server says that it loads its engine
CAMERA_FPS = 25.0
WORK_S = 0.3  # since a picture or a clip was sent
START_TIMEOUT_S = 120.0
LOADING, PREPARING, FILMING = "ended while loading", "ended while preparing", "ended while filming"
LISTENING, LIVE, KILLED = "ended while listening", "ended while live", "killed while live"
EXITS = (LOADING, LISTENING, LIVE, PREPARING, FILMING, KILLED)


async def measure_exit(
    name: str, flags: Sequence[str], clip: list[Image], codec: str, upload: bytes, video: bytes
) -> dict[str, Any]:
    """One row: seconds from the signal until the server ended, its exit status, how many processes it had, how many of
    them were left MAX_EXIT_S after the signal, and the last lines on its stderr. Raises KagamiError if the server does
    not start.

    flags: of `run_server.py`. upload, video: a picture and a clip that it works on where the state says so.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "run_server.py", *flags, "--port", "0", cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    errors = asyncio.create_task(_read(process.stderr))
    everyone: list[psutil.Process] = []
    try:
        async with _in_state(name, process, clip, codec, upload, video):
            everyone = process_tree(process.pid)
            began = time.monotonic()
            process.send_signal(signal.SIGKILL if name == KILLED else signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                status = await process.wait()
            seconds = time.monotonic() - began
            left = await asyncio.to_thread(_left, everyone, max(0.0, began + MAX_EXIT_S - time.monotonic()))
    finally:
        for each in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        if process.returncode is None:
            process.kill()
    lines = (await errors).splitlines()
    return {
        "fault": name,
        "seconds": round(seconds, 2),
        "status": status,
        "processes": len(everyone),
        "left": len(left),
        "stderr": lines[-3:],
        "holds": seconds <= MAX_EXIT_S and not left and not lines,
    }


@contextlib.asynccontextmanager
async def _in_state(
    name: str, process: asyncio.subprocess.Process, clip: list[Image], codec: str, upload: bytes, video: bytes
) -> AsyncIterator[None]:
    """Within this context the server is in the state."""
    if name == LOADING:
        await _line(process, "loading the engine")
        await asyncio.sleep(LOADING_S)
        yield
        return
    url = (await _line(process, "open ")).split("open ")[1].split()[0]
    if name == LISTENING:
        yield
        return
    async with WebRtcClient(f"{url.replace('http', 'ws', 1).rstrip('/')}/ws", clip, CAMERA_FPS, codec) as client:
        await client.wait_until(lambda log: log.has_been("live"), START_TIMEOUT_S, "The end of the calibration")
        work = _WORK.get(name)
        task = None if work is None else asyncio.create_task(work(url, client.session, upload, video))
        await asyncio.sleep(WORK_S)
        yield
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(KagamiError, OSError):
            await client.close()


async def _prepare(url: str, session: str, upload: bytes, video: bytes) -> None:
    await asyncio.to_thread(put_picture, url, session, upload)


async def _film(url: str, session: str, upload: bytes, video: bytes) -> None:
    await asyncio.to_thread(send_clip, url, session, video)


_WORK: dict[str, Callable[[str, str, bytes, bytes], Coroutine[Any, Any, None]]] = {PREPARING: _prepare, FILMING: _film}


async def _line(process: asyncio.subprocess.Process, words: str) -> str:
    """The next line of the server's output with these words. Raises KagamiError if it ends or takes too long."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            async for line in process.stdout:
                if words in (text := line.decode("utf-8", "replace")):
                    return text
    except TimeoutError:
        pass
    raise KagamiError(f"The server did not come to '{words.strip()}'.")


async def _read(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await stream.read()).decode("utf-8", "replace")


def _left(processes: Sequence[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Which of the processes have not ended in so many seconds."""
    return [each for each in psutil.wait_procs(processes, timeout_s)[1] if each.status() != psutil.STATUS_ZOMBIE]
