"""Makes one motion of what the camera shows and of what all other sources say, live and in films."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.runtime.sound_feed import SoundFeed
from streamer.sources.act_player import ActPlayer
from streamer.sources.acting import act_out
from streamer.sources.expression import combined
from streamer.sources.mood_player import MoodPlayer
from streamer.sources.source import Moment, Source
from streamer.sources.voice_source import VoiceSource
from streamer.tracking.motion import Motion


class Mixer:
    """The sources of one character beside its camera. Not thread-safe."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    def mix(self, motion: Motion, neutral: Motion, moment: Moment) -> tuple[Motion, Motion]:
        """A driver's motion with what the sources do besides, and the neutral to measure it against; see `act_out`."""
        return act_out(motion, neutral, combined(source.at(moment) for source in self._sources))


def live_mixer(sound: SoundFeed) -> Mixer:
    """Of a live session. sound: of its microphone."""
    return Mixer([MoodPlayer(), ActPlayer(), VoiceSource(sound)])
