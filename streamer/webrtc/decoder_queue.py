"""What waits to be decoded of a camera's video: nothing too large, and never so much that the picture lags behind.

aiortc decodes whatever comes, in a thread for each connection, from a queue without bounds.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpReceiver

from streamer.camera import MAX_SIDE
from streamer.webrtc.key_frames import UnreadableFrameError, read_header

MAX_WAITING_FRAMES = 15  # half a second: a decoder that is so much behind starts anew with a key frame
KEY_FRAME_PERIOD_S = 0.5  # a round trip to the other side of the world, and the frame
QUEUE_ATTRIBUTE = "_RTCRtpReceiver__decoder_queue"  # where aiortc keeps the queue of a receiver
_ERROR_ATTRIBUTE = "_RTCRtpReceiver__decoder_error"  # and the event with which its decoder asks for a key frame
_log = logging.getLogger(__name__)


class DecoderQueue(queue.Queue[Any]):
    """aiortc's queue of (codec, coded frame) and, at its end, None.

    Key frames with a side of more than MAX_SIDE pixels are dropped, with all that follow up to the next that is small
    enough; on_too_large is called with the width and height of each. So is what comes while MAX_WAITING_FRAMES wait,
    up to the next key frame. request_key_frame makes the camera send one; it is called again every KEY_FRAME_PERIOD_S
    until one comes, since requests are lost, too. clock: seconds.
    """

    def __init__(
        self,
        on_too_large: Callable[[int, int], None],
        request_key_frame: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._on_too_large = on_too_large
        self._request_key_frame = request_key_frame
        self._clock = clock
        self._drops = False  # all up to the next key frame
        self._requested_at: float | None = None  # while a key frame is expected

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add what may be decoded. Called by aiortc, on the event loop."""
        if item is None or self._is_decodable(*item):
            super().put(item, block, timeout)

    def expect_key_frame(self) -> None:
        """A frame is missing, and aiortc has asked for a key frame. What comes until then is decoded all the same: it
        shows remains of older pictures, by which a face can still be tracked.
        """
        self._requested_at = self._clock()

    def _is_decodable(self, codec: Any, frame: Any) -> bool:
        try:
            header = read_header(codec.name, frame.data)
        except UnreadableFrameError:
            self._drop_until_key_frame()
            return False
        if header.size is not None and max(header.size) > MAX_SIDE:
            self._drops, self._requested_at = True, None
            self._on_too_large(*header.size)
            return False
        if self.qsize() >= MAX_WAITING_FRAMES:
            self._drop_until_key_frame()
        elif header.is_key:
            self._drops, self._requested_at = False, None
        elif self._requested_at is not None and self._clock() - self._requested_at > KEY_FRAME_PERIOD_S:
            self._request()
        return not self._drops

    def _drop_until_key_frame(self) -> None:
        if not self._drops:
            self._drops = True
            self._request()

    def _request(self) -> None:
        self._requested_at = self._clock()
        self._request_key_frame()


def install_decoder_queue(receiver: RTCRtpReceiver, on_too_large: Callable[[int, int], None]) -> DecoderQueue | None:
    """Set the queue of a video `receiver`, which must not have started, and return it.

    With an aiortc that keeps it elsewhere, a warning is logged, and pictures of any size are decoded.
    """
    wanted = getattr(receiver, _ERROR_ATTRIBUTE, None)
    if not hasattr(receiver, QUEUE_ATTRIBUTE) or not isinstance(wanted, threading.Event):
        _log.warning("this aiortc keeps its decoder's queue elsewhere: camera pictures of any size are decoded")
        return None
    made = DecoderQueue(on_too_large, wanted.set)
    setattr(receiver, QUEUE_ATTRIBUTE, made)
    return made
