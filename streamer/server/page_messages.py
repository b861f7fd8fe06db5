"""The messages that a page sends, see docs/protocol.md; for their order and rate see `MessageOrder`.

`parse_message` turns text into one of them or raises ProtocolError.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from models.geometry.expressions import INDEX
from streamer.errors import ProtocolError
from streamer.options import (
    ASPECT_PATTERN,
    MAX_MOOD_CHARACTERS,
    PERSON_PATTERN,
    WHO_PATTERN,
    Background,
    BoneFactor,
    FrameKind,
    Gaze,
    Shift,
    SpeedKind,
    Strength,
    Tilt,
    Yaw,
    Zoom,
    parse_aspect,
)
from streamer.server.message_faults import MAX_SDP_CHARACTERS, fault_sentence
from streamer.server.messages import PROTOCOL, Candidate, Message
from streamer.sources.acts import ACT_NAMES

MAX_MESSAGE_BYTES = 64 * 1024

Aspect = Annotated[str, Meta(pattern=ASPECT_PATTERN)]
Who = Annotated[str, Meta(pattern=WHO_PATTERN)]
Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
ActKey = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
Weight = Annotated[float, Meta(ge=0, le=1)]
Turn = Annotated[float, Meta(ge=-1, le=1)]
Secret = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{22,64}\Z")]  # 128 bits as base64url, or more


class Hello(Message):
    """resume: a secret of the page. A session whose WebSocket closes without `bye` is kept for a while, and goes on
    with the next `hello` of the same secret.
    """

    protocol: int
    watch: bool = False
    resume: Secret | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.protocol != PROTOCOL:
            raise ValueError(f"The page speaks protocol {self.protocol} and the server {PROTOCOL}: reload the page.")


class Offer(Message):
    sdp: Annotated[str, Meta(max_length=MAX_SDP_CHARACTERS)]


class Control(Message):
    """Changed controls; UNSET where nothing changes. See `Controls` for their meaning.

    paused: the avatar idles and camera pictures are not tracked. calibrate: find the neutral face anew.
    straighten: measure the turns with which head and gaze are as in the picture while the driver looks as now, and
    answer with `controls`.
    """

    head: Strength | UnsetType = UNSET
    face: Strength | UnsetType = UNSET
    body: Strength | UnsetType = UNSET
    eyes: Strength | UnsetType = UNSET
    brows: Strength | UnsetType = UNSET
    mouth: Strength | UnsetType = UNSET
    hands: Strength | UnsetType = UNSET
    voice: Weight | UnsetType = UNSET
    tracker: bool | UnsetType = UNSET
    light: Strength | UnsetType = UNSET
    follow_body: bool | UnsetType = UNSET
    smoothing: Strength | UnsetType = UNSET
    yaw: Yaw | UnsetType = UNSET
    pitch: Tilt | UnsetType = UNSET
    roll: Tilt | UnsetType = UNSET
    gaze_x: Gaze | UnsetType = UNSET
    gaze_y: Gaze | UnsetType = UNSET
    shoulders: BoneFactor | UnsetType = UNSET
    torso: BoneFactor | UnsetType = UNSET
    arms: BoneFactor | UnsetType = UNSET
    legs: BoneFactor | UnsetType = UNSET
    teeth: bool | UnsetType = UNSET
    mirror: bool | UnsetType = UNSET
    background: Background | UnsetType = UNSET
    colour: Colour | UnsetType = UNSET
    frame: FrameKind | UnsetType = UNSET
    aspect: Aspect | UnsetType = UNSET
    zoom: Zoom | UnsetType = UNSET
    shift_x: Shift | UnsetType = UNSET
    shift_y: Shift | UnsetType = UNSET
    keep_in_frame: bool | UnsetType = UNSET
    who: Who | UnsetType = UNSET
    speed: SpeedKind | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    straighten: bool | UnsetType = UNSET
    calibrate: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not self.changes():
            raise ValueError("The message 'control' changes nothing: name at least one field.")
        if self.aspect is not UNSET:
            try:
                parse_aspect(self.aspect)
            except ValueError as error:
                raise ValueError(f"The field 'aspect': {error}.") from error

    def changes(self) -> dict[str, Any]:
        """The fields that the message has, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}


class Act(Message):
    """Begin or end a face, or play a gesture. name: of `ACT_NAMES`, or of the page's choice for a face of its own.

    on: false ends a face. weights, turn: of a face of one's own as `face` told it, see `RememberedFace`.
    """

    name: ActKey
    on: bool = True
    weights: dict[str, Weight] | UnsetType = UNSET
    turn: tuple[Turn, Turn, Turn] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.weights is UNSET:
            if self.on and self.name not in ACT_NAMES:
                raise ValueError(f"The field 'name' must be one of {', '.join(ACT_NAMES)}, or weights come with it.")
        elif unknown := next((name for name in self.weights if name not in INDEX), None):
            raise ValueError(f"The field 'weights' has an unknown blendshape '{unknown[:32]}': reload the page.")


class Remember(Message):
    """Measure the face that the driver makes now, and answer with `face`."""


class Person(Message):
    """Animate another person of the picture in use, or all of them. person: see `choose_person`."""

    person: Annotated[str, Meta(pattern=PERSON_PATTERN)]


class MoodText(Message, tag="mood"):
    """Be as these English words say, see `read_mood`, and answer with `mood`; an empty text ends it."""

    text: Annotated[str, Meta(max_length=MAX_MOOD_CHARACTERS)]


class Bye(Message):
    pass


PageMessage = Hello | Offer | Candidate | Control | Act | Remember | Person | MoodText | Bye


def parse_message(text: str | bytes) -> PageMessage:
    """One message of the page. Raises ProtocolError, whose sentence names the field that is wrong."""
    if isinstance(text, bytes):
        raise ProtocolError("The message is binary: send JSON text.")
    if len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"The message is larger than {MAX_MESSAGE_BYTES // 1024} KiB: send a smaller one.")
    try:
        fields = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(fields, dict):
            raise ProtocolError("The message is not a JSON object: reload the page.")
        message: PageMessage = msgspec.convert(fields, PageMessage)
    except msgspec.ValidationError as error:
        raise ProtocolError(fault_sentence(fields.get("type"), str(error))) from error
    except (ValueError, RecursionError) as error:  # ValueError also where msgspec meets half of a surrogate pair
        raise ProtocolError("The message is not valid JSON: reload the page.") from error
    return Candidate(None) if isinstance(message, Candidate) and not message.candidate else message


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)
