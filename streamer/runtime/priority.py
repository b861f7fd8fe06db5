"""Who gets a processor first: what the frames wait for, before other programs where the system lets anybody say so, and
background work last. Linux's niceness, and what is like it elsewhere.

Threads that a library starts in native code inherit a thread's niceness on Linux alone, so work that fills a process of
its own lowers that of the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading

import psutil

FRAMES_NICENESS = -5  # of what the frames wait for, on Linux where that is allowed; less would starve the browser
BODY_TRACKER_NICENESS = 5  # its results are needed ten times a second
UPLOAD_NICENESS = 10  # decoding and preparing an uploaded picture may take seconds
RECORDING_NICENESS = 10  # of what is recorded on the server: its frames wait for a moment, and some may be left out
FILM_NICENESS = 15  # a film of a clip takes minutes, and the live avatars come first
TRANSFORMER_NICENESS = 10  # it runs less often than the body tracker, see `OnnxGenerator`

_LOWEST_FROM = 10  # niceness from which the lower one of two steps is chosen where there are no more
_WINDOWS_THREAD = (-1, -2)  # THREAD_PRIORITY_BELOW_NORMAL, THREAD_PRIORITY_LOWEST in winbase.h
_MAC_QOS_UTILITY = 0x11  # QOS_CLASS_UTILITY in sys/qos.h; the next lower class would keep to the slow cores
_MAC_QOS_INTERACTIVE = 0x21  # QOS_CLASS_USER_INTERACTIVE


def raise_process_priority(system: str = sys.platform) -> None:
    """Let this process, whose frames somebody waits for, come before other programs, with all threads that it starts
    from now on. On a Mac, where threads do not inherit it, see `raise_priority`. system: as for `lower_priority`.

    Windows and macOS let anybody do so, Linux only who may lower a niceness (`CAP_SYS_NICE`, `RLIMIT_NICE`); elsewhere
    nothing changes. Called in the main thread, before others are started.
    """
    with contextlib.suppress(OSError, AttributeError, psutil.Error):
        if system == "win32":
            psutil.Process().nice(getattr(psutil, "ABOVE_NORMAL_PRIORITY_CLASS"))  # noqa: B009 - Windows alone has it
        elif system == "linux":
            os.setpriority(os.PRIO_PROCESS, 0, FRAMES_NICENESS)
        else:
            raise_priority(system)


def raise_priority(system: str = sys.platform) -> None:
    """Let the calling thread come before other programs where that is said thread by thread: on a Mac."""
    with contextlib.suppress(OSError, AttributeError):
        if system == "darwin":
            ctypes.CDLL(None).pthread_set_qos_class_self_np(_MAC_QOS_INTERACTIVE, 0)


def take_own_share(system: str = sys.platform) -> None:
    """Give the calling process, of which nobody waits at a terminal, a share of the processors of its own.

    Linux without control groups for processors shares them first among sessions, as of terminals, then among the
    threads of each (`sched_autogroup_enabled`): so it gets a session of its own. Elsewhere nothing changes. Not for
    background work, whose niceness counts only within a session.
    """
    if system == "linux":
        with contextlib.suppress(OSError):  # it has one
            os.setsid()


def lower_priority(niceness: int, system: str = sys.platform) -> None:
    """Lower the priority of the calling thread, which Python threads that it starts inherit on Linux.

    niceness: of Linux, 0 to 19. system: as `sys.platform`; on one that is not known nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError):  # a system without these functions
        if system == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
        elif system == "win32":
            kernel32 = ctypes.windll.kernel32  # type: ignore[attr-defined]
            kernel32.SetThreadPriority(ctypes.c_void_p(-2), _WINDOWS_THREAD[niceness >= _LOWEST_FROM])  # -2: this one
        elif system == "darwin":
            ctypes.CDLL(None).pthread_set_qos_class_self_np(_MAC_QOS_UTILITY, 0)


def lower_process_priority(niceness: int, system: str = sys.platform) -> None:
    """Lower the priority of this process, with all threads that it starts from now on. Arguments as `lower_priority`.

    Called in the main thread, before others are started.
    """
    with contextlib.suppress(OSError, AttributeError, psutil.Error):
        if system == "win32":
            name = "IDLE_PRIORITY_CLASS" if niceness >= FILM_NICENESS else "BELOW_NORMAL_PRIORITY_CLASS"
            psutil.Process().nice(getattr(psutil, name))
        else:
            os.setpriority(os.PRIO_PROCESS, 0, niceness)
