"""What waits to be decoded of a camera's video: nothing too large, and never so much that the picture lags behind.

aiortc decodes whatever comes, in a thread for each connection, from a queue without bounds.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpReceiver

from streamer.camera import MAX_SIDE
from streamer.webrtc.key_frames import UnreadableFrameError, read_header

MAX_WAITING_FRAMES = 15  # half a second: a decoder that is so much behind starts anew with a key frame
_QUEUE_ATTRIBUTE = "_RTCRtpReceiver__decoder_queue"  # where aiortc keeps the queue of a receiver
_ERROR_ATTRIBUTE = "_RTCRtpReceiver__decoder_error"  # and the event with which its decoder asks for a key frame
_log = logging.getLogger(__name__)


class DecoderQueue(queue.Queue[Any]):
    """aiortc's queue of (codec, coded frame) and, at its end, None.

    Key frames with a side of more than MAX_SIDE pixels are dropped, with all that follow up to the next that is small
    enough; on_too_large is called with the width and height of each. So is what comes while MAX_WAITING_FRAMES wait,
    up to the next key frame, which request_key_frame, called then, makes the camera send.
    """

    def __init__(self, on_too_large: Callable[[int, int], None], request_key_frame: Callable[[], None]) -> None:
        super().__init__()
        self._on_too_large = on_too_large
        self._request_key_frame = request_key_frame
        self._awaits_key_frame = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add what may be decoded. Called by aiortc, on the event loop."""
        if item is None or self._is_decodable(*item):
            super().put(item, block, timeout)

    def _is_decodable(self, codec: Any, frame: Any) -> bool:
        try:
            header = read_header(codec.name, frame.data)
        except UnreadableFrameError:
            header = None
        if header is None:
            self._drop_until_key_frame()
            return False
        if header.size is not None and max(header.size) > MAX_SIDE:
            self._awaits_key_frame = True
            self._on_too_large(*header.size)
            return False
        if self.qsize() >= MAX_WAITING_FRAMES:
            self._drop_until_key_frame()
            return False
        self._awaits_key_frame &= not header.is_key
        return not self._awaits_key_frame

    def _drop_until_key_frame(self) -> None:
        if not self._awaits_key_frame:
            self._awaits_key_frame = True
            self._request_key_frame()


def install_decoder_queue(receiver: RTCRtpReceiver, on_too_large: Callable[[int, int], None]) -> None:
    """Set the queue of a video `receiver`, which must not have started.

    With an aiortc that keeps it elsewhere, a warning is logged, and pictures of any size are decoded.
    """
    wanted = getattr(receiver, _ERROR_ATTRIBUTE, None)
    if not hasattr(receiver, _QUEUE_ATTRIBUTE) or not isinstance(wanted, threading.Event):
        _log.warning("this aiortc keeps its decoder's queue elsewhere: camera pictures of any size are decoded")
        return
    setattr(receiver, _QUEUE_ATTRIBUTE, DecoderQueue(on_too_large, wanted.set))
