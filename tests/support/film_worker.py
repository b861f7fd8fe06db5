"""A fake in place of `FilmWorker`: writes a short text as the film, without torch. What it does is in the clip."""

from __future__ import annotations

import os
import stat
import time

from streamer.files.container_kind import container_kind
from streamer.server.film_worker import FilmOrder, FilmState

FRAMES = 4


class FakeFilmWorker:
    """Writes `film of NAME`, how private the folder is and the mood, and tells its process id in a note. The film of a
    real clip is that clip. A clip that is `forever` never ends, `crash` ends the process, and `nobody` is refused.
    """

    def begin(self, order: FilmOrder) -> None:
        self._order = order
        self._clip = order.clip.read_bytes()
        self._frames = 0

    def state(self) -> FilmState:
        order = self._order
        if self._clip == b"crash":
            os._exit(9)
        if self._clip == b"nobody":
            return FilmState("failed", message=f"Nobody was found in {order.name}: use another.")
        if self._clip != b"forever":
            self._frames += 1
        if self._frames < FRAMES:
            time.sleep(0.05)
            return FilmState("drawing", self._frames / FRAMES, 120.0, (str(os.getpid()),))
        if container_kind(self._clip) is not None:
            order.out.write_bytes(self._clip)
            return FilmState("ready", 1.0, 0.0)
        mode = stat.filemode(order.clip.parent.stat().st_mode)
        order.out.write_text(f"film of {order.name} {mode} {order.clip.name} {order.controls.mirror} {order.mood}")
        return FilmState("ready", 1.0, 0.0, ("A note.",))
