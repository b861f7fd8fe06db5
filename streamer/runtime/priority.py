"""Who waits when the cores are short: what is shown at 25 frames a second goes first."""

from __future__ import annotations

import os
import sys
import threading

BODY_TRACKER_NICENESS = 5  # niceness of the thread that looks for bodies, ten times a second
TRANSFORMER_NICENESS = 10  # of the one that thinks for the transformer


def lower_priority(niceness: int) -> None:
    """Let other threads go before the calling one and those it starts, where the system lets a thread say so."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
