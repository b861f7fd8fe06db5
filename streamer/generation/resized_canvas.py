"""A picture on the smaller canvas that a busy machine draws, made beside the frames."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import torch

from models.compositor import pack_textures
from models.geometry.resized_rig import resized_rig
from models.geometry.rig import Rig

_log = logging.getLogger(__name__)


def packed_on(whole: Rig, side: int) -> Rig:
    """`resized_rig` with its textures as kernels sample them, which takes as long as a few frames."""
    with torch.inference_mode():
        rig = resized_rig(whole, side)
        pack_textures(rig)
    return rig


class ResizedCanvas:
    """The rig that a stream draws where its canvas may be smaller than the one that its picture was prepared on.

    Another size is made in a thread, and frames go on with the size before until it is there; the whole canvas needs
    none. For one thread that draws. make: called with the whole rig and the side of the canvas in pixels.
    """

    def __init__(self, make: Callable[[Rig, int], Rig] = packed_on) -> None:
        self._make = make
        self._made: tuple[Rig, Rig] | None = None  # a whole rig, and what was made of it last
        self._failed: tuple[Rig, int] | None = None
        self._thread: threading.Thread | None = None

    def rig(self, whole: Rig, side: int) -> Rig:
        """What of a rig is drawn by the next frame if its canvas may have `side` pixels a side."""
        if side == whole.size:
            self._made = None
            return whole
        made = None if self._made is None or self._made[0] is not whole else self._made[1]
        is_busy = self._thread is not None and self._thread.is_alive()
        if (made is None or made.size != side) and not is_busy and self._failed != (whole, side):
            self._thread = threading.Thread(target=self._resize, args=(whole, side), name="canvas")
            self._thread.start()
        return whole if made is None else made

    def wait(self) -> None:
        """Wait until what was asked for is made."""
        if self._thread is not None:
            self._thread.join()

    def _resize(self, whole: Rig, side: int) -> None:
        try:
            self._made = whole, self._make(whole, side)
        except (RuntimeError, MemoryError) as error:  # of torch, where memory is short
            self._failed = whole, side
            _log.warning("The canvas stays as large as it is, since no smaller one could be made: %s", error)
