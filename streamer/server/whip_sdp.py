"""The SDP of WHIP and WHEP: answers with all their candidates, and the fragments by which a client sends its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamer.errors import ProtocolError

MAX_FRAGMENT_LINES = 500
_NO_FRAGMENT = "The fragment holds no candidate: send `a=candidate` lines below an `m=` line, as RFC 8840 has them."


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a client sends by PATCH (RFC 8840 §9).

    user_fragments: of ICE, that it names. candidates: each as in SDP without `a=`, with its mid and the number of its
    media line. is_last: no more will come.
    """

    user_fragments: frozenset[str]
    candidates: tuple[tuple[str, str | None, int], ...]
    is_last: bool


def read_fragment(text: str) -> Fragment:
    """Parse a fragment. Raises ProtocolError where it holds neither candidates nor an ICE user name."""
    lines = text.splitlines()
    if len(lines) > MAX_FRAGMENT_LINES:
        raise ProtocolError(f"The fragment has more than {MAX_FRAGMENT_LINES} lines: send fewer candidates.")
    candidates: list[tuple[str, str | None, int]] = []
    mid: str | None = None
    index, is_last = -1, False
    for line in map(str.strip, lines):
        if line.startswith("m="):
            index, mid = index + 1, None
        elif line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:")
        elif line.startswith("a=candidate:"):
            candidates.append((line.removeprefix("a="), mid, max(index, 0)))
        elif line == "a=end-of-candidates":
            is_last = True
    fragments = user_fragments(text)
    if not candidates and not fragments and not is_last:
        raise ProtocolError(_NO_FRAGMENT)
    return Fragment(fragments, tuple(candidates), is_last)


def user_fragments(text: str) -> frozenset[str]:
    """The ICE user names (`a=ice-ufrag`) of an SDP description or fragment."""
    name = "a=ice-ufrag:"
    return frozenset(line.strip().removeprefix(name) for line in text.splitlines() if line.startswith(name))


def whole_answer(answer: str, candidates: Sequence[str]) -> str:
    """An answer of aiortc as encoders and players understand it.

    candidates: of the server, each as in SDP without `a=`; every media section gets them, and is told that these are
    all. Of the certificate's fingerprints the one of SHA-256 stays, which every program knows.
    """
    head, *media = answer.rstrip("\r\n").split("\r\nm=")
    more = [*(f"a={line}" for line in candidates), "a=end-of-candidates"]
    sections = [head.split("\r\n"), *([*("m=" + section).split("\r\n"), *more] for section in media)]
    return "".join(f"{line}\r\n" for section in sections for line in section if not _is_other_fingerprint(line))


def _is_other_fingerprint(line: str) -> bool:
    return line.startswith("a=fingerprint:") and not line.lower().startswith("a=fingerprint:sha-256 ")
