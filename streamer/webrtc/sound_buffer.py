"""A jitter buffer for sound, which waits for a missing packet as long as for one that is late, and then goes on.

aiortc's buffer returns nothing after a lost packet until its 16 places are full, and then keeps as many back for good:
with a tenth of the packets lost, a fifth of the sound arrived, .4 s later than before.
"""

from __future__ import annotations

import logging

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import MAX_MISORDER, JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

from streamer.webrtc.jitter_buffer import JITTER_BUFFER_ATTRIBUTE

CAPACITY_PACKETS = 64  # a power of two, which aiortc's buffer demands
HELD_PACKETS = 4  # of 20 ms, by which a packet may be overtaken; as many as aiortc's buffer holds back
_log = logging.getLogger(__name__)


class SoundJitterBuffer(JitterBuffer):
    """Returns packets of sound in their order, each once HELD_PACKETS later ones are there or overdue."""

    def __init__(self) -> None:
        super().__init__(capacity=CAPACITY_PACKETS)
        self._newest = 0  # the highest sequence number so far

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Add a packet; returns (False, the next packet that is due or None). One that comes too late is dropped."""
        number = packet.sequence_number
        if self._origin is None:
            self._origin = self._newest = number
        early = uint16_add(number, -self._origin)  # how far behind the next one that is due
        late = uint16_add(self._origin, -number)
        if late < early and late < MAX_MISORDER:
            return False, None
        if early >= self.capacity:  # after a long gap, or another numbering
            self.remove(self.capacity)
            self._origin = self._newest = number
        if uint16_add(number, -self._newest) < self.capacity:
            self._newest = number
        self._packets[number % self.capacity] = packet
        return False, self._take_due()

    def _take_due(self) -> JitterFrame | None:
        assert self._origin is not None
        while uint16_add(self._newest, -self._origin) >= HELD_PACKETS:
            packet = self._packets[self._origin % self.capacity]
            self.remove(1)
            if packet is not None:
                return JitterFrame(data=packet._data, timestamp=packet.timestamp)  # type: ignore[attr-defined]
        return None


def install_sound_buffer(receiver: RTCRtpReceiver) -> None:
    """Replace the jitter buffer of a receiver of sound, which must not have started. With an aiortc that keeps its
    buffer elsewhere, a warning is logged and sound breaks off at each lost packet.
    """
    if not hasattr(receiver, JITTER_BUFFER_ATTRIBUTE):
        _log.warning("this aiortc keeps its jitter buffers elsewhere: sound breaks off at each lost packet")
        return
    setattr(receiver, JITTER_BUFFER_ATTRIBUTE, SoundJitterBuffer())
