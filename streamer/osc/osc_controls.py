"""Controls by OSC: the addresses of docs/osc.md as calls of the control API, with no answers.

Programs such as TouchOSC send numbers where others send true and false, a 0 when a button is let go, and every step of
a fader. So values are taken in whatever type they come, and of each control the newest value counts, CONTROL_PERIOD_S
later at the latest. What cannot be done is told to whoever started the server, since OSC has no answers.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from streamer.errors import KagamiError, ProtocolError, SessionError, TooFastError
from streamer.osc.osc_packet import Argument
from streamer.osc.osc_server import Source
from streamer.runtime.background_tasks import BackgroundTasks

ROOT = "kagami"
CONTROL_PERIOD_S = 0.05  # between two changes of controls, each with the newest values of all that moved meanwhile
MAX_PENDING = 16  # calls that are being done
TELL_PERIOD_S = 2.0  # between two lines for the console
MAX_TOLD_CHARACTERS = 240
_SEE = "see docs/osc.md"

Check = Callable[[str, Mapping[str, Any]], object]
DoCall = Callable[[str, Mapping[str, Any]], Awaitable[object]]


class Call(NamedTuple):
    """A call of the control API and its fields."""

    do: str
    fields: dict[str, Any]


class OscControls:
    """Does what messages say, on the running event loop. `close` ends it.

    check: raises KagamiError for fields that a call does not take. call: does one; also a KagamiError may come of it.
    tell: called with a line for the console. clock: seconds.
    """

    def __init__(
        self, check: Check, call: DoCall, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._call = call
        self._tell = tell
        self._clock = clock
        self._told_at = -math.inf
        self._untold = 0
        self._moved: dict[str, Any] = {}  # newest value of each control that is not set yet
        self._moving: asyncio.Task[None] | None = None
        self._pending = BackgroundTasks()
        self._closed = False

    def receive(self, address: str, arguments: Sequence[Argument], source: Source) -> None:
        """Take one message. For `osc_messages`. Once this is closed, what was on its way is dropped."""
        if self._closed:
            return
        try:
            self._begin(address, arguments)
        except KagamiError as error:
            self._complain(address, error)

    async def close(self) -> None:
        """Drop what is being done; may be called again."""
        self._closed = True
        tasks = [*self._pending, *([] if self._moving is None else [self._moving])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, address: str, arguments: Sequence[Argument]) -> None:
        call = parse(address, arguments)
        if call is None:
            return
        if call.do == "control":
            call = self._in_fitting_type(call)
        else:
            self._check(*call)
        if call.do == "control" and not call.fields.keys() & ONCE:
            self._moved |= call.fields
            if self._moving is None:
                self._moving = asyncio.get_running_loop().create_task(self._move(address))
            return
        if len(self._pending) >= MAX_PENDING:
            raise TooFastError(f"More than {MAX_PENDING} calls wait to be done: send fewer.")
        self._pending.spawn(self._do(address, call))

    def _in_fitting_type(self, call: Call) -> Call:
        """A control's value in the type that it has. Raises the error of the value as it came, if none fits."""
        failure: KagamiError | None = None
        for fields in _candidates(call.fields):
            try:
                self._check(call.do, fields)
            except KagamiError as error:
                failure = failure or error
            else:
                return Call(call.do, fields)
        assert failure is not None
        raise failure

    async def _move(self, address: str) -> None:
        """Set controls until none has moved for CONTROL_PERIOD_S. address: of the first one, for sentences."""
        try:
            while self._moved:
                fields, self._moved = self._moved, {}
                await self._do(address, Call("control", fields))
                await asyncio.sleep(CONTROL_PERIOD_S)
        finally:
            self._moving = None

    async def _do(self, address: str, call: Call) -> None:
        try:
            await self._call(*call)
        except KagamiError as error:
            self._complain(address, error)
        except Exception as error:  # this port's boundary: one call must not end the next ones
            self._complain(address, SessionError(f"Something broke in this call ({type(error).__name__})."))

    def _complain(self, address: str, error: KagamiError) -> None:
        now = self._clock()
        if now - self._told_at < TELL_PERIOD_S:
            self._untold += 1
            return
        more = f" (and {self._untold} more that were not told)" if self._untold else ""
        self._told_at, self._untold = now, 0
        text = f"OSC {address[:80]}: {error}"[:MAX_TOLD_CHARACTERS] + more
        self._tell("".join(each if each.isprintable() else "?" for each in text))  # a terminal obeys control characters


def parse(address: str, arguments: Sequence[Argument]) -> Call | None:
    """The call of a message; None for a button that is let go. Raises ProtocolError."""
    parts = address.split("/", 3)
    do = ADDRESSES.get(parts[2]) if parts[:2] == ["", ROOT] and len(parts) > 2 else None
    if do is None:
        raise ProtocolError(f"There is no such address: {_SEE}.")
    path = parts[3] if len(parts) > 3 else ""
    return do(path, list(arguments))


def _act(path: str, values: list[Argument]) -> Call:
    name, value = _named(path, values)
    if value is None:
        return Call("act", {"name": name})
    if value in (0, 1):  # True and False, too
        return Call("act", {"name": name, "on": value == 1})
    return Call("act", {"name": name, "seconds": _number(value)})


def _press(path: str, values: list[Argument]) -> Call | None:
    name, value = _named(path, values)
    if value is None:
        return Call("act", {"name": name})
    return None if value == 0 else Call("act", {"name": name, "seconds": _number(value)})


def _release(path: str, values: list[Argument]) -> Call | None:
    return None if _is_let_go(values) else Call("release", {})


def _picture(path: str, values: list[Argument]) -> Call | None:
    if path:
        return None if _is_let_go(values) else Call("choose", {"picture": path})
    return Call("choose", {"picture": _text(values)})


def _mood(path: str, values: list[Argument]) -> Call | None:
    if path:
        return None if _is_let_go(values) else Call("set_mood", {"text": path})
    return Call("set_mood", {"text": _text(values)})


def _control(path: str, values: list[Argument]) -> Call:
    name, value = _named(path, values)
    if value is None:
        raise ProtocolError(f"The message has no value for '{name[:32]}': send one with it.")
    return Call("control", {name: value})


def _once(name: str) -> Callable[[str, list[Argument]], Call | None]:
    def parse_once(path: str, values: list[Argument]) -> Call | None:
        return None if _is_let_go(values) else Call("control", {name: True})

    return parse_once


ONCE = {"calibrate", "straighten"}  # controls that are done at a moment, and have no value
ADDRESSES: dict[str, Callable[[str, list[Argument]], Call | None]] = {
    "act": _act,
    "press": _press,
    "release": _release,
    "picture": _picture,
    "control": _control,
    "mood": _mood,
    **{name: _once(name) for name in sorted(ONCE)},
}
"""By what follows `/kagami/` in an address: how the rest of it, and the arguments, become a call."""


def _named(path: str, values: list[Argument]) -> tuple[str, Argument | None]:
    """The name in the address, or the one that comes as the first argument, and the value after it."""
    name = path or _text(values)
    rest = values if path else values[1:]
    return name, rest[0] if rest else None


def _text(values: list[Argument]) -> str:
    if not values or not isinstance(values[0], str):
        raise ProtocolError(f"The message lacks its text: {_SEE}.")
    return values[0]


def _number(value: Argument) -> float:
    if isinstance(value, str | bytes):
        raise ProtocolError(f"The message has a text where a number must be: {_SEE}.")
    return float(value)


def _is_let_go(values: list[Argument]) -> bool:
    """Whether it is the 0 of a button that is let go."""
    return bool(values) and values[0] == 0


def _candidates(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The one field of a control with its value as it came, and as the other types that may be meant by it."""
    ((name, value),) = fields.items()
    yield {name: value}
    if isinstance(value, bool):
        yield {name: float(value)}
    elif isinstance(value, int | float):
        if value in (0, 1):
            yield {name: value == 1}
        if value == int(value):
            yield {name: str(int(value))}  # `who`
