"""The messages of docs/protocol.md: what a page may say, checked, and what the server says.

`parse_message` turns text into one of the dataclasses or raises ProtocolError; `MessageOrder` checks whether it may
come now; the functions at the end build the server's messages. No socket is used here.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamer.errors import KagamiError, ProtocolError, TooFastError
from streamer.options import BACKGROUNDS, Phase

PROTOCOL = 1
MAX_MESSAGE = 64 * 1024
MAX_SDP = 48 * 1024
MAX_CANDIDATE = 1024
MAX_RATE = 50  # messages a second; trickle ICE comes in bursts of about twenty
MAX_ERRORS = 50

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Hello:
    protocol: int
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    sdp: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One ICE candidate of the page; `candidate` None: no more will come."""

    candidate: str | None
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What the person changed; None where nothing changed."""

    head: float | None = None
    face: float | None = None
    body: float | None = None
    light: float | None = None
    teeth: bool | None = None
    mirror: bool | None = None
    background: str | None = None
    colour: tuple[int, int, int] | None = None
    paused: bool | None = None
    calibrate: bool = False


@dataclass(frozen=True, slots=True)
class Bye:
    pass


Message = Hello | Offer | Candidate | Control | Bye


def parse_message(text: str | bytes) -> Message:
    """One message of the page. Raises ProtocolError, whose sentence names the field that is wrong."""
    if isinstance(text, bytes):
        raise ProtocolError("The message is binary; send JSON text.")
    if len(text.encode("utf-8", "replace")) > MAX_MESSAGE:
        raise ProtocolError(f"The message is larger than {MAX_MESSAGE // 1024} KiB; send a smaller one.")
    try:
        fields = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The message is not valid JSON; reload the page.") from error
    if not isinstance(fields, dict):
        raise ProtocolError("The message is not a JSON object; reload the page.")
    kind = fields.pop("type", None)
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ProtocolError("The message has no known type; reload the page to get the version that fits this server.")
    message = reader(fields)
    if fields:
        raise ProtocolError(f"A message '{kind}' has no field '{_short(next(iter(fields)))}'; reload the page.")
    return message


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _short(text: str) -> str:
    return text if len(text) <= 32 else text[:32] + "…"


_MISSING: Any = object()


def _take(fields: dict[str, Any], name: str, kind: type | tuple[type, ...], default: Any = _MISSING) -> Any:
    value = fields.pop(name, _MISSING)
    if value is _MISSING:
        if default is _MISSING:
            raise ProtocolError(f"The message lacks its field '{name}'; reload the page.")
        return default
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ProtocolError(f"The field '{name}' has the wrong type; reload the page.")
    return value


def _take_text(fields: dict[str, Any], name: str, limit: int) -> str:
    text: str = _take(fields, name, str)
    if len(text) > limit:
        raise ProtocolError(f"The field '{name}' is longer than {limit} characters; reload the page.")
    return text


def _hello(fields: dict[str, Any]) -> Hello:
    protocol = _take(fields, "protocol", int)
    if protocol != PROTOCOL:
        raise ProtocolError(f"The page speaks protocol {protocol} and the server {PROTOCOL}; reload the page.")
    return Hello(protocol, _take(fields, "watch", bool, False))


def _offer(fields: dict[str, Any]) -> Offer:
    return Offer(_take_text(fields, "sdp", MAX_SDP))


def _candidate(fields: dict[str, Any]) -> Candidate:
    line = _take(fields, "candidate", (str, type(None)))
    mid = _take(fields, "sdpMid", (str, type(None)), None)
    index = _take(fields, "sdpMLineIndex", (int, type(None)), None)
    fragment = _take(fields, "usernameFragment", (str, type(None)), None)
    if any(isinstance(text, str) and len(text) > MAX_CANDIDATE for text in (line, mid, fragment)):
        raise ProtocolError(f"A candidate is longer than {MAX_CANDIDATE} characters; reload the page.")
    if not line:
        return Candidate(None)
    if mid is None and index is None:
        raise ProtocolError("A candidate needs sdpMid or sdpMLineIndex; reload the page.")
    if index is not None and not 0 <= index < 64:
        raise ProtocolError("The field 'sdpMLineIndex' is out of range (0 to 63); reload the page.")
    return Candidate(line, mid, index)


def _control(fields: dict[str, Any]) -> Control:
    if not fields:
        raise ProtocolError("The message 'control' changes nothing; name at least one field.")
    strengths = {}
    for name in ("head", "face", "body", "light"):
        value = _take(fields, name, (int, float), None)
        if value is not None and not (math.isfinite(value) and 0 <= value <= 2):
            raise ProtocolError(f"The field '{name}' is out of range (0 to 2); choose a value between.")
        strengths[name] = None if value is None else float(value)
    background = _take(fields, "background", str, None)
    if background is not None and background not in BACKGROUNDS:
        raise ProtocolError(f"The field 'background' must be one of {', '.join(BACKGROUNDS)}.")
    colour = _take(fields, "colour", str, None)
    if colour is not None and not _COLOUR.fullmatch(colour):
        raise ProtocolError("The field 'colour' must look like #rrggbb.")
    return Control(
        **strengths,
        teeth=_take(fields, "teeth", bool, None),
        mirror=_take(fields, "mirror", bool, None),
        background=background,
        colour=None if colour is None else (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)),
        paused=_take(fields, "paused", bool, None),
        calibrate=_take(fields, "calibrate", bool, False),
    )


def _bye(fields: dict[str, Any]) -> Bye:
    return Bye()


_READERS: Mapping[str, Callable[[dict[str, Any]], Message]] = {
    "hello": _hello,
    "offer": _offer,
    "candidate": _candidate,
    "control": _control,
    "bye": _bye,
}


class MessageOrder:
    """Which message may come when, and how many. clock: seconds, injectable for tests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowance = float(MAX_RATE)
        self._last = clock()
        self._greeted = False
        self._offered = False
        self._errors = 0

    def count_message(self) -> None:
        """Count one arriving message, well-formed or not. Raises TooFastError."""
        now = self._clock()
        self._allowance = min(float(MAX_RATE), self._allowance + (now - self._last) * MAX_RATE)
        self._last = now
        if self._allowance < 1:
            raise TooFastError(f"More than {MAX_RATE} messages a second came; this one was ignored, send fewer.")
        self._allowance -= 1

    def check(self, message: Message) -> None:
        """Raises ProtocolError for a message that may not come now."""
        if isinstance(message, Bye):
            return
        if isinstance(message, Hello):
            if self._greeted:
                raise ProtocolError("A second 'hello' came; it is sent once, first.")
            self._greeted = True
            return
        if not self._greeted:
            raise ProtocolError("The first message must be 'hello'; reload the page.")
        if isinstance(message, Offer):
            self._offered = True
        elif isinstance(message, Candidate) and not self._offered:
            raise ProtocolError("A candidate came before an offer; send the offer first.")

    def count_error(self) -> bool:
        """Count one error sent to the page; True when it is one too many."""
        self._errors += 1
        return self._errors >= MAX_ERRORS


def ready(
    session: str,
    ice_servers: Sequence[Mapping[str, Any]],
    video: Mapping[str, Any],
    picture: Mapping[str, Any],
    controls: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "type": "ready",
        "protocol": PROTOCOL,
        "session": session,
        "ice_servers": list(ice_servers),
        "video": dict(video),
        "picture": dict(picture),
        "controls": dict(controls),
    }


def answer(sdp: str) -> dict[str, Any]:
    return {"type": "answer", "sdp": sdp}


def candidate(line: str | None, mid: str | None = None, index: int | None = None) -> dict[str, Any]:
    """line: as in SDP without `a=`; None closes the list."""
    if line is None:
        return {"type": "candidate", "candidate": None}
    return {"type": "candidate", "candidate": line, "sdpMid": mid, "sdpMLineIndex": index}


def state(phase: Phase, progress: float, message: str | None) -> dict[str, Any]:
    return {"type": "state", "phase": phase, "progress": round(progress, 2), "message": message}


def picture_status(
    stage: Literal["preparing", "ready", "failed"],
    name: str,
    size: tuple[int, int] | None = None,
    notes: Sequence[str] = (),
    message: str | None = None,
) -> dict[str, Any]:
    """size: (width, height) of the avatar video, pixels."""
    width, height = size or (None, None)
    return {
        "type": "picture-status",
        "stage": stage,
        "name": name,
        "width": width,
        "height": height,
        "notes": list(notes),
        "message": message,
    }


def stats(
    fps: Mapping[str, float],
    latency: Mapping[str, float],
    queue_age: Mapping[str, float],
    stages: Mapping[str, Mapping[str, float]],
    drops: Mapping[str, int],
    bitrate: float,
    sessions: int,
    spread: Mapping[str, Mapping[str, float]],
    memory: Mapping[str, int],
) -> dict[str, Any]:
    """fps: in, out. latency, queue_age: p50, p95, p99 in ms. stages: the same by name. drops: by mailbox. bitrate: bits
    a second. spread: min, max over the sessions of fps and latency_ms. memory: bytes by kind.
    """
    return {
        "type": "stats",
        "fps": {name: round(value, 1) for name, value in fps.items()},
        "latency_ms": dict(latency),
        "queue_age_ms": dict(queue_age),
        "stage_ms": {name: dict(value) for name, value in stages.items()},
        "drops": dict(drops),
        "bitrate_kbps": round(bitrate / 1000),
        "sessions": sessions,
        "spread": {name: dict(value) for name, value in spread.items()},
        "memory_mb": {name: round(value / 2**20) for name, value in memory.items()},
    }


def error(problem: KagamiError, fatal: bool = False) -> dict[str, Any]:
    return {"type": "error", "code": problem.code, "message": str(problem), "fatal": fatal}


def bye(reason: str) -> dict[str, Any]:
    return {"type": "bye", "reason": reason}
