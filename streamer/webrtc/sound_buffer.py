"""A jitter buffer for sound: packets that come in order pass at once, and a missing one is awaited for a moment.

aiortc's buffer holds four packets back for good, returns nothing after a lost one until its 16 places are full, and
then keeps as many back: of sound with a tenth of its packets lost, a fifth arrived, .4 s later than before. What comes
unevenly is evened out by the delay that the avatar's picture needs anyway (`DelayLine`).
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Sequence
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import MAX_MISORDER, JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

from streamer.webrtc.decoder_queue import QUEUE_ATTRIBUTE
from streamer.webrtc.jitter_buffer import JITTER_BUFFER_ATTRIBUTE

CAPACITY_PACKETS = 64  # a power of two, which aiortc's buffer demands
RTP_CLOCK = 2**32  # ticks until an RTP timestamp begins anew
AWAITED_PACKETS = 4  # of 20 ms: as many later ones come before a missing one is given up
_log = logging.getLogger(__name__)


class SoundPackets(JitterFrame):
    """A packet of sound, and those that are due with it. later: (ticks of the RTP clock after the first, data)."""

    def __init__(self, packets: Sequence[RtpPacket]) -> None:
        first, *later = packets
        super().__init__(data_of(first), first.timestamp)
        self.later = [((each.timestamp - first.timestamp) % RTP_CLOCK, data_of(each)) for each in later]


def data_of(packet: RtpPacket) -> bytes:
    """What aiortc has unpacked of a packet's payload."""
    data: bytes = packet._data  # type: ignore[attr-defined]
    return data


class SoundJitterBuffer(JitterBuffer):
    """Returns packets of sound in their order: each with its arrival, or once AWAITED_PACKETS have overtaken all that
    are missing before it.
    """

    def __init__(self) -> None:
        super().__init__(capacity=CAPACITY_PACKETS)
        self._newest = 0  # the highest sequence number so far

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Add a packet; returns (False, the packets that are due or None). One that comes too late is dropped."""
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
        due = self._take_due()
        return False, SoundPackets(due) if due else None

    def _take_due(self) -> list[RtpPacket]:
        assert self._origin is not None
        due = []
        while (ahead := uint16_add(self._newest, -self._origin)) < self.capacity:
            packet = self._packets[self._origin % self.capacity]
            if packet is None and ahead < AWAITED_PACKETS:
                break
            self.remove(1)
            if packet is not None:
                due.append(packet)
        return due


class SoundQueue(queue.Queue[Any]):
    """aiortc's queue of (codec, coded frame) for its decoder, which takes several packets at once apart."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add what is to be decoded. Called by aiortc, which has mapped the first timestamp to its own clock."""
        super().put(item, block, timeout)
        if item is None or not isinstance(item[1], SoundPackets):
            return
        codec, first = item
        for ticks, data in first.later:
            super().put((codec, JitterFrame(data, first.timestamp + ticks)), block, timeout)


def install_sound_buffer(receiver: RTCRtpReceiver) -> None:
    """Replace the jitter buffer of a receiver of sound, which must not have started. With an aiortc that keeps its
    buffer elsewhere, a warning is logged and sound breaks off at each lost packet.
    """
    if not hasattr(receiver, JITTER_BUFFER_ATTRIBUTE) or not hasattr(receiver, QUEUE_ATTRIBUTE):
        _log.warning("this aiortc keeps its jitter buffers elsewhere: sound breaks off at each lost packet")
        return
    setattr(receiver, JITTER_BUFFER_ATTRIBUTE, SoundJitterBuffer())
    setattr(receiver, QUEUE_ATTRIBUTE, SoundQueue())
