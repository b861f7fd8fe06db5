"""The server under test: started as `run_server.py` starts it, in a process of its own, watched from both sides."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import psutil

from benchmarks.streaming import barcode
from benchmarks.streaming.report import Tape
from streamer.errors import KagamiError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.runtime.memory import process_tree, resident_bytes
from streamer.runtime.meter import Meter
from streamer.runtime.native_logs import filter_native_logs
from streamer.server.listening import bind
from streamer.settings import Settings, read_settings

START_TIMEOUT = 120.0  # seconds: a cold machine first reads torch from its disk
STOP_TIMEOUT = 30.0
RSS_PERIOD = 0.5


class ServerFailed(KagamiError):
    """The server under test did not start, or ended by itself; the message is its own sentence."""


class Served:
    """`with Served(["--ref", "avatar.png"]) as server: … tape = server.stop()`.

    arguments: of `run_server.py`, the port being 0. taped: False leaves the tape empty, for runs so long that it would
    be what makes the server grow. url: what the server says to open. start_seconds: from its start to
    that word. rss: (when, megabytes) samples. Entering raises ServerFailed, and SettingsError for wrong arguments.
    """

    def __init__(self, arguments: Sequence[str], taped: bool = True) -> None:
        self.url = ""
        self.start_seconds = 0.0
        self.rss: list[tuple[float, float]] = []
        context = multiprocessing.get_context("spawn")  # a fork would share the peer's torch and its threads
        self._pipe, far_end = context.Pipe()
        settings = read_settings([*arguments, "--port", "0"], {})
        self._process = context.Process(target=_serve, args=(settings, far_end, taped), name="server")
        self._far_end = far_end
        self._stopping = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="rss", daemon=True)

    def __enter__(self) -> Served:
        began = time.monotonic()
        self._process.start()
        self._far_end.close()
        self._sampler.start()
        try:
            while not self.url:
                _, text = self._receive(began + START_TIMEOUT - time.monotonic())
                print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr)
                if text.startswith("open "):
                    self.url = text.split()[1]
        except BaseException:
            self._end()
            raise
        self.start_seconds = round(time.monotonic() - began, 1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def cpu_seconds(self) -> float:
        """Processor time that the server and its trackers have used so far."""
        times = [process.cpu_times() for process in process_tree(self._process.pid)]
        return float(sum(each.user + each.system for each in times))

    def stop(self) -> Tape:
        """Ctrl-C; returns what the server noted. Raises ServerFailed where it had ended by itself."""
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGINT)
        while True:
            kind, value = self._receive(STOP_TIMEOUT)
            if kind == "tape":
                return value

    def _receive(self, timeout: float) -> tuple[str, Any]:
        if not self._pipe.poll(max(timeout, 0)):
            raise ServerFailed("The server gave no sign for a long time; is the machine busy with something else?")
        try:
            kind, value = self._pipe.recv()
        except EOFError:
            raise ServerFailed("The server ended without a word.") from None
        if kind == "failed":
            raise ServerFailed(value)
        return kind, value

    def _sample(self) -> None:
        try:
            while not self._stopping.wait(RSS_PERIOD):
                self.rss.append((time.monotonic(), resident_bytes(process_tree(self._process.pid)) / 2**20))
        except psutil.NoSuchProcess:
            pass

    def _end(self) -> None:
        self._stopping.set()
        self._process.join(1)
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()
        self._sampler.join()
        self._pipe.close()


class _NotingMeter(Meter):
    """A meter that also keeps each single sample: percentiles of percentiles would not be percentiles."""

    tape = Tape()

    def add(self, stages: Mapping[str, float]) -> None:
        super().add(stages)
        self.tape.stages.append((time.monotonic(), dict(stages)))


def _carry_code(camera: CameraFrame, avatar: AvatarFrame) -> AvatarFrame:
    """A frame hook of the engine: copy the strip."""
    barcode.copy(camera.rgb, avatar.rgb)
    return avatar


def _carry_and_note(camera: CameraFrame, avatar: AvatarFrame) -> AvatarFrame:
    """A frame hook of the engine: copy the strip, note the times."""
    _carry_code(camera, avatar)
    number = barcode.read(camera.rgb)
    if number is not None:
        _NotingMeter.tape.passed.setdefault(number, (camera.captured, time.monotonic()))
    return avatar


def _serve(settings: Settings, pipe: Connection, taped: bool) -> None:
    """The server process."""
    filter_native_logs()
    from streamer import launch  # noqa: PLC0415  (torch and MediaPipe, wanted in this process only)
    from streamer.engine import engine_session  # noqa: PLC0415  (torch and MediaPipe, wanted in this process only)

    if taped:
        engine_session.Meter = _NotingMeter  # type: ignore[misc]
    hook = _carry_and_note if taped else _carry_code
    try:
        launch.launch(settings, bind(settings), lambda text: pipe.send(("said", text)), hook)
    except KeyboardInterrupt:
        pass  # how `stop` ends it
    except KagamiError as error:
        pipe.send(("failed", str(error)))
        return
    pipe.send(("tape", _NotingMeter.tape))
