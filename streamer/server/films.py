"""What the films of all sessions share: one is made at a time, and its files live in a private folder for a while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil

from streamer.errors import ForbiddenError, KagamiError
from streamer.runtime.background_tasks import BackgroundTasks
from streamer.server import server_messages
from streamer.server.executors import Executors
from streamer.server.film_process import FilmProcess
from streamer.server.film_worker import FilmError, FilmOrder, FilmState
from streamer.settings import Settings

FOLDER_PREFIX = "kagami-film-"


class FilmsOffError(ForbiddenError):
    """The server was started with `--film-minutes 0`."""

    def __init__(self) -> None:
        super().__init__("This server makes no films: start it with --film-minutes above 0.")


class FilmBusyError(KagamiError):
    """The film of another session, or an upload for one, has the server's only place. seconds: that it still takes;
    None where nothing is known yet.
    """

    code = "busy"

    def __init__(self, seconds: float | None) -> None:
        minutes = None if seconds is None else round(seconds / 60)
        if minutes is None:
            sentence = "Another film is being made, which has just begun: try again when it is done."
        elif minutes < 2:
            sentence = "Another film is being made, which takes a minute more: try again then."
        else:
            sentence = f"Another film is being made, which takes about {minutes} minutes more: try again then."
        super().__init__(sentence)


class ClipTooLargeError(KagamiError):
    """A clip exceeds `--max-clip-mb`."""

    code = "too-large"

    def __init__(self, name: str, limit_mb: float) -> None:
        super().__init__(f"{name} is larger than {limit_mb:g} MB: cut it, or save it smaller.")


class NoFilmError(KagamiError):
    """The session has no film, or no more."""

    code = "no-film"

    def __init__(self) -> None:
        super().__init__("This film is not here any more: drop the clip again.")


@dataclass(eq=False)
class Film:
    """One film, from its clip's first part on.

    folder: private, with the clip and the film. size, received: bytes of the clip. begun: on time.monotonic. task:
    makes it, once the clip is whole. timer: removes it when nothing happens in time.
    """

    name: str
    folder: Path
    size: int
    order: FilmOrder
    process: FilmProcess
    begun: float
    received: int = 0
    is_receiving: bool = False
    state: FilmState = field(default_factory=FilmState)
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    def note(self, state: FilmState) -> None:
        """Keep how far it is. Called by the thread that waits for the process."""
        self.state = state

    def status(self) -> server_messages.FilmStatus:
        state, remaining = self.state, self.state.remaining_s
        return server_messages.FilmStatus(
            "sending" if self.task is None else state.stage,
            self.name,
            "webm" if self.order.out.suffix == ".webm" else "mp4",
            round(state.done, 3),
            None if remaining is None else round(remaining),
            self.order.out.stat().st_size if state.stage == "ready" else None,
            state.notes,
            state.message,
        )


class Holder(Protocol):
    """Whose film has the server's place."""

    @property
    def seconds_left(self) -> float | None:
        """How long the film will take; None where nothing is known."""
        ...


class Films:
    """What the films of all sessions share. Used on the event loop.

    make_worker: makes the `FilmWorker` in its process; picklable.
    """

    def __init__(self, settings: Settings, executors: Executors, make_worker: Callable[[], Any]) -> None:
        self.settings = settings
        self.executors = executors
        self.make_worker = make_worker
        self._holder: Holder | None = None
        self._removals = BackgroundTasks()
        remove_stale_folders()

    def claim(self, holder: Holder) -> None:
        """Take the only place. Raises FilmsOffError, FilmBusyError."""
        if self.settings.film_minutes == 0:
            raise FilmsOffError
        if self._holder is not None:
            raise FilmBusyError(self._holder.seconds_left)
        self._holder = holder

    def release(self, holder: Holder) -> None:
        if self._holder is holder:
            self._holder = None

    def remove(self, film: Film) -> asyncio.Task[None]:
        """Kill its process and delete its folder; the task ends once both are gone, whoever waits for it."""
        return self._removals.spawn(self._remove(film))

    async def close(self) -> None:
        """Wait until everything is removed that has to be."""
        await asyncio.gather(*self._removals, return_exceptions=True)

    async def _remove(self, film: Film) -> None:
        film.process.kill()
        if film.task is not None:
            await asyncio.gather(film.task, return_exceptions=True)
        await self.executors.film(partial(shutil.rmtree, film.folder, ignore_errors=True))


def make_folder() -> Path:
    """A folder that only this user may read. Raises FilmError."""
    try:
        return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
    except OSError as error:
        words = error.strerror or "it cannot be written"
        raise FilmError(f"The server has no temporary folder for a clip ({words}): free some space.") from error


def remove_stale_folders() -> None:
    """Delete what servers left that were killed."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*"):
            pid = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)  # those of other users stay
