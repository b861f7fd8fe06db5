"""`python -m benchmarks.live`: frame rate, delay and memory of the real server.

The server runs in a process of its own as `run_server.py` runs it, with one addition: its frame hook copies the bar
code from the driver's frame to the avatar's. The client in this process sends a clip over WebRTC, receives the avatar
and reads the code. Glass-to-glass is the time from a frame's entry into the sender to the decoded avatar frame that
shows its motion, on one clock: encoding, network, jitter buffer and decoding in both directions, and the server.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.common.jsonfile import run
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.report import ClientTrace, Window, summarise
from benchmarks.streaming.report_table import table
from benchmarks.streaming.server_options import describe, parse_timed, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import CONNECT_TIMEOUT_S, dropped_frames, live_client
from streamer.frames import Image


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = parse_timed("live", __doc__, CONNECT_TIMEOUT_S, arguments)
    return run("live", options.json, lambda: measure(options), table)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    with ServerProcess(server_flags(options)) as server:
        client_trace = asyncio.run(_watch(server, clip, options))
        server_trace = server.stop()
    return {
        **summarise(client_trace, server_trace, server.rss),
        "start_seconds": server.start_seconds,
        "seconds": options.seconds,
        **describe(options),
    }


async def _watch(server: ServerProcess, clip: list[Image], options: argparse.Namespace) -> ClientTrace:
    async with live_client(server.url, clip, options.camera_fps, options.codec) as client:
        await client.watch(options.warm_up)
        print(f"measuring for {options.seconds:g} s", file=sys.stderr)
        before, cpu, begin = dropped_frames(client.log), server.cpu_seconds(), time.monotonic()
        await client.watch(options.seconds)
        end, cpu, after = time.monotonic(), server.cpu_seconds() - cpu, dropped_frames(client.log)
        new = {name: count - before.get(name, 0) for name, count in after.items()}
        return ClientTrace(client.camera.sent_at, client.log, Window(begin, end), cpu, new)


if __name__ == "__main__":
    sys.exit(main())
