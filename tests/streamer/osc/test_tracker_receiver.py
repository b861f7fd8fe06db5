"""Trackers of other programs at real UDP ports, up to the avatar that they turn."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from streamer.engine.engine import Engine
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.osc.osc_packet import bundle, encode
from streamer.osc.osc_server import open_port
from streamer.osc.tracker_receiver import TrackerReceiver
from streamer.osc.udp_ports import TrackerKind, TrackerPort
from streamer.rigging.picture import load_picture
from streamer.sources import tracker_feed
from tests.support.engines import take, until
from tests.support.fakes import FakeTracker

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"
SIZE = 128


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pose drives until the next one comes, however busy the machine is."""
    monkeypatch.setattr(tracker_feed, "FRESH_S", 60.0)


@contextmanager
def receiving(*kinds: TrackerKind) -> Iterator[tuple[TrackerReceiver, list[socket.socket]]]:
    """A receiver at free ports, and a socket that sends to each of them."""
    ports = [TrackerPort(kind, open_port("--test", "127.0.0.1", 0)) for kind in kinds]
    receiver = TrackerReceiver(ports)
    senders = []
    for port in ports:
        senders.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        senders[-1].connect(port.bound.getsockname())
    receiver.start()
    try:
        yield receiver, senders
    finally:
        receiver.close()
        receiver.close()
        for sender in senders:
            sender.close()


def head_of(degrees: float) -> bytes:
    """A datagram of iFacialMocap, with a head that is turned so far to the driver's own left."""
    return f"jawOpen&0|=head#0,{degrees},0,0,0,0|".encode()


@pytest.mark.usefixtures("one_thread")
def test_avatar_of_a_session_without_a_camera_turns_its_head_as_a_phone_says() -> None:
    pipeline = make_pipeline("geometry", size=SIZE)
    avatar = pipeline.prepare(load_picture(AVATAR))
    with receiving("iFacialMocap") as (receiver, (sender,)):
        engine = Engine(pipeline, FakeTracker, feed=receiver.feed)
        engine.start()
        try:
            session = engine.admit(avatar, Controls(mirror=False), lambda failure: None)
            out = session.new_output()
            session.start()

            def nose(degrees: float) -> float:
                """Where the middle of the face's brightness is, pixels, once the head has turned so far."""

                def has_turned() -> bool:
                    sender.send(head_of(degrees))
                    return bool(session.recent) and abs(turn_of(session.recent[-1].motion.head) - degrees) < 0.5

                until(has_turned, "a turn of the head")
                for _ in range(12):  # the first of them were under way, or ease in
                    sender.send(head_of(degrees))
                    frame = take(out)
                return column(frame.rgb)

            left, ahead, right = nose(30), nose(0), nose(-30)
            assert left > ahead + 1 and right < ahead - 1, "to their own left is the right side of the picture"
        finally:
            engine.close()


def turn_of(head: np.ndarray) -> float:
    """Degrees to the driver's own left of a rotation about the vertical axis."""
    return float(np.degrees(np.arctan2(-head[0, 2], head[2, 2])))


def column(rgb: np.ndarray) -> float:
    """Where lips are: the middle of what is much redder than green, pixels."""
    red = np.clip(rgb[..., 0].astype(float) - rgb[..., 1] - 50, 0, None)
    return float((red.sum(0) * np.arange(rgb.shape[1])).sum() / red.sum())


def test_vmc_bundles_and_single_messages_are_received() -> None:
    with receiving("VMC") as (receiver, (sender,)):
        session = object()
        receiver.feed.claim(session)
        messages = [encode("/VMC/Ext/Blend/Val", "JawOpen", 0.5), encode("/VMC/Ext/Blend/Apply")]

        def send() -> bool:
            for datagram in (bundle(messages), *messages):
                sender.send(datagram)
            return receiver.feed.state(session).per_second > 3

        until(send, "poses")
        state = receiver.feed.state(session)
        assert (state.kind, state.program) == ("drives", "VMC")


def test_floods_of_nonsense_leave_a_port_open(caplog: pytest.LogCaptureFixture) -> None:
    random.seed(3)
    with receiving("VMC", "iFacialMocap") as (receiver, senders):
        session = object()
        receiver.feed.claim(session)
        for _ in range(300):
            for sender in senders:
                sender.send(random.randbytes(random.randint(0, 900)))
                sender.send(b"jawOpen-nan|" * random.randint(1, 700))
        vmc, phone = senders

        def is_heard() -> bool:
            vmc.send(b"#bundle\0" + bytes(12))
            phone.send(head_of(5))
            return receiver.feed.state(session).kind == "drives"

        until(is_heard, "a pose after the flood")
    assert len(caplog.records) < 10 and "Traceback" not in caplog.text
