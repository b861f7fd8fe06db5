from __future__ import annotations

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from streamer.webrtc.jitter_buffer import MarkerJitterBuffer, install_jitter_buffer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def packet(number: int, frame: int, last: bool) -> RtpPacket:
    result = RtpPacket(sequence_number=number % 65536, timestamp=frame * 3000, marker=int(last))
    result._data = bytes([frame % 256])  # type: ignore[attr-defined]
    return result


def packets_of(count: int, packets_per_frame: int = 3, first: int = 65_000) -> list[RtpPacket]:
    return [
        packet(first + frame * packets_per_frame + i, frame, i == packets_per_frame - 1)
        for frame in range(count)
        for i in range(packets_per_frame)
    ]


def test_jitter_buffer_returns_a_frame_with_its_last_packet() -> None:
    buffer = MarkerJitterBuffer()
    for number, each in enumerate(packets_of(400)):  # wraps around the sequence numbers
        key_frame_needed, frame = buffer.add(each)
        assert not key_frame_needed
        assert (frame is not None) == (number % 3 == 2)
        if frame is not None:
            assert frame.data == bytes([number // 3 % 256]) * 3 and frame.timestamp == number // 3 * 3000


def test_jitter_buffer_orders_packets() -> None:
    buffer = MarkerJitterBuffer()
    a, b, c, d, e, f = packets_of(2)
    frames = [frame for each in (a, c, b, e, d, f) if (frame := buffer.add(each)[1]) is not None]
    assert [frame.timestamp for frame in frames] == [0, 3000]


def test_jitter_buffer_without_markers_returns_a_frame_when_the_next_begins() -> None:
    buffer = MarkerJitterBuffer()
    unmarked = [packet(number, number // 2, last=False) for number in range(6)]
    frames = [frame for each in unmarked if (frame := buffer.add(each)[1]) is not None]
    assert [frame.timestamp for frame in frames] == [0, 3000]


def test_jitter_buffer_waits_for_a_retransmitted_packet() -> None:
    clock = Clock()
    buffer = MarkerJitterBuffer(clock)
    packets = packets_of(4)
    lost = packets.pop(4)
    frames = []
    for each in [*packets[:6], lost, *packets[6:]]:
        clock.now += 0.02
        key_frame_needed, frame = buffer.add(each)
        assert not key_frame_needed
        frames += [] if frame is None else [frame.timestamp]
    assert frames == [0, 3000, 6000, 9000]


def test_jitter_buffer_skips_a_lost_packet_and_requests_a_key_frame() -> None:
    clock, gaps = Clock(), []
    buffer = MarkerJitterBuffer(clock, lambda: gaps.append(clock.now))
    packets = packets_of(30)
    del packets[4]
    frames, requests = [], 0
    for each in packets:
        clock.now += 0.011
        key_frame_needed, frame = buffer.add(each)
        requests += key_frame_needed
        frames += [] if frame is None else [frame.timestamp // 3000]
    assert requests == len(gaps) == 1
    assert frames[0] == 0 and frames[1:] == list(range(frames[1], 30))


def test_jitter_buffer_skips_every_gap() -> None:
    clock = Clock()
    buffer = MarkerJitterBuffer(clock)
    frames = []
    for number, each in enumerate(packets_of(400)):
        if number % 20 == 7:
            continue
        clock.now += 0.011
        _, frame = buffer.add(each)
        frames += [] if frame is None else [frame.timestamp]
    assert frames == sorted(frames) and frames[-1] > 380 * 3000


def test_jitter_buffer_goes_on_at_once_after_the_machine_slept() -> None:
    """The socket kept some packets of the sleep; thousands are missing, among them whole turns of the numbers."""
    for missing in (0, 300, 600, 5_000, 40_000, 65_000):
        clock = Clock()
        buffer = MarkerJitterBuffer(clock)
        frames = []
        for each in [*packets_of(40), *packets_of(40, first=65_000 + 120 + 3 * (missing // 3))]:
            clock.now += 0.011
            if len(frames) == 40:
                clock.now += 10.0
            _, frame = buffer.add(each)
            frames += [] if frame is None else [frame]
        assert len(frames) > 40 + 40 - 1 - 20, missing  # MAX_GAP_S of a third of packets each 11 ms at most


async def test_install_jitter_buffer_sets_the_attribute_of_aiortc() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video").receiver
    install_jitter_buffer(receiver)
    assert isinstance(vars(receiver)["_RTCRtpReceiver__jitter_buffer"], MarkerJitterBuffer)
    await connection.close()
