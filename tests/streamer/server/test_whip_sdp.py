"""Answers with their candidates, and fragments of SDP."""

from __future__ import annotations

import contextlib
import random

import pytest

from benchmarks.streaming.offers import damaged
from streamer.errors import ProtocolError
from streamer.server.whip_sdp import read_fragment, user_fragments, whole_answer

FRAGMENT = """a=group:BUNDLE 0 1\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:a\r
a=ice-ufrag:EsAw\r
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r
a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r
m=video 9 UDP/TLS/RTP/SAVPF 96\r
a=mid:v\r
a=candidate:2 1 udp 2122194687 198.51.100.1 61765 typ host\r
a=end-of-candidates\r
"""


def test_fragment_names_the_media_line_of_each_candidate() -> None:
    fragment = read_fragment(FRAGMENT)
    assert fragment.candidates == (
        ("candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host", "a", 0),
        ("candidate:2 1 udp 2122194687 198.51.100.1 61765 typ host", "v", 1),
    )
    assert fragment.user_fragments == {"EsAw"} and fragment.is_last
    assert user_fragments("v=0\r\na=ice-ufrag:one\r\nm=video\r\na=ice-ufrag:two\r\n") == {"one", "two"}


@pytest.mark.parametrize("text", ["", "hello", "m=video 9 x 96\r\na=mid:0\r\n"])
def test_fragment_without_candidates_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"^The fragment holds no candidate: send `a=candidate` lines below an `m="):
        read_fragment(text)


def test_fragment_with_too_many_lines_is_refused() -> None:
    with pytest.raises(ProtocolError, match="more than 500 lines: send fewer candidates"):
        read_fragment("a=candidate:1\n" * 501)


def test_damaged_fragments_are_read_or_refused_by_a_sentence() -> None:
    chance = random.Random(3)
    for _ in range(500):
        with contextlib.suppress(ProtocolError):
            read_fragment(damaged(FRAGMENT, chance))


def test_whole_answer_has_its_candidates_in_each_media_section_and_one_fingerprint() -> None:
    fingerprints = "a=fingerprint:sha-256 AA\r\na=fingerprint:sha-512 BB\r\n"
    answer = f"v=0\r\na=x\r\nm=video 9 a 96\r\n{fingerprints}m=audio 9 a 0\r\na=y\r\n"
    candidates = ["candidate:1 1 udp 1 192.0.2.1 9 typ host"]
    more = ["a=candidate:1 1 udp 1 192.0.2.1 9 typ host", "a=end-of-candidates"]
    assert whole_answer(answer, candidates).split("\r\n") == [
        "v=0", "a=x", "m=video 9 a 96", "a=fingerprint:sha-256 AA", *more, "m=audio 9 a 0", "a=y", *more, "",
    ]  # fmt: skip
