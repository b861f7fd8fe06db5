"""From times and samples to the figures of a live run: pure functions, so that they can be tested by hand-made runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.streaming.webrtc_client import Log
from streamer.runtime.meter import TOTAL, quantile_name

MINUTE = 60.0


@dataclass
class Tape:
    """What the server process notes about itself. Times: seconds on `time.monotonic`."""

    passed: dict[int, tuple[float, float]] = field(default_factory=dict)  # bar code: (arrived, drawn)
    stages: list[tuple[float, dict[str, float]]] = field(default_factory=list)  # (when, milliseconds by stage)


@dataclass(frozen=True)
class Window:
    """A stretch of time, seconds on `time.monotonic`; the end is outside."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def __contains__(self, moment: float) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True)
class Sight:
    """What the peer brings home."""

    entered: Mapping[int, float]  # tick: when its frame went into the sender
    log: Log
    window: Window
    cpu_seconds: float  # of the server process, within the window
    drops: Mapping[str, int]  # within the window, by mailbox


def summarise(sight: Sight, tape: Tape, rss: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The figures, JSON-ready. rss: (when, megabytes) of the server process, from its start to its end.

    `fps_out` counts avatar frames that follow a camera frame no earlier frame followed: repeats do not count. First and
    last minute (halves of a run shorter than two minutes) stand side by side so that growth shows.

    Raises ValueError when no bar code came back within the window.
    """
    window, log = sight.window, sight.log
    seen = seen_within(window, log, sight.entered)
    glass = _delays(seen, sight.entered)
    minute = min(MINUTE, window.seconds / 2)
    return {
        "fps_out": round(len(seen) / window.seconds, 2),
        "glass_to_glass_ms": percentiles(glass),
        "stage_ms": _stages(tape, window),
        "drops": sum(sight.drops.values()),
        "rss_mb": round(max((megabytes for _, megabytes in rss), default=0.0), 1),
        "engine_delay_ms": percentiles(_total(tape, window)),
        "path_ms": _path(seen, sight.entered, tape),
        "fps_in": round(sum(moment in window for moment in sight.entered.values()) / window.seconds, 2),
        "fps_received": round(sum(moment in window for moment in log.frames) / window.seconds, 2),
        "drops_by_mailbox": dict(sight.drops),
        "unread_frames": sum(moment in window for moment in log.unread),
        "video": {"width": log.size[0], "height": log.size[1]},
        "server_cores": round(sight.cpu_seconds / window.seconds, 2),
        "first_minute": stretch(Window(window.begin, window.begin + minute), seen, sight.entered, rss),
        "last_minute": stretch(Window(window.end - minute, window.end), seen, sight.entered, rss),
    }


def seen_within(window: Window, log: Log, entered: Mapping[int, float]) -> dict[int, float]:
    """Tick: when the first avatar frame that follows it came. Raises ValueError where none came."""
    seen = {tick: moment for tick, moment in log.first_seen.items() if moment in window and tick in entered}
    if not seen:
        raise ValueError("no avatar frame with a readable bar code arrived; nothing was measured")
    return seen


def stretch(
    window: Window, seen: Mapping[int, float], entered: Mapping[int, float], rss: Sequence[tuple[float, float]]
) -> dict[str, float | None]:
    """The figures of a part of a run."""
    inside = {tick: moment for tick, moment in seen.items() if moment in window}
    memory = [megabytes for when, megabytes in rss if when in window]
    delays = percentiles(_delays(inside, entered))
    return {
        "fps_out": round(len(inside) / window.seconds, 2),
        "glass_to_glass_p50_ms": delays["p50"],
        "glass_to_glass_p95_ms": delays["p95"],
        "rss_mb": round(float(np.mean(memory)), 1) if memory else None,
    }


def table(report: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = [
        *machine_lines(report["hardware"]),
        subject_line(report),
        "",
        _row("", "p50", "p95"),
        _row("glass to glass, ms", *report["glass_to_glass_ms"].values()),
        *(_row(f"  {name}, ms", *values.values()) for name, values in report["path_ms"].items()),
        _row("engine's own delay, ms", *report["engine_delay_ms"].values()),
        *(_row(f"  {name}, ms", *values.values()) for name, values in report["stage_ms"].items()),
        "",
        _row("frames out, 1/s", report["fps_out"]),
        _row("frames received, 1/s", report["fps_received"]),
        _row("camera frames in, 1/s", report["fps_in"]),
        _row("drops", report["drops"]),
        *(_row(f"  {name}", count) for name, count in report["drops_by_mailbox"].items()),
        _row("unreadable bar codes", report["unread_frames"]),
        _row("server, busy cores", report["server_cores"]),
        _row("server, peak RSS MB", report["rss_mb"]),
        "",
        _row("", "first min", "last min"),
        *(_row(name, report["first_minute"][name], report["last_minute"][name]) for name in report["first_minute"]),
    ]
    return "\n".join(lines)


def machine_lines(machine: Mapping[str, Any]) -> list[str]:
    """What it was measured on, see `hardware.describe`."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB; device {machine['device']}",
        f"Python {machine['python']}, {versions}; commit {machine['commit']}",
    ]


def subject_line(report: Mapping[str, Any]) -> str:
    """What was measured over WebRTC."""
    return (
        f"{report['generator']}, {report['video']['width']}x{report['video']['height']}, {report['codec']}, "
        f"camera {report['camera']}, body {'on' if report['body'] else 'off'}, {report['seconds']:g} s"
    )


def _row(name: str, *values: object) -> str:
    return f"{name:<28}" + "".join(f"{value!s:>12}" for value in values)


def percentiles(milliseconds: Iterable[float], quantiles: Sequence[float] = (0.5, 0.95)) -> dict[str, float | None]:
    """{"p50", "p95"}, or those asked for; None where nothing was measured, which is not the same as zero."""
    samples, names = list(milliseconds), [quantile_name(quantile) for quantile in quantiles]
    if not samples:
        return dict.fromkeys(names)
    values = np.quantile(samples, quantiles)
    return {name: round(float(value), 2) for name, value in zip(names, values, strict=True)}


def _delays(later: Mapping[int, float], earlier: Mapping[int, float]) -> list[float]:
    return [(moment - earlier[number]) * 1000 for number, moment in later.items() if number in earlier]


def _path(seen: Mapping[int, float], entered: Mapping[int, float], tape: Tape) -> dict[str, dict[str, float | None]]:
    """Glass-to-glass in its three parts, milliseconds."""
    arrived = {number: tape.passed[number][0] for number in seen if number in tape.passed}
    drawn = {number: tape.passed[number][1] for number in seen if number in tape.passed}
    return {
        "camera to server": percentiles(_delays(arrived, entered)),
        "arrived to drawn": percentiles(_delays(drawn, arrived)),
        "drawn to viewer": percentiles(_delays({number: seen[number] for number in drawn}, drawn)),
    }


def _total(tape: Tape, window: Window) -> list[float]:
    return [stages[TOTAL] for when, stages in tape.stages if when in window and TOTAL in stages]


def _stages(tape: Tape, window: Window) -> dict[str, dict[str, float | None]]:
    samples: dict[str, list[float]] = {}
    for when, stages in tape.stages:
        if when in window:
            for name, milliseconds in stages.items():
                samples.setdefault(name, []).append(milliseconds)
    return {name: percentiles(values) for name, values in samples.items() if name != TOTAL}
