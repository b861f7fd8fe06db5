"""What is sent over a real UDP socket, read by python-osc."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pythonosc.osc_packet import OscPacket

from streamer.engine.watchers import Watchers
from streamer.errors import OutputError, SettingsError
from streamer.frames import AvatarFrame
from streamer.osc import vmc_sender
from streamer.osc.vmc_faces import Faces
from streamer.osc.vmc_sender import VmcSender
from streamer.runtime.sound_feed import SoundFeed
from streamer.settings import read_settings
from streamer.sources.acting import act_out
from streamer.sources.expression import Expression, weights
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion
from tests.support.leaks import running_threads
from tests.support.page import FakeCamera, Page, serving, socket_url

SESSION: Any = SimpleNamespace(sound=SoundFeed())
FRAME = AvatarFrame(np.zeros((2, 2, 3), np.uint8), 0.0)
MESSAGES = ["OK", "T", "Root/Pos", *["Bone/Pos"] * 13, *["Blend/Val"] * 52, "Blend/Apply"]
Messages = list[tuple[str, list[Any]]]


class Receiver:
    """A UDP socket, and the sender that sends there. draw: as the engine does."""

    def __init__(self, received: socket.socket, watchers: Watchers, lines: list[str]) -> None:
        self.socket, self.watchers, self.lines = received, watchers, lines

    def draw(self, motion: Motion, neutral: Motion = NEUTRAL, newest: bool = True) -> None:
        self.watchers.deliver(SESSION, newest, FRAME, TrackedMotion(motion, neutral))

    def messages(self) -> Messages:
        """Of the next datagram."""
        packet = OscPacket(self.socket.recv(65536))
        return [(each.message.address.removeprefix("/VMC/Ext/"), each.message.params) for each in packet.messages]

    def bundle(self) -> Messages:
        """The next datagram that is no heartbeat."""
        while (messages := self.messages())[0] != ("OK", [1]):
            pass
        return messages


@contextmanager
def receiving(faces: Faces = "arkit") -> Iterator[Receiver]:
    watchers, lines = Watchers(), []
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as received:
        received.bind(("127.0.0.1", 0))
        received.settimeout(20)
        sender = VmcSender("127.0.0.1", received.getsockname()[1], faces, lines.append)
        sender.start(watchers)
        try:
            yield Receiver(received, watchers, lines)
        finally:
            sender.close()
            sender.close()
    assert "vmc" not in running_threads()


def values(messages: Messages) -> dict[str, float]:
    return {params[0]: params[1] for address, params in messages if address == "Blend/Val"}


def test_a_drawn_motion_is_one_bundle_with_bones_and_blendshapes() -> None:
    made = Expression(weights(jawOpen=0.5, mouthSmile_L=0.8), turn=np.array([0, 0.4, 0], np.float32))
    motion, _ = act_out(NEUTRAL, NEUTRAL, made)
    with receiving() as receiver:
        receiver.draw(replace(motion, extras=np.array([0.75, 0], np.float32)))
        messages = receiver.bundle()
        assert [address for address, _ in messages] == MESSAGES
        assert messages[1][1][0] >= 0 and messages[2][1] == ["root", 0, 0, 0, 0, 0, 0, 1]
        found = values(messages)
        assert found["jawOpen"] == pytest.approx(0.5, abs=0.05) and found["tongueOut"] == 0.75
        assert found["mouthSmileLeft"] == pytest.approx(0.8, abs=0.05) and found["mouthSmileRight"] < 0.05
        bones = {params[0]: params[1:] for address, params in messages if address == "Bone/Pos"}
        angles = [2 * math.asin(bones[name][4]) for name in ("Neck", "Head")]  # about Unity's y axis: to the right
        assert sum(angles) == pytest.approx(0.4, abs=0.01) and bones["LeftUpperArm"][0] < 0
        assert {"LeftEye", "RightEye"} <= bones.keys()
        assert all(type(number) is float for params in bones.values() for number in params)


def test_models_with_the_presets_of_vrm_alone_get_these() -> None:
    motion, _ = act_out(NEUTRAL, NEUTRAL, Expression(weights(jawOpen=0.7)))
    with receiving("vrm") as receiver:
        receiver.draw(motion)
        found = values(receiver.bundle())
        assert found["A"] == pytest.approx(1, abs=0.1) and len(found) == 12 and "jawOpen" not in found


def test_where_nobody_is_live_receivers_are_told_and_nothing_else_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmc_sender, "HEARTBEAT_S", 0.02)
    with receiving() as receiver:
        receiver.draw(NEUTRAL, newest=False)
        times = []
        for _ in range(3):
            ok, time = receiver.messages()
            assert ok == ("OK", [0]) and time[0] == "T"
            times.append(time[1][0])
        assert times == sorted(set(times))


def not_finite() -> list[Motion]:
    """Motions of which a face or arms are not numbers, and one without a face."""
    assert NEUTRAL.face is not None and NEUTRAL.body is not None
    face = NEUTRAL.face.copy()
    face[100, 0] = np.nan
    return [replace(NEUTRAL, face=face), replace(NEUTRAL, body=NEUTRAL.body * np.nan), Motion(0.0)]


@pytest.mark.parametrize("broken", not_finite(), ids=["face", "body", "no face"])
def test_a_motion_that_cannot_be_sent_ends_nothing(broken: Motion, caplog: pytest.LogCaptureFixture) -> None:
    with receiving() as receiver:
        while not caplog.records:
            receiver.draw(broken)
        receiver.draw(NEUTRAL)
        assert len(receiver.bundle()) == len(MESSAGES)
        receiver.draw(broken)
        receiver.draw(NEUTRAL)
        assert len(receiver.bundle()) == len(MESSAGES)
    assert len(caplog.records) == 1


def test_an_absent_receiver_costs_nothing_and_is_not_told() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    watchers, lines = Watchers(), []
    sender = VmcSender("localhost", port, "arkit", lines.append)
    sender.start(watchers)
    drawn = sender._drawn
    assert drawn is not None
    for _ in range(5):
        watchers.deliver(SESSION, True, FRAME, TrackedMotion(NEUTRAL, NEUTRAL))
    watchers.close()  # as at the engine's end
    sender._thread.join(20)
    assert not sender._thread.is_alive() and lines == []
    sender.close()


def test_what_the_system_refuses_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    sender = VmcSender("127.0.0.1", 39539, "arkit", lines.append)

    def refusing(failure: OSError) -> Callable[..., int]:
        def sendto(packet: bytes, receiver: object) -> int:
            raise failure

        return sendto

    class Unconnected:
        sendto = staticmethod(refusing(OSError(101, "Network is unreachable")))

    sender._socket.close()
    monkeypatch.setattr(sender, "_socket", Unconnected())
    for _ in range(3):
        sender._send(b"")
    assert lines == ["VMC is not sent to 127.0.0.1 for now (Network is unreachable)."]
    monkeypatch.setattr(Unconnected, "sendto", staticmethod(refusing(BlockingIOError())))
    sender._send(b"")
    assert len(lines) == 1


def test_a_name_that_is_not_found_is_a_sentence() -> None:
    with pytest.raises(OutputError) as caught:
        VmcSender("a..b", 39539, "arkit", print)
    assert str(caught.value) == "--vmc-send finds no machine called a..b: correct the name."


async def test_the_newest_live_session_is_sent() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as received:
        received.bind(("127.0.0.1", 0))
        received.setblocking(False)
        async with serving() as (address, server), Page(socket_url(address)) as page:
            sender = VmcSender("127.0.0.1", received.getsockname()[1], "arkit", print)
            sender.start(server.engine.watchers)
            await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(2)
            await page.send(type="act", name="smile", on=True)

            def smiles() -> bool:
                packet = OscPacket(received.recv(65536))
                found = {each.message.params[0]: each.message.params[1] for each in packet.messages[3:-1]}
                return bool(found.get("mouthSmileLeft", 0) > 0.5)

            await page.wait_until(lambda: available(received) and smiles(), "a smile")
            sender.close()


def available(received: socket.socket) -> bool:
    try:
        return bool(received.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_settings_name_the_receiver() -> None:
    settings = read_settings(["--vmc-send", "39539"], {})
    assert (settings.vmc_send, settings.vmc_faces) == ("127.0.0.1:39539", "arkit")
    assert read_settings(["--vmc-send", "studio:39539", "--vmc-faces", "vrm"], {}).vmc_send == "studio:39539"
    with pytest.raises(SettingsError, match=r"--vmc-send is 'studio'; it must be PORT or HOST:PORT\."):
        read_settings(["--vmc-send", "studio"], {})
