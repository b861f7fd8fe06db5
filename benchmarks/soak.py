"""`python -m benchmarks.soak`: whether a stream stays as it began, with the real server, for half an hour.

Server, camera and clock are those of `benchmarks.live`; the server records nothing, so that its memory is its own.
Drift is the difference between the avatar's frames at one moment of the looped clip, in the first and the last loop.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.drift_snapshots import DriftSnapshots
from benchmarks.streaming.report import MINUTE_S, Window, arrivals_within, window_figures
from benchmarks.streaming.report_table import subject_line
from benchmarks.streaming.server_options import add_options, describe, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import ReceiverLog, dropped_frames, live_client
from streamer.frames import Image

MAX_STRETCH_S = 5 * MINUTE_S  # beginning and end of the run that are compared; at most a sixth of it each
COLUMNS = {"minute": "minute", "fps_out": "fps", "glass_to_glass_p50_ms": "p50 ms", "glass_to_glass_p95_ms": "p95 ms",
           "rss_mb": "RSS MB", "drops": "drops"}  # fmt: skip


@dataclass
class SoakTrace:
    """What a run recorded.

    sent_at: by tick, when the sender took the camera frame, seconds on `time.monotonic`. log: what came back. minutes:
    of the run. drops: frames that the server dropped in each of them.
    """

    sent_at: Mapping[int, float]
    log: ReceiverLog
    minutes: list[Window] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    return run("soak", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to measure (30)")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.camera_fps <= 0:
        parser.error("--minutes and --camera-fps must be positive")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    with ServerProcess(server_flags(options), records=False) as server:
        trace, snapshots = asyncio.run(_watch(server, clip, options))
        server.stop()
    return {
        **summarise(trace, server.rss),
        "drift": snapshots.drift(),
        "seconds": round(60 * options.minutes, 1),
        "video": {"width": trace.log.size[0], "height": trace.log.size[1]},
        **describe(options),
    }


async def _watch(
    server: ServerProcess, clip: list[Image], options: argparse.Namespace
) -> tuple[SoakTrace, DriftSnapshots]:
    snapshots: DriftSnapshots | None = None

    def keep(tick: int, picture: Image) -> None:
        if snapshots is not None:  # not before the calibration has ended
            snapshots.add(tick, picture)

    async with live_client(server.url, clip, options.camera_fps, options.codec, keep) as client:
        trace = SoakTrace(client.camera.sent_at, client.log)
        snapshots = DriftSnapshots(client.camera.period)
        begin, dropped = time.monotonic(), sum(dropped_frames(client.log).values())
        end = begin + MINUTE_S * options.minutes
        while begin < end:
            await client.watch(min(MINUTE_S, end - begin))
            now, total = time.monotonic(), sum(dropped_frames(client.log).values())
            trace.minutes.append(Window(begin, now))
            trace.drops.append(total - dropped)
            begin, dropped = now, total
            print(f"{len(trace.minutes)} of {options.minutes:g} minutes", file=sys.stderr)
        return trace, snapshots


def summarise(trace: SoakTrace, rss: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The figures, JSON-ready: of each minute, of the beginning and the end, and the ratio of the end to the beginning.

    rss: (when, megabytes) of the server process. Raises ValueError when no bar code came back.
    """
    full_run = Window(trace.minutes[0].begin, trace.minutes[-1].end)
    arrivals = arrivals_within(full_run, trace.log, trace.sent_at)
    minutes = [
        {"minute": number, **window_figures(window, arrivals, trace.sent_at, rss), "drops": drops}
        for number, (window, drops) in enumerate(zip(trace.minutes, trace.drops, strict=True), 1)
    ]
    length = min(MAX_STRETCH_S, full_run.seconds / 6)
    first = window_figures(Window(full_run.begin, full_run.begin + length), arrivals, trace.sent_at, rss)
    last = window_figures(Window(full_run.end - length, full_run.end), arrivals, trace.sent_at, rss)
    return {
        "minutes": minutes,
        "stretch_seconds": round(length, 1),
        "first": first,
        "last": last,
        "ratio": {name: _ratio(last[name], first[name]) for name in first},
    }


def _ratio(last: float | None, first: float | None) -> float | None:
    return round(last / first, 3) if first and last is not None else None


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    drift = report["drift"]
    lines = [*machine_lines(report["hardware"]), subject_line(report), "", _row(COLUMNS.values())]
    lines += [_row(str(minute[name]) for name in COLUMNS) for minute in report["minutes"]]
    lines += ["", f"first and last {report['stretch_seconds']:g} s"]
    for label, part in (("first", report["first"]), ("last", report["last"]), ("ratio", report["ratio"])):
        lines.append(_row([label, *(str(part[name]) for name in COLUMNS if name in part)]))
    lines += [
        "",
        f"pictures of {drift['phases']} moments of the loop, mean absolute difference, 0..255: last against first "
        f"{drift['drift']};",
        f"by chance, from loop to loop: {drift['chance_first']} at the beginning, {drift['chance_last']} at the end",
    ]
    return "\n".join(lines)


def _row(cells: Any) -> str:
    return "".join(f"{cell:>10}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
