"""`python -m benchmarks.networks`: how recovery is told, and the network inside a connection."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import networks
from benchmarks.networks import recovery_s
from benchmarks.streaming.lossy_network import LossyNetwork

BEFORE = {"rate": 20.0, "delay_ms": 100.0}


def frames(since: float, until: float, delay: float = 0.1, fps: float = 20.0) -> list[tuple[float, float]]:
    return [(since + index / fps, delay) for index in range(round((until - since) * fps))]


def test_recovery_is_the_first_moment_since_which_all_is_as_before() -> None:
    assert recovery_s(frames(10.0, 14.0), 10.0, 14.0, BEFORE) == 0.0
    assert recovery_s(frames(11.5, 14.0), 10.0, 14.0, BEFORE) == 1.5


def test_frames_that_are_late_or_few_are_no_recovery() -> None:
    assert recovery_s(frames(10.0, 12.0, delay=0.9) + frames(12.0, 15.0), 10.0, 15.0, BEFORE) == 2.0
    recovered = recovery_s(frames(10.0, 12.0, fps=10.0) + frames(12.0, 15.0), 10.0, 15.0, BEFORE)
    assert recovered is not None and 1.0 < recovered <= 2.0
    assert recovery_s(frames(10.0, 14.0, fps=10.0), 10.0, 14.0, BEFORE) is None
    assert recovery_s(frames(10.0, 14.0, delay=0.9), 10.0, 14.0, BEFORE) is None
    assert recovery_s(frames(13.5, 14.0), 10.0, 14.0, BEFORE) is None  # too short to tell
    assert recovery_s([], 10.0, 14.0, BEFORE) is None


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--case", "none"], ["--round-trip-ms", "-1"]])
def test_impossible_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        networks.main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


async def test_network_loses_delays_and_reorders_by_its_seed() -> None:
    async def received(seed: int, **settings: float) -> list[int]:
        network, numbers = LossyNetwork(seed), []
        for name, value in settings.items():
            setattr(network, name, value)
        for number in range(200):
            network.deliver(numbers.append, number)
        await asyncio.sleep(0.1)
        return numbers

    assert await received(1) == list(range(200))
    assert await received(1, is_dark=True) == []
    lossy = await received(1, loss=0.4)
    assert 90 < len(lossy) < 150 and lossy == sorted(lossy) == await received(1, loss=0.4) != await received(
        2, loss=0.4
    )
    mixed = await received(1, reordered=0.1)
    assert sorted(mixed) == list(range(200)) != mixed
    assert await received(1, delay_s=0.01) == list(range(200))
