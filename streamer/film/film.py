"""One film: a prepared character makes the motion of one video, every frame, with the video's rate and sound.

`streamer.animate` and the page's films are made here; nothing is printed, and no command line is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import tee
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import torch

from streamer.errors import KagamiError
from streamer.files.prefetch import prefetch
from streamer.files.sound import Sound
from streamer.files.video_reader import WHOLE, VideoReader
from streamer.files.video_writer import recording
from streamer.film.performance import perform_all
from streamer.film.progress import FilmProgress, ProgressMeter
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import LARGEST_PERSON, ClipRange, NeutralKind
from streamer.rigging.backdrop import Backdrop
from streamer.tracking.bridging import bridge
from streamer.tracking.drivers import Drivers
from streamer.tracking.motion import Motion
from streamer.tracking.smoothing import smooth_both_ways

# Of torch, which draws beside the thread that tracks: on two busy cores a second one made drawing eight times and the
# whole film three times slower, since each of its many small steps waits for both.
TORCH_THREADS = 1
T = TypeVar("T")


class FilmCancelledError(KagamiError):
    """Whoever wanted the film does not want it any more."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("The film was cancelled; nothing was written.")


@dataclass(frozen=True, slots=True)
class Film:
    """What one film is made of.

    drive: the video of the driver.
    out: .mp4, .webm or .mov, or a folder for PNGs, see `open_recording`.
    name: of the drive in sentences; None: its path.
    clip: the part of the drive that is used, with its sound.
    controls: strengths, background and mirroring; the frame is the one that the avatar was prepared for.
    backdrop: what stands behind the character where `controls.background` is "picture".
    alpha: keep transparency, which `out` must be able to hold.
    crf, replace: as in `open_recording`.
    neutral: which of the driver's faces counts as neutral, see `resolve`.
    smooth, smoothing: whether and how much the motion is smoothed, see `smooth_both_ways`.
    who: who of several people is followed, body: whether bodies and hands are looked at, see `Drivers`.
    """

    drive: Path
    out: Path
    name: str | None = None
    clip: ClipRange = WHOLE
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
    """What was written. frames: how many. seconds: length of the film."""

    frames: int
    seconds: float


def make_film(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    film: Film,
    report: Callable[[FilmProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FilmSummary:
    """Make one film. Blocks; may be called again with the same pipeline and avatar.

    report: called in this thread at the beginning, after each frame that was tracked or drawn, and before the file is
    finished. cancelled: asked as often; once it is true, FilmCancelledError is raised. What is held at once does not
    grow with the length of the film. Lets torch compute in TORCH_THREADS from now on.

    Raises KagamiError. On any error, and on Ctrl-C, nothing new is left on the disk.
    """
    torch.set_num_threads(TORCH_THREADS)
    name = film.name or film.drive.name
    with (
        VideoReader(film.drive, film.clip, film.name) as reader,
        Sound(film.drive, film.clip, reader.name) as sound,
        recording(film.out, reader.rate, film.alpha, sound, film.crf, film.replace) as out,
        Drivers(
            body=film.body, smooth=False, live=False, shown=[one.shown_body for one in avatar.cast],
            who=film.who, mirrored=film.controls.mirror,
        ) as drivers,
        closing(prefetch(map(drivers.process, reader))) as tracked,
    ):  # fmt: skip
        meter = ProgressMeter(reader.frames)

        def step() -> None:
            if cancelled():
                raise FilmCancelledError
            report(meter.progress())

        def counted() -> Iterator[Sequence[Motion]]:
            for motions in tracked:
                meter.tracked += 1
                step()
                yield motions

        step()
        of_each = [
            smooth_both_ways(each, smoothing=film.smoothing) if film.smooth else each
            for each in map(bridge, split(counted(), len(avatar.cast)))
        ]
        seconds = 0.0
        with closing(
            perform_all(pipeline, avatar, of_each, film.controls, film.neutral, name, film.backdrop)
        ) as frames:
            for frame in frames:
                out.write(frame)
                meter.drawn += 1
                seconds = frame.captured + float(1 / reader.rate)
                step()
        meter.finishing = True
        step()
    return FilmSummary(meter.drawn, seconds)


def split(items: Iterable[Sequence[T]], count: int) -> list[Iterator[T]]:
    """The first, second and so on of each of `items`, each with `count` of them, to be read about as far as the
    others'.
    """
    return [map(itemgetter(slot), each) for slot, each in enumerate(tee(items, count))]
