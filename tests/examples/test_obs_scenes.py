"""examples/obs_scenes.py between an obs-websocket that is a fake and a real server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from examples import obs_scenes
from examples.obs_scenes import RefusedError, authentication, load_plan, main, run
from streamer.server.control_api_calls import parse_call
from streamer.settings import Settings
from tests.support.page import UNLIMITED, Page, serving, socket_url

PASSWORD = "supersecretpassword"
SALT, CHALLENGE = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=", "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="
TOKEN = "a-secret-word"
PLAN = {
    "Talk": [{"do": "act", "name": "smile", "on": True}],
    "Break": [
        {"do": "choose", "picture": "sample/anime"},
        {"do": "act", "name": "frown"},
        {"do": "control", "head": 0.5},
        {"do": "act", "name": "sleepy", "on": True},
    ],
    "*": [{"do": "choose", "picture": "start"}],
}


class FakeObs:
    """obs-websocket v5, as far as scenes go: hello with a challenge, the scene of now, and events of changes."""

    def __init__(self, scene: str) -> None:
        self.scene = scene
        self.url = ""
        self.identified = 0
        self._sockets: set[ServerConnection] = set()

    async def change(self, scene: str) -> None:
        self.scene = scene
        event = {"eventType": "CurrentProgramSceneChanged", "eventIntent": 4, "eventData": {"sceneName": scene}}
        for socket in self._sockets:
            await socket.send(json.dumps({"op": 5, "d": event}))

    async def drop(self) -> None:
        """Close every connection, as when OBS ends."""
        for socket in list(self._sockets):
            await socket.close()

    async def handle(self, socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            hello = {"rpcVersion": 1, "authentication": {"challenge": CHALLENGE, "salt": SALT}}
            await socket.send(json.dumps({"op": 0, "d": hello}))
            identify = json.loads(await socket.recv())
            secret = base64.b64encode(hashlib.sha256(f"{PASSWORD}{SALT}".encode()).digest()).decode()
            wanted = base64.b64encode(hashlib.sha256(f"{secret}{CHALLENGE}".encode()).digest()).decode()
            if identify["op"] != 1 or identify["d"]["authentication"] != wanted:
                await socket.close(4009, "Authentication failed.")
                return
            assert identify["d"]["eventSubscriptions"] == 4 and identify["d"]["rpcVersion"] == 1
            await socket.send(json.dumps({"op": 2, "d": {"negotiatedRpcVersion": 1}}))
            self.identified += 1
            self._sockets.add(socket)
            try:
                async for text in socket:
                    request = json.loads(text)["d"]
                    assert request["requestType"] == "GetCurrentProgramScene"
                    answer = {
                        **request,
                        "requestStatus": {"result": True, "code": 100},
                        "responseData": {"currentProgramSceneName": self.scene, "sceneName": self.scene},
                    }
                    await socket.send(json.dumps({"op": 7, "d": answer}))
            finally:
                self._sockets.discard(socket)


@contextlib.asynccontextmanager
async def obs_running(scene: str) -> AsyncIterator[FakeObs]:
    obs = FakeObs(scene)
    async with serve(obs.handle, "127.0.0.1", 0) as server:
        obs.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield obs


@contextlib.asynccontextmanager
async def following(*arguments: Any, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(run(*arguments, **options))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_scenes_choose_pictures_faces_and_controls_and_what_they_hold_ends_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(obs_scenes, "RETRY_PAUSE_S", 0.0)
    monkeypatch.setattr(obs_scenes, "BUSY_PAUSE_S", 0.01)
    said: list[str] = []
    async with (
        serving(Settings(token=TOKEN), limits=UNLIMITED) as (address, server),
        Page(socket_url(address, f"?token={TOKEN}")) as page,
        obs_running("Talk") as obs,
    ):
        await page.hello()
        session = server.control.api.session_of(None)
        acts = session.controls.acts
        async with following(PLAN, obs.url, PASSWORD, address, TOKEN, said.append) as task:
            await page.wait_until(lambda: acts.on == ["smile"], "the scene that OBS shows at the start")
            await obs.change("Break")
            await page.receive("picture-status", stage="ready")
            await page.wait_until(lambda: acts.on == ["sleepy"], "the face of the second scene")
            assert session.pictures.name == "Anime" and session.controls.current.head == 0.5
            assert any(line.startswith("act: The field 'name' must be one of") for line in said)
            await obs.drop()
            await page.wait_until(lambda: obs.identified == 2, "another connection to OBS")
            await page.wait_until(lambda: said[-1] == "OBS is connected")
            await obs.change("Credits")
            await page.receive("picture-status", stage="ready", name="fake.png")
            await page.wait_until(lambda: acts.on == [], "the end of what the last scene held")
            assert not task.done()


async def test_a_scene_that_comes_while_a_picture_is_prepared_has_its_own_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(obs_scenes, "BUSY_PAUSE_S", 0.01)
    said: list[str] = []
    async with (
        serving(limits=UNLIMITED) as (address, server),
        Page(socket_url(address)) as page,
        obs_running("Break") as obs,
    ):
        await page.hello()
        pictures = server.control.api.session_of(None).pictures
        async with following(PLAN, obs.url, PASSWORD, address, None, said.append):
            with pictures.upload():  # as while the page sends one
                await page.wait_until(lambda: "scene Break" in said, "the first scene")
                await obs.change("Credits")
                await page.wait_until(lambda: "scene Credits" in said, "the second scene")
            await page.wait_until(lambda: server.control.api.choices.now(pictures)["picture"] == "start")
        assert said.count("scene Credits") == 1


@pytest.mark.parametrize(
    ("password", "token", "sentence"),
    [
        ("wrong", TOKEN, "OBS does not accept the password"),
        (None, TOKEN, "OBS wants a password"),
        (PASSWORD, "wrong", "The token is missing or wrong"),
    ],
)
async def test_who_may_not_in_is_told_so_once(password: str | None, token: str, sentence: str) -> None:
    async with serving(Settings(token=TOKEN), limits=UNLIMITED) as (address, _), obs_running("Talk") as obs:
        with pytest.raises(RefusedError, match=re.escape(sentence)):
            async with asyncio.timeout(20):
                await run(PLAN, obs.url, password, address, token, lambda _: None)


def test_the_answer_to_the_challenge_is_that_of_the_protocol() -> None:
    """The example of obs-websocket's own protocol.md has these three inputs."""
    assert authentication(PASSWORD, SALT, CHALLENGE) == "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="


def test_plans_are_read_and_faults_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scenes.json"
    example = re.search(r"\n\n( +\{\"Talk\".*?\]\})\n", obs_scenes.__doc__ or "", re.S)
    assert example is not None
    path.write_text(example[1])
    for calls in load_plan(path).values():
        for each in calls:
            parse_call(each["do"], {name: value for name, value in each.items() if name != "do"})
    for text, sentence in [("{", "cannot be read as JSON"), ("[]", "is no JSON object"), ('{"A": [1]}', "has no list")]:
        path.write_text(text)
        assert main([str(path)]) == 1
        assert sentence in capsys.readouterr().err
