"""What the messages of docs/protocol.md share, whichever side sends them.

A field of a type is a field of the JSON object; msgspec checks its type and its limits. No socket is used here.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from streamer.server.message_faults import MAX_CANDIDATE_CHARACTERS, MAX_MEDIA_LINE

PROTOCOL = 1

CandidateText = Annotated[str, Meta(max_length=MAX_CANDIDATE_CHARACTERS)]


class Message(Struct, tag=str.lower, forbid_unknown_fields=True):
    """A JSON object whose `type` is the name of the class in lower case, or the class's `tag`."""


class Candidate(Message, rename="camel", omit_defaults=True):
    """One ICE candidate, sent in either direction. candidate: as in SDP without `a=`; None or empty: no more follow."""

    candidate: CandidateText | None
    sdp_mid: CandidateText | None = None
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=MAX_MEDIA_LINE)] | None = None
    username_fragment: CandidateText | None = None

    def __post_init__(self) -> None:
        if self.candidate and self.sdp_mid is None and self.sdp_m_line_index is None:
            raise ValueError("A candidate needs sdpMid or sdpMLineIndex: reload the page.")
