"""What drives what: precedence of rate, sound and parts, and how long the film is."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from streamer.film.driving import Driving
from streamer.film.film_length import OWN_RATE, look_into
from streamer.options import ClipRange
from tests.support.clips import grey_frames, make_video

A, F, B, V = (Path(name) for name in ("all.mp4", "face.mp4", "body.mp4", "voice.wav"))


@pytest.mark.parametrize(
    ("driving", "parts", "videos", "sound"),
    [
        (Driving(A), (A, A), (A,), A),
        (Driving(A, voice=V), (A, A), (A,), V),
        (Driving(A, face=F), (F, A), (A, F), A),
        (Driving(A, body=B), (A, B), (A, B), A),
        (Driving(face=F, body=B), (F, B), (F, B), F),
        (Driving(face=F, body=F), (F, F), (F,), F),
        (Driving(face=F), (F, None), (F,), F),
        (Driving(body=B, voice=V), (None, B), (B,), V),
        (Driving(voice=V), (None, None), (), V),
        (Driving(idle_s=3), (None, None), (), None),
    ],
)
def test_driving_says_which_file_does_what(
    driving: Driving, parts: tuple[Path | None, ...], videos: tuple[Path, ...], sound: Path | None
) -> None:
    assert (driving.face_video, driving.body_video) == parts
    assert (driving.videos, driving.sound) == (videos, sound) and driving.lead == (*videos, driving.voice)[0]
    assert driving.is_one_video == (driving == Driving(A))


def test_driving_is_told_in_words() -> None:
    assert str(Driving(A)) == "all.mp4"
    assert str(Driving(None, F, B, V)) == "face of face.mp4, body of body.mp4, voice of voice.wav"
    assert str(Driving(A, F)) == "all.mp4, face of face.mp4"
    assert str(Driving(idle_s=3)) == "An idle character"


def video(path: Path, frames: int, milliseconds: int) -> Path:
    return make_video(path, grey_frames(frames), [milliseconds * i for i in range(frames)])


def sound(path: Path, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * round(8_000 * seconds)))
    return path


def test_film_is_as_long_as_its_shortest_video_at_the_rate_of_the_first(tmp_path: Path) -> None:
    face, body = video(tmp_path / "f.mp4", 10, 40), video(tmp_path / "b.mp4", 8, 100)
    found = look_into(Driving(face=face, body=body), ClipRange())
    assert (float(found.rate), found.frames, found.has_sound) == (25, 10, False)
    assert found.note == f"{face} is the shortest: the film ends with it, after 0.4 s."
    found = look_into(Driving(body, face=face), ClipRange(0.2))
    assert float(found.rate) == pytest.approx(10, rel=0.1) and found.frames == 2


def test_film_of_a_voice_alone_is_as_long_as_its_sound(tmp_path: Path) -> None:
    voice = sound(tmp_path / "v.wav", 1.5)
    found = look_into(Driving(voice=voice), ClipRange())
    assert (found.rate, found.frames, found.seconds, found.has_sound, found.note) == (OWN_RATE, 45, 1.5, True, None)
    assert look_into(Driving(voice=voice), ClipRange(0.5, 1.0)).frames == 15


def test_film_that_no_file_drives_is_as_long_as_it_is_to_be() -> None:
    assert look_into(Driving(idle_s=1.5), ClipRange()) == (OWN_RATE, 1.5, 45, False, None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1.9, "The film ends before {} does: its last 1.5 s are left out."),
        (0.1, "{} ends after 0.1 s: from there on the film is silent."),
        (0.45, None),
    ],
)
def test_voice_that_is_longer_or_shorter_than_the_video_is_told(
    seconds: float, said: str | None, tmp_path: Path
) -> None:
    clip, voice = video(tmp_path / "f.mp4", 10, 40), sound(tmp_path / "v.wav", seconds)
    found = look_into(Driving(clip, voice=voice), ClipRange())
    assert found.note == (None if said is None else said.format(voice)) and found.seconds == pytest.approx(0.4)
