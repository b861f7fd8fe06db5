"""The calls and events of the control API (docs/control-api.md) as types. No transport is used here.

A field of a type is a field of the call's JSON object; msgspec checks its type and its limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from streamer.errors import ProtocolError
from streamer.server import page_messages
from streamer.server.message_faults import fault_sentence

VERSION = 1
PRESS_S = 2.0  # for which a face is shown that is pressed
MAX_PRESS_S = 3600.0
MAX_CALL_BYTES = 64 * 1024

EventName = Literal["sessions", "state", "picture", "controls", "acts", "mood", "statistics"]
EVENTS: tuple[EventName, ...] = get_args(EventName)
SnapshotFormat = Literal["png", "webp"]
SNAPSHOT_FORMATS: tuple[SnapshotFormat, ...] = get_args(SnapshotFormat)

_SEE = "see docs/control-api.md"
# The sentences for values of the right type that are not allowed, of fields that the page's messages do not have.
_NOT_ALLOWED = {
    "events": f"The field 'events' must be a list of {', '.join(EVENTS)}.",
    "format": f"The field 'format' must be one of {', '.join(SNAPSHOT_FORMATS)}.",
    "picture": "The field 'picture' is too long: take one of the list of pictures.",
    "seconds": f"The field 'seconds' is out of range (0.05 to {MAX_PRESS_S:.0f}): choose a value between.",
}


class Plain(Struct, forbid_unknown_fields=True):
    """A call without fields."""


class Choose(Struct, forbid_unknown_fields=True):
    """Use a picture. picture: its id in the list of pictures."""

    picture: Annotated[str, Meta(max_length=400)]


class Press(Struct, forbid_unknown_fields=True):
    """Press, hold or release a face, or play a gesture. name, weights, turn: as in the page's `act`.

    on: true holds a face until it is released, false releases it; without it, it is pressed for `seconds`. seconds:
    after which a face ends by itself.
    """

    name: page_messages.ActKey
    on: bool | UnsetType = UNSET
    seconds: Annotated[float, Meta(ge=0.05, le=MAX_PRESS_S)] | UnsetType = UNSET
    weights: dict[str, page_messages.Weight] | UnsetType = UNSET
    turn: tuple[page_messages.Turn, page_messages.Turn, page_messages.Turn] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _ = self.act  # checks the name and the weights
        if self.on is False and self.seconds is not UNSET:
            raise ValueError("The field 'seconds' is for a face that begins: leave it out where 'on' is false.")

    @property
    def act(self) -> page_messages.Act:
        """The same as a message of the page."""
        return page_messages.Act(self.name, self.on is not False, self.weights, self.turn)

    @property
    def lasts_s(self) -> float | None:
        """Seconds after which a face ends by itself; None: it is held."""
        if isinstance(self.seconds, float):
            return self.seconds
        return PRESS_S if self.on is UNSET else None


class TakeSnapshot(Struct, forbid_unknown_fields=True):
    """The avatar's newest frame as a file. format: of it."""

    format: SnapshotFormat = "png"


CALLS: dict[str, type[Struct]] = {
    "describe": Plain,
    "sessions": Plain,
    "state": Plain,
    "pictures": Plain,
    "picture": Plain,
    "choose": Choose,
    "acts": Plain,
    "act": Press,
    "release": Plain,
    "controls": Plain,
    "control": page_messages.Control,
    "mood": Plain,
    "set_mood": page_messages.MoodText,
    "snapshot": TakeSnapshot,
    "statistics": Plain,
}


class Subscribe(Struct, forbid_unknown_fields=True):
    """Of a WebSocket: send these events from now on, in place of those before."""

    events: list[EventName]


def parse_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object. Raises ProtocolError."""
    if len(text) > MAX_CALL_BYTES:
        raise ProtocolError(f"The message is larger than {MAX_CALL_BYTES // 1024} KiB: send a smaller one.")
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"The message is not valid JSON: {_SEE}.") from error
    if not isinstance(found, dict):
        raise ProtocolError(f"The message is not a JSON object: {_SEE}.")
    return found


def parse_call(do: str, fields: Mapping[str, Any], kind: type[Struct] | None = None) -> Struct:
    """The fields of a call, checked. kind: its type, where it is none of CALLS.

    Raises ProtocolError, whose sentence names the field that is wrong.
    """
    kind = kind or CALLS.get(do)
    if kind is None:
        raise ProtocolError(f"There is no such call: use one of {', '.join([*CALLS, 'subscribe'])}.")
    if "type" in fields:  # which tells the page's messages apart
        raise ProtocolError(f"A message '{do}' has no field 'type': {_SEE}.")
    try:
        return msgspec.convert(dict(fields), kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(_sentence(do, str(error))) from error


def _sentence(do: str, problem: str) -> str:
    found = re.fullmatch(r"(?!Expected .*, got `)(.*) - at `\$\.(\w+).*`", problem, re.DOTALL)
    if found is not None and found[2] in _NOT_ALLOWED:
        return _NOT_ALLOWED[found[2]]
    return fault_sentence(do, problem).replace("reload the page", _SEE)
