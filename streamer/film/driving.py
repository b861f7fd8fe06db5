"""Which files drive a film: one video for all, or one each for the face and for the body, and a voice; or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Driving:
    """The files that drive one film; without any the character idles.

    drive: a video for all that no other file drives. face: for expression, gaze and head. body: for body and hands.
    voice: a file with sound, for the mouth. idle_s: how long a film is that no file drives, seconds.
    """

    drive: Path | None = None
    face: Path | None = None
    body: Path | None = None
    voice: Path | None = None
    idle_s: float = 0.0

    @property
    def face_video(self) -> Path | None:
        """What drives the face; None: it idles."""
        return self.face or self.drive

    @property
    def body_video(self) -> Path | None:
        """What drives the body; None: it rests and goes along with the head."""
        return self.body or self.drive

    @property
    def videos(self) -> tuple[Path, ...]:
        """The videos that drive something, each once, the one that gives the film its rate first."""
        given = (each for each in (self.drive, self.face, self.body) if each is not None)
        return tuple(dict.fromkeys(each for each in given if each in (self.face_video, self.body_video)))

    @property
    def lead(self) -> Path | None:
        """The file that gives the film its frame rate and its name; a voice only where nothing else is given."""
        return next(iter(self.videos), self.voice)

    @property
    def files(self) -> tuple[Path, ...]:
        """All that are given."""
        return tuple(each for each in (self.drive, self.face, self.body, self.voice) if each is not None)

    @property
    def sound(self) -> Path | None:
        """The file whose sound the film has; None: it is silent."""
        return self.voice or self.lead

    @property
    def is_one_video(self) -> bool:
        """Whether a single video drives all."""
        return self.drive is not None and (self.face, self.body, self.voice) == (None, None, None)

    def __str__(self) -> str:
        """In words, for a line of progress."""
        parts = (("face", self.face), ("body", self.body), ("voice", self.voice))
        named = [f"{part} of {path}" for part, path in parts if path is not None]
        return ", ".join([*([] if self.drive is None else [str(self.drive)]), *named]) or "An idle character"
