"""Shows the page in the browser of whoever starts the server at their desktop."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping

import psutil

from kernels.cache_folder import temporary_cache_folder
from streamer.settings import Settings

PROGRAM = "run_server.py"
FIRST_DELAY_S = 1.0
RETURN_S = 16.0  # an open page tries every 15 s at least (web_client/connection.js)
KEPT_S = 12 * 3600.0  # for which a page that was shown may be open
# Set by OpenSSH, and by services that run tests: nobody sits before a browser there.
_REMOTE = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "CI")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


class PageOpener:
    """Shows a URL in the browser. delay_s: seconds for an open page to come back by itself, before one is shown."""

    def __init__(self) -> None:
        folder = temporary_cache_folder()
        self._mark = None if folder is None else folder / "page-shown"  # its time tells when
        self.delay_s = RETURN_S if self._was_shown() else FIRST_DELAY_S

    def __call__(self, url: str) -> None:
        """Show it, in a thread of its own; returns at once."""
        threading.Thread(target=self._show, args=(url,), name="browser", daemon=True).start()

    def _was_shown(self) -> bool:
        """Whether an earlier start has shown the page today, which may still be open."""
        with contextlib.suppress(OSError):
            return self._mark is not None and 0 <= time.time() - self._mark.stat().st_mtime < KEPT_S
        return False

    def _show(self, url: str) -> None:
        """Show it, unless another server runs, whose page is open, or the only browser is one of a terminal."""
        with contextlib.suppress(webbrowser.Error, OSError):
            if _another_runs() or type(webbrowser.get()) is webbrowser.GenericBrowser:
                return
            if self._mark is not None:
                self._mark.touch()
            webbrowser.open(url)


def page_opener(settings: Settings) -> PageOpener | None:
    """What shows the page; None where it is not to be shown: with `--no-open`, without a desktop or a terminal, and
    with a token, which everybody on this machine could read in the browser's command line.
    """
    return PageOpener() if settings.open and settings.token is None and is_at_desktop() else None


def is_at_desktop(
    environment: Mapping[str, str] = os.environ, system: str = sys.platform, is_terminal: bool | None = None
) -> bool:
    """Whether somebody started this program in a terminal of their own desktop. system: as `sys.platform`.
    is_terminal: whether it writes to a terminal, None: find out.
    """
    if is_terminal is None:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
    if not is_terminal or any(environment.get(name) for name in _REMOTE):
        return False
    return system in ("win32", "darwin") or any(environment.get(name) for name in _DISPLAYS)


def _another_runs() -> bool:
    """Whether another process of this machine is a server, too."""
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or ()
        if process.info["pid"] != os.getpid() and any(os.path.basename(word) == PROGRAM for word in words[1:3]):
            return True
    return False
