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
        self._lock = threading.Lock()  # guards the four below
        self._whole: Rig | None = None  # that was asked for last
        self._side = 0  # likewise
        self._made: Rig | None = None  # of this whole rig, last
        self._failed_side: int | None = None  # that could not be made of it, or is being made
        self._thread: threading.Thread | None = None

    def rig(self, whole: Rig, side: int) -> Rig:
        """The rig that the next frame is drawn from, where the canvas should have `side` pixels a side."""
        is_busy = self._thread is not None and self._thread.is_alive()
        with self._lock:
            if whole is not self._whole:
                self._whole, self._made, self._failed_side = whole, None, None
            self._side = side
            if side == whole.size:
                self._made = None
                return whole
            made = self._made
            is_missing = (made is None or made.size != side) and self._failed_side != side
            if is_missing and not is_busy:
                self._failed_side = side
                self._thread = threading.Thread(target=self._resize, args=(whole, side), name="canvas")
                self._thread.start()
        return whole if made is None else made

    def wait(self) -> None:
        """Wait until what was asked for is made."""
        if self._thread is not None:
            self._thread.join()

    def _resize(self, whole: Rig, side: int) -> None:
        try:
            made = self._make(whole, side)
        except (RuntimeError, MemoryError) as error:  # of torch, where memory is short
            _log.warning("The canvas stays as large as it is, since no smaller one could be made: %s", error)
            return
        with self._lock:
            if self._whole is whole:
                self._failed_side = None
                self._made = None if self._side == whole.size else made
