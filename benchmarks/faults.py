"""`python -m benchmarks.faults`: what badly behaved clients cost a live neighbour, and what they leave behind.

A real server on 127.0.0.1 serves one live person over WebRTC. Before each attack that person's frames a second are
measured alone, then under the attack, which comes from a process of its own, at low priority. Afterwards everything
that the attackers used must be gone: UDP sockets, sessions, tracker processes, threads. In the end the server is told
to stop while slow requests are open. See benchmarks/streaming/attacks.py for the attacks. Before all that, damaged
offers are sent to a server in this process, some of them taken back at once: each must be answered or refused.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.streaming.attacks import (
    ATTACKS,
    Target,
    conversation,
    get,
    large_pictures,
    open_slow_requests,
    run_attack,
)
from benchmarks.streaming.attacks import session_of as await_ready
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.offer_fuzz import FuzzReport, fuzz_offers
from benchmarks.streaming.offers import make_offer
from benchmarks.streaming.server_options import add_options, describe, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import WebRtcClient, live_client
from streamer.errors import KagamiError
from streamer.frames import Image

MAX_FRAMES_LOST = 0.2  # share of the neighbour's frames
ATTACKER_START_TIMEOUT_S = 60.0
SETTLE_TIMEOUT_S = 30.0  # after an attack, for everything of it to be gone
LOG_CHARACTERS = 8000  # of the server's log that are shown if it holds a traceback
POOL_THREADS = 24  # by which the server's thread pools may grow; they are bounded and stay
COUNTED = ("sessions", "processes", "udp_sockets", "threads")
COLUMNS = ("attack", "fps alone", "fps under", "lost", "MB more", "tracebacks", "udp", "sessions", "processes",
           "threads", "newcomer")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    return run("faults", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=15.0, metavar="N", help="how long each attack lasts (15)")
    parser.add_argument("--offers", type=int, default=10_000, metavar="N", help="damaged offers to send (10000)")
    parser.add_argument("--attack", choices=tuple(ATTACKS), action="append", help="only this; may be repeated (all)")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.camera_fps <= 0 or options.offers < 0:
        parser.error("--seconds and --camera-fps must be positive, --offers not negative")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    offers = asyncio.run(fuzz_offers(options.offers))
    print(_offers_line(offers), file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with ServerProcess(server_flags(options), records=False, log=log) as server:
            rows = asyncio.run(_attack_one_by_one(server, log, clip, options))
            slow = open_slow_requests(Target(server.url, 0, ""))
            began = time.monotonic()
            server.stop()
            stop_seconds = round(time.monotonic() - began, 1)
            for each in slow:
                each.close()
        tracebacks = _tracebacks(log)
        if tracebacks:
            print(log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:], file=sys.stderr)
    held = tracebacks == 0 and offers.holds and all(row["holds"] for row in rows)
    return {
        "offers": {
            "outcomes": dict(offers.outcomes),
            "broken": offers.broken,
            "left": offers.left,
            "holds": offers.holds,
        },
        "rows": rows,
        "stop_seconds": stop_seconds,
        "tracebacks": tracebacks,
        "holds": held,
        "seconds": options.seconds,
        "size": options.size,
        **describe(options),
    }


async def _attack_one_by_one(
    server: ServerProcess, log: Path, clip: list[Image], options: argparse.Namespace
) -> list[dict[str, Any]]:
    target = Target(server.url, options.seconds, await make_offer(sound=False), large_pictures())
    rows = []
    async with live_client(server.url, clip, options.camera_fps, options.codec) as neighbour:
        for name in options.attack or ATTACKS:
            rows.append(await _attack(name, server, log, target, neighbour))
            print(_line(rows[-1]), file=sys.stderr)
    return rows


async def _attack(
    name: str, server: ServerProcess, log: Path, target: Target, neighbour: WebRtcClient
) -> dict[str, Any]:
    """One row of the report."""
    before, tracebacks, samples = server.resources(), _tracebacks(log), len(server.rss)
    alone = await _frame_rate(neighbour, target.seconds)
    memory_alone = max((megabytes for _, megabytes in server.rss[samples:]), default=0.0)
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    attacker = context.Process(target=run_attack, args=(name, target, ready), name="attacker")
    attacker.start()
    await asyncio.to_thread(ready.wait, ATTACKER_START_TIMEOUT_S)  # it imports what it needs
    samples = len(server.rss)
    under = await _frame_rate(neighbour, target.seconds)
    newcomer = await _newcomer_comes_in(target)
    await asyncio.to_thread(attacker.join, target.seconds + 30)
    if attacker.is_alive():
        attacker.kill()
    left = await _left_behind(server, before)
    row: dict[str, Any] = {
        "attack": name,
        "fps_alone": alone,
        "fps_under": under,
        "frames_lost": round(max(0.0, 1 - under / alone), 3) if alone else 1.0,
        "memory_mb": round(max((megabytes for _, megabytes in server.rss[samples:]), default=0.0) - memory_alone),
        "tracebacks": _tracebacks(log) - tracebacks,
        "left": left,
        "newcomer": newcomer,
    }
    row["holds"] = (
        row["frames_lost"] <= MAX_FRAMES_LOST
        and not row["tracebacks"]
        and newcomer
        and all(count <= (POOL_THREADS if kind == "threads" else 0) for kind, count in left.items())
    )
    return row


async def _frame_rate(neighbour: WebRtcClient, seconds: float) -> float:
    """Frames a second that the neighbour receives from now on."""
    count, began = len(neighbour.log.frames), time.monotonic()
    await neighbour.watch(seconds)
    return round((len(neighbour.log.frames) - count) / (time.monotonic() - began), 1)


async def _newcomer_comes_in(target: Target) -> bool:
    """Whether somebody else gets the page's health and a `ready` during the attack."""
    try:
        async with conversation(target) as opened:
            await await_ready(opened)
        return await get(target, "/api/health") == 200
    except (KagamiError, OSError, EOFError, TimeoutError):
        return False


async def _left_behind(server: ServerProcess, before: Mapping[str, int]) -> dict[str, int]:
    """How many of each resource are more than before, once that does not change or SETTLE_TIMEOUT_S have passed."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        now = server.resources()
        left = {kind: max(0, now[kind] - before[kind]) for kind in COUNTED}
        done = not any(left[kind] for kind in COUNTED if kind != "threads") and left["threads"] <= POOL_THREADS
        if done or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.5)


def _tracebacks(log: Path) -> int:
    return log.read_text(encoding="utf-8", errors="replace").count("Traceback (most recent call last)")


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    offers = report["offers"]
    verdict = "holds" if report["holds"] else "does not hold"
    return "\n".join(
        [
            *machine_lines(report["hardware"]),
            f"{report['generator']}, {report['size']} px, {report['codec']}, camera {report['camera']}, body "
            f"{'on' if report['body'] else 'off'}, {report['seconds']:g} s each",
            "",
            _row(COLUMNS),
            *map(_line, report["rows"]),
            "",
            _offers_line(FuzzReport(Counter(offers["outcomes"]), offers["broken"], offers["left"])),
            f"stopped in {report['stop_seconds']:g} s with slow requests open, {report['tracebacks']} tracebacks",
            f"at most {MAX_FRAMES_LOST:.0%} of the frames lost, nothing left behind: {verdict}",
        ]
    )


def _offers_line(offers: FuzzReport) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(offers.outcomes.items()))
    return f"damaged offers: {kinds}; {len(offers.broken)} exceptions, {sum(offers.left.values())} things left"


def _line(row: Mapping[str, Any]) -> str:
    left = row["left"]
    return _row(
        (row["attack"], row["fps_alone"], row["fps_under"], f"{row['frames_lost']:.0%}", row["memory_mb"],
         row["tracebacks"], left["udp_sockets"], left["sessions"], left["processes"], left["threads"],
         "yes" if row["newcomer"] else "no")
    )  # fmt: skip


def _row(cells: Sequence[object]) -> str:
    return f"{cells[0]!s:<22}" + "".join(f"{cell!s:>11}" for cell in cells[1:])


if __name__ == "__main__":
    sys.exit(main())
