"""Connections of a session: refused offers, new ones in place of old, lost ones, and such that bring no pictures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection

from benchmarks.streaming.offers import make_offer
from streamer.server import media_deadlines
from streamer.settings import Settings
from streamer.webrtc import decoder_queue
from streamer.webrtc.peer import Peer
from tests.support.leaks import udp_sockets
from tests.support.page import MESSAGE_TIMEOUT_S, UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import wait_for_brightness, wait_until_settled

OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
MEDIA = "m={} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=mid:{}\r\na={}\r\na=rtcp-mux\r\n"
UNUSABLE = "The page's connection offer cannot be used: reload the page or try another browser."
WRONG_LINES = "The offer must have one video line and at most one audio line: reload the page."


async def test_new_offer_replaces_the_connection_and_keeps_the_engine_session() -> None:
    async with serving(Settings(max_sessions=1)) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        for brightness in (40, 220):
            await page.start(FakeCamera(brightness))
            await wait_for_brightness(page, brightness)
            await page.drop_peer()
        assert server.engine.session_count == 1
        assert len(server.conversations.sessions) == 1


async def test_lost_connection_is_reported_and_may_be_offered_again() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await page.drop_peer()  # a DTLS close notification ends the server's side
        error = await page.receive("error", code="connection")
        assert error["message"] == "The media connection was lost; it is set up anew when the network is back."
        assert not error["fatal"]
        await page.start(FakeCamera(30))
        await wait_for_brightness(page, 30)


async def test_an_offer_that_comes_while_a_lost_connection_closes_is_not_lost_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close, closing, may_close, closed = Peer.close, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def close_late(peer: Peer) -> None:
        closing.set()
        await may_close.wait()
        await close(peer)
        closed.set()

    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        monkeypatch.setattr(Peer, "close", close_late)
        await page.drop_peer()
        await asyncio.wait_for(closing.wait(), MESSAGE_TIMEOUT_S)
        await page.start(FakeCamera(30))
        await wait_for_brightness(page, 30)
        may_close.set()
        await asyncio.wait_for(closed.wait(), MESSAGE_TIMEOUT_S)
        await page.receive("stats", 2)
        assert not [each for each in page.messages if each["type"] == "error"]


class Blind(FakeCamera):
    """A camera that sends nothing."""

    async def recv(self) -> Any:
        await asyncio.sleep(3600)


async def test_session_without_camera_frames_goes_on_by_sound_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_deadlines, "MEDIA_TIMEOUT_S", 0.8)
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(Blind(), AudioStreamTrack())
        await page.wait_for_frames(40)
        assert server.engine.session_count == 1 and not [each for each in page.messages if each["type"] == "error"]


async def test_session_without_camera_frames_ends_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_deadlines, "MEDIA_TIMEOUT_S", 1.0)
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(Blind())
        error = await page.receive("error", code="no-media")
        assert error["fatal"] and error["message"] == (
            "No camera picture arrived within 1 seconds: check camera and network and start again."
        )
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        await wait_until_settled(lambda: server.engine.session_count == 0)


@pytest.mark.parametrize(
    ("offer", "sentence"),
    [
        ("hello", WRONG_LINES),
        ("", WRONG_LINES),
        ("v=0\r\nm=video", UNUSABLE),
        (OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=fmtp:96 x=1\r\n", UNUSABLE),  # a codec without `rtpmap`
        (OFFER + MEDIA.format("video", 0, "sendrecv") + MEDIA.format("application", 1, "sendrecv"), WRONG_LINES),
        (OFFER + "m=video x y z\r\n", UNUSABLE),
        (OFFER + MEDIA.format("video", 0, "sendrecv"), UNUSABLE),  # no ICE, no DTLS
        (OFFER, WRONG_LINES),
        (OFFER + MEDIA.format("audio", 0, "sendrecv"), WRONG_LINES),
        (OFFER + MEDIA.format("video", 0, "sendrecv") + MEDIA.format("video", 1, "sendrecv"), WRONG_LINES),
        (OFFER + MEDIA.format("video", 0, "sendonly"), "The offer takes no video back: reload the page."),
        (
            OFFER + MEDIA.format("video", 0, "recvonly"),
            "The offer sends no camera video: allow the camera and start again.",
        ),
    ],
)
async def test_wrong_offer_gets_a_sentence_and_the_session_goes_on(offer: str, sentence: str) -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.send(type="offer", sdp=offer)
        error = await page.receive("error", code="negotiation")
        assert error == {"type": "error", "code": "negotiation", "message": sentence, "fatal": False}
        await page.start(FakeCamera(50))
        await wait_for_brightness(page, 50)


async def test_offers_that_replace_each_other_leave_no_socket() -> None:
    offer = await make_offer()
    async with serving(limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        before = udp_sockets()
        for _ in range(20):  # each while the one before gathers
            await page.send(type="offer", sdp=offer)
        await page.receive("answer", 20)
        await page.send(type="bye")
        await wait_until_settled(lambda: server.engine.session_count == 0 and not len(server.conversations))
        await wait_until_settled(lambda: udp_sockets() <= before)


async def test_camera_whose_frames_are_too_large_ends_the_session_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder_queue, "MAX_SIDE", 300)
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        error = await page.receive("error", code="camera-size")
        assert error["fatal"] and error["message"] == (
            "The camera sends pictures of 320 x 240 pixels, which is too large: choose a smaller resolution."
        )
        await wait_until_settled(lambda: server.engine.session_count == 0)


async def test_session_that_lost_its_connection_ends_unless_it_offers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_deadlines, "RECONNECT_TIMEOUT_S", 1.0)
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await page.drop_peer()
        error = await page.receive("error", code="no-media")
        assert error["fatal"] and error["message"] == (
            "No new media connection came within 1 seconds after a lost one: check the network and start again."
        )
        await wait_until_settled(lambda: server.engine.session_count == 0)


async def test_offers_without_media_do_not_extend_the_time_for_the_first_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(media_deadlines, "MEDIA_TIMEOUT_S", 1.5)
    async with serving(limits=UNLIMITED) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver(FakeCamera(), "sendrecv")
        offer = await peer.createOffer()
        for _ in range(100):
            await page.send(type="offer", sdp=offer.sdp)
            await asyncio.sleep(0.5)
            if page.closed.is_set() or any(message.get("code") == "no-media" for message in page.messages):
                break
        await peer.close()
        await page.receive("error", code="no-media", fatal=True)
