"""`python -m benchmarks.faults`: what badly behaved clients cost a live neighbour and leave behind, and what a live
session sees of processes that die, stop and hang.

A real server on 127.0.0.1 serves one live person over WebRTC. Before each attack that person's frames a second are
measured alone, then under the attack, which comes from a process of its own, at low priority. Afterwards everything
that the attackers used must be gone: UDP sockets, sessions, tracker processes, threads. In the end the server is told
to stop while slow requests are open. What is done (--attack chooses):

damaged offers: damaged offers to a server in this process, some taken back at once; each must be answered or refused.
attacks: benchmarks/streaming/attacks.py. seats: whether a newcomer is answered while others hold places for nothing.
processes: trackers, picture processes and the fork server are killed and stopped; the page must be told, and the avatar
follow again, within MAX_REPLACE_S, without a new calibration. film beside a live stream: a film of the clip is made in
another page's session, and must cost the live person no more than an attack. exits: SIGTERM in each state of a server,
and SIGKILL.
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
from benchmarks.streaming.exits import EXITS, MAX_EXIT_S, measure_exit
from benchmarks.streaming.film_fault import FILM, film_fault
from benchmarks.streaming.offer_fuzz import FuzzReport, fuzz_offers
from benchmarks.streaming.offers import make_offer
from benchmarks.streaming.process_faults import (
    FORK_SERVER_KILLED,
    MAX_REPLACE_S,
    PICTURE_FAULTS,
    TRACKER_FAULTS,
    Faces,
    Scene,
    fork_server_fault,
    picture_fault,
    tracker_fault,
)
from benchmarks.streaming.seat_faults import MAX_ANSWER_S, SEAT_FAULTS, seat_fault
from benchmarks.streaming.server_options import add_options, describe, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import WebRtcClient, live_client
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.tracking.tracker_process import MAX_REPLACEMENTS, REPLACEMENT_WINDOW_S

MAX_FRAMES_LOST = 0.2  # share of the neighbour's frames
ATTACKER_START_TIMEOUT_S = 60.0
SETTLE_TIMEOUT_S = 30.0  # after an attack, for everything of it to be gone
LOG_CHARACTERS = 8000  # of the server's log that are shown if it holds a traceback
REPLACEMENT_PAUSE_S = REPLACEMENT_WINDOW_S / MAX_REPLACEMENTS  # so that no session is ended for too many
LOOPED_FRAMES = 36  # of the clip, forwards and backwards: shorter than SETTLED_S at 25 frames a second
POOL_THREADS = 24  # by which the server's thread pools may grow; they are bounded and stay
COUNTED = ("sessions", "processes", "udp_sockets", "threads")
DAMAGED_OFFERS = "damaged offers"
NO_ADMISSION = ("--min-fps", "0")  # a machine that is busy with other things refuses no newcomer
ON_SERVER = (*SEAT_FAULTS, *PICTURE_FAULTS, FORK_SERVER_KILLED, *TRACKER_FAULTS, FILM, *ATTACKS)
EVERYTHING = (DAMAGED_OFFERS, *ON_SERVER, *EXITS)
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
    parser.add_argument(
        "--attack", choices=EVERYTHING, action="append", metavar="NAME",
        help=f"only this; may be repeated (all): {', '.join(EVERYTHING)}",
    )  # fmt: skip
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.camera_fps <= 0 or options.offers < 0:
        parser.error("--seconds and --camera-fps must be positive, --offers not negative")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    chosen = options.attack or EVERYTHING
    report: dict[str, Any] = {"seconds": options.seconds, "size": options.size, **describe(options)}
    if DAMAGED_OFFERS in chosen:
        offers = asyncio.run(fuzz_offers(options.offers))
        print(_offers_line(offers), file=sys.stderr)
        report["offers"] = {
            "outcomes": dict(offers.outcomes),
            "broken": offers.broken,
            "left": offers.left,
            "holds": offers.holds,
        }
    if set(ON_SERVER) & set(chosen):
        report |= _measure_server(options, clip, chosen)
    if set(EXITS) & set(chosen):
        report["exits"] = asyncio.run(_exit_one_by_one(options, clip, chosen))
    rows = [row for part in ("rows", "seats", "processes", "films", "exits") for row in report.get(part, ())]
    fuzzed = report.get("offers", {"holds": True})["holds"]
    report["holds"] = fuzzed and report.get("tracebacks", 0) == 0 and all(row["holds"] for row in rows)
    return report


def _measure_server(options: argparse.Namespace, clip: list[Image], chosen: Sequence[str]) -> dict[str, Any]:
    """Attacks, seats and processes, all on one server, and how long it takes to stop."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with ServerProcess([*server_flags(options), *NO_ADMISSION], records=False, log=log) as server:
            report: dict[str, Any] = asyncio.run(_fault_one_by_one(server, log, clip, options, chosen))
            slow = open_slow_requests(Target(server.url, 0, ""))
            began = time.monotonic()
            server.stop()
            report["stop_seconds"] = round(time.monotonic() - began, 1)
            for each in slow:
                each.close()
        report["tracebacks"] = _tracebacks(log)
        if report["tracebacks"]:
            print(log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:], file=sys.stderr)
    return report


async def _fault_one_by_one(
    server: ServerProcess, log: Path, clip: list[Image], options: argparse.Namespace, chosen: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    target = Target(server.url, options.seconds, await make_offer(sound=False), large_pictures())
    report: dict[str, list[dict[str, Any]]] = {"seats": [], "processes": [], "films": [], "rows": []}
    looped = clip[:LOOPED_FRAMES]
    faces = Faces(len(looped))
    async with live_client(server.url, looped, options.camera_fps, options.codec, faces) as neighbour:
        scene = Scene(server, neighbour, faces, options.ref.read_bytes())
        for name in filter(chosen.__contains__, SEAT_FAULTS):
            report["seats"].append(_shown(await seat_fault(name, target)))
        for name in filter(chosen.__contains__, PICTURE_FAULTS):
            report["processes"].append(_shown(await picture_fault(name, scene)))
        if FORK_SERVER_KILLED in chosen:
            report["processes"].append(_shown(await fork_server_fault(scene)))
        for number, name in enumerate(filter(chosen.__contains__, TRACKER_FAULTS)):
            await neighbour.watch(REPLACEMENT_PAUSE_S if number else 0.0)
            report["processes"].append(_shown(await tracker_fault(name, scene)))
        if FILM in chosen:
            report["films"].append(_shown(await film_fault(scene, options.clip.read_bytes(), options.seconds)))
        for name in filter(chosen.__contains__, ATTACKS):
            report["rows"].append(await _attack(name, server, log, target, neighbour))
            print(_line(report["rows"][-1]), file=sys.stderr)
    return report


async def _exit_one_by_one(
    options: argparse.Namespace, clip: list[Image], chosen: Sequence[str]
) -> list[dict[str, Any]]:
    upload, video, flags = options.ref.read_bytes(), options.clip.read_bytes(), server_flags(options)
    return [
        _shown(await measure_exit(name, flags, clip, options.codec, upload, video))
        for name in filter(chosen.__contains__, EXITS)
    ]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """The row, which is also printed while the benchmark goes on."""
    print(_fault_line(row), file=sys.stderr)
    return row


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
    lines = [
        *machine_lines(report["hardware"]),
        f"{report['generator']}, {report['size']} px, {report['codec']}, camera {report['camera']}, body "
        f"{'on' if report['body'] else 'off'}, {report['seconds']:g} s each",
    ]
    if report.get("rows"):
        lines += ["", _row(COLUMNS), *map(_line, report["rows"])]
    for part in ("seats", "processes", "films", "exits"):
        if report.get(part):
            lines += ["", *map(_fault_line, report[part])]
    lines.append("")
    if "offers" in report:
        offers = report["offers"]
        lines.append(_offers_line(FuzzReport(Counter(offers["outcomes"]), offers["broken"], offers["left"])))
    if "stop_seconds" in report:
        lines.append(
            f"stopped in {report['stop_seconds']:g} s with slow requests open, {report['tracebacks']} tracebacks"
        )
    return "\n".join(
        [
            *lines,
            f"at most {MAX_FRAMES_LOST:.0%} of the frames lost, newcomers answered within {MAX_ANSWER_S:g} s, trackers "
            f"replaced within {MAX_REPLACE_S:g} s, ended within {MAX_EXIT_S:g} s, nothing left behind: "
            f"{'holds' if report['holds'] else 'does not hold'}",
        ]
    )


def _fault_line(row: Mapping[str, Any]) -> str:
    name, *figures = row.items()
    words = ", ".join(f"{kind.replace('_', ' ')} {value}" for kind, value in figures if kind != "holds")
    return f"{name[1]!s:<26}{words}: {'holds' if row['holds'] else 'does not hold'}"


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
