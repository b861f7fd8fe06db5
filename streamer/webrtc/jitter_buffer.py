"""When a camera picture's packets make a whole picture.

aiortc's buffer knows that a picture is whole only when the next one begins, so every picture waits for one camera
period, and where a packet stays lost it waits until 512 others came. This one goes by the marker bit, which RTP sets
on the last packet of a picture (RFC 7741 §4.1, RFC 6184 §5.1), and gives a hole a fifth of a second before it steps
over it and asks for a key frame.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

CAPACITY = 512  # packets, a power of two
PATIENCE = 0.2  # seconds: two retransmissions over a long line
_SLOT = "_RTCRtpReceiver__jitter_buffer"
_log = logging.getLogger(__name__)


class MarkerJitterBuffer(JitterBuffer):
    """Video packets in, whole pictures out, each as soon as its last packet is there. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(capacity=CAPACITY, is_video=True)
        self._clock = clock
        self._blocked_since: float | None = None

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; returns (whether to ask for a key frame, the next whole picture or None)."""
        lost, frame = super().add(packet)
        if frame is not None or not self._beyond_hole(packet):
            if frame is not None:
                self._blocked_since = None
        elif self._blocked_since is None:
            self._blocked_since = self._clock()
        elif self._clock() - self._blocked_since > PATIENCE:
            self._blocked_since = None
            self._step_over()
            return True, self._remove_frame(packet.sequence_number)
        return lost, frame

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        packets: list[RtpPacket] = []
        for count in range(self.capacity if self._origin is not None else 0):
            packet = self._at(count)
            if packets and packet is not None and packet.timestamp != packets[0].timestamp:
                break  # no marker, but the next picture has begun
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
        assert self._origin is not None
        return self._packets[(self._origin + count) % self.capacity]

    def _beyond_hole(self, packet: RtpPacket) -> bool:
        """True if a packet that should come before this one is missing."""
        return any(
            self._at(count) is None
            for count in range(uint16_add(packet.sequence_number, -(self._origin or 0)) % self.capacity)
        )

    def _step_over(self) -> None:
        """Go to the newest picture that surely begins after the hole, older ones are late anyway; drop the rest."""
        hole = next(count for count in range(self.capacity) if self._at(count) is None)
        for count in range(self.capacity - 1, hole + 1, -1):
            before, packet = self._at(count - 1), self._at(count)
            if before and packet and (before.marker or before.timestamp != packet.timestamp):
                self.remove(count)
                return
        self.remove(self.capacity)
        self._origin = None


def install_jitter_buffer(receiver: RTCRtpReceiver) -> None:
    """Give `receiver` this buffer before it starts. With an aiortc that keeps it elsewhere video comes one frame
    later.
    """
    if not hasattr(receiver, _SLOT):
        _log.warning("this aiortc keeps its jitter buffers elsewhere: camera pictures come one frame later")
        return
    setattr(receiver, _SLOT, MarkerJitterBuffer())
