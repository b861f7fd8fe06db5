"""`python -m benchmarks.sessions`: how many sessions one machine serves at a frame rate, and with which delay.

Motions of a clip are tracked once and replayed to one engine in this process by more and more sessions, each with a
camera of its own phase and an encoder of its own in the executor, as in the live server. Engine time passes from the
arrival of a camera frame to the end of its avatar frame's encoding; queue age is the time that a motion waits for the
engine. Tracking and the decoding of cameras are left out: they scale with cores, not with the device. A number of
sessions holds when the 95th percentile of engine time over all frames stays within the budget and the slowest session
gets its frames.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import hardware
from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.common.percentiles import percentiles
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.replay import MOTION_STEP, ReplayTracker, track_clip
from benchmarks.streaming.replayed_session import EncodedFrame, ReplayedSession
from benchmarks.streaming.report import Window
from streamer.engine.engine import Engine
from streamer.errors import KagamiError
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.device import choose_device
from streamer.generation.factory import make_pipeline
from streamer.rigging.picture import load_picture
from streamer.runtime.meter import QUANTILES, QUEUE_AGE, pooled
from streamer.runtime.native_logs import filter_native_logs
from streamer.settings import Settings

ENGINE_BUDGET_MS = 60.0  # of engine time, which 95 of 100 frames must not exceed
MIN_FRAME_SHARE = 0.95  # of the frame rate that the slowest session must get
WARM_UP_S = 2.0  # with each number of sessions before it is measured
CAMERA_PHASE_STEP = (
    0.618  # periods from one camera's phase to the next one's; the golden ratio spreads any number evenly
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    filter_native_logs()
    return run("sessions", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sessions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fps", type=float, default=25.0, metavar="N", help="frames a second of each session (25)")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="how long to measure each number (10)")
    parser.add_argument("--max", type=int, default=64, metavar="N", help="most sessions to try (64)")
    parser.add_argument(
        "--counts", type=int, nargs="+", metavar="N", help="numbers of sessions to try, upwards (each up to --max)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it draws (auto)")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="side of the avatar video in pixels (512)")
    parser.add_argument("--generator", choices=("dit", "geometry"), default="dit", help="what draws (dit)")
    parser.add_argument(
        "--ref", type=Path, default=Path("assets/avatar.png"), metavar="FILE", help="picture to animate"
    )
    parser.add_argument(
        "--clip", type=Path, default=Path("assets/driver.mp4"), metavar="FILE", help="whose motions are replayed"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args(arguments)
    options.counts = options.counts or list(range(1, options.max + 1))
    if min(options.fps, options.seconds, options.max, *options.counts) <= 0:
        parser.error("--fps, --seconds, --max and --counts must be positive")
    options.counts, options.max = sorted(set(options.counts)), max(options.counts)
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError with one sentence."""
    device = choose_device(options.device)
    picture = load_picture(options.ref)
    motions = track_clip(load_clip(options.clip, *CAMERA_SIZE), options.fps)
    torch.set_num_threads(1)  # as in the live server
    pipeline = make_pipeline(options.generator, device, options.size, live=True, sessions=options.max)
    avatar = pipeline.prepare(picture)
    pipeline.warm_up(avatar)
    starts = itertools.count(0, MOTION_STEP)
    engine = Engine(
        pipeline,
        lambda: ReplayTracker(motions, next(starts)),
        fps=max(Settings.fps, options.fps),
        max_sessions=options.max,
    )
    engine.start()
    try:
        rows = asyncio.run(_add_sessions(engine, avatar, options))
    finally:
        engine.close()
    return {
        "fps": options.fps,
        "budget_ms": ENGINE_BUDGET_MS,
        "holds": largest(rows),
        "rows": rows,
        "seconds": options.seconds,
        "size": options.size,
        "generator": options.generator,
        "hardware": hardware.describe(device),
    }


async def _add_sessions(engine: Engine, avatar: Avatar, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each number of sessions, until a number does not hold."""
    sessions: list[ReplayedSession] = []
    tasks: list[asyncio.Task[None]] = []
    failures: list[KagamiError] = []
    rows: list[dict[str, Any]] = []
    try:
        for count in options.counts:
            while len(sessions) < count:
                admitted = engine.admit(avatar, Controls(), failures.append)
                admitted.start()
                sessions.append(ReplayedSession(admitted, options.fps, phase=len(sessions) * CAMERA_PHASE_STEP % 1))
                tasks.append(asyncio.create_task(sessions[-1].run()))
            await asyncio.sleep(WARM_UP_S)
            begin = time.monotonic()
            await asyncio.sleep(options.seconds)
            window = Window(begin, time.monotonic())
            ages = pooled(each.session.meter for each in sessions).get(QUEUE_AGE, [])
            rows.append(summarise([each.encoded for each in sessions], ages, window, options.fps))
            print(_line(rows[-1]), file=sys.stderr)
            if failures or not rows[-1]["holds"]:
                break
    finally:
        for each in sessions:
            engine.leave(each.session)
        await asyncio.gather(*tasks)
    if failures:  # for example, a session found no memory: this number does not hold, those before it do
        rows[-1].update(holds=False, failure=str(failures[0]))
    return rows


def summarise(
    sessions: Sequence[Sequence[EncodedFrame]], ages: Sequence[float], window: Window, fps: float
) -> dict[str, Any]:
    """One row of the report.

    sessions: the encoded frames of each; those within the window count. ages: queue ages of all motions, milliseconds.
    fps: the frame rate that each session must get.
    """
    inside = [[frame for frame in encoded if frame.at in window] for encoded in sessions]
    rates = [round(len(frames) / window.seconds, 2) for frames in inside]
    frames = [frame for encoded in inside for frame in encoded]
    engine = percentiles((frame.delay_ms for frame in frames), QUANTILES)
    in_time = engine["p95"] is not None and engine["p95"] <= ENGINE_BUDGET_MS
    return {
        "sessions": len(sessions),
        "fps": {"min": min(rates), "max": max(rates)},
        "engine_ms": engine,
        "queue_age_ms": percentiles(ages),
        "encode_ms": percentiles(frame.encode_ms for frame in frames),
        "holds": in_time and min(rates) >= MIN_FRAME_SHARE * fps,
    }


def largest(rows: Sequence[Mapping[str, Any]]) -> int:
    """The largest number of sessions that holds; 0 if one session does not."""
    return max((row["sessions"] for row in rows if row["holds"]), default=0)


HEAD = ("sessions", "fps min", "fps max", "p50 ms", "p95 ms", "p99 ms", "age p95", "encode p95", "holds")


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    failures = [row["failure"] for row in report["rows"] if "failure" in row]
    return "\n".join(
        [
            *machine_lines(report["hardware"]),
            f"{report['generator']}, {report['size']} px, {report['fps']:g} frames a second each, VP8, "
            f"{report['seconds']:g} s each",
            "",
            "".join(f"{name:>11}" for name in HEAD),
            *map(_line, report["rows"]),
            *failures,
            "",
            f"{report['holds']} sessions hold {report['fps']:g} frames a second, p95 within {report['budget_ms']:g} ms",
        ]
    )


def _line(row: Mapping[str, Any]) -> str:
    cells = [row["sessions"], *row["fps"].values(), *row["engine_ms"].values(), row["queue_age_ms"]["p95"],
             row["encode_ms"]["p95"], "yes" if row["holds"] else "no"]  # fmt: skip
    return "".join(f"{cell!s:>11}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
