"""Has a Kagami avatar follow OBS's scenes: each scene chooses a picture, faces and controls.

    python examples/obs_scenes.py scenes.json --password WORD

In OBS: Tools → WebSocket Server Settings → enable it; its password is shown there. `scenes.json` says by the name of a
scene what is called (docs/control-api.md); "*" is for all other scenes:

    {"Talk":  [{"do": "choose", "picture": "start"}, {"do": "control", "background": "transparent"}],
     "Break": [{"do": "choose", "picture": "sample/anime"}, {"do": "act", "name": "sleepy", "on": true}],
     "*":     [{"do": "choose", "picture": "start"}]}

What a scene holds ends with it. It needs the package `websockets`, which Kagami brings.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI

OBS_URL = "ws://127.0.0.1:4455"
KAGAMI_URL = "http://127.0.0.1:8080"
OTHERWISE = "*"  # in the file: scenes that it does not name
HELLO, IDENTIFY, IDENTIFIED, EVENT, REQUEST, RESPONSE = 0, 1, 2, 5, 6, 7  # obs-websocket v5: values of `op`
RPC_VERSION = 1
SCENE_EVENTS = 1 << 2  # obs-websocket v5: `EventSubscription::Scenes`
AUTHENTICATION_FAILED = 4009  # obs-websocket v5: close code
RETRY_PAUSE_S = 2.0  # until a lost connection is opened again
BUSY_PAUSE_S = 0.5  # until a picture is chosen again while another one is being prepared
ANSWER_TIMEOUT_S = 15.0

_numbers = count(1)

Call = Mapping[str, Any]  # `do` and its fields
Plan = Mapping[str, Sequence[Call]]  # by the name of a scene


class RefusedError(Exception):
    """Something cannot go on; one sentence."""


class CallError(Exception):
    """Kagami does not do one call. code: its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NewestScene:
    """The scene that OBS shows, for whoever waits for the next one."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._changed = asyncio.Event()

    def change(self, name: str) -> None:
        """OBS shows this scene now."""
        self.name = name
        self._changed.set()

    async def wait_for_other(self, name: str | None) -> str:
        """Its name, as soon as it is another one than this."""
        while self.name is None or self.name == name:
            self._changed.clear()
            await self._changed.wait()
        return self.name


def authentication(password: str, salt: str, challenge: str) -> str:
    """The answer to OBS's challenge, as obs-websocket v5 has it."""
    secret = base64.b64encode(hashlib.sha256((password + salt).encode()).digest())
    return base64.b64encode(hashlib.sha256(secret + challenge.encode()).digest()).decode()


async def identify(obs: ClientConnection, password: str | None) -> None:
    """Say hello to OBS, and want to hear of scenes. Raises RefusedError, ConnectionClosed."""
    hello = await _next(obs, HELLO)
    details: dict[str, Any] = {"rpcVersion": RPC_VERSION, "eventSubscriptions": SCENE_EVENTS}
    if (wanted := hello.get("authentication")) is not None:
        if password is None:
            raise RefusedError("OBS wants a password: give --password, or set OBS_PASSWORD.")
        details["authentication"] = authentication(password, wanted["salt"], wanted["challenge"])
    await obs.send(json.dumps({"op": IDENTIFY, "d": details}))
    await _next(obs, IDENTIFIED)


async def hear_scenes(obs: ClientConnection, scene: NewestScene) -> None:
    """Tell which scene OBS shows now, and every one after it, until the connection closes."""
    request = {"requestType": "GetCurrentProgramScene", "requestId": "scene"}
    await obs.send(json.dumps({"op": REQUEST, "d": request}))
    async for text in obs:
        message = json.loads(text)
        details = message.get("d", {})
        if message.get("op") == RESPONSE and details.get("requestStatus", {}).get("result"):
            scene.change(details["responseData"]["currentProgramSceneName"])
        elif message.get("op") == EVENT and details.get("eventType") == "CurrentProgramSceneChanged":
            scene.change(details["eventData"]["sceneName"])


async def follow_obs(url: str, password: str | None, scene: NewestScene, say: Callable[[str], object]) -> None:
    """Hear of OBS's scenes for ever; a lost connection is opened again. Raises RefusedError."""
    while True:
        try:
            async with connect(url) as obs:
                await identify(obs, password)
                say("OBS is connected")
                await hear_scenes(obs, scene)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == AUTHENTICATION_FAILED:
                raise RefusedError(
                    "OBS does not accept the password: see Tools, WebSocket Server Settings."
                ) from closed
        except (KeyError, TypeError, ValueError) as error:
            raise RefusedError(f"{url} does not speak obs-websocket v5 ({error!r}): use OBS 28 or newer.") from error
        except OSError as error:
            say(f"OBS does not answer ({error})")
        await asyncio.sleep(RETRY_PAUSE_S)


async def follow_scenes(
    url: str, token: str | None, plan: Plan, scene: NewestScene, say: Callable[[str], object]
) -> None:
    """Do in Kagami what the plan has for each scene, for ever; a lost connection is opened again, and the present scene
    is done again. Raises RefusedError.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    while True:
        try:
            async with connect(socket_address(url), additional_headers=headers) as kagami:
                await call(kagami, {"do": "describe"})
                say("Kagami is connected")
                await show_scenes(kagami, plan, scene, say)
        except ConnectionClosed:
            pass
        except CallError as error:
            raise RefusedError(str(error)) from error
        except OSError as error:
            say(f"Kagami does not answer ({error})")
        await asyncio.sleep(RETRY_PAUSE_S)


async def show_scenes(kagami: ClientConnection, plan: Plan, scene: NewestScene, say: Callable[[str], object]) -> None:
    """Do what the plan has for the scene of now and for each one after it. Raises RefusedError, ConnectionClosed."""
    shown: str | None = None
    while True:
        other = asyncio.ensure_future(scene.wait_for_other(shown))
        lost = asyncio.ensure_future(kagami.wait_closed())
        try:
            await asyncio.wait([other, lost], return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                return
            shown = other.result()
        finally:
            other.cancel()
            lost.cancel()
        await show_scene(kagami, plan, scene, shown, say)


async def show_scene(
    kagami: ClientConnection, plan: Plan, scene: NewestScene, name: str, say: Callable[[str], object]
) -> None:
    """Do what the plan has for the scene of this name, while OBS shows it. Raises RefusedError, ConnectionClosed."""
    say(f"scene {name}")
    for fields in [{"do": "release"}, *plan.get(name, plan.get(OTHERWISE, ()))]:
        while scene.name == name:
            try:
                if not await is_done(kagami, fields):
                    await call(kagami, fields)
                break
            except CallError as error:
                if error.code != "busy":
                    say(f"{fields['do']}: {error}")
                    break
                await asyncio.sleep(BUSY_PAUSE_S)


async def is_done(kagami: ClientConnection, fields: Call) -> bool:
    """Whether a picture that is to be chosen is in use already, and stays so."""
    if fields["do"] != "choose":
        return False
    now = await call(kagami, {"do": "picture"})
    return now["picture"] == fields.get("picture") and now["stage"] != "preparing"


async def call(kagami: ClientConnection, fields: Call) -> dict[str, Any]:
    """The answer to one call. Raises CallError, ConnectionClosed."""
    number = next(_numbers)
    with contextlib.suppress(ConnectionClosed):  # what was sent before it closed says why
        await kagami.send(json.dumps({"id": number, **fields}))
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while True:
            message = json.loads(await kagami.recv())
            if "error" in message and message["id"] in (None, number):
                raise CallError(message["error"]["code"], message["error"]["message"])
            if message.get("id") == number:
                answer: dict[str, Any] = message["ok"]
                return answer


async def _next(obs: ClientConnection, op: int) -> dict[str, Any]:
    """The details of the next message, which is one of this kind. Raises ValueError, ConnectionClosed."""
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        message = json.loads(await obs.recv())
    if message["op"] != op:
        raise ValueError(f"op {message['op']} in place of {op}")
    details: dict[str, Any] = message["d"]
    return details


def socket_address(url: str) -> str:
    """The WebSocket of the control API, from the address of the server's page."""
    return url.rstrip("/").replace("http", "ws", 1) + "/api/v1/ws"


def load_plan(path: Path) -> Plan:
    """The calls for each scene, from a JSON file. Raises RefusedError."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RefusedError(f"{path} cannot be read as JSON ({error}): correct it.") from error
    if not isinstance(plan, dict):
        raise RefusedError(f"{path} is no JSON object: see the head of this program for an example.")
    for name, calls in plan.items():
        if not isinstance(calls, list) or not all(isinstance(each, dict) and "do" in each for each in calls):
            raise RefusedError(f"The scene '{name}' in {path} has no list of calls: see the head of this program.")
    return plan


async def run(
    plan: Plan,
    obs_url: str = OBS_URL,
    password: str | None = None,
    kagami_url: str = KAGAMI_URL,
    token: str | None = None,
    say: Callable[[str], object] = print,
) -> None:
    """Follow OBS's scenes until cancelled. Raises RefusedError."""
    scene = NewestScene()
    both = [
        asyncio.ensure_future(follow_obs(obs_url, password, scene, say)),
        asyncio.ensure_future(follow_scenes(kagami_url, token, plan, scene, say)),
    ]
    try:
        await asyncio.gather(*both)
    except (InvalidStatus, InvalidURI) as error:
        raise RefusedError(f"An address does not answer as it should ({error}): see --obs and --kagami.") from error
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; problems are one sentence on stderr."""
    parser = argparse.ArgumentParser(description="A Kagami avatar that follows OBS's scenes.")
    parser.add_argument("plan", type=Path, help="JSON file: what is called in each scene")
    parser.add_argument("--obs", default=OBS_URL, help=f"address of obs-websocket ({OBS_URL})")
    parser.add_argument("--password", default=os.environ.get("OBS_PASSWORD"), help="of OBS; better in OBS_PASSWORD")
    parser.add_argument("--kagami", default=KAGAMI_URL, help=f"address of the server ({KAGAMI_URL})")
    parser.add_argument("--token", default=os.environ.get("KAGAMI_TOKEN"), help="of the server; better in KAGAMI_TOKEN")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run(load_plan(options.plan), options.obs, options.password, options.kagami, options.token))
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
