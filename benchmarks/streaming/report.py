"""The figures of a live run, from times and samples: pure functions of what client and server recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.percentiles import percentiles
from benchmarks.streaming.webrtc_client import ReceiverLog
from streamer.runtime.meter import TOTAL

MINUTE_S = 60.0


@dataclass
class ServerTrace:
    """What the server process records. Times: seconds on `time.monotonic`.

    passed: by bar code, when its camera frame arrived and when its avatar frame was drawn.
    stages: (when, milliseconds by stage) of each avatar frame.
    faces: (time of the motion, landmarks (478, 3) in camera units) that the avatar frames show.
    voices: by time of the motion, the moment of the voice that moves its mouth, in s since that began.
    """

    passed: dict[int, tuple[float, float]] = field(default_factory=dict)
    stages: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    faces: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    voices: dict[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """A time window, seconds on `time.monotonic`; the end is excluded."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def __contains__(self, moment: float) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True)
class ClientTrace:
    """What the client recorded.

    sent_at: by tick, when the sender took the camera frame, seconds on `time.monotonic`.
    log: what came back.
    window: the time that is measured.
    cpu_seconds: of the server process, within the window.
    drops: frames that the server dropped within the window, by mailbox.
    """

    sent_at: Mapping[int, float]
    log: ReceiverLog
    window: Window
    cpu_seconds: float
    drops: Mapping[str, int]


def summarise(client: ClientTrace, server: ServerTrace, rss: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The figures, JSON-ready. rss: (when, megabytes) of the server process, from its start to its end.

    `fps_out` counts avatar frames with a bar code that no earlier frame carried: repeats do not count. The figures of
    the first and the last minute (halves of a run shorter than two minutes) show growth.

    Raises ValueError when no bar code came back within the window.
    """
    window, log = client.window, client.log
    arrivals = arrivals_within(window, log, client.sent_at)
    minute = min(MINUTE_S, window.seconds / 2)
    return {
        "fps_out": round(len(arrivals) / window.seconds, 2),
        "glass_to_glass_ms": percentiles(_delays(arrivals, client.sent_at)),
        "stage_ms": _stages(server, window),
        "drops": sum(client.drops.values()),
        "rss_mb": round(max((megabytes for _, megabytes in rss), default=0.0), 1),
        "engine_delay_ms": percentiles(_totals(server, window)),
        "path_ms": _path(arrivals, client.sent_at, server),
        "fps_in": round(sum(moment in window for moment in client.sent_at.values()) / window.seconds, 2),
        "fps_received": round(sum(moment in window for moment in log.frames) / window.seconds, 2),
        "drops_by_mailbox": dict(client.drops),
        "unread_frames": sum(moment in window for moment in log.unread),
        "video": {"width": log.size[0], "height": log.size[1]},
        "server_cores": round(client.cpu_seconds / window.seconds, 2),
        "first_minute": window_figures(Window(window.begin, window.begin + minute), arrivals, client.sent_at, rss),
        "last_minute": window_figures(Window(window.end - minute, window.end), arrivals, client.sent_at, rss),
    }


def arrivals_within(window: Window, log: ReceiverLog, sent_at: Mapping[int, float]) -> dict[int, float]:
    """By tick, when the first avatar frame with its bar code arrived. Raises ValueError where none did."""
    arrivals = {tick: moment for tick, moment in log.first_seen.items() if moment in window and tick in sent_at}
    if not arrivals:
        raise ValueError("no avatar frame with a readable bar code arrived; nothing was measured")
    return arrivals


def window_figures(
    window: Window, arrivals: Mapping[int, float], sent_at: Mapping[int, float], rss: Sequence[tuple[float, float]]
) -> dict[str, float | None]:
    """Frame rate, delay and mean memory within a part of a run."""
    inside = {tick: moment for tick, moment in arrivals.items() if moment in window}
    memory = [megabytes for when, megabytes in rss if when in window]
    delays = percentiles(_delays(inside, sent_at))
    return {
        "fps_out": round(len(inside) / window.seconds, 2),
        "glass_to_glass_p50_ms": delays["p50"],
        "glass_to_glass_p95_ms": delays["p95"],
        "rss_mb": round(float(np.mean(memory)), 1) if memory else None,
    }


def _delays(later: Mapping[int, float], earlier: Mapping[int, float]) -> list[float]:
    """Milliseconds between the times of one number."""
    return [(moment - earlier[number]) * 1000 for number, moment in later.items() if number in earlier]


def _path(
    arrivals: Mapping[int, float], sent_at: Mapping[int, float], server: ServerTrace
) -> dict[str, dict[str, float | None]]:
    """Glass-to-glass in its three parts, milliseconds."""
    arrived = {number: server.passed[number][0] for number in arrivals if number in server.passed}
    drawn = {number: server.passed[number][1] for number in arrivals if number in server.passed}
    return {
        "camera to server": percentiles(_delays(arrived, sent_at)),
        "arrived to drawn": percentiles(_delays(drawn, arrived)),
        "drawn to viewer": percentiles(_delays({number: arrivals[number] for number in drawn}, drawn)),
    }


def _totals(server: ServerTrace, window: Window) -> list[float]:
    return [stages[TOTAL] for when, stages in server.stages if when in window and TOTAL in stages]


def _stages(server: ServerTrace, window: Window) -> dict[str, dict[str, float | None]]:
    samples: dict[str, list[float]] = {}
    for when, stages in server.stages:
        if when in window:
            for name, milliseconds in stages.items():
                samples.setdefault(name, []).append(milliseconds)
    return {name: percentiles(values) for name, values in samples.items() if name != TOTAL}
