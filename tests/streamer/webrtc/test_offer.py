"""What of an offer is kept, and that a damaged one raises nothing but a sentence."""

from __future__ import annotations

import contextlib
import random

import pytest

from benchmarks.streaming.offers import WEIRD_WORDS, damaged, make_offer, with_candidates
from streamer.errors import NegotiationError, ProtocolError
from streamer.webrtc.offer import MAX_CANDIDATES, WrongMediaError, read_candidate, read_offer

CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host raddr 127.0.0.1 rport 9"


async def test_offer_is_parted_into_its_text_and_its_candidates() -> None:
    plain = await make_offer()
    offer = read_offer(with_candidates(plain, 3), role="call")
    assert offer.text == plain and not offer.candidates_complete
    assert [(each.sdpMid, each.sdpMLineIndex, each.port) for each in offer.candidates] == [
        ("1", 1, 40_000),
        ("1", 1, 40_001),
        ("1", 1, 40_002),
    ]
    assert [media.kind for media in offer.media] == ["video", "audio"]


async def test_offer_is_complete_once_each_media_line_says_so() -> None:
    offer = await make_offer()
    one = offer + "a=end-of-candidates\r\n"
    assert not read_offer(one, role="call").candidates_complete
    both = one.replace("m=audio", "a=end-of-candidates\r\nm=audio")
    assert read_offer(both, role="call").candidates_complete


async def test_viewer_may_send_no_camera() -> None:
    offer = (await make_offer()).replace("a=sendrecv", "a=recvonly")
    read_offer(offer, role="view")
    with pytest.raises(NegotiationError, match="The offer sends no camera video"):
        read_offer(offer, role="call")


async def test_publisher_may_take_nothing_back_and_must_send() -> None:
    offer = await make_offer()
    read_offer(offer, role="publish")
    read_offer(offer.replace("a=sendrecv", "a=sendonly"), role="publish")
    with pytest.raises(WrongMediaError, match=r"^The offer sends no camera video: to watch the avatar use /whep\.$"):
        read_offer(offer.replace("a=sendrecv", "a=recvonly"), role="publish")


async def test_player_must_take_the_video() -> None:
    offer = await make_offer()
    read_offer(offer.replace("a=sendrecv", "a=recvonly"), role="play")
    with pytest.raises(WrongMediaError, match=r"^The offer takes no video back: a player must receive it\.$"):
        read_offer(offer.replace("a=sendrecv", "a=sendonly"), role="play")
    with pytest.raises(NegotiationError, match=r"^The SDP offer cannot be used: send H\.264 or VP8, and Opus if"):
        read_offer(offer.replace("a=ice-pwd", "a=x"), role="play")


async def test_offer_with_too_many_candidates_is_refused() -> None:
    offer = await make_offer()
    read_offer(with_candidates(offer, MAX_CANDIDATES), role="call")
    with pytest.raises(NegotiationError, match=f"more than {MAX_CANDIDATES} candidates: send fewer of them"):
        read_offer(with_candidates(offer, MAX_CANDIDATES + 1), role="call")


async def test_damaged_offers_are_read_or_refused_by_a_sentence() -> None:
    chance = random.Random(5)
    offers = [with_candidates(await make_offer(sound=sound), 2) for sound in (False, True)]
    read = 0
    for _ in range(4000):
        try:
            read_offer(damaged(chance.choice(offers), chance), role="call")
            read += 1
        except NegotiationError:
            pass
    assert 0 < read < 4000


def test_damaged_candidates_are_read_or_refused_by_a_sentence() -> None:
    chance = random.Random(6)
    for _ in range(4000):
        words = [
            "candidate:1",
            "1",
            "udp",
            "2130706431",
            "127.0.0.1",
            "9",
            "typ",
            "host",
            "raddr",
            "127.0.0.1",
            "rport",
            "9",
        ]
        for _ in range(chance.randint(1, 3)):
            words[chance.randrange(len(words))] = chance.choice(WEIRD_WORDS)
        with contextlib.suppress(ProtocolError):
            assert 0 <= read_candidate(" ".join(words), "0", 0).port <= 65535
