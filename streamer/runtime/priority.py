"""Thread priorities (niceness) of background work, so that it never delays the frames."""

from __future__ import annotations

import os
import sys
import threading

BODY_TRACKER_NICENESS = 5  # its results are needed ten times a second
UPLOAD_NICENESS = 10  # decoding and preparing an uploaded picture may take seconds
FILM_NICENESS = 15  # a film of a clip takes minutes, and the live avatars come first
TRANSFORMER_NICENESS = 10  # it runs less often than the body tracker, see `OnnxGenerator`


def lower_priority(niceness: int) -> None:
    """Set the niceness of the calling thread, which threads that it starts inherit. Only Linux has it per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
