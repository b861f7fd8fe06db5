"""The jitter buffer of sound: no delay of packets in order, a short one for missing ones, and none that stays."""

from __future__ import annotations

from types import SimpleNamespace

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from streamer.webrtc.sound_buffer import AWAITED_PACKETS, SoundJitterBuffer, SoundQueue, install_sound_buffer

FIRST = 65_500  # wraps around soon
CODEC = SimpleNamespace(name="opus")


def received(numbers: list[int], first_timestamp: int = 0) -> list[list[int]]:
    """What reaches the decoder at each of the packets, by their numbers."""
    buffer, waiting, out = SoundJitterBuffer(), SoundQueue(), []
    for number in numbers:
        timestamp = (first_timestamp + 960 * number) % 2**32
        packet = RtpPacket(sequence_number=(FIRST + number) % 65536, timestamp=timestamp)
        packet._data = b"%d" % number  # type: ignore[attr-defined]
        key_frame_needed, frame = buffer.add(packet)
        assert not key_frame_needed
        if frame is not None:
            frame.timestamp = 960 * int(frame.data)  # as aiortc's mapper does, which knows no wrapped timestamps
            waiting.put((CODEC, frame))
        decoded = [waiting.get() for _ in range(waiting.qsize())]
        assert all(codec is CODEC and each.timestamp == 960 * int(each.data) for codec, each in decoded)
        out.append([int(each.data) for _, each in decoded])
    return out


def test_packets_in_order_are_returned_at_once() -> None:
    assert received(list(range(200))) == [[number] for number in range(200)]


def test_packets_that_are_overtaken_are_put_in_order() -> None:
    assert received([0, 2, 1, 5, 3, 4, 6]) == [[0], [], [1, 2], [], [3], [4, 5], [6]]


def test_a_lost_packet_is_awaited_for_a_moment_and_leaves_no_delay() -> None:
    assert received([0, 2, 3, 4, 5, 6]) == [[0], [], [], [], [2, 3, 4, 5], [6]]
    there = [number for number in range(303) if number % 10 != 7 and not 112 <= number < 126]
    out = received(there)
    assert [number for each in out for number in each] == there
    late = [sent - number for sent, each in zip(there, out, strict=True) for number in each]
    assert max(late) <= AWAITED_PACKETS and late[-1] == 0


def test_packets_that_come_together_keep_their_times_when_the_clock_begins_anew() -> None:
    assert received([0, 2, 1], first_timestamp=2**32 - 1500) == [[0], [], [1, 2]]


def test_packets_that_come_too_late_are_dropped_and_another_numbering_begins_anew() -> None:
    assert received([*range(20), 3])[-1] == []
    assert received([*range(20), 19])[-1] == []
    assert received([*range(20), *range(5000, 5010)])[-1] == [5009]
    assert received([*range(1000, 1020), *range(10)])[-1] == [9]


async def test_sound_buffer_is_where_aiortc_looks_for_it() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("audio").receiver
    install_sound_buffer(receiver)
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, SoundJitterBuffer)
    assert isinstance(receiver._RTCRtpReceiver__decoder_queue, SoundQueue)
    await connection.close()
