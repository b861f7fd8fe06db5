"""Makes one motion of what the camera shows and of what all other sources say."""

from __future__ import annotations

from dataclasses import replace

from streamer.runtime.sound_feed import SoundFeed
from streamer.sources.act_player import ActPlayer, WantedActs
from streamer.sources.acting import act_out
from streamer.sources.expression import combined
from streamer.sources.voice_source import VoiceSource
from streamer.tracking.tracker import TrackedMotion


class Mixer:
    """The sources of one session beside its camera. Not thread-safe. sound: of the microphone."""

    def __init__(self, sound: SoundFeed) -> None:
        self._sound = sound
        self._player, self._voice = ActPlayer(), VoiceSource()

    def mix(
        self, tracked: TrackedMotion, acts: WantedActs, voice: float | None, is_seen: bool, now: float
    ) -> TrackedMotion:
        """What was tracked, with what the first character does besides, at `now` seconds.

        voice: 0..1, its share of the mouth while a face is seen; None: nobody listens to it. is_seen: whether one is.
        """
        sound, parts = self._sound.take(), [self._player.at(acts, now)]
        if voice is not None:
            parts.append(self._voice.at(sound, voice, is_seen, now))
        self._sound.lag_s = 0.0 if voice is None else self._voice.lag_s
        motion, neutral = act_out(tracked.motion, tracked.neutral, combined(parts))
        return replace(tracked, motion=motion, neutral=neutral)
