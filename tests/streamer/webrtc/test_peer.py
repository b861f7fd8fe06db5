"""One peer connection: which offers it answers, and that it leaves nothing behind however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiortc import RTCIceServer

from benchmarks.streaming.offers import damaged, make_offer, with_candidates
from streamer.camera import ReceivedFrame
from streamer.errors import KagamiError, NegotiationError, ProtocolError
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import Meter
from streamer.runtime.sound_feed import SoundFeed
from streamer.webrtc.offer import Role
from streamer.webrtc.peer import MAX_CANDIDATES, Peer, SentVideo
from tests.support.leaks import running_threads, udp_sockets, unhandled_errors
from tests.support.server_checks import wait_until_settled

OFFERS = 150
ROLES: tuple[Role, ...] = ("call", "view", "publish", "play")
CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host"


class Ears:
    """What a peer tells its session: candidates and states."""

    def __init__(self) -> None:
        self.candidates: list[str | None] = []
        self.states: list[str] = []

    async def on_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        self.candidates.append(line)


def make_peer(ears: Ears | None = None, *, role: Role = "call", stun: str | None = None) -> Peer:
    avatar: Mailbox[AvatarFrame] = Mailbox()
    received: Mailbox[ReceivedFrame] = Mailbox()
    ears = ears or Ears()
    camera = role in ("call", "publish")
    return Peer(
        role,
        avatar,
        received if camera else None,
        SoundFeed() if camera else None,
        Meter(),
        ice_servers=[] if stun is None else [RTCIceServer(stun)],
        video=SentVideo("auto", 1_000_000, 30.0),
        on_candidate=ears.on_candidate,
        on_state=ears.states.append,
    )


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Asserts that a test leaves no socket, task, thread or unhandled exception."""
    await make_offer()
    sockets, tasks, threads = udp_sockets(), len(asyncio.all_tasks()), len(running_threads())

    def is_clean() -> bool:
        return udp_sockets() <= sockets and len(asyncio.all_tasks()) <= tasks and len(running_threads()) <= threads

    with unhandled_errors() as reports:
        yield
        await wait_until_settled(is_clean, lambda: (udp_sockets() - sockets, asyncio.all_tasks(), running_threads()))
    assert not reports


@pytest.fixture
def stun_socket() -> Iterator[socket.socket]:
    """Of a STUN server that answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        yield server


@pytest.fixture
def silent_stun(stun_socket: socket.socket) -> str:
    """The URL of that server, with which gathering lasts until aiortc gives up."""
    return f"stun:127.0.0.1:{stun_socket.getsockname()[1]}"


@pytest.mark.usefixtures("nothing_left")
async def test_peer_closed_while_it_gathers_leaves_no_socket() -> None:
    offer = await make_offer()
    for steps in range(16):
        peer = make_peer()
        await peer.answer(offer)
        for _ in range(steps):
            await asyncio.sleep(0)
        await peer.close()


@pytest.mark.usefixtures("nothing_left")
async def test_close_of_a_connection_that_gathers_goes_on_if_its_caller_is_cancelled(silent_stun: str) -> None:
    peer = make_peer(stun=silent_stun)
    await peer.answer(await make_offer())
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(peer.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await peer.close()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("delay", [0.0, 0.05])
async def test_close_ends_queries_to_a_silent_stun_server(
    silent_stun: str, stun_socket: socket.socket, delay: float
) -> None:
    peer = make_peer(stun=silent_stun)
    await peer.answer(await make_offer())
    await asyncio.sleep(delay)
    await peer.close()
    queries: Counter[Any] = Counter()
    with contextlib.suppress(BlockingIOError):
        while True:
            queries[stun_socket.recvfrom(2048)[1]] += 1
    assert max(queries.values()) <= 2  # aioice repeats a query after .5, 1.5 and 3.5 seconds


@pytest.mark.usefixtures("nothing_left")
async def test_peer_closed_while_a_name_is_resolved_leaves_no_socket() -> None:
    peer = make_peer()
    await peer.answer(with_candidates(await make_offer(), 2) + "a=candidate:1 1 udp 1 nowhere.local 9 typ host\r\n")
    adding = asyncio.create_task(peer.add_candidate(CANDIDATE.replace("127.0.0.1", "elsewhere.local"), "0", 0))
    await asyncio.sleep(0.05)
    adding.cancel()
    await peer.close()
    with pytest.raises(asyncio.CancelledError):
        await adding


@pytest.mark.usefixtures("nothing_left")
async def test_damaged_offers_raise_nothing_but_sentences_and_leave_nothing() -> None:
    chance = random.Random(21)
    offers = [await make_offer(sound=sound) for sound in (False, True)]
    answered = 0
    for _ in range(OFFERS):
        peer = make_peer(role=chance.choice(ROLES))
        try:
            await peer.answer(damaged(chance.choice(offers), chance))
            answered += 1
            await peer.add_candidate(CANDIDATE, "0", 0)
            await asyncio.sleep(chance.choice([0, 0, 0, 0.02]))
        except KagamiError:
            pass
        await peer.close()
    assert 0 < answered < OFFERS


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("whole", "replaced"),
    [
        ("a=rtcp-mux", "a=rtcp-mux\r\na=fmtp:5 apt=6"),  # a codec without `rtpmap`
        ("a=group:BUNDLE 0 1\r\n", ""),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 0 1"),
        ("a=mid:1", "a=mid:0"),
        ("a=setup:actpass", "a=x"),
        ("a=fingerprint:sha-", "a=fingerprint:md"),
        ("a=ice-ufrag:", "a=ice-ufrag:é"),
        ("t=0 0", "t=0 0" + "\r\na=x" * 1000),
        ("a=rtcp-mux", "a=rtcp-mux" + "\r\na=rtpmap:99 x/1" * 200 + "\r\na=rtcp-fb:* x" * 200),  # slow to parse
    ],
)
async def test_offer_that_cannot_work_is_refused(whole: str, replaced: str) -> None:
    peer = make_peer()
    offer = await make_offer()
    assert whole in offer
    with pytest.raises(NegotiationError, match="connection offer cannot be used"):
        await peer.answer(offer.replace(whole, replaced))
    await peer.close()
    await peer.close()


@pytest.mark.usefixtures("nothing_left")
async def test_offer_with_a_data_channel_is_refused() -> None:
    peer = make_peer()
    with pytest.raises(NegotiationError, match="must have one video line and at most one audio line"):
        await peer.answer(await make_offer(sound=False, data=True))
    await peer.close()


@pytest.mark.usefixtures("nothing_left")
async def test_connection_that_aiortc_cannot_close_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ears = Ears()
    peer = make_peer(ears)
    await peer.answer(await make_offer())
    await wait_until_settled(lambda: None in ears.candidates)
    transceiver = peer._connection.getTransceivers()[0]
    monkeypatch.setattr(transceiver, "stop", lambda: (_ for _ in ()).throw(AttributeError("no transport")))
    await peer.close()
    assert "did not close by itself" in caplog.text


@pytest.mark.usefixtures("nothing_left")
async def test_gathering_that_fails_is_reported_as_a_failed_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        await asyncio.sleep(0.01)
        raise OSError("no address")

    ears = Ears()
    peer = make_peer(ears)
    monkeypatch.setattr(peer._connection, "setLocalDescription", fail)
    await peer.answer(await make_offer())
    await wait_until_settled(lambda: ears.states == ["failed"])
    await peer.close()


@pytest.mark.usefixtures("nothing_left")
async def test_candidates_of_the_offer_and_trickled_ones_share_one_limit() -> None:
    offer = await make_offer()
    refused = make_peer()
    with pytest.raises(NegotiationError, match=f"more than {MAX_CANDIDATES} candidates"):
        await refused.answer(with_candidates(offer, MAX_CANDIDATES + 1))
    await refused.close()
    peer = make_peer()
    await peer.answer(with_candidates(offer, MAX_CANDIDATES - 1))
    await peer.add_candidate(CANDIDATE, "0", 0)
    with pytest.raises(ProtocolError, match=f"More than {MAX_CANDIDATES} candidates came"):
        await peer.add_candidate(CANDIDATE, "0", 0)
    await peer.close()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "line",
    [
        "",
        "candidate:",
        "candidate:1 1 udp x 127.0.0.1 9 typ host",
        "candidate:1 1 udp",
        "candidate:1 1 udp 1 127.0.0.1 65536 typ host",
        "9" * 1000,
        "\x00 " * 9,
    ],
)
async def test_candidate_that_cannot_be_read_is_refused(line: str) -> None:
    peer = make_peer()
    await peer.answer(await make_offer())
    with pytest.raises(ProtocolError, match="A candidate cannot be read; it was ignored"):
        await peer.add_candidate(line, "0", 0)
    await peer.close()
