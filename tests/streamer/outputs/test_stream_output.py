"""The avatar on its way to a server by RTMP or SRT, which here is FFmpeg or one that a test tells what to do."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from time import monotonic

import numpy as np
import pytest

from streamer.engine.output_feed import Output
from streamer.errors import OutputError
from streamer.frames import AvatarFrame
from streamer.outputs import stream_output
from streamer.outputs.rtmp_link import CONNECT_TIMEOUT_S, RtmpLink
from streamer.outputs.rtmp_messages import VIDEO
from streamer.outputs.srt_library import srt_library
from streamer.outputs.srt_link import SrtLink
from streamer.outputs.stream_output import StreamOutput
from streamer.stream_address import RtmpAddress, SrtAddress
from streamer.webrtc import attempts
from tests.support.rtmp_server import RtmpServer, status
from tests.support.srt_receiver import SrtReceiver
from tests.support.stream_receiver import Decoded, RtmpReceiver, decode

KEY = "s3cret-k3y"
SERVER = "media.example"
WAIT_S = 30.0


class Lines:
    """What was told."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._changed = threading.Condition()

    def tell(self, line: str) -> None:
        with self._changed:
            self.all.append(line)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.all) >= count, WAIT_S), self.all
            return self.all


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(attempts, "LONGEST_RETRY_S", 0.2)
    monkeypatch.setattr(stream_output, "END_TIMEOUT_S", 0.7 * CONNECT_TIMEOUT_S)  # less than a silent server takes


@contextmanager
def output(port: int, lines: Lines, feeds: bool = True) -> Iterator[StreamOutput]:
    """An open output to a server of this machine, fed with frames and sound."""
    address = RtmpAddress("127.0.0.1", port, False, "live", KEY)
    made = StreamOutput(lambda: RtmpLink(address), SERVER, lines.tell)
    with opened(made, feeds):
        yield made
    assert KEY not in "".join(lines.all)


@contextmanager
def opened(made: StreamOutput, feeds: bool = True) -> Iterator[None]:
    made.open(128, 128, 30.0)
    try:
        with feeding(made) if feeds else nullcontext():
            yield
    finally:
        made.close()
        assert not made.is_open and "publish" not in [thread.name for thread in threading.enumerate()]


@contextmanager
def feeding(made: StreamOutput, make_frame: Callable[[int], np.ndarray] | None = None) -> Iterator[None]:
    """Send frames of noise, or those of a test, and sound in a thread, while this context is open."""
    ends = threading.Event()
    noise = np.random.default_rng(0).integers(0, 255, (2, 128, 128, 3), np.uint8)

    def feed() -> None:
        count = 0
        while not ends.wait(0.02):
            picture = noise[count % 2] if make_frame is None else make_frame(count)
            made.send(AvatarFrame(picture, monotonic() - 0.1))
            made.hear(np.full((960, 2), 1000, np.int16))
            count += 1

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def test_frames_and_sound_arrive_by_rtmp(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines = Lines()
    with RtmpReceiver() as receiver, output(receiver.port, lines) as made:
        receiver.wait_for_frames(10, 300)
        protocol: Output = made
        assert protocol.is_open and made.problem() is None
    assert receiver.decoded.codecs == ["aac", "h264"] and receiver.decoded.sizes == {(128, 128)}
    assert lines.all[-1] == f"publishing the avatar to {SERVER}"
    assert KEY not in caplog.text


def test_another_size_does_not_break_the_stream() -> None:
    receiver = RtmpReceiver()

    def make_frame(count: int) -> np.ndarray:
        return np.full((128, 128, 3) if len(receiver.decoded.pictures) < 5 else (64, 256, 3), 200, np.uint8)

    with receiver, output(receiver.port, Lines(), feeds=False) as made, feeding(made, make_frame):
        receiver.wait_for(lambda decoded: len(decoded.pictures) > 5 and is_letterboxed(decoded))
    assert receiver.decoded.sizes == {(128, 128)}


def is_letterboxed(decoded: Decoded) -> bool:
    """Whether the newest picture is bright in its middle, on black."""
    newest = decoded.newest
    return newest is not None and bool(newest[:40].max() < 16 and newest[60:68].min() > 180)


def test_stream_comes_back_after_the_server_was_away() -> None:
    lines = Lines()
    with RtmpReceiver() as receiver, output(receiver.port, lines):
        receiver.wait_for_frames(5)
        receiver.end()
        with RtmpReceiver(receiver.port) as again:
            again.wait_for_frames(5, 100)
            assert lines.all[-1] == f"publishing the avatar to {SERVER}"
    assert f"cannot publish to {SERVER}, trying again: the connection was lost" in lines.all


def test_refusal_is_told_once_and_tried_again() -> None:
    lines = Lines()
    with RtmpServer({"publish": status("NetStream.Publish.BadName", "error")}) as server, output(server.port, lines):
        server.wait_for(20, 15)
        assert lines.all == [
            f"cannot publish to {SERVER}, trying again: it refuses the stream key, or somebody uses it already"
        ]


def test_closing_waits_for_no_server_that_is_silent() -> None:
    with RtmpServer(reads=False) as server, output(server.port, Lines()):
        server.connections_come(1)


def test_frames_are_left_out_for_a_server_that_stops_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_output, "MAX_PENDING_S", 0.0)
    monkeypatch.setattr(stream_output, "STALL_TIMEOUT_S", 0.3)
    lines = Lines()
    with RtmpServer() as server, output(server.port, lines) as made:
        server.wait_for(VIDEO)
        server.pause()
        assert lines.wait_for(3)[:3] == [
            f"publishing the avatar to {SERVER}",
            f"{SERVER} takes the stream too slowly: frames are left out",
            f"cannot publish to {SERVER}, trying again: it takes no more data",
        ]
        assert made.left_out > 0


class SlowLink:
    """A connection whose network takes one byte at a time, for ever."""

    container = "flv"

    def __init__(self) -> None:
        self.sent = self.pending = 0

    def write(self, data: bytes) -> None:
        self.pending += len(data)

    def flush(self) -> None:
        self.sent, self.pending = self.sent + 1, self.pending - 1

    def connect(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


def test_server_that_is_slower_than_the_sound_alone_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_output, "STALL_TIMEOUT_S", 0.5)
    lines = Lines()
    with opened(StreamOutput(SlowLink, SERVER, lines.tell, max_bitrate=100_000)):
        told = lines.wait_for(3)  # before it may come that frames are left out
    assert f"cannot publish to {SERVER}, trying again: it takes no more data" in told


def test_stream_ends_when_nobody_is_live_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_output, "NOBODY_LIVE_S", 0.3)
    lines = Lines()
    with RtmpServer() as server, output(server.port, lines, feeds=False) as made:
        assert not server.connections  # nothing before the first frame
        with feeding(made):
            lines.wait_for(1)
        lines.wait_for(2)
        with feeding(made):
            lines.wait_for(3)
    published = f"publishing the avatar to {SERVER}"
    assert lines.all[:3] == [published, f"nobody is live: the stream to {SERVER} has ended", published]


def test_encoder_that_fails_harms_nothing_but_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such encoder")

    monkeypatch.setattr(stream_output, "TimedStream", fail)
    lines = Lines()
    with RtmpServer() as server, output(server.port, lines):
        assert lines.wait_for(2)[1] == f"cannot publish to {SERVER}, trying again: something broke here"


def has_srt() -> bool:
    try:
        srt_library()
    except OutputError:
        return False
    return True


needs_srt = pytest.mark.skipif(not has_srt(), reason="libsrt is not installed")


@needs_srt
def test_frames_and_sound_arrive_by_srt() -> None:
    lines, passphrase = Lines(), "s3cret-passphrase"
    with SrtReceiver(300_000, passphrase) as receiver:
        address = SrtAddress("127.0.0.1", receiver.port, passphrase=passphrase, stream_id=KEY)
        with opened(StreamOutput(lambda: SrtLink(address), SERVER, lines.tell)):
            receiver.wait()
            lines.wait_for(2)  # it has ended, and nobody listens any more
    decoded = decode(receiver.data)
    assert sorted(decoded.codecs) == ["aac", "h264"] and decoded.sizes == {(128, 128)} and len(decoded.pictures) > 5
    assert lines.all[0] == f"publishing the avatar to {SERVER}"
    assert "s3cret" not in "".join(lines.all)


@needs_srt
def test_srt_server_that_is_absent_is_told() -> None:
    lines = Lines()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:  # keeps the port
        silent.bind(("127.0.0.1", 0))
        address = SrtAddress("127.0.0.1", silent.getsockname()[1], connect_timeout_s=0.2)
        with opened(StreamOutput(lambda: SrtLink(address), SERVER, lines.tell)):
            assert lines.wait_for(1) == [
                f"cannot publish to {SERVER}, trying again: it does not answer (nobody listens there, or it refuses)"
            ]
