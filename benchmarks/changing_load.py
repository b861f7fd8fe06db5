"""`python -m benchmarks.changing_load`: a live stream beside other programs that come and go.

Busy processes run beside the real server for `--period` seconds, then none for as long, by turns: one program with so
many processes, in a session of its own, as a build in another terminal; or in the server's own session, where Linux
shares the processors among all threads alike (`--same-session`). Of each part of the run: frames a second, glass to
glass, what the governor had given up at its end, how often that changed, and how long it took until nothing was given
up any more. Over all: the longest time without an avatar frame younger than 300 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psutil

from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.report import Window, arrivals_within, window_figures
from benchmarks.streaming.report_table import subject_line
from benchmarks.streaming.server_options import add_options, describe, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import ReceiverLog, live_client
from streamer.frames import Image

OLD_MS = 300.0  # delay that nobody should see for long
_LOAD = """
import subprocess, sys
busy = [sys.executable, "-S", "-c", "while True: pass"]
processes = [subprocess.Popen(busy) for _ in range(int(sys.argv[1]))]
print("busy", flush=True)
sys.stdin.read()  # until the benchmark ends the load, or ends itself
for process in processes:
    process.kill()
    process.wait()
"""
COLUMNS = {"load": "load", "fps_out": "fps", "glass_to_glass_p50_ms": "p50 ms", "glass_to_glass_p95_ms": "p95 ms",
           "changes": "changes", "whole_after_s": "whole after s", "given_up": "given up"}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A part of the run under one load. processes: how many are busy. given_up: as the server told once a second."""

    window: Window
    processes: int
    given_up: Sequence[Sequence[str]]


@dataclass
class LoadTrace:
    """What a run recorded. sent_at: by tick, when the sender took the camera frame, seconds on `time.monotonic`."""

    sent_at: Mapping[int, float]
    log: ReceiverLog
    parts: list[Part] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    return run("changing_load", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.changing_load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to measure (5)")
    parser.add_argument("--period", type=float, default=20.0, help="seconds of each part (20)")
    parser.add_argument("--processes", type=int, default=8, help="busy processes in every second part (8)")
    parser.add_argument("--same-session", action="store_true", help="in the server's session, not in another (no)")
    add_options(parser)
    options = parser.parse_args(arguments)
    if min(options.minutes, options.period, options.camera_fps) <= 0 or options.processes < 0:
        parser.error("--minutes, --period and --camera-fps must be positive, --processes not negative")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    with ServerProcess(server_flags(options), records=False) as server:
        niceness = psutil.Process(server.pid).nice()
        trace = asyncio.run(_watch(server, clip, options))
        server.stop()
    return {
        **summarise(trace),
        "same_session": options.same_session,
        "server_niceness": int(niceness),
        "seconds": round(60 * options.minutes, 1),
        "video": {"width": trace.log.size[0], "height": trace.log.size[1]},
        **describe(options),
    }


async def _watch(server: ServerProcess, clip: list[Image], options: argparse.Namespace) -> LoadTrace:
    async with live_client(server.url, clip, options.camera_fps, options.codec) as client:
        trace = LoadTrace(client.camera.sent_at, client.log)
        for number in range(max(2, round(60 * options.minutes / options.period))):
            processes = options.processes if number % 2 else 0
            stats_before, begin = len(client.log.stats), time.monotonic()
            with busy(processes, options.same_session):
                await client.watch(options.period)
            given_up = [message["given_up"] for message in client.log.stats[stats_before:]]
            trace.parts.append(Part(Window(begin, time.monotonic()), processes, given_up))
            print(f"{number + 1} parts", file=sys.stderr)
        return trace


@contextmanager
def busy(count: int, same_session: bool = False) -> Iterator[None]:
    """So many processes that compute for nothing, of one program. same_session: as this process, else in another."""
    command = [sys.executable, "-S", "-c", _LOAD, str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=not same_session) as program:
        assert program.stdin is not None and program.stdout is not None
        program.stdout.readline()
        yield
        program.stdin.close()


def summarise(trace: LoadTrace) -> dict[str, Any]:
    """The figures, JSON-ready. Raises ValueError when no bar code came back."""
    whole = Window(trace.parts[0].window.begin, trace.parts[-1].window.end)
    arrivals = arrivals_within(whole, trace.log, trace.sent_at)
    parts = [
        {
            "load": part.processes,
            **window_figures(part.window, arrivals, trace.sent_at, []),
            "changes": sum(a != b for a, b in pairwise(part.given_up)),
            "whole_after_s": next((second for second, names in enumerate(part.given_up) if not names), None),
            "given_up": " ".join(part.given_up[-1]) if part.given_up else "",
        }
        for part in trace.parts
    ]
    return {"parts": parts, "longest_old_s": round(longest_old(arrivals, trace.sent_at, whole), 2)}


def longest_old(arrivals: Mapping[int, float], sent_at: Mapping[int, float], whole: Window) -> float:
    """The longest time, seconds, without the arrival of a frame that was younger than OLD_MS."""
    young = [moment for tick, moment in arrivals.items() if (moment - sent_at[tick]) * 1000 < OLD_MS]
    return max(b - a for a, b in pairwise([whole.begin, *sorted(young), whole.end]))


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    session = "the server's session" if report["same_session"] else "a session of their own"
    lines = [*machine_lines(report["hardware"]), subject_line(report)]
    lines += [
        f"busy processes in {session}, niceness of the server {report['server_niceness']}",
        "",
        _row(COLUMNS.values()),
    ]
    lines += [_row(str(part[name]) for name in COLUMNS) for part in report["parts"]]
    lines += ["", f"longest time without a frame younger than {OLD_MS:.0f} ms: {report['longest_old_s']} s"]
    return "\n".join(lines)


def _row(cells: Any) -> str:
    return "".join(f"{cell:>14}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
