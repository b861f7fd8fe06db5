"""`python -m benchmarks.soak`: does a stream stay as it began? The real server and one person, for half an hour.

Server, camera and clock are those of `benchmarks.live`; the server notes nothing of its own, so that its memory is its
own. Drift is the difference of what is received at one moment of the looped clip, first against last time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import live
from benchmarks.common.jsonfile import run
from benchmarks.streaming.drift_snapshots import Album
from benchmarks.streaming.report import MINUTE, Window, machine_lines, seen_within, stretch, subject_line
from benchmarks.streaming.server_process import Served
from benchmarks.streaming.webrtc_client import Log, load_clip
from streamer.frames import Image

STRETCH = 5 * MINUTE  # what the beginning and the end are, at most a sixth of the run each
COLUMNS = {"minute": "minute", "fps_out": "fps", "glass_to_glass_p50_ms": "p50 ms", "glass_to_glass_p95_ms": "p95 ms",
           "rss_mb": "RSS MB", "drops": "drops"}  # fmt: skip


@dataclass
class Course:
    """How a run went. Times: seconds on `time.monotonic`. drops: in each minute of it."""

    entered: Mapping[int, float]
    log: Log
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
    live.add_options(parser)
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.camera_fps <= 0:
        parser.error("--minutes and --camera-fps must be positive")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run it all. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *live.CAMERA)
    with Served(live.server_flags(options), taped=False) as server:
        course, album = asyncio.run(_watch(server, clip, options))
        server.stop()
    return {
        **summarise(course, server.rss),
        "drift": album.drift(),
        "seconds": round(60 * options.minutes, 1),
        "video": {"width": course.log.size[0], "height": course.log.size[1]},
        **live.describe(options),
    }


async def _watch(server: Served, clip: list[Image], options: argparse.Namespace) -> tuple[Course, Album]:
    album: Album | None = None

    def look(tick: int, picture: Image) -> None:
        if album is not None:
            album.add(tick, picture)

    async with live.calling(server, clip, options, look) as peer:
        course = Course(peer.camera.entered, peer.log)
        album = Album(peer.camera.period)
        begin, dropped = time.monotonic(), sum(live.drops(peer.log).values())
        end = begin + MINUTE * options.minutes
        while begin < end:
            await peer.watch(min(MINUTE, end - begin))
            now, total = time.monotonic(), sum(live.drops(peer.log).values())
            course.minutes.append(Window(begin, now))
            course.drops.append(total - dropped)
            begin, dropped = now, total
            print(f"{len(course.minutes)} of {options.minutes:g} minutes", file=sys.stderr)
        return course, album


def summarise(course: Course, rss: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The figures, JSON-ready: each minute, the beginning, the end, and the end in units of the beginning.

    rss: (when, megabytes) of the server process. Raises ValueError when no bar code came back.
    """
    whole = Window(course.minutes[0].begin, course.minutes[-1].end)
    seen = seen_within(whole, course.log, course.entered)
    minutes = [
        {"minute": number, **stretch(window, seen, course.entered, rss), "drops": drops}
        for number, (window, drops) in enumerate(zip(course.minutes, course.drops, strict=True), 1)
    ]
    length = min(STRETCH, whole.seconds / 6)
    first = stretch(Window(whole.begin, whole.begin + length), seen, course.entered, rss)
    last = stretch(Window(whole.end - length, whole.end), seen, course.entered, rss)
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
    """The report for people."""
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
