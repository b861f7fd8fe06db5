"""The avatar as a source of NDI, with its transparency and its sound: for mixers and OBS on other machines."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np

from streamer.errors import OutputError
from streamer.files.straight_alpha import straight_rgba
from streamer.frames import AvatarFrame, Image
from streamer.outputs.paced_sound import PacedSound
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from streamer.runtime.sound_feed import CHANNELS, SAMPLE_RATE, Samples
from streamer.virtual_camera import fit_to_size
from streamer.webrtc.delayed_audio import DelayLine

DEFAULT_NAME = "Kagami"
BLOCK_SAMPLES = SAMPLE_RATE // 50  # 20 ms
_GET_PACKAGE = 'NDI needs cyndilib: run `pip install -e ".[ndi]"` and start again.'
_log = logging.getLogger(__name__)


class NdiOutput:
    """A source that everybody in the network can receive. name: of the source, behind that of the machine.

    It keeps the size with which it is opened; others are fitted into it, transparent around. lag_s: see `StreamOutput`.
    """

    def __init__(self, name: str, lag_s: Callable[[], float] = lambda: 0.0) -> None:
        self.name = name or DEFAULT_NAME
        self._lag_s = lag_s
        self._mailbox: Mailbox[AvatarFrame] | None = None
        self._thread: threading.Thread | None = None
        self._line = DelayLine()

    @property
    def is_open(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

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
        mailbox: Mailbox[AvatarFrame] = Mailbox()
        self._mailbox = mailbox
        self._thread = threading.Thread(
            target=self._feed, args=(sender, mailbox, width, height), name="ndi", daemon=True
        )
        self._thread.start()

    def send(self, frame: AvatarFrame) -> None:
        if self._mailbox is not None:
            self._mailbox.put(frame)

    def hear(self, samples: Samples) -> None:
        """Send this sound, too, delayed as the frames are. Any thread may call."""
        self._line.push(samples, time.monotonic())

    def close(self) -> None:
        """Take the source away. Idempotent; `open` may follow."""
        mailbox, thread = self._mailbox, self._thread
        self._mailbox = self._thread = None
        if mailbox is not None and thread is not None:
            mailbox.close()
            thread.join()

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

    def _feed(self, sender: Any, mailbox: Mailbox[AvatarFrame], width: int, height: int) -> None:
        pace = PacedSound(BLOCK_SAMPLES, time.monotonic())
        try:
            while True:
                frame = mailbox.get(timeout=max(0.0, pace.next_due - time.monotonic()))
                now = time.monotonic()
                is_watched = sender.get_num_connections(0) > 0
                if frame is not None:
                    pace.follow(now - frame.captured + self._lag_s())
                    if is_watched:
                        sender.write_video(to_rgba(frame, width, height).reshape(-1))
                for _, samples in pace.due(self._line, now):
                    if is_watched:
                        sender.write_audio(np.ascontiguousarray(samples.T, np.float32) / 32768)
        except MailboxClosed:
            pass
        except Exception:  # any error of the library ends this output, never the engine
            _log.exception("NDI has failed and is closed: restart the server to use it again.")
            mailbox.close()
        finally:
            sender.close()


def to_rgba(frame: AvatarFrame, width: int, height: int) -> Image:
    """The frame with straight colours, (height, width, 4) uint8, fitted on transparency."""
    alpha = np.full(frame.rgb.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
    premultiplied = fit_to_size(np.dstack([frame.rgb, alpha]), width, height)
    if frame.alpha is None and frame.rgb.shape[:2] == (height, width):
        return premultiplied
    return straight_rgba(premultiplied[..., :3], premultiplied[..., 3])


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
