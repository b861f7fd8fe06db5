"""How long a film will be: as its shortest video, as the voice where that is alone, or as its words say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from streamer.files.sound_file import sound_seconds
from streamer.files.video_reader import VideoReader
from streamer.film.driving import Driving
from streamer.options import ClipRange, say_duration

OWN_RATE = Fraction(30)  # frames a second of a film that no video drives
TOLD_S = 0.2  # of a difference in length that is worth a sentence


class FilmLength(NamedTuple):
    """rate: frames a second. seconds, frames: 0 where no file tells. has_sound: whether the file of its sound has some.
    note: a sentence about which of its files is left out in part.
    """

    rate: Fraction
    seconds: float
    frames: int
    has_sound: bool
    note: str | None


def look_into(driving: Driving, clip: ClipRange) -> FilmLength:
    """The length of a film whose files are not open yet. clip: as for `length_of`. Raises VideoError."""
    with ExitStack() as stack:
        return length_of(driving, [stack.enter_context(VideoReader(path, clip)) for path in driving.videos], clip)


def length_of(driving: Driving, readers: Sequence[VideoReader], clip: ClipRange) -> FilmLength:
    """The length of a film. readers: of `driving.videos`. clip: the part of each file that is used. Raises VideoError
    where the voice cannot be used.
    """
    voice = None if driving.voice is None else sound_seconds(driving.voice, str(driving.voice), clip)
    if not readers:
        seconds = driving.idle_s if voice is None else voice
        return FilmLength(OWN_RATE, seconds, round(seconds * OWN_RATE), voice is not None, None)
    lengths = {path: float(each.frames / each.rate) for path, each in zip(driving.videos, readers, strict=True)}
    known = {path: seconds for path, seconds in lengths.items() if seconds}
    lead, seconds = readers[0], min(known.values(), default=0.0)
    has_sound = voice is not None or lead.has_sound
    return FilmLength(lead.rate, seconds, round(seconds * lead.rate), has_sound, _note(driving, known, voice))


def _note(driving: Driving, videos: dict[Path, float], voice: float | None) -> str | None:
    if not videos:
        return None
    shortest, longest = min(videos, key=videos.__getitem__), max(videos, key=videos.__getitem__)
    seconds = videos[shortest]
    sentences = []
    if videos[longest] > seconds + TOLD_S:
        sentences.append(f"{shortest} is the shortest: the film ends with it, after {say_duration(seconds)}.")
    if voice and voice > seconds + TOLD_S:
        left = say_duration(voice - seconds)
        sentences.append(f"The film ends before {driving.voice} does: its last {left} are left out.")
    elif voice and voice < seconds - TOLD_S:
        sentences.append(f"{driving.voice} ends after {say_duration(voice)}: from there on the film is silent.")
    return " ".join(sentences) or None
