"""An SDP offer of the page, checked before aiortc gets it.

aiortc believes an offer: what it does not check breaks later, in tasks of its own or when the connection closes.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Literal

from aiortc import RTCIceCandidate, sdp

from streamer.errors import NegotiationError, ProtocolError

MAX_OFFER_LINES = 1000  # a browser sends about 200; aiortc's parser takes time with the square of their number
MAX_CODEC_FEEDBACKS = 20_000  # `rtpmap` lines times `rtcp-fb` lines, the parser's work; a browser's are below 10,000
MAX_CANDIDATES = 64  # of the page, per connection, those inside the offer included
# call: a page sends its camera and takes the avatar. view: a page takes the avatar alone. publish: an encoder sends its
# camera and takes nothing back (WHIP). play: a player takes the avatar (WHEP).
Role = Literal["call", "view", "publish", "play"]
UNREADABLE_CANDIDATE = "A candidate cannot be read; it was ignored."
MAX_PORT = 65535
_PAGE_UNUSABLE = "The page's connection offer cannot be used: reload the page or try another browser."
_PROGRAM_UNUSABLE = (
    "The SDP offer cannot be used: send H.264 or VP8, and Opus if there is sound, in one BUNDLE group, as OBS does."
)
_WRONG_LINES = "The offer must have one video line and at most one audio line"
_TAKES_NO_VIDEO = "The offer takes no video back"
_SENDS_NO_VIDEO = "The offer sends no camera video"
_ICE_USERNAME = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")  # RFC 8839, and the characters that some peers add
_ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}")
_FINGERPRINT_HASHES = ("sha-256", "sha-384", "sha-512")  # those that aiortc compares
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that aiortc can answer.

    text: the SDP without its candidates. media: the descriptions of its media lines, one video and at most one audio.
    candidates: those of the offer, each with its media line. candidates_complete: no more will come.
    """

    text: str
    media: list[sdp.MediaDescription]
    candidates: list[RTCIceCandidate]
    candidates_complete: bool


class WrongMediaError(NegotiationError):
    """The media lines of an offer are not those that its role has: too many, none, or in the wrong direction."""


def unusable_offer(role: Role) -> NegotiationError:
    """The error for an offer that is malformed, or has no codec that the server knows."""
    return NegotiationError(_PAGE_UNUSABLE if role in ("call", "view") else _PROGRAM_UNUSABLE)


def read_offer(text: str, role: Role) -> Offer:
    """Parse and check an SDP offer. Raises NegotiationError, of it WrongMediaError for media lines not of the role."""
    lines = text.splitlines()
    codecs, feedbacks = (sum(line.startswith(name) for line in lines) for name in ("a=rtpmap", "a=rtcp-fb"))
    if len(lines) > MAX_OFFER_LINES or codecs * feedbacks > MAX_CODEC_FEEDBACKS:
        raise unusable_offer(role)
    if sum(line.startswith("a=candidate") for line in lines) > MAX_CANDIDATES:
        raise NegotiationError(f"The offer has more than {MAX_CANDIDATES} candidates: send fewer of them.")
    try:
        description = sdp.SessionDescription.parse(text)
        candidates = [
            _with_line(candidate, media.rtp.muxId, index)
            for index, media in enumerate(description.media)
            for candidate in media.ice_candidates
        ]
    except Exception as error:  # the parser asserts, indexes and iterates over whatever the page sent
        _log.info("offer refused: %r", error)
        raise unusable_offer(role) from error
    _check_media_lines(description.media, role)
    problem = _transport_problem(description)
    if problem is not None:
        _log.info("offer refused: %s", problem)
        raise unusable_offer(role)
    return Offer(
        "".join(f"{line}\r\n" for line in lines if not line.startswith(("a=candidate", "a=end-of-candidates"))),
        description.media,
        candidates,
        all(media.ice_candidates_complete for media in description.media),
    )


def read_candidate(line: str, mid: str | None, index: int | None) -> RTCIceCandidate:
    """Parse a candidate. line: as in SDP without `a=`. mid, index: its media line (sdpMid, sdpMLineIndex).

    Raises ProtocolError.
    """
    try:
        return _with_line(sdp.candidate_from_sdp(line.removeprefix("candidate:")), mid, index)
    except Exception as error:  # as above
        raise ProtocolError(UNREADABLE_CANDIDATE) from error


def _with_line(candidate: RTCIceCandidate, mid: str | None, index: int | None) -> RTCIceCandidate:
    """Set the media line of a candidate. Raises ValueError for a port that closes the socket which sends to it."""
    if not 0 <= candidate.port <= MAX_PORT:
        raise ValueError(f"port {candidate.port}")
    candidate.sdpMid, candidate.sdpMLineIndex = mid, index
    return candidate


def _check_media_lines(media_lines: list[sdp.MediaDescription], role: Role) -> None:
    """Raises NegotiationError if a media line is missing, too many, or has the wrong direction."""
    is_page = role in ("call", "view")
    kinds = sorted(media.kind for media in media_lines)
    if not kinds and not is_page:  # it is no SDP at all
        raise unusable_offer(role)
    if kinds not in (["video"], ["audio", "video"]):
        raise WrongMediaError(
            _WRONG_LINES + (": reload the page." if is_page else ": choose one camera in the program.")
        )
    video = next(media for media in media_lines if media.kind == "video")
    if role != "publish" and video.direction not in ("sendrecv", "recvonly"):
        raise WrongMediaError(_TAKES_NO_VIDEO + (": reload the page." if is_page else ": a player must receive it."))
    if role in ("call", "publish") and video.direction not in ("sendrecv", "sendonly"):
        remedy = ": allow the camera and start again." if is_page else ": to watch the avatar use /whep."
        raise WrongMediaError(_SENDS_NO_VIDEO + remedy)


def _transport_problem(offer: sdp.SessionDescription) -> str | None:
    """What BUNDLE, ICE or DTLS cannot work with, in words for the log; None for nothing."""
    mids = [media.rtp.muxId for media in offer.media]
    bundled = next((set(group.items) for group in offer.group if group.semantic == "BUNDLE"), set())
    if len(set(mids)) != len(mids):
        return "two media lines have one mid"
    if not bundled <= set(mids):
        return "BUNDLE names a mid that no media line has"
    if len(mids) > 1 and bundled != set(mids):  # aiortc cannot close two transports without a race
        return "the media lines are not bundled"
    return next(filter(None, map(_media_problem, offer.media)), None)


def _media_problem(media: sdp.MediaDescription) -> str | None:
    """The same for ICE and DTLS of one media line."""
    assert media.ice is not None  # the parser makes it for every media line
    hashes = [] if media.dtls is None else [each.algorithm.lower() for each in media.dtls.fingerprints]
    if not _ICE_USERNAME.fullmatch(media.ice.usernameFragment or ""):
        return "the ICE username fragment is missing or malformed"
    if not _ICE_PASSWORD.fullmatch(media.ice.password or ""):
        return "the ICE password is missing or malformed"
    if not set(hashes) & set(_FINGERPRINT_HASHES):
        return "a media line has no DTLS setup, or no fingerprint that can be compared"
    return None
