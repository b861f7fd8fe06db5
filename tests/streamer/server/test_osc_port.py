"""Controls over a real UDP socket: what they do to a session, who may, and that docs/osc.md has every address."""

from __future__ import annotations

import ast
import asyncio
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from streamer.errors import SettingsError
from streamer.osc import osc_controls, osc_server
from streamer.osc.osc_controls import ADDRESSES, ROOT
from streamer.osc.osc_packet import Argument, bundle, encode
from streamer.osc.osc_server import open_port
from streamer.server.app import Server
from streamer.server.control_api import Caller
from streamer.server.osc_port import EACH, MAX_BYTES, OscPort, osc_sentences
from streamer.server.rate_limits import Limits, RateLimiters
from streamer.settings import read_settings
from tests.support.leaks import unhandled_errors
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url

DOCUMENT = (Path(__file__).parents[3] / "docs" / "osc.md").read_text(encoding="utf-8")
FAULTS = 5  # kinds of them, of each of which the log tells now and then
PROGRAM = Caller("127.0.0.1", "another program")


class Deck:
    """A program that sends OSC. lines: what the console was told."""

    def __init__(self, sender: socket.socket, lines: list[str], server: Server) -> None:
        self.sender, self.lines, self.server = sender, lines, server

    def send(self, address: str, *arguments: Argument) -> None:
        self.sender.send(encode(address, *arguments))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def deck(limits: Limits = UNLIMITED) -> AsyncIterator[tuple[str, Deck]]:
    lines: list[str] = []
    bound = open_port("--osc", "127.0.0.1", 0)
    address = bound.getsockname()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.connect(address)
        async with serving(limits=limits, osc=bound, tell=lines.append) as (url, server):
            yield url, Deck(sender, lines, server)


async def test_a_session_is_controlled_by_osc() -> None:
    async with deck() as (url, program), Page(socket_url(url)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(1)
        program.send("/kagami/act/smile", 1)
        assert (await page.receive("acts"))["on"] == ["smile"]
        program.sender.send(bundle([encode("/kagami/act", "laugh", 1.0), encode("/kagami/act/smile", False)]))
        await page.receive("acts", on=["laugh"])
        program.send("/kagami/release")
        await page.receive("acts", on=[])
        program.send("/kagami/control/head", 0.5)
        program.send("/kagami/control/mirror", 0)
        await page.wait_until(
            lambda: [each["controls"] for each in page.messages if each["type"] == "controls"][-1:] != [] and
            program.server.control.api.newest.controls.values["head"] == 0.5
            and program.server.control.api.newest.controls.values["mirror"] is False
        )  # fmt: skip
        program.send("/kagami/mood", "happy")
        assert (await page.receive("mood"))["text"] == "happy"
        program.send("/kagami/picture", "start")
        assert (await page.receive("picture-status", stage="ready"))["by_program"]
        assert program.lines == []


async def test_the_console_says_why_nothing_happened() -> None:
    async with deck() as (_, program):
        program.send("/kagami/act/smile", 1)
        await program.until(lambda: program.lines)
        assert program.lines[0].startswith("OSC /kagami/act/smile: No page is open")


async def test_a_flood_leaves_a_live_session_and_other_programs_unharmed(caplog: pytest.LogCaptureFixture) -> None:
    chance, began = random.Random(20), time.monotonic()
    with unhandled_errors() as errors:
        async with deck(Limits()) as (url, program), Page(socket_url(url)) as page:
            await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(1)
            port = program.server._osc
            messages = [
                encode("/kagami/act/nod", 1),
                encode("/kagami/control/head", 0.5),
                encode("/kagami/picture", "x" * 300),
                chance.randbytes(100),
                bytes(MAX_BYTES + 1),
            ]
            for index in range(20_000):
                program.sender.send(messages[index % len(messages)])
                if index % 200 == 0:
                    await asyncio.sleep(0)
            while port.dropped <= EACH.burst:  # the system itself drops what is not read in time
                program.sender.send(messages[0])
                await asyncio.sleep(0)
            await page.wait_for_frames(2)
            assert (await program.server.control.api.call("acts", {}, PROGRAM)) == {"on": []}
            assert len(program.server._osc._controls._pending) <= 16
    passed = time.monotonic() - began
    assert errors == [] and len(program.lines) <= 1 + passed / osc_controls.TELL_PERIOD_S
    assert {record.levelname for record in caplog.records} <= {"WARNING"}
    assert len(caplog.records) <= FAULTS * (1 + passed / osc_server.TELL_PERIOD_S)


async def test_faces_end_with_the_port() -> None:
    async with deck() as (url, program), Page(socket_url(url)) as page:
        await page.hello()
        program.send("/kagami/act/smile", 1)
        await page.receive("acts", on=["smile"])
        await program.server._osc.close()
        await program.server._osc.close()
        await page.receive("acts", on=[])


async def test_a_port_that_never_started_is_closed() -> None:
    bound = open_port("--osc", "127.0.0.1", 0)
    async with serving() as (_, server):
        await OscPort(bound, server.control.api, RateLimiters(Limits()), print).close()
    assert bound.fileno() == -1


def test_whoever_starts_the_server_is_told_who_may() -> None:
    for host, has_token, words in (
        ("127.0.0.1", False, ["of this machine: docs/osc.md"]),
        ("127.0.0.1", True, ["of this machine: docs/osc.md", "need no token"]),
        ("0.0.0.0", True, ["of 0.0.0.0: docs/osc.md", "whoever reaches the OSC port controls every session"]),
    ):
        with closing(open_port("--osc", host, 0)) as bound:
            lines = osc_sentences(bound, has_token)
            assert len(lines) == len(words)
            assert [word for word, line in zip(words, lines, strict=True) if word not in line] == []


@pytest.mark.parametrize(
    ("text", "address"),
    [("39540", "127.0.0.1:39540"), ("0.0.0.0:9000", "0.0.0.0:9000"), ("[::1]:9000", "[::1]:9000")],
)
def test_without_a_host_it_is_this_machine_alone(text: str, address: str) -> None:
    assert read_settings(["--osc", text], {}).osc == address


@pytest.mark.parametrize("text", ["", "localhost", "0", "70000", "a b:9000", "host:", ":x"])
def test_an_address_that_is_none_is_a_sentence(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(["--osc", text], {})
    assert str(caught.value) == f"--osc is '{text}'; it must be PORT or HOST:PORT."


def test_osc_needs_a_control_api() -> None:
    with pytest.raises(SettingsError, match="leave one of them out"):
        read_settings(["--osc", "39540", "--control-api", "off"], {})


def test_nothing_of_it_is_imported_before_it_is_wanted() -> None:
    root, found = Path(__file__).parents[3] / "streamer", []
    own = {*(root / "osc").glob("*.py"), root / "server" / "osc_port.py"}
    for path in {*root.rglob("*.py")} - own:
        statements = ast.parse(path.read_text(encoding="utf-8")).body
        imports = [each.module or "" for each in statements if isinstance(each, ast.ImportFrom)]
        found += [(path.name, module) for module in imports if re.search(r"streamer\.osc|osc_port", module)]
    assert found == []


def test_document_names_every_address() -> None:
    section = DOCUMENT.split("\n## Controls\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")][2:]
    named = {name for row in rows for name in re.findall(rf"`/{ROOT}/([a-z]+)", row)}
    assert named == set(ADDRESSES)
    for limit in (f"{EACH.burst:g}", f"{EACH.per_s:g}", f"{MAX_BYTES // 1024} KiB"):
        assert limit in section
