"""The metrics that Prometheus reads at `/metrics`, over all sessions together; none identifies a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from streamer.engine.engine import Engine
from streamer.generation.device import device_name
from streamer.runtime.meter import QUANTILES, QUEUE_AGE, TOTAL, WINDOW_S, percentiles, pooled, quantile_name

_OVER = f"over the last {WINDOW_S:g} seconds of all sessions"


class Metrics(Collector):
    """Collects the engine's metrics at each scrape. Labels: stage, quantile, bound, mailbox, kind of memory or
    device, the name of that, port, output.

    datagrams: how many were dropped so far, by port. frames: how many were left out so far, by output. Whoever has such
    a thing adds it, to be called in any thread.
    """

    def __init__(self, engine: Engine) -> None:
        self.datagrams: dict[str, Callable[[], int]] = {}
        self.frames: dict[str, Callable[[], int]] = {}
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics. Takes milliseconds with many sessions: not for the event loop."""
        engine = self._engine
        device = engine.pipeline.device
        yield InfoMetricFamily("kagami_device", "What draws.", {"kind": device.type, "name": device_name(device)})
        yield GaugeMetricFamily("kagami_sessions", "Live sessions.", engine.session_count)
        yield GaugeMetricFamily("kagami_sessions_limit", "Most sessions at once.", engine.max_sessions)
        yield CounterMetricFamily("kagami_sessions_refused", "Sessions that found no place.", engine.refused)
        yield CounterMetricFamily("kagami_frames_drawn", "Avatar frames drawn.", engine.drawn)
        dropped = CounterMetricFamily("kagami_dropped", "Things replaced before they were used.", labels=["mailbox"])
        for mailbox, count in engine.drops.items():
            dropped.add_metric([mailbox], count)
        yield dropped
        yield from self._others()
        yield from self._times()
        yield from self._spread()
        memory = GaugeMetricFamily("kagami_memory_bytes", "Memory held, by kind.", labels=["kind"])
        for kind, size in engine.memory().items():
            memory.add_metric([kind], size)
        yield memory

    def _others(self) -> Iterator[Metric]:
        dropped = CounterMetricFamily("kagami_datagrams_dropped", "Datagrams dropped at a UDP port.", labels=["port"])
        left_out = CounterMetricFamily("kagami_frames_left_out", "Frames not sent, or not written.", labels=["output"])
        for family, counts in ((dropped, self.datagrams), (left_out, self.frames)):
            for name, count in counts.items():
                family.add_metric([name], count())
            yield family

    def _times(self) -> Iterator[Metric]:
        samples = pooled(session.meter for session in self._engine.sessions)
        latency = GaugeMetricFamily(
            "kagami_latency_seconds", f"Camera frame arrived to avatar frame left, {_OVER}.", labels=["quantile"]
        )
        _add_quantiles(latency, [], samples.pop(TOTAL, ()))
        yield latency
        age = GaugeMetricFamily(
            "kagami_queue_age_seconds", f"Age of a motion when the engine takes it, {_OVER}.", labels=["quantile"]
        )
        _add_quantiles(age, [], samples.pop(QUEUE_AGE, ()))
        yield age
        stages = GaugeMetricFamily("kagami_stage_seconds", f"Time in a stage, {_OVER}.", labels=["stage", "quantile"])
        for name, values in samples.items():
            _add_quantiles(stages, [name], values)
        yield stages

    def _spread(self) -> Iterator[Metric]:
        spread = self._engine.spread()
        rate = GaugeMetricFamily(
            "kagami_session_frames_per_second", "Frames drawn for the slowest, the fastest session.", labels=["bound"]
        )
        latency = GaugeMetricFamily(
            "kagami_session_latency_seconds", "95th percentile of the best and the worst session.", labels=["bound"]
        )
        for bound in ("min", "max"):
            rate.add_metric([bound], spread["fps"][bound])
            latency.add_metric([bound], _seconds(spread["latency_ms"][bound]))
        yield rate
        yield latency


def _add_quantiles(family: GaugeMetricFamily, labels: list[str], milliseconds: Sequence[float]) -> None:
    """Add each quantile of the samples; none if there are no samples, which is not the same as zero."""
    if milliseconds:
        values = percentiles(milliseconds)
        for quantile in QUANTILES:
            family.add_metric([*labels, f"{quantile:g}"], _seconds(values[quantile_name(quantile)]))


def _seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 6)
