"""What moves the characters of one film: the drivers of its videos, put together, and the voice of its sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType

from models.checkpoint_header import CheckpointError
from streamer.errors import KagamiError
from streamer.files.sound_samples import sound_samples
from streamer.film.film import Film
from streamer.film.film_length import length_of
from streamer.film.performance import Additions
from streamer.film.tracked_video import TrackedVideo
from streamer.generation.avatar import Avatar
from streamer.sources.act_player import ActPlayer
from streamer.sources.mixer import Mixer
from streamer.sources.mood_player import MoodPlayer
from streamer.sources.recorded_voice import RecordedVoice
from streamer.sources.source import Source
from streamer.sources.wanted_motion import WantedMotion
from streamer.tracking.idle_habits import IdleHabits, usual_habits
from streamer.tracking.resolved import Idling, Resolved, joined, on_body


class VoiceError(KagamiError):
    """The network that reads a mouth from sound cannot be used."""

    code = "voice"


class Footage:
    """The sources of one film. To be closed.

    rate: frames a second of the film. frames: how many are expected, 0 where no file tells. additions: what moves the
    first character besides the videos.

    Raises KagamiError.
    """

    def __init__(self, film: Film, avatar: Avatar) -> None:
        self._film, self._avatar = film, avatar
        with ExitStack() as stack:
            self._videos = {path: stack.enter_context(self._track(path)) for path in film.driving.videos}
            self._voice = self._read_voice(stack)
            length = length_of(film.driving, [video.reader for video in self._videos.values()], film.clip)
            self.rate, self.frames = length.rate, length.frames
            self._stack = stack.pop_all()

    def __enter__(self) -> Footage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def additions(self) -> Additions:
        """A new source of a film stands here."""
        sources: list[Source] = [MoodPlayer(), ActPlayer()]
        if self._voice is not None:
            sources.append(self._voice)
        return Additions(Mixer(sources), self._wanted)

    def _wanted(self, seconds: float) -> WantedMotion:
        """What the sources are to do at a time of the film."""
        film = self._film
        voice = None if self._voice is None or film.voice == 0 else film.voice
        return replace(film.script.at(seconds, film.mood), voice=voice)

    def _habits(self, seconds: float) -> IdleHabits:
        """How the first character idles."""
        return self._wanted(seconds).mood.idle

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that are worth knowing once the film is made."""
        if self._voice is None or self._voice.has_speech or self._film.voice == 0:
            return ()
        return (f"No speech was heard in {self._film.driving.voice}: the mouth stayed as it was without it.",)

    def motions(self, on_tracked: Callable[[], None]) -> list[Iterator[Resolved]]:
        """What each character does, from left to right. on_tracked: called after each tracked frame of the video that
        leads. To be called once.
        """
        driving, neutral = self._film.driving, self._film.neutral
        face, body = driving.face_video, driving.body_video
        if face is None and body is None:
            return [self._idle(slot, on_tracked) for slot in range(len(self._avatar.cast))]
        if face == body or body is None:
            assert face is not None
            needs = "face" if body is None else "face or body"
            return self._videos[face].resolved(neutral, needs, on_tracked, self._habits)
        if face is None:
            (of_body,) = self._videos[body].resolved(neutral, "body", on_tracked)
            idling = Idling(habits=self._habits)
            return [(on_body(idling.at(each.motion.captured), each, turns_along=True) for each in of_body)]
        leads = {path: on_tracked if path == driving.lead else _nothing for path in (face, body)}
        (of_face,) = self._videos[face].resolved(neutral, "face", leads[face], self._habits)
        (of_body,) = self._videos[body].resolved(neutral, "body", leads[body])
        if driving.lead == body:
            return [joined(of_body, of_face, lambda body, face: on_body(face, body))]
        return [joined(of_face, of_body, on_body)]

    def _track(self, path: Path) -> TrackedVideo:
        film, driving, cast = self._film, self._film.driving, self._avatar.cast
        return TrackedVideo(
            path, film.clip, film.name if driving.is_one_video else str(path),
            [one.shown_body for one in cast], [one.yaw(film.controls.mirror) for one in cast],
            film.body and path == driving.body_video, film.who, film.controls.mirror, film.smooth, film.smoothing,
            from_zero=not driving.is_one_video,
        )  # fmt: skip

    def _read_voice(self, stack: ExitStack) -> RecordedVoice | None:
        path = self._film.driving.voice
        if path is None:
            return None
        samples = stack.enter_context(closing(sound_samples(path, str(path), self._film.clip)))
        try:
            return RecordedVoice(samples)
        except CheckpointError as error:
            raise VoiceError(f"No voice can move a mouth: {error}") from error

    def _idle(self, slot: int, on_tracked: Callable[[], None]) -> Iterator[Resolved]:
        """A character who idles as long as the voice lasts, or as the film is to be."""
        idling = Idling(slot, usual_habits if slot else self._habits)
        for number in count():
            seconds = float(number / self.rate)
            if not (number < self.frames if self._voice is None else self._voice.lasts(seconds)):
                return
            if slot == 0:
                on_tracked()
            yield idling.at(seconds)


def _nothing() -> None:
    pass
