"""Percentiles of durations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from streamer.runtime.meter import quantile_name


def percentiles(milliseconds: Iterable[float], quantiles: Sequence[float] = (0.5, 0.95)) -> dict[str, float | None]:
    """The quantiles by name, {"p50": …, "p95": …}; None, which is not the same as 0, where there are no samples."""
    samples, names = list(milliseconds), [quantile_name(quantile) for quantile in quantiles]
    if not samples:
        return dict.fromkeys(names)
    values = np.quantile(samples, quantiles)
    return {name: round(float(value), 2) for name, value in zip(names, values, strict=True)}
