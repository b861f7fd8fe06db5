"""The keys of examples/stream_deck.py against a real server, in a terminal and on a Stream Deck that is a fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from examples import stream_deck
from examples.stream_deck import KEYS, ROUTES, Deck, Kagami, Key, Pad, RefusedError, load_keys, main, run_in_terminal
from streamer.server.control_api_calls import CALLS, parse_call
from streamer.server.control_api_routes import ENDPOINTS
from streamer.settings import Settings
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url

WORD = "a-secret-word"


class FakeDevice:
    """A Stream Deck of a few keys, as the package `streamdeck` has it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.images: dict[int, bytes] = {}
        self.callback: Callable[[Any, int, bool], None] = lambda *_: None

    def key_count(self) -> int:
        return self._count

    def set_key_image(self, key: int, image: bytes) -> None:
        self.images[key] = image

    def set_key_callback(self, callback: Callable[[Any, int, bool], None]) -> None:
        self.callback = callback


def test_routes_and_keys_are_those_of_the_control_api() -> None:
    assert set(ROUTES.items()) <= {(each.do, (each.method, each.path)) for each in ENDPOINTS}
    for key in KEYS:
        if key.do in CALLS:
            parse_call(key.do, key.fields)
    assert len({key.key for key in KEYS}) == len(KEYS)


async def test_typed_letters_press_faces_and_change_pictures_and_controls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.chdir(tmp_path)
    async with serving(Settings(token=WORD), limits=UNLIMITED) as (address, server):
        pad = Pad(Kagami(address, WORD), said.append)
        async with Page(socket_url(address, f"?token={WORD}")) as page:
            await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(1)
            session = server.control.api.session_of(None)
            await asyncio.to_thread(run_in_terminal, pad, KEYS, iter("1n?"))
            assert session.controls.acts.on == ["smile"] and said == ["Smile", "Nod"]
            await asyncio.to_thread(run_in_terminal, pad, KEYS, iter("pbg"))
            assert session.controls.paused and session.controls.current.background == "transparent"
            await asyncio.to_thread(run_in_terminal, pad, KEYS, iter("p"))
            assert not session.controls.paused
            (saved,) = tmp_path.glob("avatar-*.png")
            with Image.open(saved) as image:
                assert image.size == (128, 128)
            await asyncio.to_thread(run_in_terminal, pad, KEYS, iter("]"))
            assert (await page.receive("picture-status", stage="ready"))["name"] == "Portrait"
            await asyncio.to_thread(run_in_terminal, pad, KEYS, iter("["))
            assert (await page.receive("picture-status", 2, stage="ready"))["name"] == "fake.png"
        await asyncio.to_thread(run_in_terminal, pad, KEYS, iter("1"))
        assert said[-1] == "Smile: No page is open: open the server's page and press Start."


async def test_a_key_of_a_deck_holds_a_face_while_it_is_down() -> None:
    said: list[str] = []
    async with serving(limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        session = server.control.api.session_of(None)
        device = FakeDevice(3)
        Deck(device, Pad(Kagami(address), said.append), KEYS, str.encode)
        assert device.images == {0: b"Smile", 1: b"Laugh", 2: b"Surprise"}
        await asyncio.to_thread(device.callback, device, 0, True)
        await asyncio.to_thread(device.callback, device, 2, True)
        await asyncio.to_thread(device.callback, device, 9, True)  # a key without a label
        assert session.controls.acts.on == ["smile", "surprise"]
        await asyncio.to_thread(device.callback, device, 0, False)
        assert session.controls.acts.on == ["surprise"]


async def test_one_face_is_pressed_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        arguments = ["--url", address, "--press"]
        assert await asyncio.to_thread(main, [*arguments, "kiss", "--seconds", "600"]) == 0
        assert server.control.api.session_of(None).controls.acts.on == ["kiss"]
        assert await asyncio.to_thread(main, [*arguments, "frown"]) == 1
        assert capsys.readouterr().err.startswith("The field 'name' must be one of smile, ")


def test_problems_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "http://127.0.0.1:9", "--press", "smile"]) == 1
    assert "start it, or give --url." in capsys.readouterr().err
    (tmp_path / "keys.json").write_text('[{"key": "1"}]')
    assert main(["--keys", str(tmp_path / "keys.json")]) == 1
    assert "is no file of keys" in capsys.readouterr().err


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([{"key": "s", "label": "Smile", "do": "act", "fields": {"name": "smile"}}]))
    assert load_keys(path) == (Key("s", "Smile", "act", {"name": "smile"}),)


def test_without_the_package_a_deck_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stream_deck.sys.modules, "StreamDeck.DeviceManager", None)
    with pytest.raises(RefusedError, match="pip install streamdeck pillow, or leave --deck out"):
        stream_deck.run_on_deck(Pad(Kagami()), KEYS)
