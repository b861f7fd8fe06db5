"""Quantiles of samples weighted by time, which forget."""

import numpy as np
import pytest

from streamer.tracking.running_quantiles import RunningQuantiles


def test_quantiles_are_those_of_the_samples():
    quantiles, samples = RunningQuantiles(0, 1, 1e6), np.random.default_rng(0).uniform(0.2, 0.8, 2000)
    for sample in samples:
        quantiles.update(float(sample), 0.04)
    for share in (0.05, 0.5, 0.9):
        assert quantiles.quantile(share) == pytest.approx(np.quantile(samples, share), abs=0.02)


def test_quantiles_forget():
    quantiles = RunningQuantiles(0, 1, memory=2.0)
    for sample in [0.2] * 100 + [0.7] * 250:
        quantiles.update(sample, 0.04)
    assert quantiles.quantile(0.05) == pytest.approx(0.7, abs=0.02)


def test_quantiles_limit_samples_to_their_range_and_need_one():
    quantiles = RunningQuantiles(0, 1, 10.0)
    with pytest.raises(ValueError, match="need samples"):
        quantiles.quantile(0.5)
    for sample in (-3.0, 9.0):
        quantiles.update(sample, 1.0)
    assert 0 <= quantiles.quantile(0.01) < quantiles.quantile(0.99) <= 1
