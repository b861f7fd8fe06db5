"""A jitter buffer for the camera's video, which uses the marker bit and so returns each frame one period earlier.

aiortc's buffer returns a frame when the first packet of the next one arrives, which costs one camera period, and after
a lost packet it returns nothing until 512 others have arrived. This buffer returns a frame at its marker bit, which RTP
sets on the last packet of a frame (RFC 7741 §4.1, RFC 6184 §5.1), and skips a gap after MAX_GAP_S, with a request for a
key frame.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

CAPACITY_PACKETS = 512  # a power of two, which aiortc's buffer demands
MAX_GAP_S = 0.2  # how long a missing packet is awaited: two retransmissions with a long round trip
JITTER_BUFFER_ATTRIBUTE = "_RTCRtpReceiver__jitter_buffer"  # where aiortc keeps the buffer of a receiver
_log = logging.getLogger(__name__)


class MarkerJitterBuffer(JitterBuffer):
    """Turns RTP packets into frames, each as soon as its last packet is there.

    on_gap: called when frames are given up, with which aiortc asks for a key frame. clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, on_gap: Callable[[], None] | None = None) -> None:
        super().__init__(capacity=CAPACITY_PACKETS, is_video=True)
        self._on_gap = on_gap
        self._clock = clock
        self._gap_since: float | None = None  # seconds on the clock

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Add a packet; returns (whether a key frame must be requested, the next whole frame or None)."""
        key_frame_needed, frame = self._add(packet)
        if key_frame_needed and self._on_gap is not None:
            self._on_gap()
        return key_frame_needed, frame

    def _add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        key_frame_needed, frame = super().add(packet)
        if frame is not None:
            self._gap_since = None
        elif self._is_after_gap(packet):
            if self._gap_since is None:
                self._gap_since = self._clock()
            elif self._clock() - self._gap_since > MAX_GAP_S:
                self._gap_since = None
                self._skip_gap()
                return True, self._remove_frame(packet.sequence_number)
        return key_frame_needed, frame

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        """Take the oldest frame out of the buffer if all its packets are there. Called by aiortc's `add`."""
        packets: list[RtpPacket] = []
        for count in range(self.capacity if self._origin is not None else 0):
            packet = self._at(count)
            if packets and packet is not None and packet.timestamp != packets[0].timestamp:
                break  # a sender that sets no marker: the next frame has begun
            if packet is None:
                return None
            packets.append(packet)
            if packet.marker:
                break
        else:
            return None
        self.remove(len(packets))
        data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined]
        return JitterFrame(data=data, timestamp=packets[0].timestamp)

    def _at(self, count: int) -> RtpPacket | None:
        """The packet `count` sequence numbers after the oldest one, or None if it has not arrived."""
        assert self._origin is not None
        return self._packets[(self._origin + count) % self.capacity]

    def _is_after_gap(self, packet: RtpPacket) -> bool:
        """True if a packet with a lower sequence number is missing."""
        return any(
            self._at(count) is None
            for count in range(uint16_add(packet.sequence_number, -(self._origin or 0)) % self.capacity)
        )

    def _skip_gap(self) -> None:
        """Drop all packets before the newest frame whose start after the gap is certain; older frames are too late."""
        gap = next(count for count in range(self.capacity) if self._at(count) is None)
        for count in range(self.capacity - 1, gap + 1, -1):
            before, packet = self._at(count - 1), self._at(count)
            if before and packet and (before.marker or before.timestamp != packet.timestamp):
                self.remove(count)
                return
        self.remove(self.capacity)
        self._origin = None


def install_jitter_buffer(receiver: RTCRtpReceiver, on_gap: Callable[[], None] | None = None) -> None:
    """Replace the jitter buffer of `receiver`, which must not have started. on_gap: see `MarkerJitterBuffer`.

    With an aiortc that keeps its buffer elsewhere, a warning is logged and camera frames arrive one period later.
    """
    if not hasattr(receiver, JITTER_BUFFER_ATTRIBUTE):
        _log.warning("this aiortc keeps its jitter buffers elsewhere: camera pictures come one frame later")
        return
    setattr(receiver, JITTER_BUFFER_ATTRIBUTE, MarkerJitterBuffer(on_gap=on_gap))
