"""What a character does while nobody drives it: it breathes, blinks, looks about and shifts its weight, as people do.

Nothing of it repeats. The same seed and the same times of the calls give the same motion.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.geometry.body import LEFT_SHOULDER, RIGHT_SHOULDER, UPPER_BODY
from models.geometry.offsets import EYEBALL_RADIUS, NECK
from models.geometry.topology import LANDMARKS, LEFT_IRIS, LEFT_LID, RIGHT_IRIS, RIGHT_LID
from streamer.tracking.eyelids import close_lids
from streamer.tracking.head_pose import head_pose, rotation_matrix
from streamer.tracking.idle_habits import USUAL_HABITS, IdleHabits
from streamer.tracking.motion import Array, Motion, smooth_share

# Drift of the head about x, y and z: amplitudes in degrees, and seconds between two extremes.
_DRIFT_DEGREES, _DRIFT_S = (1.3, 2.2, 1.0), (3.1, 4.3, 5.9)
_BREATH_S, _BREATH_SPREAD = 4.2, 0.25  # seconds of a breath at rest, and the share by which it varies
_INHALE = 0.42  # share of a breath
_HEAD_RISE = 0.012  # canonical units by which a breath lifts the head
_SHOULDER_RISE = 0.018  # shoulder widths by which a breath lifts the upper body
_WEIGHT_SHIFT, _WEIGHT_S = 0.035, 7.3  # shoulder widths to either side, and seconds between two extremes
_LEAN_DEGREES = 0.9  # of the head towards the side of the weight

# Blinks at rest, 17 a minute (Bentivoglio et al., Movement Disorders 12, 1997), at intervals whose logs are normal.
_BLINK_MEDIAN_S, _BLINK_SPREAD = 2.9, 0.55  # seconds, and the standard deviation of the log
_BLINK_RANGE_S = (0.7, 12.0)
_DOUBLE_SHARE, _DOUBLE_S = 0.1, 0.32  # blinks that are followed by another one, and after how long
_CLOSING_S, _SHUT_S, _OPENING_S = 0.08, 0.03, 0.16

# Fixations: mostly into the camera, else a little aside; their lengths' logs are normal.
_FIXATION_MEDIAN_S, _FIXATION_SPREAD = 1.5, 0.6
_FIXATION_RANGE_S = (0.35, 6.0)
_STRAIGHT_SHARE = 0.6  # of the fixations
_STRAIGHT_DEGREES, _ASIDE_DEGREES = (0.6, 0.4), (7.0, 3.0)  # standard deviations of x and y
_MOST_ASIDE = (15.0, 7.0)  # degrees
_SACCADE_S, _SACCADE_S_PER_DEGREE = 0.03, 0.0022  # its duration grows with its size (Carpenter, Movements of the Eyes)
_BLINK_WITH_DEGREES = 9.0  # a saccade of this size comes with a blink
_HEAD_FOLLOWS = 0.25  # share of a glance that the head turns after it
_HEAD_FOLLOWS_S = 0.5

_HABITS_S = 1.0  # in which one set of habits becomes another
_LONG_AGO_S = 2.0  # after which no blink lasts
_UNSEEN_S = 15.0  # of breaths, blinks and glances that nobody has seen, the last that are made up


@dataclass(frozen=True, slots=True)
class _Fixation:
    """since: seconds. gaze: degrees to the image's right and down."""

    since: float
    gaze: tuple[float, float]


class IdleMotion:
    """The idle motion of one character. habits: may be set at any time."""

    def __init__(self, seed: int = 0, habits: IdleHabits = USUAL_HABITS) -> None:
        self.habits = habits
        self._planned = habits  # those that the next blink was drawn for
        self._habits = habits  # those of now, which follow
        self._time = self._drifted = 0.0  # seconds, the latter at the pace of the habits
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._fixations = [_Fixation(0.0, (0.0, 0.0))]
        self._blinks = [float(self._random.uniform(1.0, 3.5))]  # seconds, when each begins
        self._breaths = [-float(self._random.uniform(0, _BREATH_S)), 0.0]  # seconds, when each begins

    def at(self, base: Motion, time: float) -> Motion:
        """The motion at `time` seconds, from 0 and never back. base: the neutral; ValueError where it has no face."""
        if base.face is None:
            raise ValueError("idling needs a neutral with a face")
        self._take_habits(time)
        self._extend(time)
        pose = head_pose(base.face)
        drift_share = self._habits.drift
        breath, weight = self._habits.breath_depth * self._breath(time), drift_share * self._noise(3, _WEIGHT_S)
        shape = close_lids(pose.inverse(base.face) + base.correction, self._closed(time))
        shape = _look(shape, self._gaze(time))
        follow = self._following(time)
        drift = [drift_share * self._noise(axis, seconds) for axis, seconds in enumerate(_DRIFT_S)]
        degrees = np.array(_DRIFT_DEGREES) * drift
        degrees += [_HEAD_FOLLOWS * follow[1], -_HEAD_FOLLOWS * follow[0], _LEAN_DEGREES * weight]
        neck = np.array(NECK)
        shape = ((shape - neck) @ rotation_matrix(np.radians(degrees)).T + neck).astype(np.float32)
        shape[:, 1] -= _HEAD_RISE * breath
        face, body = pose.apply(shape), base.body
        if body is not None:
            body = body.copy()
            width = float(np.linalg.norm(body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2]))
            body[UPPER_BODY, 1] -= _SHOULDER_RISE * width * breath
            aside = np.float32(_WEIGHT_SHIFT * width * weight)
            body[: UPPER_BODY.stop, 0] += aside
            face[:, 0] += aside
        return Motion(time, face, 0.0, body, head=head_pose(face).rotation)

    def _take_habits(self, time: float) -> None:
        """Let the habits of now follow those that are set, and draw the next blink anew, which may be far away."""
        elapsed, self._time = max(time - self._time, 0.0), time
        if self._habits != self.habits:
            self._habits = self._habits.towards(self.habits, min(elapsed / _HABITS_S, 1.0))
        self._drifted += self._habits.pace * elapsed
        if self._planned != self.habits:
            self._planned = self.habits
            self._blinks = [began for began in self._blinks if began <= time] or [time - _LONG_AGO_S]

    def _extend(self, time: float) -> None:
        """Go on with breaths, fixations and blinks until `time`; what nobody has seen of them is left out."""
        random, seen_from, habits = self._random, time - _UNSEEN_S, self.habits
        while self._breaths[-1] <= time:
            length = _BREATH_S / habits.breath_rate * float(1 + random.uniform(-1, 1) * _BREATH_SPREAD)
            self._breaths.append(max(self._breaths[-1], seen_from) + length)
        while self._blinks[-1] <= time:
            gap = float(np.clip(random.lognormal(math.log(_BLINK_MEDIAN_S), _BLINK_SPREAD), *_BLINK_RANGE_S))
            self._blinks.append(max(self._blinks[-1], seen_from) + gap / habits.blink_rate)
            if random.random() < _DOUBLE_SHARE:
                self._blinks.append(self._blinks[-1] + _DOUBLE_S * habits.blink_length)
        while self._fixations[-1].since <= time:
            length = random.lognormal(math.log(_FIXATION_MEDIAN_S), _FIXATION_SPREAD)
            since = max(self._fixations[-1].since, seen_from) + float(np.clip(length, *_FIXATION_RANGE_S)) / habits.pace
            is_straight = random.random() < 1 - (1 - _STRAIGHT_SHARE) * habits.wander
            spread = _STRAIGHT_DEGREES if is_straight else _ASIDE_DEGREES
            x, y = (float(np.clip(random.normal(0, s), -m, m)) for s, m in zip(spread, _MOST_ASIDE, strict=True))
            self._fixations.append(_Fixation(since, (x, y)))

    def _breath(self, time: float) -> float:
        """0 out .. 1 in: in faster than out."""
        place = bisect_right(self._breaths, time)
        began, ends = self._breaths[place - 1], self._breaths[place]
        share = (time - began) / (ends - began)
        return smooth_share(share / _INHALE if share < _INHALE else (1 - share) / (1 - _INHALE))

    def _closed(self, time: float) -> float:
        """0 open .. 1 closed lids: by a blink, or by one that comes with a large saccade."""
        place = bisect_right(self._blinks, time)
        now, before = self._fixation(time)
        comes_along = now.since if math.dist(now.gaze, before.gaze) > _BLINK_WITH_DEGREES else -math.inf
        length = self._habits.blink_length
        began = (*self._blinks[max(place - 2, 0) : place], comes_along)
        return max(_lid_closure((time - each) / length) for each in began)

    def _fixation(self, time: float) -> tuple[_Fixation, _Fixation]:
        """The present one and the one before."""
        place = bisect_right(self._fixations, time, key=lambda fixation: fixation.since)
        return self._fixations[place - 1], self._fixations[max(place - 2, 0)]

    def _gaze(self, time: float) -> tuple[float, float]:
        """Degrees to the image's right and down, which a saccade changes in some hundredths of a second."""
        now, before = self._fixation(time)
        return _between(before, now, time, _SACCADE_S + _SACCADE_S_PER_DEGREE * math.dist(now.gaze, before.gaze))

    def _following(self, time: float) -> tuple[float, float]:
        """The gaze that the head has followed, more slowly than the eyes."""
        now, before = self._fixation(time)
        return _between(before, now, time, _HEAD_FOLLOWS_S)

    def _noise(self, channel: int, period: float) -> float:
        """A smooth curve within −1..1, mostly with an extreme every `period` seconds of the drift."""
        place = self._drifted / period
        return 0.75 * self._curve(2 * channel, place) + 0.25 * self._curve(2 * channel + 1, 2.7 * place)

    def _curve(self, channel: int, place: float) -> float:
        knot = math.floor(place)
        before, after = _knot(self._seed, channel, knot), _knot(self._seed, channel, knot + 1)
        return before + smooth_share(place - knot) * (after - before)


@lru_cache(1024)
def _knot(seed: int, channel: int, number: int) -> float:
    """A number within −1..1 by chance."""
    return float(np.random.default_rng((seed, channel, number)).uniform(-1, 1))


def _between(before: _Fixation, now: _Fixation, time: float, seconds: float) -> tuple[float, float]:
    """The way from one fixation to the next, which begins with it and takes some seconds; degrees."""
    share = smooth_share(min((time - now.since) / seconds, 1.0))
    (x0, y0), (x1, y1) = before.gaze, now.gaze
    return x0 + share * (x1 - x0), y0 + share * (y1 - y0)


def _lid_closure(since_start: float) -> float:
    """0 open .. 1 closed, some seconds after a blink began."""
    if not 0 <= since_start < _CLOSING_S + _SHUT_S + _OPENING_S:
        return 0.0
    if since_start < _CLOSING_S:
        return smooth_share(since_start / _CLOSING_S)
    return smooth_share(min((_CLOSING_S + _SHUT_S + _OPENING_S - since_start) / _OPENING_S, 1.0))


def _look(shape: Array, gaze: tuple[float, float]) -> Array:
    """Move the irises of a shape (478, 3) as eyes that turn by degrees to the image's right and down."""
    shape = shape.copy()
    for iris, ring in ((slice(RIGHT_IRIS, LEFT_IRIS), RIGHT_LID), (slice(LEFT_IRIS, LANDMARKS), LEFT_LID)):
        width = np.linalg.norm(shape[ring[0]] - shape[ring[len(ring) // 2]])
        shape[iris, :2] += np.float32(EYEBALL_RADIUS * width) * np.sin(np.radians(np.array(gaze, np.float32)))
    return shape
