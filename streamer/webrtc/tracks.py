"""What the peer connection sends and receives as video: frames out of a mailbox, camera pictures into one."""

from __future__ import annotations

import asyncio
import fractions
import time
from collections.abc import Callable

import cv2
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox, MailboxClosed

CLOCK = 90_000
TIME_BASE = fractions.Fraction(1, CLOCK)


class AvatarTrack(MediaStreamTrack):
    """The avatar as a WebRTC video track; ends when its mailbox closes.

    Frames leave as soon as they are drawn (the engine keeps the pace) and are stamped with the time at which they
    leave, so that the receiver's buffer sees an even stream. sent: the frame that the encoder has now.
    """

    kind = "video"

    def __init__(self, inbox: Mailbox[AvatarFrame], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.sent: AvatarFrame | None = None
        self._inbox = inbox
        self._clock = clock
        self._began = clock()
        self._stamp = -1

    async def recv(self) -> VideoFrame:
        """The next frame, yuv420p. Raises MediaStreamError at the end, as aiortc wants it."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            frame = await self._inbox.receive()
        except MailboxClosed:
            self.stop()
            raise MediaStreamError from None
        video = await asyncio.get_running_loop().run_in_executor(None, to_video, frame)
        self._stamp = max(self._stamp + 1, round((self._clock() - self._began) * CLOCK))
        video.pts, video.time_base = self._stamp, TIME_BASE
        self.sent = frame
        return video

    def stop(self) -> None:
        super().stop()
        self._inbox.close()


def to_video(frame: AvatarFrame) -> VideoFrame:
    """RGB to yuv420p (BT.601, video range, as WebRTC means it); odd sides lose their last line.

    With alpha the picture is twice as high: colour above, alpha as grey below (docs/protocol.md).
    """
    height, width = (side // 2 * 2 for side in frame.rgb.shape[:2])
    rgb = frame.rgb[:height, :width]
    if frame.alpha is not None:
        grey = np.repeat(frame.alpha[:height, :width, None], 3, axis=2)
        rgb = np.concatenate([rgb, grey])
    planes = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YUV_I420)
    return VideoFrame.from_ndarray(planes.astype(np.uint8, copy=False), format="yuv420p")


async def pump_frames(track: MediaStreamTrack, camera: Mailbox[ReceivedFrame], seen: Callable[[], None]) -> None:
    """Move the pictures of a remote track to a mailbox until the track ends. The track's own queue has no bound: this
    never waits for anything else, so it stays empty. seen: called for each picture.
    """
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, VideoFrame)
        camera.put(ReceivedFrame(frame, time.monotonic()))
        seen()
