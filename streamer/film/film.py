"""What one film is made of, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from streamer.errors import KagamiError
from streamer.files.video_reader import WHOLE
from streamer.film.driving import Driving
from streamer.generation.controls import Controls
from streamer.options import LARGEST_PERSON, ClipRange, NeutralKind
from streamer.rigging.backdrop import Backdrop
from streamer.sources.mood import NO_MOOD, Mood
from streamer.sources.script import EMPTY_SCRIPT, Script


class FilmCancelledError(KagamiError):
    """Whoever wanted the film does not want it any more."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("The film was cancelled; nothing was written.")


@dataclass(frozen=True, slots=True)
class Film:
    """What one film is made of.

    driving: the files that drive it.
    out: .mp4, .webm or .mov, or a folder for PNGs, see `open_recording`.
    name: in sentences, of the one video that drives all; None: the paths of all files.
    clip: the part that is used, of each file that drives, with its sound.
    voice: 0..1, the share of the mouth that `driving.voice` has while a face is seen; 0 takes its sound alone.
    mood: how the first character is. script: what it does when, and how its mood changes.
    controls: strengths, background and mirroring; the frame is the one that the avatar was prepared for.
    backdrop: what stands behind the character where `controls.background` is "picture".
    alpha: keep transparency, which `out` must be able to hold.
    crf, replace: as in `open_recording`.
    neutral: which of the driver's faces counts as neutral, see `resolve`.
    smooth, smoothing: whether and how much the motion is smoothed, see `smooth_both_ways`.
    who: who of several people is followed, body: whether bodies and hands are looked at, see `Drivers`.
    """

    driving: Driving
    out: Path
    name: str | None = None
    clip: ClipRange = WHOLE
    voice: float = 1.0
    mood: Mood = NO_MOOD
    script: Script = EMPTY_SCRIPT
    controls: Controls = field(default_factory=Controls)
    backdrop: Backdrop | None = None
    alpha: bool = False
    crf: int | None = None
    replace: bool = False
    neutral: NeutralKind = "first"
    smooth: bool = True
    smoothing: float = 1.0
    who: str = LARGEST_PERSON
    body: bool = True


@dataclass(frozen=True, slots=True)
class FilmSummary:
    """What was written. frames: how many. seconds: length of the film. notes: sentences that are worth knowing."""

    frames: int
    seconds: float
    notes: tuple[str, ...] = ()
