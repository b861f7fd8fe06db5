"""What Prometheus reads at `/metrics`: all sessions together, nobody by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamer.engine.engine import Engine
from streamer.runtime.meter import QUANTILES, QUEUE_AGE, TOTAL, WINDOW, percentiles, pooled, quantile_name

_OVER = f"over the last {WINDOW:g} seconds of all sessions"


class Metrics(Collector):
    """The engine's figures when they are asked for. Labels carry stages, quantiles and the like; no session has one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Takes milliseconds for many sessions: not for the event loop."""
        engine = self._engine
        yield GaugeMetricFamily("kagami_sessions", "Live sessions.", engine.session_count)
        yield GaugeMetricFamily("kagami_sessions_limit", "Most sessions at once.", engine.max_sessions)
        yield CounterMetricFamily("kagami_sessions_refused", "Sessions that found no place.", engine.refused)
        yield CounterMetricFamily("kagami_frames_drawn", "Avatar frames drawn.", engine.drawn)
        dropped = CounterMetricFamily("kagami_dropped", "Things replaced before they were used.", labels=["mailbox"])
        for mailbox, count in engine.drops.items():
            dropped.add_metric([mailbox], count)
        yield dropped
        yield from self._times()
        yield from self._spread()
        memory = GaugeMetricFamily("kagami_memory_bytes", "Memory held, by kind.", labels=["kind"])
        for kind, held in engine.memory().items():
            memory.add_metric([kind], held)
        yield memory

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
        late = GaugeMetricFamily(
            "kagami_session_latency_seconds", "95th percentile of the best and the worst session.", labels=["bound"]
        )
        for which in ("min", "max"):
            rate.add_metric([which], spread["fps"][which])
            late.add_metric([which], _seconds(spread["latency_ms"][which]))
        yield rate
        yield late


def _add_quantiles(family: GaugeMetricFamily, labels: list[str], milliseconds: Sequence[float]) -> None:
    """Nothing where nothing was measured, which is not the same as zero."""
    if milliseconds:
        values = percentiles(milliseconds)
        for quantile in QUANTILES:
            family.add_metric([*labels, f"{quantile:g}"], _seconds(values[quantile_name(quantile)]))


def _seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 6)
