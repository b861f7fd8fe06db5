"""The video tracks of a peer connection: the avatar track that it sends, and the pump of the camera track."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import cv2
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError
from av import VideoFrame

from streamer.camera import MAX_SIDE, ReceivedFrame
from streamer.frames import AvatarFrame, over_colour
from streamer.runtime.mailbox import Mailbox, MailboxClosed


class AvatarTrack(MediaStreamTrack):
    """The avatar as a WebRTC video track; it ends when its mailbox closes.

    A frame is sent as soon as it is drawn, since the engine paces them, and its timestamp is the time of sending, so
    that the receiver's jitter buffer gets an even stream. last_frame: the frame that `recv` returned last, which is
    being encoded. key: RGB 0..255 drawn in place of transparency; None: alpha is sent below the colours.
    clock: seconds, injectable for tests.
    """

    kind = "video"

    def __init__(
        self,
        inbox: Mailbox[AvatarFrame],
        key: tuple[int, int, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._key = key
        self.last_frame: AvatarFrame | None = None
        self._inbox = inbox
        self._clock = clock
        self._started_at = clock()
        self._timestamp = -1  # RTP clock, 1/90000 s

    async def recv(self) -> VideoFrame:
        """The next frame, yuv420p. Raises MediaStreamError once the track has ended, which aiortc expects."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            frame = await self._inbox.receive()
        except MailboxClosed:
            self.stop()
            raise MediaStreamError from None
        video = await asyncio.get_running_loop().run_in_executor(None, to_video, frame, self._key)
        elapsed = self._clock() - self._started_at
        self._timestamp = max(self._timestamp + 1, round(elapsed * VIDEO_CLOCK_RATE))
        video.pts, video.time_base = self._timestamp, VIDEO_TIME_BASE
        self.last_frame = frame
        return video

    def stop(self) -> None:
        """End the track and close its mailbox."""
        super().stop()
        self._inbox.close()


def to_video(frame: AvatarFrame, key: tuple[int, int, int] | None = None) -> VideoFrame:
    """Convert a frame from RGB to yuv420p (BT.601, limited range, the default of WebRTC).

    The last row or column of an odd side is cut. A frame with alpha becomes twice as high: colour above, alpha as grey
    below (docs/protocol.md), or with a key colour the same size without alpha.
    """
    if key is not None:
        frame = AvatarFrame(over_colour(frame, key), frame.captured)
    height, width = (side // 2 * 2 for side in frame.rgb.shape[:2])
    rgb = frame.rgb[:height, :width]
    if frame.alpha is not None:
        grey = np.repeat(frame.alpha[:height, :width, None], 3, axis=2)
        rgb = np.concatenate([rgb, grey])
    planes = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YUV_I420)
    return VideoFrame.from_ndarray(planes.astype(np.uint8, copy=False), format="yuv420p")


async def pump_frames(
    track: MediaStreamTrack,
    camera: Mailbox[ReceivedFrame],
    on_frame: Callable[[], None],
    on_too_large: Callable[[int, int], None],
) -> None:
    """Put the frames of a remote track into a mailbox until the track ends. on_frame: called after each.

    Frames with a side of more than MAX_SIDE pixels are dropped, where `DecoderQueue` has not refused them before.
    on_too_large: called with the width and height of each of them.
    aiortc's queue of decoded frames has no bound; it stays empty because this loop awaits nothing but the next frame.
    """
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, VideoFrame)
        if max(frame.width, frame.height) > MAX_SIDE:
            on_too_large(frame.width, frame.height)
            continue
        camera.put(ReceivedFrame(frame, time.monotonic()))
        on_frame()
