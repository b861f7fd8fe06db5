"""The messages that the server sends to a page, see docs/protocol.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from streamer.errors import KagamiError
from streamer.options import (
    LARGEST_PERSON,
    GivenUp,
    Phase,
)
from streamer.server.messages import PROTOCOL, Candidate, Message
from streamer.sources.mood import MoodReading


class Ready(Message):
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


class Answer(Message):
    sdp: str


class State(Message):
    """progress: of the calibration, 0..1. message: a sentence to show. people: how many the camera shows. speaks:
    whether a voice is heard. recorded: whether the server writes avatar and sound to a file.
    """

    phase: Phase
    progress: float
    message: str | None
    people: int = 0
    speaks: bool = False
    recorded: bool = False


class PictureStatus(Message, tag="picture-status"):
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


class FilmStatus(Message, tag="film"):
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


class ControlsChanged(Message, tag="controls"):
    """Controls that the server set by itself, or another program, by name, with their new values."""

    controls: Mapping[str, Any]


class Face(Message):
    """The face that the driver made at a `remember`. weights: of blendshapes by name. turn: of the head, radians."""

    weights: Mapping[str, float]
    turn: Sequence[float]


class Mood(Message):
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


class Acts(Message):
    """Names of the faces that other programs than the page hold, whenever they change."""

    on: Sequence[str]


class Stats(Message):
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


class Error(Message):
    """fatal: the server closes the WebSocket now."""

    code: str
    message: str
    fatal: bool = False

    @classmethod
    def of(cls, error: KagamiError, fatal: bool = False) -> Error:
        return cls(error.code, str(error), fatal)


class Goodbye(Message, tag="bye"):
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
