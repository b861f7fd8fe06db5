"""The report of a live run as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common.hardware import machine_lines


def table(report: Mapping[str, Any]) -> str:
    """The report as text."""
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


def subject_line(report: Mapping[str, Any]) -> str:
    """The generator, video, codec, camera and length of a run, in one line."""
    return (
        f"{report['generator']}, {report['video']['width']}x{report['video']['height']}, {report['codec']}, "
        f"camera {report['camera']}, body {'on' if report['body'] else 'off'}, {report['seconds']:g} s"
    )


def _row(name: str, *values: object) -> str:
    return f"{name:<28}" + "".join(f"{value!s:>12}" for value in values)
