"""Places besides the peer connection where the avatar can go: for now the system's virtual camera."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from types import ModuleType
from typing import Any, Protocol

import cv2
import numpy as np

from streamer.errors import KagamiError
from streamer.frames import AvatarFrame, Image
from streamer.runtime.mailbox import Mailbox, MailboxClosed

_log = logging.getLogger(__name__)

_GET_PACKAGE = 'The virtual camera needs pyvirtualcam: run `pip install -e ".[obs]"` and start again.'
_GET_DEVICE = {
    "linux": "run `sudo apt install v4l2loopback-dkms && "
    "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Kagami` and start again.",
    "win32": "install OBS Studio, start its virtual camera once, close OBS and start again.",
    "darwin": "install OBS Studio 30 or newer, start its virtual camera once, close OBS and start again.",
}


class OutputError(KagamiError):
    """An output that cannot be used; the message says why and what to do."""

    code = "output"


class Output(Protocol):
    """Takes avatar frames away. `send` never blocks; a slow output loses frames, it never delays the engine."""

    def is_available(self) -> str | None:
        """None if `open` would succeed now, else one sentence that says what is missing and how to get it."""

    def open(self, width: int, height: int, fps: float) -> None:
        """Start at this picture size. Raises OutputError, with the sentence of `is_available`."""

    def send(self, frame: AvatarFrame) -> None:
        """Leave a frame of any size. Does nothing before `open`, after `close` and once the output has failed."""

    def close(self) -> None:
        """Stop and free the device; may be called again, and `open` may follow."""


class VirtualCamera:
    """A camera that other programs (OBS, meetings) can choose: v4l2loopback on Linux, OBS's own on Windows and macOS.

    device: its name, or None for the first that is free. backend: a pyvirtualcam backend, or None for the system's.
    key: what stands for transparency, since a virtual camera has no alpha; OBS's chroma key takes it out again.
    """

    def __init__(
        self, device: str | None = None, backend: str | None = None, key: tuple[int, int, int] = (0, 255, 0)
    ) -> None:
        self._device = device or None
        self._backend = backend
        self._key = key
        self._mailbox: Mailbox[AvatarFrame] | None = None
        self._thread: threading.Thread | None = None

    @property
    def drops(self) -> int:
        """Frames replaced before the device took them, since `open`."""
        return 0 if self._mailbox is None else self._mailbox.drops

    def is_available(self) -> str | None:
        if self._thread is not None:
            return None
        try:
            self._make(512, 512, 25).close()
        except OutputError as error:
            return str(error)
        return None

    def open(self, width: int, height: int, fps: float) -> None:
        """width, height: pixels; odd sizes are rounded up, the formats of camera devices know even ones only."""
        self.close()
        camera = self._make(width + width % 2, height + height % 2, fps)
        mailbox: Mailbox[AvatarFrame] = Mailbox()
        thread = threading.Thread(target=self._feed, args=(camera, mailbox), name="virtual-camera", daemon=True)
        self._mailbox, self._thread = mailbox, thread
        thread.start()
        _log.info("virtual camera: %s, %dx%d", camera.device, camera.width, camera.height)

    def send(self, frame: AvatarFrame) -> None:
        if self._mailbox is not None:
            self._mailbox.put(frame)

    def close(self) -> None:
        mailbox, thread = self._mailbox, self._thread
        self._mailbox = self._thread = None
        if mailbox is not None and thread is not None:
            mailbox.close()
            thread.join()

    def _make(self, width: int, height: int, fps: float) -> Any:
        """An open pyvirtualcam.Camera. Raises OutputError."""
        module = _pyvirtualcam()
        try:
            return module.Camera(width, height, fps, device=self._device, backend=self._backend)
        except (RuntimeError, KeyError) as error:  # KeyError: a backend that this system does not have
            _log.info("pyvirtualcam: %s", error)
            which = f"The virtual camera {self._device}" if self._device else "A virtual camera"
            advice = _GET_DEVICE.get(sys.platform, "install one that pyvirtualcam knows and start again.")
            raise OutputError(f"{which} is not there or is in use: {advice}") from error

    def _feed(self, camera: Any, mailbox: Mailbox[AvatarFrame]) -> None:
        try:
            while True:
                frame = mailbox.get()
                if frame is not None:
                    camera.send(fit(_flatten(frame, self._key), camera.width, camera.height))
        except MailboxClosed:
            pass
        except Exception:  # whatever a device driver throws ends this output, never the engine
            _log.exception("The virtual camera has failed and is closed; restart the server to use it again.")
            mailbox.close()
        finally:
            camera.close()


def _pyvirtualcam() -> ModuleType:
    """The optional package, imported only where it is wanted. Raises OutputError."""
    try:
        return importlib.import_module("pyvirtualcam")
    except ImportError as error:
        raise OutputError(_GET_PACKAGE) from error


def _flatten(frame: AvatarFrame, key: tuple[int, int, int]) -> Image:
    """(H, W, 3) uint8: the frame over the key colour where it is transparent."""
    if frame.alpha is None:
        return frame.rgb
    alpha = frame.alpha[..., None].astype(np.uint16)
    return ((frame.rgb * alpha + np.array(key, np.uint16) * (255 - alpha) + 127) // 255).astype(np.uint8)


def fit(rgb: Image, width: int, height: int) -> Image:
    """The picture (H, W, 3) uint8 as large as it fits into height x width, centred on black, C-contiguous."""
    if rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(rgb)
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    inner = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    scaled = cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = scaled
    return canvas
