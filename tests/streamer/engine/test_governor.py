"""The governor, on measurements of simulated machines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from streamer.effort import EFFORTS, FRAME_COSTS, FULL
from streamer.engine.governor import MAX_PATIENCE_S, SETTLE_S, TARGETS, Governor, Load, advance, pressure

BALANCED = TARGETS["balanced"]
LAST = len(EFFORTS) - 1
CAMERA_FPS = 30.0
PERIOD_S = 0.25


def machine(full_fps: float, gain: float = 1.0) -> Callable[[int], Load]:
    """What is measured at a step on a machine that draws so many frames a second with full effort. gain: how much more
    than expected each step saves, 0..1 less than expected.
    """

    def load(step: int) -> Load:
        fps = min(full_fps / FRAME_COSTS[step] ** gain, CAMERA_FPS)
        return Load(fps, CAMERA_FPS, 30 + 1000 / fps)

    return load


def run(
    governor: Governor, load: Callable[[int], Load], seconds: float, start: float = 0.0, speed: str = "balanced"
) -> tuple[Governor, list[int]]:
    """The governor after some time on a machine, and its step at each measurement."""
    steps = []
    for number in range(round(seconds / PERIOD_S)):
        governor = advance(governor, load(governor.step), TARGETS[speed], start + number * PERIOD_S)  # type: ignore[index]
        steps.append(governor.step)
    return governor, steps


def changes(steps: list[int]) -> int:
    return sum(a != b for a, b in pairwise(steps))


def test_efforts_give_up_more_and_cost_less_step_by_step() -> None:
    assert EFFORTS[0] == FULL and FULL.given_up == []
    assert len(EFFORTS) == len(FRAME_COSTS) and FRAME_COSTS[0] == 1
    assert all(a > b for a, b in pairwise(FRAME_COSTS))
    for effort, less in pairwise(EFFORTS):
        assert set(effort.given_up) <= set(less.given_up) and effort != less
    assert EFFORTS[-1].given_up == ["edges", "body", "closeups", "pixels"]


def test_fast_machine_keeps_its_full_effort() -> None:
    assert set(run(Governor(), machine(28), 60)[1]) == {0}


def test_slow_machine_gives_up_what_it_must_within_seconds() -> None:
    governor, steps = run(Governor(), machine(13), 12)
    assert 0 < governor.step < LAST and pressure(machine(13)(governor.step), BALANCED) <= 1
    assert changes(steps) == governor.step  # no step too many


def test_sudden_load_takes_one_change_and_no_time() -> None:
    governor, steps = run(Governor(), machine(6), 0.75 + PERIOD_S)
    assert governor.step == LAST and changes(steps) == 1


def test_delay_is_a_reason_too() -> None:
    governor, _ = run(Governor(), lambda step: Load(25.0, CAMERA_FPS, 200.0), 3)
    assert governor.step > 0


@pytest.mark.parametrize(("fps", "delay_ms"), [(26.0, 105.0), (23.0, 130.0)])
def test_steps_are_taken_back_although_delay_hardly_falls_with_them(fps: float, delay_ms: float) -> None:
    """Most of a delay is waiting, which no step shortens: 100 to 140 ms on two cores that draw 22 to 26 frames a second
    with full effort.
    """
    governor, steps = run(Governor(step=LAST), lambda step: Load(fps, CAMERA_FPS, delay_ms), 10)
    assert governor.step == 0 and changes(steps) <= 3


def test_slow_camera_is_no_reason() -> None:
    assert run(Governor(), lambda step: Load(9.8, 10.0, 60.0), 30)[0].step == 0


def test_users_choose_what_is_kept() -> None:
    steps = {speed: run(Governor(), machine(17), 20, speed=speed)[0].step for speed in TARGETS}
    assert steps["fast"] > steps["balanced"] == steps["best"] == 0


def test_quality_is_back_within_ten_seconds_of_calm() -> None:
    governor, _ = run(Governor(), machine(6), 20)
    _, steps = run(governor, machine(28), 10, start=20)
    assert steps[-1] == 0


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("full_fps", [11.0, 13.0, 14.0, 14.9, 15.5, 18.0])
def test_steady_load_makes_no_oscillation(full_fps: float, gain: float) -> None:
    _, steps = run(Governor(), machine(full_fps, gain), 300)
    assert changes(steps[-480:]) <= 2  # in the last two minutes, and those by a last try


def test_failed_tries_become_rare() -> None:
    """A machine that looks faster than it is whenever something was given up."""

    def deceitful(step: int) -> Load:
        return machine(28)(step) if step > 0 else machine(14)(0)

    _, steps = run(Governor(), deceitful, 600)
    assert changes(steps[-480:]) <= 2 * (1 + 120 // MAX_PATIENCE_S) < changes(steps[:480])


def test_measurements_of_the_effort_before_are_ignored() -> None:
    changed = Governor(step=2, changed_at=10.0)
    assert advance(changed, machine(6)(2), BALANCED, 10.0 + SETTLE_S / 2) is changed
