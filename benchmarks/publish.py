"""`python -m benchmarks.publish`: what publishing by RTMP costs a live session, and the delay to the receiver.

The server of `benchmarks.whip` runs with and without `--publish`, in turn. A player of WHEP reads the bar code in all
rounds; where the server publishes, FFmpeg's RTMP server in this process receives the same avatar and reads it, too. The
ratio of frame rates, and of the processor's time for a frame, is that of rounds that stand beside each other, since a
machine that is used for other things changes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import av
from av import VideoFrame

from benchmarks import whip
from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.report_table import subject_line
from benchmarks.streaming.server_options import describe, parse_timed, server_flags
from benchmarks.streaming.server_process import ServerProcess
from streamer.frames import Image

ROUNDS = 2  # each without and with
RECEIVE_TIMEOUT_S = 120.0  # for the start of the server


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = parse_timed("publish", __doc__, whip.FIRST_FRAME_TIMEOUT_S, arguments)
    return run("publish", options.json, lambda: measure(options), table)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    rounds = [_round(clip, options, publishes) for _ in range(ROUNDS) for publishes in (False, True)]
    pairs = list(zip(rounds[::2], rounds[1::2], strict=True))
    return {
        "rounds": rounds,
        "fps_ratio": round(statistics.median(after["fps_out"] / before["fps_out"] for before, after in pairs), 3),
        "cpu_ms_ratio": round(
            statistics.median(after["cpu_ms_a_frame"] / before["cpu_ms_a_frame"] for before, after in pairs), 3
        ),
        "seconds": options.seconds,
        "video": rounds[0]["video"],
        **describe(options),
    }


def _round(clip: list[Image], options: argparse.Namespace, publishes: bool) -> dict[str, Any]:
    flags = [*server_flags(options), "--whip"]
    with contextlib.ExitStack() as stack:
        receive: whip.Receive | None = None
        if publishes:
            receiver = stack.enter_context(_rtmp_receiver())
            flags += ["--publish", receiver.url]
            receive = receiver.receive
        server = stack.enter_context(ServerProcess(flags, records=False))
        figures = asyncio.run(whip.watch(server.url.rstrip("/"), clip, options, receive, server.cpu_seconds))
        server.stop()
    return {"publishes": publishes, **figures}


class RtmpReceiver:
    """FFmpeg's RTMP server on a free port. receive: has each frame passed on, with its arrival on time.monotonic."""

    def __init__(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        self.url = f"rtmp://127.0.0.1:{port}/live/bench"
        self._on_frame: Callable[[VideoFrame, float], None] = lambda frame, at: None
        self.ends = threading.Event()

    def receive(self, on_frame: Callable[[VideoFrame, float], None]) -> None:
        self._on_frame = on_frame

    def run(self) -> None:
        options = {"listen": "1", "fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "200000"}
        with (
            contextlib.suppress(av.FFmpegError),  # the server ends
            av.open(self.url, options=options, timeout=RECEIVE_TIMEOUT_S) as container,
        ):
            video = container.streams.video[0]
            video.codec_context.thread_count = 1  # threads of frames would hold some of them back
            for packet in container.demux(video):
                for frame in packet.decode():
                    self._on_frame(frame, time.monotonic())
                if self.ends.is_set():
                    return


@contextlib.contextmanager
def _rtmp_receiver() -> Iterator[RtmpReceiver]:
    receiver = RtmpReceiver()
    thread = threading.Thread(target=receiver.run, name="rtmp", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ends.set()
        thread.join(5)


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    lines = [*machine_lines(report["hardware"]), subject_line(report), ""]
    for each in report["rounds"]:
        whep, further = each["glass_to_glass_ms"], each.get("further_glass_to_glass_ms")
        lines.append(
            f"{'with   ' if each['publishes'] else 'without'} --publish: {each['fps_out']:5.2f} frames a second, "
            f"{each['cpu_ms_a_frame']:.0f} ms of processors a frame; glass to glass, ms, p50 / p95: "
            f"WHEP {whep['p50']} / {whep['p95']}" + (f", RTMP {further['p50']} / {further['p95']}" if further else "")
        )
    lines.append(f"ratio with to without: frames {report['fps_ratio']}, processors a frame {report['cpu_ms_ratio']}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
