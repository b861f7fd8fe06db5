"""The control API over a WebSocket: answers by id, events, what ends with it, and what it is spared."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer.server import control_api_socket
from streamer.server.app import Server
from streamer.server.control_api import handle_of
from streamer.server.control_api_calls import EVENTS
from streamer.settings import Settings
from tests.support.page import MESSAGE_TIMEOUT_S, UNLIMITED, FakeCamera, Page, serving, socket_url

WORD = "a secret word"


def control_url(address: str) -> str:
    return address.replace("http", "ws", 1) + "/api/v1/ws"


async def next_message(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(MESSAGE_TIMEOUT_S):
        return dict(json.loads(await socket.recv()))


async def ask(socket: ClientConnection, do: str, **fields: Any) -> dict[str, Any]:
    """Send a call and return its answer, past whatever comes before it."""
    await socket.send(json.dumps({"id": do, "do": do, **fields}))
    while (message := await next_message(socket)).get("id") != do:
        pass
    return message


async def hear(socket: ClientConnection, event: str, **values: Any) -> dict[str, Any]:
    """The next event of this name with these values."""
    while True:
        message = await next_message(socket)
        if message.get("event") == event and all(message.get(name) == value for name, value in values.items()):
            return message


@contextlib.asynccontextmanager
async def opened(settings: Settings | None = None) -> AsyncIterator[tuple[str, Server, Page, ClientConnection]]:
    """A server, a page that has said hello, and a WebSocket of a program."""
    async with (
        serving(settings, limits=UNLIMITED) as (address, server),
        Page(socket_url(address)) as page,
        connect(control_url(address)) as socket,
    ):
        await page.hello()
        yield address, server, page, socket


async def test_calls_are_answered_by_their_id() -> None:
    async with opened() as (_, server, page, socket):
        for number in (7, "seven", None):
            await socket.send(json.dumps({"id": number, "do": "acts"}))
            assert await next_message(socket) == {"id": number, "ok": {"on": []}}
        handle = handle_of(next(iter(server.conversations.sessions.values())))
        assert (await ask(socket, "control", head=0.5, session=handle))["ok"]["controls"]["head"] == 0.5
        assert (await page.receive("controls"))["controls"] == {"head": 0.5}
        assert (await ask(socket, "state", session="0badcafe"))["error"]["code"] == "no-session"


async def test_events_come_once_they_are_subscribed_to() -> None:
    async with opened() as (address, _, page, socket):
        assert (await ask(socket, "subscribe", events=list(EVENTS)))["ok"] == {"events": sorted(EVENTS)}
        await page.start(FakeCamera())
        await hear(socket, "state", phase="live")
        await page.send(type="control", head=0.5)
        assert (await hear(socket, "controls"))["controls"] == {"head": 0.5}
        await page.send(type="act", name="smile")
        handle = (await hear(socket, "acts", on=["smile"]))["session"]
        assert "p95" in (await hear(socket, "statistics"))["latency_ms"]
        await ask(socket, "choose", picture="start")
        await hear(socket, "picture", stage="ready")
        async with Page(socket_url(address)) as other:
            await other.hello()
            heard = await hear(socket, "sessions")
            assert sorted(each["live"] for each in heard["sessions"]) == [False, True]
            await other.send(type="control", head=0.1)  # of a session that is not the newest live one
            await page.send(type="control", head=0.2)
            heard = await hear(socket, "controls")
            assert (heard["session"], heard["controls"]) == (handle, {"head": 0.2})
        assert (await ask(socket, "subscribe", events=[]))["ok"] == {"events": []}
        assert "error" in await ask(socket, "subscribe", events=["everything"])
        assert "error" in await ask(socket, "subscribe", events=[], session="0badcafe")


async def test_what_a_program_holds_ends_with_its_connection() -> None:
    async with opened() as (address, server, page, socket):
        session = server.control.api.session_of(None)
        async with connect(control_url(address)) as second:
            await ask(second, "act", name="smile", on=True)
            await ask(socket, "act", name="anger", on=True)
            assert session.controls.acts.on == ["anger", "smile"]
        await page.wait_until(lambda: session.controls.acts.on == ["anger"], "the end of the smile")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "The message is not valid JSON: see docs/control-api.md."),
        ("[]", "The message is not a JSON object: see docs/control-api.md."),
        (b"{}", "The message is binary: send JSON text."),
        ("{}", "The message lacks its field 'do': see docs/control-api.md."),
        ('{"do": 1}', "The field 'do' has the wrong type: see docs/control-api.md."),
        ('{"do": "state", "id": [1]}', "The field 'id' must be a number or at most 64 characters."),
        ('{"do": "fly"}', "There is no such call: use one of describe, "),
        ('{"do": "subscribe"}', "The message lacks its field 'events': see docs/control-api.md."),
        ('{"do": "subscribe", "events": ["x"]}', "The field 'events' must be a list of sessions, state, "),
        ('{"do": "snapshot", "format": "gif"}', "The field 'format' must be one of png, webp."),
        ("x" * 70_000, "The message is larger than 64 KiB: send a smaller one."),
    ],
)
async def test_a_malformed_message_is_a_sentence_and_the_connection_goes_on(text: str | bytes, sentence: str) -> None:
    async with opened() as (_, _, _, socket):
        await socket.send(text)
        answer = await next_message(socket)
        assert answer["error"]["code"] == "protocol" and answer["error"]["message"].startswith(sentence)
        assert "ok" in await ask(socket, "describe")


async def test_after_many_wrong_messages_the_connection_is_closed() -> None:
    async with opened() as (_, _, _, socket):
        with pytest.raises(ConnectionClosed):
            for _ in range(control_api_socket.MAX_ERRORS + 1):
                await socket.send("{")
            while True:
                answer = await next_message(socket)
        assert answer["error"]["message"].startswith("Too many wrong messages came")


async def test_a_program_that_reads_nothing_is_dropped_and_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: object) -> None:
        await asyncio.Event().wait()

    async with opened() as (address, _, _, socket):
        monkeypatch.setattr(control_api_socket.ControlSocket, "_send_queued", never)
        async with connect(control_url(address)) as slow:
            for _ in range(control_api_socket.MAX_QUEUED + 1):
                await slow.send('{"do": "acts"}')
            with pytest.raises(ConnectionClosed):
                while True:
                    answer = await next_message(slow)
        assert answer["error"]["code"] == "too-slow"
        assert "ok" in await ask(socket, "state")


async def test_more_calls_than_are_done_at_a_time_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()

    async def wait(*_: object) -> dict[str, Any]:
        await gate.wait()
        return {}

    async with opened() as (_, server, _, socket):
        monkeypatch.setattr(server.control.api, "call", wait)
        for number in range(control_api_socket.MAX_PENDING + 1):
            await socket.send(json.dumps({"id": number, "do": "state"}))
        refused = await next_message(socket)
        assert (refused["id"], refused["error"]["code"]) == (control_api_socket.MAX_PENDING, "too-fast")
        gate.set()
        answers = [(await next_message(socket))["id"] for _ in range(control_api_socket.MAX_PENDING)]
        assert sorted(answers) == list(range(control_api_socket.MAX_PENDING))


async def test_who_may_not_in_is_told_why_and_other_sites_get_nothing() -> None:
    async with serving(Settings(token=WORD), limits=UNLIMITED) as (address, _):
        async with connect(control_url(address)) as socket:
            assert (await next_message(socket))["error"]["code"] == "forbidden"
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        async with connect(control_url(address), additional_headers={"Authorization": f"Bearer {WORD}"}) as socket:
            assert "ok" in await ask(socket, "describe")
        with pytest.raises(InvalidStatus):
            await connect(control_url(address), origin="https://elsewhere.example")  # type: ignore[arg-type]


async def test_more_connections_than_there_may_be_are_refused_and_all_end_with_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_api_socket, "MAX_SOCKETS", 1)
    async with serving(limits=UNLIMITED) as (address, server):
        socket = await connect(control_url(address))
        assert "ok" in await ask(socket, "describe")
        with pytest.raises(InvalidStatus):
            await connect(control_url(address))
        await server.close()
        with pytest.raises(ConnectionClosed):
            await next_message(socket)
        await socket.close()
