"""The server under test, started as `run_server.py` starts it, in a process of its own."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.streaming import barcode
from benchmarks.streaming.report import ServerTrace
from models.voice.log_mel import STEP
from streamer.errors import KagamiError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.osc.udp_ports import open_udp_ports
from streamer.runtime import exit_deadline
from streamer.runtime.library_threads import use_one_thread
from streamer.runtime.memory import process_tree, resident_bytes
from streamer.runtime.meter import Meter
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.start_lines import StartLines
from streamer.server.listening import bind
from streamer.settings import Settings, read_settings

if TYPE_CHECKING:
    from streamer.engine.engine_session import EngineSession
    from streamer.sources.voice_motion import VoiceFrame
    from streamer.tracking.tracker import TrackedMotion

START_TIMEOUT_S = 120.0  # a cold machine first reads torch from its disk
STOP_TIMEOUT_S = 30.0
RSS_PERIOD_S = 0.5  # between two samples of the memory


class ServerFailedError(KagamiError):
    """The server under test did not start, or ended by itself; the message is the server's own sentence."""


class ServerProcess:
    """`with ServerProcess(["--ref", "avatar.png"]) as server: … trace = server.stop()`.

    arguments: of `run_server.py`; the port is 0. records: False leaves the trace empty, for runs so long that it would
    make the server grow. log: file that receives the server's stderr; None: the benchmark's own. url: the address that
    the server prints. start_seconds: from the process's start to that line. rss: (when, megabytes) samples. Entering
    raises ServerFailedError, and SettingsError for wrong arguments.
    """

    def __init__(self, arguments: Sequence[str], records: bool = True, log: Path | None = None) -> None:
        self.url = ""
        self.start_seconds = 0.0
        self.rss: list[tuple[float, float]] = []
        context = multiprocessing.get_context("spawn")  # a fork would share the client's torch and its threads
        self._pipe, far_end = context.Pipe()
        settings = read_settings([*arguments, "--port", "0"], {})
        self._process = context.Process(target=_serve, args=(settings, far_end, records, log), name="server")
        self._far_end = far_end
        self._stopping = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="rss", daemon=True)

    def __enter__(self) -> ServerProcess:
        start = time.monotonic()
        own = dict(os.environ)
        use_one_thread()  # as `run_server.py` does; the process inherits it
        try:
            self._process.start()
        finally:  # numba here has started its threads, and takes no other number of them
            for name in os.environ.keys() - own.keys():
                del os.environ[name]
        self._far_end.close()
        self._sampler.start()
        try:
            while not self.url:
                _, text = self._receive(start + START_TIMEOUT_S - time.monotonic())
                print(f"[{time.monotonic() - start:5.1f} s] {text}", file=sys.stderr)
                if text.startswith("open "):
                    self.url = text.split()[1]
        except BaseException:
            self._end()
            raise
        self.start_seconds = round(time.monotonic() - start, 1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    @property
    def pid(self) -> int | None:
        """Of the server's process, once it has started."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time that the server and its trackers have used so far."""
        times = [process.cpu_times() for process in process_tree(self._process.pid)]
        return float(sum(each.user + each.system for each in times))

    def resources(self) -> dict[str, int]:
        """Live sessions, and what the server's process has open now: child processes, UDP sockets and threads."""
        root, *children = process_tree(self._process.pid)
        with urllib.request.urlopen(self.url.rstrip("/") + "/api/health", timeout=STOP_TIMEOUT_S) as answer:
            sessions = json.load(answer)["sessions"]
        udp_sockets = len(root.net_connections("udp"))
        return {
            "sessions": sessions,
            "processes": len(children),
            "udp_sockets": udp_sockets,
            "threads": root.num_threads(),
        }

    def stop(self) -> ServerTrace:
        """Send SIGINT and return what the server recorded. Raises ServerFailedError if it had ended by itself."""
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGINT)
        while True:
            kind, value = self._receive(STOP_TIMEOUT_S)
            if kind == "trace":
                return value

    def _receive(self, timeout: float) -> tuple[str, Any]:
        if not self._pipe.poll(max(timeout, 0)):
            raise ServerFailedError("The server gave no sign for a long time; is the machine busy with something else?")
        try:
            kind, value = self._pipe.recv()
        except EOFError:
            raise ServerFailedError("The server ended without a word.") from None
        if kind == "failed":
            raise ServerFailedError(value)
        return kind, value

    def _sample(self) -> None:
        try:
            while not self._stopping.wait(RSS_PERIOD_S):
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


class _RecordingMeter(Meter):
    """A meter that also keeps every sample, since percentiles cannot be computed from percentiles."""

    trace = ServerTrace()

    def add(self, stages: Mapping[str, float]) -> None:
        super().add(stages)
        self.trace.stages.append((time.monotonic(), dict(stages)))


class _PipedLines(StartLines):
    """The lines of a start, sent to the benchmark."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(io.StringIO())
        self._pipe = pipe

    def line(self, text: str) -> None:
        self._pipe.send(("line", text))


def _copy_code(camera: CameraFrame, avatar: AvatarFrame) -> AvatarFrame:
    """A frame hook of the engine: copy the strip with the bar code."""
    barcode.copy(camera.rgb, avatar.rgb)
    return avatar


def _copy_and_record(camera: CameraFrame, avatar: AvatarFrame) -> AvatarFrame:
    """A frame hook of the engine: copy the strip with the bar code, and record the times of its frame."""
    _copy_code(camera, avatar)
    number = barcode.read(camera.rgb)
    if number is not None:
        _RecordingMeter.trace.passed.setdefault(number, (camera.captured, time.monotonic()))
    return avatar


def _record_voices() -> None:
    """Record the processor time of voices, milliseconds for each step of sound, and how long ago the newest sound came
    when it is taken, as stages, and the face that each frame shows, with the moment of the voice.
    """
    from streamer.engine.watchers import Watchers  # noqa: PLC0415  (torch, needed in this process only)
    from streamer.runtime.sound_feed import Samples, SoundFeed  # noqa: PLC0415
    from streamer.sources.expression import Expression  # noqa: PLC0415
    from streamer.sources.source import Moment  # noqa: PLC0415
    from streamer.sources.voice_motion import Voice  # noqa: PLC0415
    from streamer.sources.voice_source import VoiceSource  # noqa: PLC0415

    feed, take, deliver, at = Voice.feed, SoundFeed.take, Watchers.deliver, VoiceSource.at

    def timed(voice: Voice, samples: NDArray[np.float32]) -> list[VoiceFrame]:
        began = time.thread_time()
        frames = feed(voice, samples)
        spent = (time.thread_time() - began) * 1000
        _RecordingMeter.trace.stages.append((time.monotonic(), {"voice": spent * STEP / max(len(samples), STEP)}))
        return frames

    def noted(sound: SoundFeed) -> Samples:
        samples = take(sound)
        if len(samples):
            now = time.monotonic()
            _RecordingMeter.trace.stages.append((now, {"sound age": (now - sound.put_at) * 1000}))
        return samples

    def seen(
        watchers: Watchers,
        session: EngineSession,
        newest: bool,
        frame: AvatarFrame,
        motion: TrackedMotion | None = None,
    ) -> None:
        if motion is not None and motion.motion.face is not None:
            _RecordingMeter.trace.faces.append((frame.captured, motion.motion.face))
        deliver(watchers, session, newest, frame, motion)

    def said(source: VoiceSource, moment: Moment) -> Expression:
        expression = at(source, moment)
        if source.face is not None and moment.captured is not None:
            _RecordingMeter.trace.voices[moment.captured] = source.face.time
        return expression

    VoiceSource.at = said  # type: ignore[method-assign, assignment]
    Watchers.deliver = seen  # type: ignore[method-assign, assignment]
    Voice.feed = timed  # type: ignore[method-assign, assignment]
    SoundFeed.take = noted  # type: ignore[method-assign, assignment]


def _serve(settings: Settings, pipe: Connection, records: bool, log: Path | None) -> None:
    """The work of the server process."""
    main = sys.modules["__main__"]  # which its workers would import, and with it the benchmark, before they work
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    if log is not None:
        with log.open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), 2)
    filter_native_logs()
    from streamer import launch  # noqa: PLC0415  (torch and MediaPipe, needed in this process only)
    from streamer.engine import engine_session  # noqa: PLC0415  (torch and MediaPipe, needed in this process only)

    if records:
        engine_session.Meter = _RecordingMeter  # type: ignore[misc]
        _record_voices()
    hook = _copy_and_record if records else _copy_code
    try:
        launch.launch(settings, bind(settings), open_udp_ports(settings), _PipedLines(pipe), hook)
    except KeyboardInterrupt:
        pass  # from `stop`
    except KagamiError as error:
        pipe.send(("failed", str(error)))
        return
    exit_deadline.cancel()  # a long trace takes time to send
    pipe.send(("trace", _RecordingMeter.trace))
