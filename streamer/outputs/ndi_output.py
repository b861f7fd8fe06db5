"""The avatar as a source of NDI, with its transparency and its sound: for mixers and OBS on other machines."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from types import SimpleNamespace
from typing import Any

from streamer.errors import OutputError
from streamer.frames import AvatarFrame
from streamer.outputs.ndi_stream import BLOCK_SAMPLES, NdiSender, NdiStream
from streamer.runtime.frame_thread import Frames, FrameThread
from streamer.runtime.sound_feed import CHANNELS, SAMPLE_RATE, Samples
from streamer.webrtc.delay_line import DelayLine

DEFAULT_NAME = "Kagami"
_GET_PACKAGE = 'NDI needs cyndilib: run `pip install -e ".[ndi]"` and start again.'
_log = logging.getLogger(__name__)


class NdiOutput:
    """A source that everybody in the network can receive. name: of the source, behind that of the machine.

    It keeps the size with which it is opened; others are fitted into it, transparent around. lag_s: see `StreamOutput`.
    """

    def __init__(self, name: str, lag_s: Callable[[], float] = lambda: 0.0) -> None:
        self.name = name or DEFAULT_NAME
        self._lag_s = lag_s
        self._frames = FrameThread("ndi", "NDI has failed and is closed: restart the server to use it again.")
        self._line = DelayLine()

    @property
    def is_open(self) -> bool:
        return self._frames.is_open

    @property
    def left_out(self) -> int:
        """Frames that were not sent, since a newer one was there before their turn, since `open`."""
        return self._frames.drops

    def problem(self) -> str | None:
        """One sentence where the package is missing."""
        try:
            _cyndilib()
        except OutputError as error:
            return str(error)
        return None

    def open(self, width: int, height: int, fps: float) -> None:
        """Announce the source with this picture size. Raises OutputError."""
        self.close()
        sender = self._make(width, height, fps)
        self._line = DelayLine()
        self._frames.open(partial(self._feed, sender, width, height), sender.close)

    def send(self, frame: AvatarFrame) -> None:
        self._frames.send(frame)

    def hear(self, samples: Samples) -> None:
        """Send this sound, too, delayed as the frames are. Any thread may call."""
        self._line.push(samples, time.monotonic())

    def close(self) -> None:
        """Take the source away. Idempotent; `open` may follow."""
        self._frames.close()

    def _make(self, width: int, height: int, fps: float) -> Any:
        """An open cyndilib.Sender. Raises OutputError."""
        ndi = _cyndilib()
        video, sound = ndi.VideoSendFrame(), ndi.AudioSendFrame(max_num_samples=BLOCK_SAMPLES)
        video.set_resolution(width, height)
        video.set_frame_rate(Fraction(fps).limit_denominator(1001))
        video.set_fourcc(ndi.FourCC.RGBA)
        sound.sample_rate, sound.num_channels = SAMPLE_RATE, CHANNELS
        sender = ndi.Sender(self.name, clock_video=False, clock_audio=False)  # the engine and the loop below pace
        sender.set_video_frame(video)
        sender.set_audio_frame(sound)
        try:
            sender.open()
        except Exception as error:  # of the library, which has no class for them
            _log.info("NDI: %s", error)
            raise OutputError(
                f"NDI cannot announce '{self.name}': choose another name with --ndi, or start without it."
            ) from error
        return sender

    def _feed(self, sender: NdiSender, width: int, height: int, frames: Frames) -> None:
        stream = NdiStream(sender, width, height, time.monotonic())
        while True:
            frame = frames.get(timeout=max(0.0, stream.next_due - time.monotonic()))
            now = time.monotonic()
            if frame is not None:
                stream.show(frame, now, self._lag_s())
            stream.send(self._line, now)


def _cyndilib() -> Any:
    """What is used of the optional package cyndilib. Raises OutputError if it is not installed."""
    try:
        return SimpleNamespace(
            Sender=importlib.import_module("cyndilib.sender").Sender,
            VideoSendFrame=importlib.import_module("cyndilib.video_frame").VideoSendFrame,
            AudioSendFrame=importlib.import_module("cyndilib.audio_frame").AudioSendFrame,
            FourCC=importlib.import_module("cyndilib.wrapper.ndi_structs").FourCC,
        )
    except ImportError as error:
        raise OutputError(_GET_PACKAGE) from error
