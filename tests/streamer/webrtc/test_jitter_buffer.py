from __future__ import annotations

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from streamer.webrtc.jitter_buffer import MarkerJitterBuffer, install_jitter_buffer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def packet(number: int, picture: int, last: bool) -> RtpPacket:
    made = RtpPacket(sequence_number=number % 65536, timestamp=picture * 3000, marker=int(last))
    made._data = bytes([picture % 256])  # type: ignore[attr-defined]
    return made


def pictures(count: int, packets: int = 3, first: int = 65_000) -> list[RtpPacket]:
    return [
        packet(first + picture * packets + i, picture, i == packets - 1)
        for picture in range(count)
        for i in range(packets)
    ]


def test_a_picture_is_whole_with_its_last_packet() -> None:
    buffer = MarkerJitterBuffer()
    for number, one in enumerate(pictures(400)):  # wraps around the sequence numbers
        ask, frame = buffer.add(one)
        assert not ask
        assert (frame is not None) == (number % 3 == 2)
        if frame is not None:
            assert frame.data == bytes([number // 3 % 256]) * 3 and frame.timestamp == number // 3 * 3000


def test_packets_out_of_order_make_the_same_pictures() -> None:
    buffer = MarkerJitterBuffer()
    a, b, c, d, e, f = pictures(2)
    frames = [frame for one in (a, c, b, e, d, f) if (frame := buffer.add(one)[1]) is not None]
    assert [frame.timestamp for frame in frames] == [0, 3000]


def test_without_markers_the_next_picture_closes_the_last() -> None:
    buffer = MarkerJitterBuffer()
    unmarked = [packet(number, number // 2, last=False) for number in range(6)]
    frames = [frame for one in unmarked if (frame := buffer.add(one)[1]) is not None]
    assert [frame.timestamp for frame in frames] == [0, 3000]


def test_a_hole_that_is_filled_in_time_costs_nothing() -> None:
    clock = Clock()
    buffer = MarkerJitterBuffer(clock)
    packets = pictures(4)
    lost = packets.pop(4)
    frames = []
    for one in [*packets[:6], lost, *packets[6:]]:
        clock.now += 0.02
        ask, frame = buffer.add(one)
        assert not ask
        frames += [] if frame is None else [frame.timestamp]
    assert frames == [0, 3000, 6000, 9000]


def test_a_hole_that_stays_is_stepped_over_with_a_call_for_a_key_frame() -> None:
    clock = Clock()
    buffer = MarkerJitterBuffer(clock)
    packets = pictures(30)
    del packets[4]
    frames, asked = [], 0
    for one in packets:
        clock.now += 0.011
        ask, frame = buffer.add(one)
        asked += ask
        frames += [] if frame is None else [frame.timestamp // 3000]
    assert asked == 1
    assert frames[0] == 0 and frames[1:] == list(range(frames[1], 30))


def test_each_hole_is_stepped_over() -> None:
    clock = Clock()
    buffer = MarkerJitterBuffer(clock)
    frames = []
    for number, one in enumerate(pictures(400)):
        if number % 20 == 7:
            continue
        clock.now += 0.011
        _, frame = buffer.add(one)
        frames += [] if frame is None else [frame.timestamp]
    assert frames == sorted(frames) and frames[-1] > 380 * 3000


async def test_aiortc_keeps_its_buffer_where_we_put_ours() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video").receiver
    install_jitter_buffer(receiver)
    assert isinstance(vars(receiver)["_RTCRtpReceiver__jitter_buffer"], MarkerJitterBuffer)
    await connection.close()
