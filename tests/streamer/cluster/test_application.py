"""The application on a Ray of this machine; skipped where Ray is missing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page as Tab
from playwright.async_api import WebSocket, async_playwright
from websockets.asyncio.client import connect

from benchmarks.streaming import whip_clients
from benchmarks.streaming.whip_clients import WhepPlayer, WhipEncoder
from tests.browser.actions import COLOUR, NEXT_FRAMES, is_close, png_file
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.support.cluster_process import ROOT, ClusterProcess
from tests.support.page import FakeCamera, Page, socket_url
from tests.support.server_checks import png

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason='the cluster wants Ray: pip install "kagami[cluster]"'
    ),
    pytest.mark.timeout(1200),  # with the start of the cluster, on a machine that has other work
]
TOKEN = "a-word-of-this-test"
SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"
PATIENCE_S = 120.0
START_S = 400.0  # of a replica in place of one that was killed
START = """
from streamer.cluster.start import start_ray
from streamer.errors import KagamiError

def attempt(address, **options):
    try:
        start_ray(address, **options)
    except KagamiError as error:
        print(error)

{}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterProcess]:
    """Two replicas and an ingress."""
    flags = f"--replicas 2 --cores 1 --token {TOKEN} --max-sessions 8 --min-fps 0 --whip --drain-s 0"
    with ClusterProcess(flags.split()) as cluster:
        yield cluster


@pytest.fixture
def address(cluster: ClusterProcess) -> str:
    return cluster.address


def client_of(address: str, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, timeout=PATIENCE_S, **options)


def page_of(address: str) -> Page:
    return Page(socket_url(address, f"?token={TOKEN}"), PATIENCE_S)


async def test_cluster_serves_the_page_and_honours_the_token(address: str) -> None:
    async with client_of(address) as http:
        assert "<title>" in (await http.get("/")).text
        assert (await http.get("/api/ready")).json() == {"status": "ready"}
        assert (await http.get("/api/health")).json() == {"status": "ok"}
        for path in ("/api/config", "/metrics"):
            assert (await http.get(path)).status_code == 401
        config = await http.get("/api/config", params={"token": TOKEN})
        assert config.json()["token_required"] and config.headers["x-content-type-options"] == "nosniff"
        assert config.headers.get_list("cache-control") == ["no-cache"]
        unknown = await http.get("/api/picture", params={"token": TOKEN, "session": "nobody"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "protocol")
        assert (await http.get("/api/v1/sessions", params={"token": TOKEN})).json() == {"sessions": []}
        assert (await http.get("/", headers={"Host": "evil.example"})).status_code == 403


async def test_sessions_are_spread_come_back_and_move_with_picture_and_controls(address: str) -> None:
    async with page_of(address) as first, page_of(address) as second, client_of(address) as http:
        for page, secret in ((first, SECRET), (second, SECRET[::-1])):
            hello = await page.hello(resume=secret)
            await page.start(FakeCamera())
            await page.wait_for_frames(2)
        health = (await http.get("/api/health", params={"token": TOKEN})).json()
        assert sorted(each["sessions"] for each in health["replicas"].values()) == [1, 1]
        await second.send(type="control", head=1.5)
        query = {"token": TOKEN, "session": hello["session"], "name": "red.png"}
        upload = await http.put("/api/picture", params=query, content=png((200, 30, 30)))
        assert upload.status_code == 202, upload.text
        await second.receive("picture-status", stage="ready")
        metrics = (await http.get("/metrics", params={"token": TOKEN})).text
        assert all(f'kagami_sessions{{replica="{name}"}} 1.0' in metrics for name in health["replicas"])
        await first.send(type="bye")
    async with page_of(address) as page:
        again = await page.hello(resume=SECRET[::-1])
        assert again["resumed"] and again["session"] == hello["session"]
        assert (again["picture"]["name"], again["controls"]["head"]) == ("red.png", 1.5)
        await page.send(type="bye")


async def test_programs_reach_sessions_of_every_replica(address: str) -> None:
    socket = connect(address.replace("http", "ws", 1) + f"/api/v1/ws?token={TOKEN}")
    async with page_of(address) as first, page_of(address) as second, socket as program:
        async with client_of(f"{address}/api/v1", params={"token": TOKEN}) as http:
            for page in (first, second):
                await page.hello()
                await page.start(FakeCamera())
                await page.wait_for_frames(2)
            sessions = (await http.get("/sessions")).json()["sessions"]
            assert [each["newest"] for each in sessions] == [True, False]
            newest, oldest = (each["session"] for each in sessions)
            assert (await http.get("/state")).json()["session"] == newest
            for page, handle, head in ((first, oldest, 0.5), (second, newest, 1.5)):
                changed = await http.patch("/controls", params={"session": handle}, json={"head": head})
                assert changed.json()["controls"]["head"] == head
                await page.receive("controls", controls={"head": head})
            assert (await http.get("/snapshot", params={"session": oldest})).content.startswith(b"\x89PNG")

        async def ask(do: str, **fields: Any) -> Any:
            await program.send(json.dumps({"id": do, "do": do, **fields}))
            return await hear(lambda message: message.get("id") == do)

        async def hear(is_it: Callable[[dict[str, Any]], bool]) -> Any:
            async with asyncio.timeout(PATIENCE_S):
                while not is_it(message := json.loads(await program.recv())):
                    pass
                return message

        assert (await ask("act", name="smile", on=True, session=oldest))["ok"] == {"on": ["smile"]}
        assert (await ask("acts", session=newest))["ok"] == {"on": []}
        assert (await ask("subscribe", events=["controls"], session=oldest))["ok"] == {"events": ["controls"]}
        await first.send(type="control", head=1.0)
        await hear(lambda message: message.get("controls") == {"head": 1.0} and message["session"] == oldest)
        await program.close()
        async with client_of(f"{address}/api/v1", params={"token": TOKEN}) as http:
            async with asyncio.timeout(PATIENCE_S):  # what the WebSocket held ends with it
                while (await http.get("/acts", params={"session": oldest})).json()["on"]:
                    await asyncio.sleep(0.1)


async def test_encoder_and_player_meet_at_one_replica_and_end_by_their_locations(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whip_clients, "WAIT_S", PATIENCE_S)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with client_of(address, headers=headers) as http:
        async with WhipEncoder(f"{address}/whip/me", FakeCamera(200), token=TOKEN) as encoder:
            async with WhepPlayer(f"{address}/whep/me", token=TOKEN) as player:
                await player.wait_until(lambda: player.frame is not None)
                assert encoder.session is not None and player.session is not None
                locations = [encoder.session.url, player.session.url]
            async with asyncio.timeout(PATIENCE_S):  # those of the test before are leaving
                while len((await http.get("/api/v1/sessions")).json()["sessions"]) != 1:
                    await asyncio.sleep(0.1)
        for location in locations:
            assert location is not None
            assert (await http.delete(location)).status_code == 404, "it was not ended before"


@contextlib.asynccontextmanager
async def live_page(address: str, secret: str) -> AsyncIterator[tuple[Page, dict[str, Any]]]:
    """A page that is live and leaves in the end, and the answer to its `hello`."""
    async with page_of(address) as page:
        hello = await page.hello(resume=secret)
        try:
            await page.start(FakeCamera())
            await page.wait_for_frames(2)
            yield page, hello
        finally:
            await leave(page)


async def leave(page: Page) -> None:
    """End a page's session, which the cluster has not ended before."""
    told = [message for message in page.messages if message["type"] not in ("stats", "candidate", "state")]
    assert not page.closed.is_set(), f"the cluster has closed the WebSocket of a page, after {told[-6:]}"
    await page.send(type="bye")


async def known(cluster: ClusterProcess, secret: str, **values: Any) -> dict[str, Any]:
    """What the directory knows of a session, once that has these values."""
    async with asyncio.timeout(PATIENCE_S):
        while not (record := await cluster.ask("record", secret)) or {**record, **values} != record:
            await asyncio.sleep(0.1)
    return dict(record)


@pytest.mark.skipif(
    "KAGAMI_CLUSTER_FAULTS" not in os.environ,
    reason="kills an engine, whose successor loads a full machine for minutes: set KAGAMI_CLUSTER_FAULTS=1",
)
async def test_sessions_of_a_killed_replica_go_on_at_the_other_one(
    cluster: ClusterProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page with a picture and a background of its own, and an encoder."""
    monkeypatch.setattr(whip_clients, "WAIT_S", PATIENCE_S)
    async with contextlib.AsyncExitStack() as stack, client_of(address, params={"token": TOKEN}) as http:
        encoder = WhipEncoder(f"{address}/whip/me", FakeCamera(), token=TOKEN)
        stack.push_async_callback(encoder.vanish)
        await encoder.connect()
        handle = (await http.get("/api/v1/state")).json()["session"]
        await http.patch("/api/v1/controls", params={"session": handle}, json={"head": 0.5})
        replica = (await known(cluster, "whip me", head=0.5))["replica"]
        for number in range(4):  # until a page comes to where the encoder is
            secret = f"a-secret-for-a-killed-replica-{number}"
            page, hello = await stack.enter_async_context(live_page(address, secret))
            if (await known(cluster, secret))["replica"] == replica:
                break
        await page.send(type="control", head=1.5)
        query = {"session": hello["session"], "name": "red.png"}
        for kind in ("picture", "background"):
            sent = await http.put(f"/api/{kind}", params=query, content=png((200, 30, 30)))
            assert sent.is_success, sent.text
        await page.receive("picture-status", stage="ready")
        own = {"name": "red.png", "head": 1.5, "background": hashlib.sha256(png((200, 30, 30))).hexdigest()}
        assert (await known(cluster, secret, **own))["replica"] == replica
        await cluster.ask("kill", replica)
        again = await page.receive("ready", count=2)
        assert again["resumed"] and again["session"] == hello["session"]
        assert (again["picture"]["name"], again["controls"]["head"]) == ("red.png", 1.5)
        await page.drop_peer()
        await page.start(FakeCamera())
        await page.wait_for_frames(3)
        assert (await known(cluster, secret, **own))["replica"] != replica
        await encoder.vanish()
        async with WhipEncoder(f"{address}/whip/me", FakeCamera(), token=TOKEN):
            controls = await http.get("/api/v1/controls", params={"session": handle})
            assert controls.json()["controls"]["head"] == 0.5, "the encoder's session did not go on"


@pytest.mark.skipif(
    "KAGAMI_CLUSTER_FAULTS" not in os.environ, reason="starts two more engines: set KAGAMI_CLUSTER_FAULTS=1"
)
async def test_sessions_go_on_at_the_new_replicas_of_a_redeployment(cluster: ClusterProcess, address: str) -> None:
    """Their pages' WebSockets stay open, since the ingress has no part in what is changed."""
    async with contextlib.AsyncExitStack() as stack, client_of(address, params={"token": TOKEN}) as http:
        pages = []
        for number in range(2):
            secret = f"a-secret-for-a-redeployment-{number}"
            page, hello = await stack.enter_async_context(live_page(address, secret))
            query = {"session": hello["session"], "name": "red.png"}
            sent = await http.put("/api/picture", params=query, content=png((200, 30, 30)))
            assert sent.is_success, sent.text
            await page.receive("picture-status", stage="ready")
            pages.append((page, hello["session"]))
        await cluster.ask("redeploy", "--max-sessions", "9")
        async with asyncio.timeout(START_S):
            while True:
                health = (await http.get("/api/health")).json()
                if [each["max_sessions"] for each in health["replicas"].values()] == [9, 9]:
                    break
                await asyncio.sleep(0.2)
        assert health["draining"] == [] and sum(each["sessions"] for each in health["replicas"].values()) == 2
        for page, session in pages:
            await page.receive("ready", count=2)
            again = [message for message in page.messages if message["type"] == "ready"][-1]
            assert again["resumed"] and (again["session"], again["picture"]["name"]) == (session, "red.png")
            await page.drop_peer()
            await page.start(FakeCamera())
            await page.wait_for_frames(2)


class BrowserPage:
    """The page in a tab of Chromium. secret: with which it comes back. readies: how many `ready` it got."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.secret = ""
        self.messages: list[dict[str, Any]] = []
        tab.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._on_sent)
        socket.on("framereceived", self._on_received)

    def _on_sent(self, text: str | bytes) -> None:
        self.secret = json.loads(text).get("resume", self.secret)

    def _on_received(self, text: str | bytes) -> None:
        self.messages.append(json.loads(text))

    @property
    def readies(self) -> int:
        return sum(message["type"] == "ready" for message in self.messages)

    async def go_live(self, address: str) -> None:
        await self.tab.goto(f"{address}/?token={TOKEN}")
        await self.tab.get_by_role("button", name="Start").click()
        await self.tab.wait_for_selector("body[data-live=live][data-link=open]")

    async def until_it_shows(self, rgb: tuple[int, int, int]) -> None:
        """Wait until new frames of the avatar have this colour."""
        deadline = time.monotonic() + PATIENCE_S
        shown = [0, 0, 0]
        while not is_close(shown, rgb):
            told = [message for message in self.messages if message["type"] not in ("stats", "candidate", "state")]
            assert time.monotonic() < deadline, f"it shows {shown} after {told[-12:]}"
            assert await self.tab.evaluate(NEXT_FRAMES, ["#avatar", 2, PATIENCE_S * 1000]), f"it stands still: {told}"
            shown = await self.tab.evaluate(COLOUR, "#avatar")


@pytest.mark.skipif(
    CHROMIUM is None or "KAGAMI_CLUSTER_BROWSER" not in os.environ,
    reason="takes a minute and more on two cores: set KAGAMI_CLUSTER_BROWSER=1, with Debian's chromium package",
)
async def test_page_in_a_browser_is_live_again_with_its_picture_after_its_replica_was_taken_away(
    cluster: ClusterProcess, address: str
) -> None:
    red = (200, 30, 30)
    async with client_of(address, params={"token": TOKEN}) as http, asyncio.timeout(START_S):
        while [each["sessions"] for each in (await http.get("/api/health")).json()["replicas"].values()] != [0, 0]:
            await asyncio.sleep(0.2)  # the one that was killed before is replaced
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            context = await browser.new_context(permissions=["camera", "microphone"])
            context.set_default_timeout(PATIENCE_S * 1000)
            pages = [BrowserPage(await context.new_page()) for _ in range(2)]
            for page in pages:
                await page.go_live(address)
                await page.tab.locator("#file").set_input_files(png_file("red.png", red))  # type: ignore[arg-type]
                await page.until_it_shows(red)
            places = {(await known(cluster, page.secret, name="red.png"))["replica"]: page for page in pages}
            assert len(places) == 2
            await cluster.ask("shrink")
            async with asyncio.timeout(PATIENCE_S):
                while max(page.readies for page in pages) < 2:
                    await asyncio.sleep(0.05)
            for replica, page in places.items():
                await page.until_it_shows(red)
                await page.tab.wait_for_selector("body[data-live=live][data-link=open]")
                assert ((await known(cluster, page.secret))["replica"] == replica) is (page.readies == 1)
        finally:
            await browser.close()


async def test_ray_that_does_not_answer_or_start_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # a port that is taken, and on which nobody listens
        port = unheard.getsockname()[1]
        addresses = [f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"]
        calls = [*(f"{each!r}" for each in addresses), f"None, _temp_dir={str(tmp_path / 'file')!r}"]
        command = [sys.executable, "-c", START.format("\n".join(f"attempt({call})" for call in calls))]
        ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=ROOT)
    *unreachable, unstarted = ended.stdout.splitlines()
    assert unreachable == [
        f"No Ray cluster answers at {each}: start one with ray start --head, or leave --address away to start one on "
        "this machine."
        for each in addresses
    ]
    assert re.fullmatch(
        r"Ray does not start on this machine \(.+\): free memory and space in its temporary folder, or name a cluster "
        r"with --address\.",
        unstarted,
    )
