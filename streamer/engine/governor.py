"""The governor: how much effort a session's frames may take, so that a busy CPU keeps them coming and young.

A pure function of what was measured. It gives up one step more while a target is missed, all where it is missed by far,
and takes steps back as soon as the target would be met with them, too. What was taken back too early is waited for
twice as long the next time, so that a load which stays where it is does not make the picture go to and fro.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamer.effort import EFFORTS, FRAME_COSTS, Effort
from streamer.options import SpeedKind

MISSED_S = 1.0  # for which a target must be missed, before a step is given up
FAR_MISSED, FAR_MISSED_S = 1.6, 0.5  # pressure that no step but the last could relieve, and for which that must last
MET_PRESSURE = 0.95  # that is expected of the effort which is taken back
DRAWN_SHARE = 0.4  # of a delay, which alone grows with the effort: the rest is tracking, encoding and waiting
FIRST_PATIENCE_S, MAX_PATIENCE_S = 2.0, 64.0  # for which it must be expected, before
RELAPSE_S = 15.0  # after taking steps back, in which giving one up doubles the patience
SETTLE_S = 1.5  # after a change, in which measurements still tell of the effort before: `Load`'s are as old
KEPT_SHARE = 0.9  # of a slow camera's frames, which are enough


@dataclass(frozen=True, slots=True)
class Target:
    """fps: frames drawn a second, at least. delay_ms: from a camera picture's arrival to its avatar frame's departure,
    95th percentile, at most.
    """

    fps: float
    delay_ms: float


TARGETS: dict[SpeedKind, Target] = {
    "fast": Target(fps=24.0, delay_ms=120.0),
    "balanced": Target(fps=15.0, delay_ms=160.0),
    "best": Target(fps=10.0, delay_ms=250.0),
}


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured of a session in the last SETTLE_S. fps, camera_fps: frames drawn and received a second.
    delay_ms: as in `Target`.
    """

    fps: float
    camera_fps: float
    delay_ms: float


@dataclass(frozen=True, slots=True)
class Governor:
    """The state of a governor.

    step: number of the effort in `EFFORTS`. missed_since, met_since: seconds, since when the target is missed, or is
    expected to be met with more effort. patience_s: for which that must last. raised_at, changed_at: seconds, when
    steps were taken back last, and when the step changed.
    """

    step: int = 0
    missed_since: float | None = None
    met_since: float | None = None
    patience_s: float = FIRST_PATIENCE_S
    raised_at: float | None = None
    changed_at: float = -SETTLE_S

    @property
    def effort(self) -> Effort:
        return EFFORTS[self.step]


def pressure(load: Load, target: Target) -> float:
    """How far the target is missed: above 1 it is, by this factor."""
    wanted = min(target.fps, KEPT_SHARE * load.camera_fps)
    return max(wanted / max(load.fps, 0.1), load.delay_ms / target.delay_ms)


def advance(governor: Governor, load: Load, target: Target, now: float) -> Governor:
    """The state after one more measurement. now: seconds. Call it some times a second while the camera sends."""
    if now - governor.changed_at < SETTLE_S:
        return governor
    if governor.raised_at is not None and now - governor.raised_at > RELAPSE_S:
        governor = replace(governor, raised_at=None, patience_s=FIRST_PATIENCE_S)
    now_pressure = pressure(load, target)
    if now_pressure > 1:
        return _give_up(governor, now_pressure, now)
    affordable = _affordable(governor.step, load, target)
    if affordable == governor.step:
        return replace(governor, missed_since=None, met_since=None)
    since = now if governor.met_since is None else governor.met_since
    if now - since < governor.patience_s:
        return replace(governor, missed_since=None, met_since=since)
    return replace(governor, step=affordable, missed_since=None, met_since=None, raised_at=now, changed_at=now)


def _give_up(governor: Governor, now_pressure: float, now: float) -> Governor:
    since = now if governor.missed_since is None else governor.missed_since
    last = len(EFFORTS) - 1
    is_far = now_pressure > FAR_MISSED
    if now - since < (FAR_MISSED_S if is_far else MISSED_S) or governor.step == last:
        return replace(governor, missed_since=since, met_since=None)
    patience = governor.patience_s
    if governor.raised_at is not None:
        patience = min(2 * patience, MAX_PATIENCE_S)
    return Governor(step=last if is_far else governor.step + 1, patience_s=patience, changed_at=now)


def _affordable(step: int, load: Load, target: Target) -> int:
    """The first step, of those up to this one, whose expected pressure is at most MET_PRESSURE."""
    for fuller in range(step):
        cost = FRAME_COSTS[fuller] / FRAME_COSTS[step]
        delay_ms = load.delay_ms * (1 + DRAWN_SHARE * (cost - 1))
        if pressure(Load(load.fps / cost, load.camera_fps, delay_ms), target) <= MET_PRESSURE:
            return fuller
    return step
