"""Makes one film of a clip, in a process of its own (`FilmProcess`): decodes, tracks, draws and encodes there."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from streamer.errors import KagamiError
from streamer.generation.controls import Controls
from streamer.options import LARGEST_PERSON
from streamer.rigging.backdrop import Backdrop
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points
from streamer.runtime.address_space import limit_address_space
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.priority import FILM_NICENESS, lower_process_priority
from streamer.settings import Settings

if TYPE_CHECKING:
    from streamer.film.progress import FilmProgress
    from streamer.rigging.rigger import Character

MAX_PIXELS = 4096 * 2304  # of a frame of the clip
MAX_RATE = 60.0  # frames a second, over the longest clip: how many frames a clip may have
# That the work may map beside what its process has mapped at its start; each core's threads reserve some more.
MAX_ADDRESS_BYTES, MAX_ADDRESS_BYTES_PER_CORE = 6 * 2**30, 2**29
_log = logging.getLogger(__name__)


class FilmError(KagamiError):
    """A film cannot be made of a clip; the message gives the reason and the remedy."""

    code = "film"


@dataclass(frozen=True, eq=False, slots=True)
class FilmOrder:
    """One film to make. Picklable.

    clip: the file with the driver, of this server's own naming. name: of the clip, for sentences. out: the file to
    write, .mp4, or .webm with alpha. picture, points, views, person: of the avatar, as `AvatarPipeline.prepare` takes
    them. controls: of the motion, the background and the frame. backdrop: see `Film`. mood: its words.
    """

    clip: Path
    name: str
    out: Path
    picture: Picture
    controls: Controls
    points: Points | None = None
    views: Sequence[Character] = ()
    person: str = LARGEST_PERSON
    backdrop: Backdrop | None = None
    mood: str = ""


@dataclass(frozen=True, slots=True)
class FilmState:
    """How far a film is.

    stage: "preparing" until the avatar is ready, then as in `FilmProgress`, at last "ready" or "failed".
    done: 0..1. remaining_s: None where nothing is known yet. notes: sentences about it. message: why it failed.
    """

    stage: Literal["preparing", "tracking", "drawing", "finishing", "ready", "failed"] = "preparing"
    done: float = 0.0
    remaining_s: float | None = None
    notes: tuple[str, ...] = ()
    message: str | None = None


class FilmWorker:
    """The work, in its process: `begin` starts a thread, and `state` tells how far it is.

    settings: of the server: what draws, how large, how long a clip may be.
    """

    def __init__(self, settings: Settings) -> None:
        lower_process_priority(FILM_NICENESS)
        filter_native_logs()
        self._settings = settings
        self._state = FilmState()

    def begin(self, order: FilmOrder) -> None:
        """Make this film. Called once."""
        threading.Thread(target=self._run, args=(order,), name="film", daemon=True).start()

    def state(self) -> FilmState:
        return self._state

    def _run(self, order: FilmOrder) -> None:
        try:
            self._make(order)
            self._state = replace(self._state, stage="ready", done=1.0, remaining_s=0.0)
        except KagamiError as error:
            self._fail(str(error).replace(str(order.out), "The film"))
        except MemoryError:
            self._fail(f"{order.name} needs too much memory: save it smaller, in 1080p for example.")
        except Exception:
            _log.exception("a film broke")
            self._fail(f"The film of {order.name} broke off: save the clip as another MP4 and try again.")

    def _fail(self, message: str) -> None:
        self._state = replace(self._state, stage="failed", message=message)

    def _make(self, order: FilmOrder) -> None:
        from streamer.film.driving import Driving  # noqa: PLC0415
        from streamer.film.film import Film  # noqa: PLC0415
        from streamer.film.film_maker import make_film  # noqa: PLC0415 - FFmpeg, MediaPipe: not needed to queue films
        from streamer.generation.device import choose_device  # noqa: PLC0415
        from streamer.generation.factory import make_pipeline  # noqa: PLC0415
        from streamer.sources.mood_reading import read_mood  # noqa: PLC0415

        settings, controls = self._settings, order.controls
        device = choose_device(settings.device)
        if device == "cpu":  # CUDA maps more than it uses
            limit_address_space(MAX_ADDRESS_BYTES + (os.cpu_count() or 1) * MAX_ADDRESS_BYTES_PER_CORE)
        check_clip(order.clip, order.name, settings.film_minutes)  # before models are loaded for it
        pipeline = make_pipeline(settings.generator, device, settings.size, settings.checkpoint, settings.steps)
        avatar = pipeline.prepare(order.picture, order.points, controls.framing, order.views, order.person)
        self._state = replace(self._state, notes=tuple(avatar.notes))
        film = Film(
            Driving(order.clip), order.out, order.name, controls=controls, backdrop=order.backdrop,
            mood=read_mood(order.mood).mood,
            alpha=controls.background == "transparent", smooth=settings.smooth, smoothing=controls.smoothing,
            who=controls.who, body=controls.follow_body,
        )  # fmt: skip

        def report(progress: FilmProgress) -> None:
            if progress.tracked > settings.film_minutes * 60 * MAX_RATE:
                raise _too_long(order.name, settings.film_minutes)
            self._report(progress)

        make_film(pipeline, avatar, film, report)

    def _report(self, progress: FilmProgress) -> None:
        """Tracking and drawing count alike, so that the bar moves while the beginning is tracked ahead. How long it
        takes is told once both go on.
        """
        remaining = None if progress.stage == "tracking" else progress.remaining_s
        done = min(1.0, (progress.tracked + progress.drawn) / 2 / progress.expected) if progress.expected else 0.0
        self._state = replace(self._state, stage=progress.stage, done=done, remaining_s=remaining)


def check_clip(path: Path, name: str, max_minutes: float) -> None:
    """Find out whether a clip can be used, before anything is loaded for it. Raises FilmError, VideoError."""
    from streamer.files.container_kind import HEAD_BYTES, container_kind  # noqa: PLC0415 - as above
    from streamer.files.video_reader import VideoReader  # noqa: PLC0415

    with path.open("rb") as file:
        if container_kind(file.read(HEAD_BYTES)) is None:  # a playlist would let FFmpeg open other files
            raise FilmError(f"{name} is no MP4, MOV, WebM or MKV: convert it to MP4 first.")
    with VideoReader(path, name=name) as reader:
        width, height = reader.size
        if width * height > MAX_PIXELS:
            raise FilmError(f"{name} has {width} x {height} pixels a frame: save it in 4K at most.")
        if reader.seconds > max_minutes * 60 or reader.frames > max_minutes * 60 * MAX_RATE:
            raise _too_long(name, max_minutes)


def _too_long(name: str, max_minutes: float) -> FilmError:
    return FilmError(f"{name} is longer than {max_minutes:g} minutes: cut it, or choose a shorter one.")
