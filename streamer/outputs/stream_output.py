"""Sends the avatar and its sound to a media server by RTMP or SRT: an output beside the peer connections of pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from streamer.errors import MediaServerError
from streamer.frames import AvatarFrame
from streamer.outputs.link import Link
from streamer.outputs.timed_stream import TimedStream
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from streamer.runtime.sound_feed import Samples
from streamer.webrtc.attempts import Attempts
from streamer.webrtc.delay_line import DelayLine

NOBODY_LIVE_S = 60.0  # without a frame, until the stream ends: a broadcast survives a page that is reloaded
MAX_PENDING_S = 1.0  # of the stream that waits for the network, until frames are left out
STALL_TIMEOUT_S = 10.0  # without a byte that the network takes, or of the stream that waits: sound is never left out
END_TIMEOUT_S = 1.0  # for the end of the stream, when the output is closed


class StreamOutput:
    """Publishes what it is sent, from the first frame until nobody is live, and again.

    The stream keeps the size of its first frame; others are fitted into it on black, since players of RTMP do not
    follow a change. Where frames stop coming the last one stays. A media server that refuses or goes away is tried
    again (`Attempts`), less and less often; meanwhile frames are dropped. All of it is in one thread.

    make_link: a new connection. server: its name for people, without secrets. tell: called with one line at each
    change, in that thread. max_bitrate: bits a second of video. lag_s: by how much what the sound moves is later than
    what the camera moves, seconds.
    """

    def __init__(
        self,
        make_link: Callable[[], Link],
        server: str,
        tell: Callable[[str], None],
        *,
        max_bitrate: int = 3_000_000,
        lag_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._make_link = make_link
        self._server = server
        self._attempts = Attempts(server, tell)
        self._max_bitrate = max_bitrate
        self._lag_s = lag_s
        self._fps = 30.0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._inbox: Mailbox[AvatarFrame] = Mailbox()
        self._line = DelayLine()
        self._connecting: Link | None = None
        self.left_out = 0  # frames that the network had no time for, since the start

    @property
    def is_open(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def problem(self) -> str | None:
        """None: what a media server says is known only once somebody is live."""
        return None

    def open(self, width: int, height: int, fps: float) -> None:
        """Publish from the next frame on. The size is that of the first frame."""
        self.close()
        self._fps = fps
        self._inbox, self._closing = Mailbox(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._inbox, self._closing), name="publish", daemon=True
        )
        self._thread.start()

    def send(self, frame: AvatarFrame) -> None:
        self._inbox.put(frame)

    def hear(self, samples: Samples) -> None:
        """Send this sound, too, delayed as the frames are. Any thread may call."""
        self._line.push(samples, time.monotonic())

    def close(self) -> None:
        """End the stream. Idempotent; takes no longer than END_TIMEOUT_S, whatever the server does."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._closing.set()
        self._inbox.close()
        if (link := self._connecting) is not None:
            link.abort()
        thread.join(END_TIMEOUT_S)  # more only where the name of the server is being looked up

    def _run(self, inbox: Mailbox[AvatarFrame], closing: threading.Event) -> None:
        self._attempts.begin_anew()
        try:
            while (first := inbox.get()) is not None:
                began = time.monotonic()
                try:
                    self._publish(first, inbox, closing)
                    self._attempts.begin_anew()
                except MailboxClosed:
                    raise
                except Exception as error:  # of an encoder, too: live sessions go on
                    if closing.is_set():
                        return
                    closing.wait(self._attempts.fail(error, "something broke here", time.monotonic() - began))
        except MailboxClosed:
            pass
        finally:
            inbox.close()

    def _publish(self, first: AvatarFrame, inbox: Mailbox[AvatarFrame], closing: threading.Event) -> None:
        """Publish until nobody is live. Raises MediaServerError, MailboxClosed, and what encoders raise."""
        link = self._make_link()
        try:
            self._connecting = link
            if closing.is_set():
                raise MailboxClosed
            link.connect()
            self._connecting = None
            self._attempts.say_live()
            self._line = DelayLine()
            stream = TimedStream(link, inbox.poll() or first, self._fps, self._max_bitrate, time.monotonic())
            try:
                self._feed(stream, link, inbox)
            finally:
                stream.close()
        finally:
            self._connecting = None
            link.close()

    def _feed(self, stream: TimedStream, link: Link, inbox: Mailbox[AvatarFrame]) -> None:
        fresh_at = moved_at = time.monotonic()
        sent = link.sent
        dropped = inbox.drops
        while True:
            frame = inbox.get(timeout=max(0.0, stream.next_due - time.monotonic()))
            now = time.monotonic()
            if frame is not None:
                fresh_at = now
            elif now - fresh_at > NOBODY_LIVE_S:
                self._attempts.say_nobody_live()
                return
            is_full = link.pending * 8 > MAX_PENDING_S * self._max_bitrate
            self.left_out += inbox.drops - dropped
            dropped = inbox.drops
            if is_full and frame is not None:
                self.left_out += 1
                self._attempts.say(f"{self._server} takes the stream too slowly: frames are left out")
            elif not is_full:
                stream.show(frame, now, self._lag_s())
            stream.play(self._line, now)
            link.flush()
            if link.sent != sent or not link.pending:
                sent, moved_at = link.sent, now
            if now - moved_at > STALL_TIMEOUT_S or link.pending * 8 > STALL_TIMEOUT_S * self._max_bitrate:
                raise MediaServerError("it takes no more data")
