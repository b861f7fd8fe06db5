"""The film of one session: its clip comes in parts, then it is made, fetched, and removed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from streamer.errors import ProtocolError
from streamer.server import server_messages
from streamer.server.film_process import FilmProcess
from streamer.server.film_worker import FilmError, FilmOrder, FilmState
from streamer.server.films import ClipTooLargeError, Film, Films, NoFilmError, make_folder

PART_TIMEOUT_S = 30.0  # from one part of a clip to the next, after which its place is free again
UPLOAD_TIMEOUT_S = 900.0  # for all parts
KEEP_READY_S = 600.0  # how long a film waits for its page to fetch it
REPORT_PERIOD_S = 0.5
_log = logging.getLogger(__name__)


class SessionFilm:
    """The film of one session, if it has one: its clip is received, the film is made, fetched and removed.

    send: sends a message to the page.
    """

    def __init__(self, films: Films, send: Callable[[server_messages.ServerMessage], Awaitable[None]]) -> None:
        self._films = films
        self._send = send
        self._film: Film | None = None
        self._lost = ""  # name of a film that another server was making for this session
        self._closed = False

    @property
    def is_wanted(self) -> bool:
        """Whether there is a film, also one that is not ready yet."""
        return self._film is not None

    @property
    def seconds_left(self) -> float | None:
        """How long the film will take; None where nothing is known."""
        return None if self._film is None else self._film.state.remaining_s

    async def begin(self, name: str, size: int, order_of: Callable[[Path, Path, str], FilmOrder], suffix: str) -> None:
        """Make room for a clip of so many bytes, whose parts `receive` takes; a film before it is removed.

        order_of: what to make of a clip at this path, written to the second path; the last argument is `name`. suffix:
        of the film's file. Raises FilmsOffError, FilmBusyError, ClipTooLargeError, FilmError.
        """
        limit = self._films.settings.max_clip_mb
        if size > limit * 1e6:
            raise ClipTooLargeError(name, limit)
        if size == 0:
            raise FilmError(f"{name} is empty (0 bytes): record or download it again.")
        await self.remove()
        self._films.claim(self)
        try:
            folder = await self._films.executors.film(make_folder)
            order = order_of(folder / "clip", folder / f"film{suffix}", name)
        except BaseException:
            self._films.release(self)
            raise
        self._film = Film(name, folder, size, order, FilmProcess(self._films.make_worker), time.monotonic())
        if self._closed:
            await self.remove()
            raise NoFilmError
        self._expire_after(self._film, PART_TIMEOUT_S)

    async def receive(self, offset: int, parts: AsyncIterator[bytes]) -> int:
        """Append bytes to the clip; after the last one the film is begun. Returns how many bytes it has now.

        offset: of the first, which must be the next that is missing. Raises NoFilmError, ProtocolError, FilmError.
        """
        film = self._film
        if film is None:
            raise NoFilmError
        if film.is_receiving or film.task is not None or offset != film.received:
            raise ProtocolError("This part of the clip is not the next one; drop the clip again.")
        film.is_receiving = True
        try:
            with await self._films.executors.film(partial(_open_clip, film.order.clip)) as file:
                async for part in parts:
                    if film.received + len(part) > film.size:
                        raise ProtocolError("The clip is longer than it was said to be; drop it again.")
                    await self._films.executors.film(partial(file.write, part))
                    film.received += len(part)
                await self._films.executors.film(file.flush)
        except OSError as error:
            await self.remove(film)
            words = error.strerror or "it cannot be written"
            raise FilmError(f"The server cannot keep {film.name} ({words}): free some space on its disk.") from error
        except BaseException:  # the page went away in the middle of a part
            self.drop(film)
            raise
        finally:
            film.is_receiving = False
        if self._film is not film:
            raise NoFilmError
        if film.received == film.size:
            self._cancel_timer(film)
            film.task = asyncio.get_running_loop().create_task(self._make(film))
        else:
            self._expire_after(film, min(PART_TIMEOUT_S, UPLOAD_TIMEOUT_S - (time.monotonic() - film.begun)))
        return film.received

    @property
    def unfinished(self) -> str:
        """The name of the film whose clip is being sent or which is being made; "" for none."""
        film = self._film
        return "" if film is None or film.state.stage in ("ready", "failed") else film.name

    def lose(self, name: str) -> None:
        """Have `news` say that a film of this session was lost with the server that was making it. name: "": none."""
        self._lost = name

    def news(self) -> server_messages.FilmStatus | None:
        """What the page is told when it comes: how far its film is, and once that one was lost; None without."""
        lost, self._lost = self._lost, ""
        if self._film is not None or not lost:
            return self.status()
        sentence = f"The server has lost the film of {lost}: drop the clip again."
        return server_messages.FilmStatus("failed", lost, "mp4", message=sentence)

    def status(self) -> server_messages.FilmStatus | None:
        return None if self._film is None else self._film.status()

    def file(self) -> tuple[Path, str]:
        """The film that is ready, and its media type. Raises NoFilmError."""
        film = self._film
        if film is None or film.state.stage != "ready":
            raise NoFilmError
        return film.order.out, f"video/{film.order.out.suffix[1:]}"

    async def remove(self, film: Film | None = None) -> None:
        """Stop the film, if there is one, and delete its files. film: do nothing if the session has another by now."""
        removal = self.drop(film)
        if removal is not None:
            await asyncio.shield(removal)

    def drop(self, film: Film | None = None) -> asyncio.Task[None] | None:
        """`remove` without waiting for the end, which the returned task tells."""
        gone = self._film
        if gone is None or film not in (None, gone):
            return None
        self._film = None
        self._cancel_timer(gone)
        removal = self._films.remove(gone)
        removal.add_done_callback(lambda _: self._films.release(self))
        return removal

    def close(self) -> None:
        """The session ends: nothing is kept of its film. `Films.close` waits for that."""
        self._closed = True
        self.drop()

    async def _make(self, film: Film) -> None:
        """Have the film made, and tell the page how it goes."""
        run = partial(film.process.run, film.order, film.note)
        making = asyncio.ensure_future(self._films.executors.film(run))
        last_sent: server_messages.FilmStatus | None = None
        while not making.done():
            if self._film is film and (status := film.status()) != last_sent:
                last_sent = status
                await self._send(status)
            await asyncio.wait({making}, timeout=REPORT_PERIOD_S)
        try:
            end = making.result()
        except Exception:  # no process could be started, for example: the next film is not in the way
            _log.exception("a film could not be begun")
            sentence = f"The film of {film.name} could not be made: try another clip."
            end = FilmState("failed", message=sentence)
        if end is None or self._film is not film:
            return
        film.state = end
        with contextlib.suppress(OSError):
            await self._films.executors.film(film.order.clip.unlink)
        status = film.status()
        self._films.release(self)
        if end.stage == "ready":
            self._expire_after(film, KEEP_READY_S)
        else:
            self.drop(film)
        await self._send(status)

    def _expire_after(self, film: Film, seconds: float) -> None:
        self._cancel_timer(film)
        film.timer = asyncio.get_running_loop().call_later(seconds, self.drop, film)

    @staticmethod
    def _cancel_timer(film: Film) -> None:
        if film.timer is not None:
            film.timer.cancel()


def _open_clip(path: Path) -> BinaryIO:
    return path.open("ab")
