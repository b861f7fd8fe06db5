"""The jitter buffer of sound: order, lost and late packets, and no delay that stays."""

from __future__ import annotations

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from streamer.webrtc.sound_buffer import HELD_PACKETS, SoundJitterBuffer, install_sound_buffer

FIRST = 65_500  # wraps around soon


def received(numbers: list[int]) -> list[int | None]:
    """What the buffer returns at each of the packets, by their numbers."""
    buffer, out = SoundJitterBuffer(), []
    for number in numbers:
        packet = RtpPacket(sequence_number=(FIRST + number) % 65536, timestamp=960 * number)
        packet._data = b"x"  # type: ignore[attr-defined]
        key_frame_needed, frame = buffer.add(packet)
        assert not key_frame_needed
        out.append(None if frame is None else frame.timestamp // 960)
    return out


def test_each_packet_is_returned_once_as_many_later_ones_are_there() -> None:
    assert received(list(range(200))) == [None] * HELD_PACKETS + list(range(200 - HELD_PACKETS))


def test_packets_that_are_overtaken_are_put_in_order() -> None:
    assert received([0, 2, 1, 5, 3, 4, 6, 7, 8, 9])[-4:] == [2, 3, 4, 5]


def test_lost_packets_keep_none_of_the_others_back_and_leave_no_delay() -> None:
    there = [number for number in range(300) if number % 10 != 7 and not 100 <= number < 120]
    out = received(there)
    kept = [number for number in out if number is not None]
    assert kept == there[: len(kept)] and len(kept) >= len(there) - HELD_PACKETS - 1
    assert (
        max(sent - got for sent, got in zip(there, out, strict=True) if got is not None) <= HELD_PACKETS + 21
    )  # 97 is lost, too
    assert there[-1] - kept[-1] <= HELD_PACKETS + 1


def test_packets_that_come_too_late_are_dropped_and_another_numbering_begins_anew() -> None:
    assert received([*range(20), 3])[-1] is None
    assert received([*range(20), *range(5000, 5010)])[-1] == 5009 - HELD_PACKETS
    assert received([*range(1000, 1020), *range(10)])[-1] == 9 - HELD_PACKETS


async def test_sound_buffer_is_where_aiortc_looks_for_it() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("audio").receiver
    install_sound_buffer(receiver)
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, SoundJitterBuffer)
    await connection.close()
