"""`python -m benchmarks.live`: the real server, a camera that carries a bar code, a clock: how fast, how late, how big.

The server runs in a process of its own as `run_server.py` runs it, with one addition: its frame hook carries the bar
code from the driver's frame to the avatar's. The peer in this process sends a clip over WebRTC, receives the avatar and
reads the code. Glass-to-glass is the time from a frame's entry into the sender to the decoded avatar frame that shows
its motion, on one clock: encoding, network, jitter buffer and decoding on both ways, and everything between.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import hardware
from benchmarks.common.jsonfile import run
from benchmarks.streaming import barcode
from benchmarks.streaming.report import Sight, Window, summarise, table
from benchmarks.streaming.server_process import Served
from benchmarks.streaming.webrtc_client import Log, Look, Peer, ignore, load_clip
from streamer.frames import Image

START = 120.0  # seconds that the connection and the calibration may take
CAMERA = (640, 480)  # width, height: what a laptop's camera gives


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    return run("live", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure (30)")
    parser.add_argument("--warm-up", type=float, default=5.0, help="how long to run before that (5)")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.warm_up < 0 or options.camera_fps <= 0:
        parser.error("--seconds and --camera-fps must be positive, --warm-up not negative")
    if (options.seconds + options.warm_up + START) * options.camera_fps > barcode.NUMBERS:
        parser.error(f"the bar code lasts for {barcode.NUMBERS / options.camera_fps - START:.0f} s at this camera rate")
    return options


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is measured, and on what: the options of every benchmark that calls a real server."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    parser.add_argument(
        "--ref", type=Path, default=Path("assets/avatar.png"), metavar="FILE", help="picture to animate"
    )
    parser.add_argument(
        "--clip", type=Path, default=Path("assets/driver.mp4"), metavar="FILE", help="what the camera sees"
    )
    parser.add_argument(
        "--camera-fps", type=float, default=30.0, metavar="N", help="frames a second of the camera (30)"
    )
    parser.add_argument("--size", type=int, default=512, metavar="N", help="side of the avatar video in pixels (512)")
    parser.add_argument("--generator", choices=("dit", "geometry"), default="dit", help="what draws (dit)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu", help="where it draws (cpu)")
    parser.add_argument(
        "--body", action=argparse.BooleanOptionalAction, default=True, help="follow body and hands (yes)"
    )
    parser.add_argument("--codec", choices=("VP8", "H264"), default="VP8", help="both ways (VP8)")


def server_flags(options: argparse.Namespace) -> list[str]:
    """The flags of `run_server.py` that these options mean."""
    flags = ["--ref", str(options.ref), "--size", str(options.size), "--generator", options.generator]
    flags += ["--device", options.device, "--codec", options.codec.lower()]
    return flags + ([] if options.body else ["--no-body"])


def describe(options: argparse.Namespace) -> dict[str, Any]:
    """What was measured, and on what; JSON-ready."""
    return {
        "generator": options.generator,
        "body": options.body,
        "codec": options.codec,
        "camera": f"{CAMERA[0]}x{CAMERA[1]} at {options.camera_fps:g} fps",
        "hardware": hardware.describe(options.device),
    }


@contextlib.asynccontextmanager
async def calling(
    server: Served, clip: list[Image], options: argparse.Namespace, look: Look = ignore
) -> AsyncIterator[Peer]:
    """A peer that is live: connected and calibrated. look: see `Peer`. Raises Refused."""
    url = server.url.replace("http://", "ws://").rstrip("/") + "/ws"
    async with Peer(url, clip, options.camera_fps, options.codec, look) as peer:
        await peer.until(lambda log: bool(log.first_seen), START / 2, "The first avatar frame")
        await peer.until(lambda log: "live" in log.phases, START / 2, "The end of the calibration")
        yield peer


def drops(log: Log) -> dict[str, int]:
    """What the server dropped since the start, by mailbox, as it said last."""
    return dict(log.stats[-1]["drops"]) if log.stats else {}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run it all. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA)
    with Served(server_flags(options)) as server:
        sight = asyncio.run(_watch(server, clip, options))
        tape = server.stop()
    return {
        **summarise(sight, tape, server.rss),
        "start_seconds": server.start_seconds,
        "seconds": options.seconds,
        **describe(options),
    }


async def _watch(server: Served, clip: list[Image], options: argparse.Namespace) -> Sight:
    async with calling(server, clip, options) as peer:
        await peer.watch(options.warm_up)
        print(f"measuring for {options.seconds:g} s", file=sys.stderr)
        before, cpu, begin = drops(peer.log), server.cpu_seconds(), time.monotonic()
        await peer.watch(options.seconds)
        end, cpu, after = time.monotonic(), server.cpu_seconds() - cpu, drops(peer.log)
        new = {name: count - before.get(name, 0) for name, count in after.items()}
        return Sight(peer.camera.entered, peer.log, Window(begin, end), cpu, new)


if __name__ == "__main__":
    sys.exit(main())
