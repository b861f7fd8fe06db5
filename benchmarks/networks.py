"""`python -m benchmarks.networks`: what a live avatar does on bad networks, when the machine sleeps, and while the
camera changes.

A real server on 127.0.0.1, and one client with a clip as its camera, whose datagrams are lost, reordered and held back
inside the client (benchmarks/streaming/lossy_network.py). For each case: frames a second and delay (glass to glass, by
bar code) before, during, and after, and the recovery time: from the case's end to the first frame since which, for one
second, at least RECOVERED_SHARE of the frames of before arrive, with at most RECOVERED_DELAY_S more delay. The same of
the sound: the share of the time in which the microphone's pitches arrive, and their delay, jitter buffers included.
Another rate of the microphone is another connection, as when the page's device is changed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import run
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip
from benchmarks.streaming.coded_sound import CodedMicrophone
from benchmarks.streaming.lossy_network import LossyNetwork
from benchmarks.streaming.server_options import add_options, describe, server_flags
from benchmarks.streaming.server_process import ServerProcess
from benchmarks.streaming.webrtc_client import WebRtcClient, live_client
from streamer.runtime.memory import process_tree
from streamer.virtual_camera import fit_to_size

REORDERED = 0.1  # share of the datagrams that are overtaken, in every case with loss
BLACKOUT_S = 5.0
SLEEP_S = 10.0
CAMERA_SIZES = ((640, 480), (480, 640), (320, 240), (1920, 1080))
RECOVERED_SHARE = 0.8  # of the frames a second before
RECOVERED_DELAY_S = 0.15  # more than the delay before
RECOVERY_WINDOW_S = 1.0
COLUMNS = ("fps before", "during", "after", "ms before", "during", "after", "recovery s")


@dataclass(frozen=True)
class Scene:
    """What a case changes. seconds: how long it lasts."""

    client: WebRtcClient
    network: LossyNetwork
    server: ServerProcess
    seconds: float


Case = Callable[[Scene], Awaitable[None]]


async def _loss(share: float, scene: Scene) -> None:
    scene.network.loss, scene.network.reordered = share, REORDERED
    await scene.client.watch(scene.seconds)
    scene.network.loss = scene.network.reordered = 0.0


async def _blackout(scene: Scene) -> None:
    scene.network.is_dark = True
    await scene.client.watch(BLACKOUT_S)
    scene.network.is_dark = False


async def _ice_restart(scene: Scene) -> None:
    await scene.client.reconnect()


async def _sleep(scene: Scene) -> None:
    """The server's machine sleeps: all its processes stand still, while the camera goes on sending."""
    processes = process_tree(scene.server.pid)
    for process in processes:
        process.suspend()
    try:
        await scene.client.watch(SLEEP_S)
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


async def _sizes(scene: Scene) -> None:
    frames = scene.client.camera.frames
    for size in CAMERA_SIZES:
        scene.client.camera.frames = [fit_to_size(frame, *size) for frame in frames[:30]]
        await scene.client.watch(scene.seconds / len(CAMERA_SIZES))
    scene.client.camera.frames = frames


async def _sixty(scene: Scene) -> None:
    fps = scene.client.camera.fps
    scene.client.camera.set_rate(60.0)
    await scene.client.watch(scene.seconds)
    scene.client.camera.set_rate(fps)


async def _sound(codec: str, rate: int, scene: Scene) -> None:
    client = scene.client
    usual = client.sound_codec, client.sound_rate
    client.sound_codec, client.sound_rate = codec, rate
    await client.reconnect()
    await client.watch(scene.seconds)
    client.sound_codec, client.sound_rate = usual
    await client.reconnect()


CASES: dict[str, Case] = {
    "10 % loss": partial(_loss, 0.1),
    "20 % loss": partial(_loss, 0.2),
    "40 % loss": partial(_loss, 0.4),
    "blackout of 5 s": _blackout,
    "ICE restart": _ice_restart,
    "machine sleeps 10 s": _sleep,
    "camera changes size": _sizes,
    "camera at 60 fps": _sixty,
    "sound, 8 kHz PCMU": partial(_sound, "PCMU", 8_000),
    "sound, 16 kHz G.722": partial(_sound, "G722", 16_000),
    "sound, 44.1 kHz Opus": partial(_sound, "opus", 44_100),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    return run("networks", options.json, lambda: measure(options), table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.networks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="how long each part lasts (10)")
    parser.add_argument("--case", choices=tuple(CASES), action="append", help="only this; may be repeated (all)")
    parser.add_argument("--round-trip-ms", type=float, default=40.0, metavar="N", help="of the network (40)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of what is lost (1)")
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.seconds < RECOVERY_WINDOW_S or options.camera_fps <= 0 or options.round_trip_ms < 0:
        parser.error(
            f"--seconds must be {RECOVERY_WINDOW_S:g} at least, --camera-fps positive, --round-trip-ms not negative"
        )
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report. Raises KagamiError, OSError, ValueError, each with one sentence."""
    clip = load_clip(options.clip, *CAMERA_SIZE)
    with ServerProcess(server_flags(options), records=False) as server:
        rows = asyncio.run(_measure_cases(server, clip, options))
    return {
        "rows": rows,
        "seconds": options.seconds,
        "size": options.size,
        "round_trip_ms": options.round_trip_ms,
        "seed": options.seed,
        **describe(options),
    }


async def _measure_cases(server: ServerProcess, clip: list[Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for name in options.case or CASES:  # each with a session of its own, so that none inherits another's troubles
        network = LossyNetwork(options.seed)
        network.delay_s = options.round_trip_ms / 2000
        async with live_client(
            server.url, clip, options.camera_fps, options.codec, network=network, microphone=CodedMicrophone()
        ) as client:
            rows.append(await measure_case(name, Scene(client, network, server, options.seconds)))
        print(_line(rows[-1], "picture"), _line(rows[-1], "sound"), sep="\n", file=sys.stderr)
    return rows


async def measure_case(name: str, scene: Scene) -> dict[str, Any]:
    """One row of the report."""
    client = scene.client
    await client.watch(scene.seconds)
    marks = [time.monotonic() - scene.seconds, time.monotonic()]
    await CASES[name](scene)
    marks.append(time.monotonic())
    await client.watch(scene.seconds)
    marks.append(time.monotonic())
    row: dict[str, Any] = {"case": name}
    for kind, part, seen in (("picture", _part, _seen(client)), ("sound", _sound_part, sound_seen(client))):
        parts = [part(client, seen, since, until) for since, until in itertools.pairwise(marks)]
        row[kind] = {
            **dict(zip(("before", "during", "after"), parts, strict=True)),
            "recovery_s": recovery_s(seen, marks[2], marks[3], parts[0]),
        }
    return row


Seen = list[tuple[float, float]]  # when an avatar frame with a new bar code came, or a new pitch; its delay, seconds


def _seen(client: WebRtcClient) -> Seen:
    sent = client.camera.sent_at
    return sorted((at, at - sent[tick]) for tick, at in client.log.first_seen.items() if tick in sent)


def sound_seen(client: WebRtcClient) -> Seen:
    """Of the pitches that followed another one, since the middle of one tells nothing about its beginning."""
    assert client.microphone is not None
    steps = [(at, step) for at, _, step in client.log.sound if step is not None]
    return [
        (at, client.microphone.delay_s(step, at))
        for (_, before), (at, step) in itertools.pairwise(steps)
        if step != before
    ]


def _part(client: WebRtcClient, seen: Seen, since: float, until: float) -> dict[str, float]:
    """Frames a second that came in a part of the time, and the median of their delays, milliseconds."""
    count = sum(since <= at < until for at in client.log.frames)
    return {"rate": round(count / max(until - since, 1e-6), 1), "delay_ms": _delay_ms(seen, since, until)}


def _sound_part(client: WebRtcClient, seen: Seen, since: float, until: float) -> dict[str, float]:
    """The same of pitches, and the share of the time in which any was heard, 0..1."""
    count = sum(since <= at < until for at, _ in seen)
    heard = sum(seconds for at, seconds, step in client.log.sound if since <= at < until and step is not None)
    length = max(until - since, 1e-6)
    return {
        "rate": round(count / length, 1),
        "delay_ms": _delay_ms(seen, since, until),
        "share": round(min(heard / length, 1.0), 3),
    }


def _delay_ms(seen: Seen, since: float, until: float) -> int:
    delays = [delay for at, delay in seen if since <= at < until]
    return round(statistics.median(delays) * 1000) if delays else 0


def recovery_s(seen: Seen, since: float, until: float, before: Mapping[str, float]) -> float | None:
    """Seconds from `since` until all is as before for RECOVERY_WINDOW_S; None if it is not until `until`.

    before: frames or pitches a second and their delay, see `_part`.
    """
    limit = before["delay_ms"] / 1000 + RECOVERED_DELAY_S
    for start, _ in ((at, delay) for at, delay in seen if at >= since and delay <= limit):
        if start + RECOVERY_WINDOW_S > until:
            return None
        window = [delay for at, delay in seen if start <= at < start + RECOVERY_WINDOW_S]
        enough = len(window) >= RECOVERED_SHARE * before["rate"] * RECOVERY_WINDOW_S
        if enough and statistics.median(window) <= limit:
            return round(start - since, 2)
    return None


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
    return "\n".join(
        [
            *machine_lines(report["hardware"]),
            f"{report['generator']}, {report['size']} px, {report['codec']}, camera {report['camera']}, body "
            f"{'on' if report['body'] else 'off'}, round trip {report['round_trip_ms']:g} ms, "
            f"{report['seconds']:g} s each",
            "",
            _row(("picture", *COLUMNS)),
            *(_line(row, "picture") for row in report["rows"]),
            "",
            _row(("sound", "% before", *COLUMNS[1:])),
            *(_line(row, "sound") for row in report["rows"]),
        ]
    )


def _line(row: Mapping[str, Any], kind: str) -> str:
    """kind: "picture" or "sound"."""
    measured = row[kind]
    parts = [measured["before"], measured["during"], measured["after"]]
    shares = [f"{part['share']:.0%}" if kind == "sound" else part["rate"] for part in parts]
    recovery = "never" if measured["recovery_s"] is None else measured["recovery_s"]
    return _row((row["case"], *shares, *(part["delay_ms"] for part in parts), recovery))


def _row(cells: Sequence[object]) -> str:
    return f"{cells[0]!s:<22}" + "".join(f"{cell!s:>12}" for cell in cells[1:])


if __name__ == "__main__":
    sys.exit(main())
