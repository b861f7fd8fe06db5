"""The messages of docs/protocol.md as types. No socket is used here; for their order and rate see `MessageOrder`.

A field of a type is a field of the JSON object; msgspec checks its type and its limits. `parse_message` turns text into
one of the page's messages or raises ProtocolError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from models.geometry.expressions import INDEX
from streamer.errors import KagamiError, ProtocolError
from streamer.options import (
    ASPECT_PATTERN,
    LARGEST_PERSON,
    MAX_MOOD_CHARACTERS,
    PERSON_PATTERN,
    WHO_PATTERN,
    Background,
    BoneFactor,
    FrameKind,
    Gaze,
    GivenUp,
    Phase,
    Shift,
    SpeedKind,
    Strength,
    Tilt,
    Yaw,
    Zoom,
    parse_aspect,
)
from streamer.server.message_faults import MAX_CANDIDATE_CHARACTERS, MAX_MEDIA_LINE, MAX_SDP_CHARACTERS, fault_sentence
from streamer.sources.acts import ACT_NAMES
from streamer.sources.mood import MoodReading

PROTOCOL = 1
MAX_MESSAGE_BYTES = 64 * 1024

CandidateText = Annotated[str, Meta(max_length=MAX_CANDIDATE_CHARACTERS)]
Aspect = Annotated[str, Meta(pattern=ASPECT_PATTERN)]
Who = Annotated[str, Meta(pattern=WHO_PATTERN)]
Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
ActKey = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
Weight = Annotated[float, Meta(ge=0, le=1)]
Turn = Annotated[float, Meta(ge=-1, le=1)]
Secret = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{22,64}\Z")]  # 128 bits as base64url, or more


class _Message(Struct, tag=str.lower, forbid_unknown_fields=True):
    """A JSON object whose `type` is the name of the class in lower case, or the class's `tag`."""


# ---- page → server


class Hello(_Message):
    """resume: a secret of the page. A session whose WebSocket closes without `bye` is kept for a while, and goes on
    with the next `hello` of the same secret.
    """

    protocol: int
    watch: bool = False
    resume: Secret | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.protocol != PROTOCOL:
            raise ValueError(f"The page speaks protocol {self.protocol} and the server {PROTOCOL}: reload the page.")


class Offer(_Message):
    sdp: Annotated[str, Meta(max_length=MAX_SDP_CHARACTERS)]


class Candidate(_Message, rename="camel", omit_defaults=True):
    """One ICE candidate, sent in either direction. candidate: as in SDP without `a=`; None or empty: no more follow."""

    candidate: CandidateText | None
    sdp_mid: CandidateText | None = None
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=MAX_MEDIA_LINE)] | None = None
    username_fragment: CandidateText | None = None

    def __post_init__(self) -> None:
        if self.candidate and self.sdp_mid is None and self.sdp_m_line_index is None:
            raise ValueError("A candidate needs sdpMid or sdpMLineIndex: reload the page.")


class Control(_Message):
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


class Act(_Message):
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


class Remember(_Message):
    """Measure the face that the driver makes now, and answer with `face`."""


class Person(_Message):
    """Animate another person of the picture in use, or all of them. person: see `choose_person`."""

    person: Annotated[str, Meta(pattern=PERSON_PATTERN)]


class MoodText(_Message, tag="mood"):
    """Be as these English words say, see `read_mood`, and answer with `mood`; an empty text ends it."""

    text: Annotated[str, Meta(max_length=MAX_MOOD_CHARACTERS)]


class Bye(_Message):
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


# ---- server → page


class Ready(_Message):
    """The answer to `hello`.

    session: secret id, which an upload names. ice_servers: for RTCPeerConnection. video: width, height, fps.
    picture: name, notes, names of its further views, people, person, heads and chosen as in `PictureStatus`.
    controls: the present values by name. mood: the fields of `Mood`. resumed: whether this is the session that the
    `resume` of `hello` named.
    """

    session: str
    ice_servers: list[dict[str, str]]
    video: Mapping[str, float]
    picture: Mapping[str, Any]
    controls: Mapping[str, Any]
    mood: Mapping[str, Any]
    resumed: bool = False
    protocol: int = PROTOCOL


class Answer(_Message):
    sdp: str


class State(_Message):
    """progress: of the calibration, 0..1. message: a sentence to show. people: how many the camera shows. speaks:
    whether a voice is heard. recorded: whether the server writes avatar and sound to a file.
    """

    phase: Phase
    progress: float
    message: str | None
    people: int = 0
    speaks: bool = False
    recorded: bool = False


class PictureStatus(_Message, tag="picture-status"):
    """width, height: of the avatar video, pixels. views: names of the further pictures of the character that is
    prepared, ready or framed, or could not be prepared. message: why the preparation failed; code: the same as a word,
    "no-face" where points of the picture can help. people: how many the picture shows. person: who of them is
    animated. heads: left, top, width and height of the heads of all, in fractions of the picture turned upright, from
    left to right. chosen: the number of who is animated, 0 the leftmost; None for all, or where nothing is ready.
    by_program: whether another program than the page chose this picture.

    An uploaded picture is "preparing", then "ready" or "failed"; the picture in use is "framing", then "framed" when
    its frame was changed.
    """

    stage: Literal["preparing", "ready", "failed", "framing", "framed"]
    name: str
    width: int | None = None
    height: int | None = None
    notes: Sequence[str] = ()
    message: str | None = None
    views: Sequence[str] = ()
    code: str | None = None
    people: int = 1
    person: str = LARGEST_PERSON
    heads: Sequence[Sequence[float]] = ()
    chosen: int | None = None
    by_program: bool = False


class FilmStatus(_Message, tag="film"):
    """The film of a clip that this page sent, whenever it changes.

    stage: "sending" while parts of the clip are missing, "preparing", "tracking", "drawing", "finishing", then "ready"
    or "failed". name: of the clip. suffix: of the film, "mp4" or, with a transparent background, "webm". done: 0..1 of
    its frames. seconds_left: estimated, None where nothing is known yet. size: bytes of a film that is ready. notes:
    sentences about it. message: why it failed.
    """

    stage: Literal["sending", "preparing", "tracking", "drawing", "finishing", "ready", "failed"]
    name: str
    suffix: Literal["mp4", "webm"]
    done: float = 0.0
    seconds_left: int | None = None
    size: int | None = None
    notes: Sequence[str] = ()
    message: str | None = None


class ControlsChanged(_Message, tag="controls"):
    """Controls that the server set by itself, or another program, by name, with their new values."""

    controls: Mapping[str, Any]


class Face(_Message):
    """The face that the driver made at a `remember`. weights: of blendshapes by name. turn: of the head, radians."""

    weights: Mapping[str, float]
    turn: Sequence[float]


class Mood(_Message):
    """The mood in use, and how its words were read; the answer to the page's `mood`.

    text: as it was understood to be, without control characters. understood: "phrase" and what it was "read" as, in
    words of the vocabulary. unknown: each "word" that was not understood, with the "nearest" ones that are.
    """

    text: str
    understood: Sequence[Mapping[str, str]] = ()
    unknown: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, reading: MoodReading) -> Mood:
        understood = [{"phrase": each.phrase, "read": each.read} for each in reading.understood]
        unknown = [{"word": each.word, "nearest": list(each.nearest)} for each in reading.unknown]
        return cls(reading.text, understood, unknown)


class Acts(_Message):
    """Names of the faces that other programs than the page hold, whenever they change."""

    on: Sequence[str]


class Stats(_Message):
    """Measurements of the last seconds.

    fps: frames a second, by "in" (camera) and "out" (avatar).
    latency_ms: p50, p95, p99 from the arrival of a camera frame to the avatar frame leaving.
    queue_age_ms: p50, p95, p99 of the age of a motion when the engine takes it.
    stage_ms: p50, p95, p99 by the name of the stage.
    drops: items replaced before they were used, by mailbox, since the start.
    bitrate_kbps: target of the video encoder.
    sessions: live on this server.
    spread: min and max over the sessions of "fps" and "latency_ms".
    device: what draws: "kind", cpu or cuda, and "name", the model of the processor or the GPU.
    memory_mb: MiB by kind.
    given_up: what is done less well, so that a busy CPU keeps up; see `streamer.effort`.
    tracker: of other programs: "kind", "program" and "per_second" as in `FeedState`; None where none is received.
    """

    fps: Mapping[str, float]
    latency_ms: Mapping[str, float]
    queue_age_ms: Mapping[str, float]
    stage_ms: Mapping[str, Mapping[str, float]]
    drops: Mapping[str, int]
    bitrate_kbps: int
    sessions: int
    spread: Mapping[str, Mapping[str, float]]
    device: Mapping[str, str]
    memory_mb: Mapping[str, int]
    given_up: Sequence[GivenUp] = ()
    tracker: Mapping[str, Any] | None = None


class Error(_Message):
    """fatal: the server closes the WebSocket now."""

    code: str
    message: str
    fatal: bool = False

    @classmethod
    def of(cls, error: KagamiError, fatal: bool = False) -> Error:
        return cls(error.code, str(error), fatal)


class Goodbye(_Message, tag="bye"):
    reason: str


ServerMessage = (
    Ready
    | Answer
    | Candidate
    | State
    | PictureStatus
    | FilmStatus
    | ControlsChanged
    | Face
    | Mood
    | Acts
    | Stats
    | Error
    | Goodbye
)
