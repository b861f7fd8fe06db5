"""The virtual camera of the system, an output for the avatar besides the peer connection."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import partial
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from streamer.errors import OutputError
from streamer.frames import KEY, AvatarFrame, Image, over_colour
from streamer.runtime.frame_thread import Frames, FrameThread

_log = logging.getLogger(__name__)

_GET_PACKAGE = 'The virtual camera needs pyvirtualcam: run `pip install -e ".[obs]"` and start again.'
_BROKEN = "The virtual camera has failed and is closed: restart the server to use it again."
_GET_DEVICE = {
    "linux": "run `sudo apt install v4l2loopback-dkms && "
    "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Kagami` and start again.",
    "win32": "install OBS Studio, start its virtual camera once, close OBS and start again.",
    "darwin": "install OBS Studio 30 or newer, start its virtual camera once, close OBS and start again.",
}


class VirtualCamera:
    """A camera that other programs (OBS, meetings) can select: v4l2loopback on Linux, that of OBS on Windows and macOS.

    device: its name, None for the first free one. backend: of pyvirtualcam, None for the system's default. key: RGB
    0..255 drawn in place of transparency, because a virtual camera has no alpha; OBS's chroma key removes it again.
    """

    def __init__(self, device: str | None = None, backend: str | None = None, key: tuple[int, int, int] = KEY) -> None:
        self._device = device or None
        self._backend = backend
        self._key = key
        self._frames = FrameThread("virtual-camera", _BROKEN)

    @property
    def is_open(self) -> bool:
        """Whether frames are shown: from `open` until `close`, or until the device fails."""
        return self._frames.is_open

    @property
    def drops(self) -> int:
        """Frames replaced before the device took them, since `open`."""
        return self._frames.drops

    def problem(self) -> str | None:
        """None if `open` would succeed now, or it is open, else one sentence with the reason and the remedy."""
        if self.is_open:
            return None
        try:
            self._make(512, 512, 25).close()
        except OutputError as error:
            return str(error)
        return None

    def open(self, width: int, height: int, fps: float) -> None:
        """Start with this picture size in pixels; odd sides are rounded up, as the formats of camera devices need.

        Raises OutputError with the sentence of `problem`.
        """
        self.close()
        camera = self._make(width + width % 2, height + height % 2, fps)
        self._frames.open(partial(self._feed, camera), camera.close)
        _log.info("virtual camera: %s, %dx%d", camera.device, camera.width, camera.height)

    def send(self, frame: AvatarFrame) -> None:
        """Queue a frame of any size. Does nothing before `open`, after `close` and after the device has failed."""
        self._frames.send(frame)

    def close(self) -> None:
        """Stop and free the device. Idempotent; `open` may follow."""
        self._frames.close()

    def _make(self, width: int, height: int, fps: float) -> Any:
        """An open pyvirtualcam.Camera. Raises OutputError."""
        module = _pyvirtualcam()
        try:
            return module.Camera(width, height, fps, device=self._device, backend=self._backend)
        except (RuntimeError, KeyError) as error:  # KeyError: the system does not have this backend
            _log.info("pyvirtualcam: %s", error)
            which = f"The virtual camera {self._device}" if self._device else "A virtual camera"
            advice = _GET_DEVICE.get(sys.platform, "install one that pyvirtualcam knows and start again.")
            raise OutputError(f"{which} is not there or is in use: {advice}") from error

    def _feed(self, camera: Any, frames: Frames) -> None:
        while True:
            frame = frames.get()
            if frame is not None:
                camera.send(fit_to_size(over_colour(frame, self._key), camera.width, camera.height))


def _pyvirtualcam() -> ModuleType:
    """The optional package pyvirtualcam. Raises OutputError if it is not installed."""
    try:
        return importlib.import_module("pyvirtualcam")
    except ImportError as error:
        raise OutputError(_GET_PACKAGE) from error


def fit_to_size(rgb: Image, width: int, height: int) -> Image:
    """The picture (H, W, C) uint8 scaled to fit into height × width and centred on zeros, C-contiguous."""
    if rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(rgb)
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    scaled_size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    scaled = cv2.resize(rgb, scaled_size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.zeros((height, width, rgb.shape[2]), np.uint8)
    top, left = (height - scaled_size[1]) // 2, (width - scaled_size[0]) // 2
    canvas[top : top + scaled_size[1], left : left + scaled_size[0]] = scaled
    return canvas
