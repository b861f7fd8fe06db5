"""`python -m benchmarks.whip`: the delay of an encoder's camera by WHIP to a player's picture by WHEP.

The server runs in a process of its own with `--whip`, as `run_server.py` runs it; its frame hook copies the bar code
from the driver's frame to the avatar's. An encoder in this process publishes a clip, a player receives the avatar and
reads the code. Glass-to-glass is the time from a frame's entry into the encoder to the decoded avatar frame that shows
its motion, on one clock, as for `benchmarks.live`, whose page sends and receives over one connection instead.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from av import VideoFrame

from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.common.percentiles import percentiles
from benchmarks.streaming import barcode
from benchmarks.streaming.clip_camera import CAMERA_SIZE, ClipCamera, load_clip
from benchmarks.streaming.report_table import subject_line
from benchmarks.streaming.server_options import describe, parse_timed, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import luma
from benchmarks.streaming.whip_clients import WhepPlayer, WhipEncoder
from streamer.errors import KagamiError
from streamer.frames import Image

FIRST_FRAME_TIMEOUT_S = 60.0  # the tracker's start, and the calibration
Receive = Callable[[Callable[[VideoFrame, float], None]], None]  # has a further receiver pass on what it gets


class NothingArrivedError(KagamiError):
    """No avatar came back; the message is one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = parse_timed("whip", __doc__, FIRST_FRAME_TIMEOUT_S, arguments)
    return run("whip", options.json, lambda: measure(options), table)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    with ServerProcess([*server_flags(options), "--whip"], records=False) as server:
        figures = asyncio.run(watch(server.url.rstrip("/"), clip, options))
        server.stop()
    return {**figures, "seconds": options.seconds, **describe(options)}


async def watch(
    url: str,
    clip: list[Image],
    options: argparse.Namespace,
    receive: Receive | None = None,
    cpu_seconds: Callable[[], float] = lambda: 0.0,
) -> dict[str, Any]:
    """The figures of one encoder and one player. receive: a further receiver. cpu_seconds: of the server so far.

    Raises NothingArrivedError.
    """
    camera = ClipCamera(clip, options.camera_fps)
    first_seen: dict[int, float] = {}
    further: dict[int, float] = {}
    unread = 0

    def look(frame: VideoFrame, at: float) -> None:
        nonlocal unread
        number = barcode.read(luma(frame))
        if number is None:
            unread += 1
        else:
            first_seen.setdefault(camera.tick_of(number), at)

    def look_further(frame: VideoFrame, at: float) -> None:
        number = barcode.read(luma(frame))
        if number is not None:
            further.setdefault(camera.tick_of(number), at)

    if receive is not None:
        receive(look_further)
    async with (
        WhipEncoder(f"{url}/whip/bench", camera, codec=options.codec, fps=options.camera_fps),
        WhepPlayer(f"{url}/whep/bench", look, codec=options.codec, hears=False) as player,
    ):
        deadline = time.monotonic() + FIRST_FRAME_TIMEOUT_S
        while not first_seen:
            if time.monotonic() > deadline:
                raise NothingArrivedError(f"No avatar came within {FIRST_FRAME_TIMEOUT_S:.0f} s: is the machine busy?")
            await asyncio.sleep(0.1)
        await asyncio.sleep(options.warm_up)
        print(f"measuring for {options.seconds:g} s", file=sys.stderr)
        begin, unread, used = time.monotonic(), 0, cpu_seconds()
        await asyncio.sleep(options.seconds)
        end, used = time.monotonic(), cpu_seconds() - used
        assert player.frame is not None
        size = {"width": player.frame.width, "height": player.frame.height}

    def delays(seen: dict[int, float]) -> list[float]:
        arrived = {tick: at for tick, at in seen.items() if begin <= at < end and tick in camera.sent_at}
        return [(at - camera.sent_at[tick]) * 1000 for tick, at in arrived.items()]

    arrived = delays(first_seen)
    more = {} if receive is None else {"further_glass_to_glass_ms": percentiles(delays(further))}
    return {
        "glass_to_glass_ms": percentiles(arrived),
        **more,
        "cpu_ms_a_frame": round(1000 * used / max(len(arrived), 1), 1),
        "fps_in": round(sum(begin <= at < end for at in camera.sent_at.values()) / (end - begin), 2),
        "fps_out": round(len(arrived) / (end - begin), 2),
        "unread_frames": unread,
        "video": size,
    }


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    delay = report["glass_to_glass_ms"]
    return "\n".join(
        [
            *machine_lines(report["hardware"]),
            subject_line(report),
            "",
            f"WHIP to WHEP, glass to glass, ms: p50 {delay['p50']}, p95 {delay['p95']}",
            f"camera frames in, 1/s: {report['fps_in']}; avatar frames out, 1/s: {report['fps_out']}; "
            f"unreadable bar codes: {report['unread_frames']}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
