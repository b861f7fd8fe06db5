"""Plays a mood: what is held eases in and out, and what comes and goes does so at times that chance draws."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from streamer.sources.acts import GESTURES, face
from streamer.sources.expression import REST, Expression, combined
from streamer.sources.mood import Episode, Mood
from streamer.sources.source import Moment
from streamer.tracking.motion import smooth_share

EASE_S = 0.9  # from one mood to the next
MAX_STEP_S = 0.1  # by which easing goes on between two frames, however late the second is
GAP_SPREAD, GAP_RANGE = 0.45, (0.35, 2.5)  # of the log of intervals, and of an interval as a share of the mean
LENGTH_SPREAD, LENGTH_RANGE = 0.25, (0.6, 1.7)
LEAST_GAP_S = 0.25  # from the end of an episode to its next begin


class MoodPlayer:
    """The `Source` of the mood of one character. The same seed and moments give the same expressions."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._playing: list[_Playing] = []  # the last one is the present mood, those before ease out
        self._now: float | None = None

    def at(self, moment: Moment) -> Expression:
        """See `Source`."""
        now, mood = moment.now, moment.wanted.mood
        elapsed = 0.0 if self._now is None else min(max(now - self._now, 0.0), MAX_STEP_S)
        begins = self._now is None
        self._now = now
        if not self._playing or self._playing[-1].mood is not mood:
            self._playing.append(_Playing(mood, self._seed, now, 1.0 if begins else 0.0))
        for playing in self._playing:
            step = elapsed / EASE_S if playing is self._playing[-1] else -elapsed / EASE_S
            playing.level = min(playing.level + step, 1.0)
        self._playing = [one for one in self._playing if one.level > 0 or one is self._playing[-1]]
        parts = [part for playing in self._playing for part in playing.parts(moment)]
        return combined(parts) if parts else REST


class _Playing:
    """A mood that is shown. level: 0..1, before smoothing."""

    def __init__(self, mood: Mood, seed: int, now: float, level: float) -> None:
        self.mood, self.level = mood, level
        self._episodes = [_Recurring(episode, seed, now) for episode in mood.episodes]

    def parts(self, moment: Moment) -> Iterable[Expression]:
        share = smooth_share(self.level)
        if not self.mood.held.is_rest:
            yield self.mood.held.at_strength(share)
        for recurring in self._episodes:
            shown = recurring.at(moment.now)
            if recurring.is_shown(shown is not None, moment.is_seen) and shown is not None:
                yield shown.at_strength(share)


class _Recurring:
    """An episode from one time to the next; the first comes within its mean interval."""

    def __init__(self, episode: Episode, seed: int, now: float) -> None:
        self.episode = episode
        self._random = np.random.default_rng((seed, zlib.crc32(episode.name.encode())))
        self._begins = now + episode.every_s * float(self._random.uniform(0.2, 0.8))
        self._lasts_s, self._way = self._draw()
        self._is_shown: bool | None = None  # None between two times

    def is_shown(self, is_on: bool, is_seen: bool) -> bool:
        """Whether this time is shown, which its first moment decides: a picture that misses a face ends nothing."""
        if not is_on:
            self._is_shown = None
        elif self._is_shown is None:
            self._is_shown = is_seen or not self.episode.for_drivers
        return bool(self._is_shown)

    def at(self, now: float) -> Expression | None:
        """What is shown; None between two times."""
        since = now - self._begins
        if since >= self._lasts_s:
            gap = self.episode.every_s * _drawn(self._random, GAP_SPREAD, GAP_RANGE)
            self._begins = max(self._begins + max(gap, self._lasts_s + LEAST_GAP_S), now)
            self._lasts_s, self._way = self._draw()
            since = now - self._begins
        if since < -2 * GAP_RANGE[1] * self.episode.every_s:  # the clock went back
            self._begins = now + self.episode.every_s
        return self._shown(since) if 0 <= since < self._lasts_s else None

    def _draw(self) -> tuple[float, int]:
        """Seconds of the next time, and which way."""
        episode = self.episode
        if episode.gesture is not None:
            return GESTURES[episode.gesture].seconds, 0
        length = episode.lasts_s * _drawn(self._random, LENGTH_SPREAD, LENGTH_RANGE)
        return length, int(self._random.integers(max(len(episode.ways), 1)))

    def _shown(self, since: float) -> Expression:
        episode = self.episode
        if episode.gesture is not None:
            return GESTURES[episode.gesture].at(since / self._lasts_s).at_strength(episode.strength)
        comes_s, goes_s = episode.eases_s
        level = min(since / comes_s, (self._lasts_s - since) / goes_s, 1.0)
        way = episode.ways[self._way] if episode.face is None else face(episode.face, since)
        return way.at_strength(episode.strength * smooth_share(max(level, 0.0)))


def _drawn(random: np.random.Generator, spread: float, within: tuple[float, float]) -> float:
    """A factor whose mean is about 1 and whose log is normal."""
    return float(np.clip(random.lognormal(-(spread**2) / 2, spread), *within))
