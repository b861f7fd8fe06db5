"""From times and samples to the figures of a live run: pure functions, so that they can be tested by hand-made runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.peer import Log

TOTAL = "total"  # the server's name for "camera frame arrived" to "avatar frame left"
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

    entered: Mapping[int, float]  # bar code: when it went into the sender
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
    seen = {number: moment for number, moment in log.first_seen.items() if moment in window and number in sight.entered}
    if not seen:
        raise ValueError("no avatar frame with a readable bar code arrived; nothing was measured")
    glass = _delays(seen, sight.entered)
    minute = min(MINUTE, window.seconds / 2)
    return {
        "fps_out": round(len(seen) / window.seconds, 2),
        "glass_to_glass_ms": _percentiles(glass),
        "stage_ms": _stages(tape, window),
        "drops": sum(sight.drops.values()),
        "rss_mb": round(max((megabytes for _, megabytes in rss), default=0.0), 1),
        "engine_delay_ms": _percentiles(_total(tape, window)),
        "path_ms": _path(seen, sight.entered, tape),
        "fps_in": round(sum(moment in window for moment in sight.entered.values()) / window.seconds, 2),
        "fps_received": round(sum(moment in window for moment in log.frames) / window.seconds, 2),
        "drops_by_mailbox": dict(sight.drops),
        "unread_frames": sum(moment in window for moment in log.unread),
        "video": {"width": log.size[0], "height": log.size[1]},
        "server_cores": round(sight.cpu_seconds / window.seconds, 2),
        "first_minute": _stretch(Window(window.begin, window.begin + minute), seen, sight.entered, rss),
        "last_minute": _stretch(Window(window.end - minute, window.end), seen, sight.entered, rss),
    }


def table(report: Mapping[str, Any]) -> str:
    """The report for people."""
    machine = report["hardware"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB; device {machine['device']}",
        f"Python {machine['python']}, {versions}; commit {machine['commit']}",
        f"{report['generator']}, {report['video']['width']}x{report['video']['height']}, {report['codec']}, "
        f"camera {report['camera']}, body {'on' if report['body'] else 'off'}, {report['seconds']:g} s",
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


def _row(name: str, *values: object) -> str:
    return f"{name:<28}" + "".join(f"{value!s:>12}" for value in values)


def _percentiles(milliseconds: Iterable[float]) -> dict[str, float | None]:
    """p50 and p95; None where nothing was measured, which is not the same as zero."""
    samples = list(milliseconds)
    if not samples:
        return {"p50": None, "p95": None}
    p50, p95 = np.percentile(samples, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def _delays(later: Mapping[int, float], earlier: Mapping[int, float]) -> list[float]:
    return [(moment - earlier[number]) * 1000 for number, moment in later.items() if number in earlier]


def _path(seen: Mapping[int, float], entered: Mapping[int, float], tape: Tape) -> dict[str, dict[str, float | None]]:
    """Glass-to-glass in its three parts, milliseconds."""
    arrived = {number: tape.passed[number][0] for number in seen if number in tape.passed}
    drawn = {number: tape.passed[number][1] for number in seen if number in tape.passed}
    return {
        "camera to server": _percentiles(_delays(arrived, entered)),
        "arrived to drawn": _percentiles(_delays(drawn, arrived)),
        "drawn to viewer": _percentiles(_delays({number: seen[number] for number in drawn}, drawn)),
    }


def _total(tape: Tape, window: Window) -> list[float]:
    return [stages[TOTAL] for when, stages in tape.stages if when in window and TOTAL in stages]


def _stages(tape: Tape, window: Window) -> dict[str, dict[str, float | None]]:
    samples: dict[str, list[float]] = {}
    for when, stages in tape.stages:
        if when in window:
            for name, milliseconds in stages.items():
                samples.setdefault(name, []).append(milliseconds)
    return {name: _percentiles(values) for name, values in samples.items() if name != TOTAL}


def _stretch(
    window: Window, seen: Mapping[int, float], entered: Mapping[int, float], rss: Sequence[tuple[float, float]]
) -> dict[str, float | None]:
    inside = {number: moment for number, moment in seen.items() if moment in window}
    memory = [megabytes for when, megabytes in rss if when in window]
    return {
        "fps_out": round(len(inside) / window.seconds, 2),
        "glass_to_glass_p95_ms": _percentiles(_delays(inside, entered))["p95"],
        "rss_mb": round(float(np.mean(memory)), 1) if memory else None,
    }
