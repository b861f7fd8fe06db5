"""The calls of programs, whatever carries them: what they do to a session, and what its page is told."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from streamer.errors import (
    BusyError,
    KagamiError,
    NoPageError,
    NotLiveError,
    NotSeenError,
    ProtocolError,
    TooFastError,
    TooLargeError,
    UnknownHandleError,
)
from streamer.frames import AvatarFrame
from streamer.server.control_api import Caller, ControlApi, Event, handle_of
from streamer.server.control_api_calls import CALLS, EVENTS, PRESS_S, Press, parse_call, parse_object
from streamer.server.control_api_pictures import UnknownPictureError
from streamer.server.rate_limits import Limits, Rate
from streamer.server.snapshot import encode_snapshot
from streamer.settings import Settings
from tests.support.fakes import FakePipeline
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, png, wait_for_colour

DECK = Caller("127.0.0.1", "deck")


async def test_without_a_page_there_is_a_sentence_for_every_call_of_a_session() -> None:
    async with serving() as (_, server):
        api = server.control.api
        assert (await api.call("describe", {}, DECK))["calls"] == list(CALLS)
        assert await api.call("sessions", {}, DECK) == {"sessions": []}
        for do in set(CALLS) - {"describe", "sessions"}:
            fields = {
                "choose": {"picture": "start"},
                "act": {"name": "nod"},
                "control": {"head": 1},
                "set_mood": {"text": ""},
            }.get(do, {})
            with pytest.raises(NoPageError, match="open the server's page and press Start"):
                await api.call(do, fields, DECK)


async def test_the_newest_live_session_is_meant_and_others_by_their_handle() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as first, Page(socket_url(address)) as second:
        api = server.control.api
        secret = (await first.hello())["session"]
        await first.start(FakeCamera())
        await second.hello()
        async with Page(socket_url(address)) as viewer:
            await viewer.hello(watch=True)
            sessions = (await api.call("sessions", {}, DECK))["sessions"]
        assert [(each["live"], each["newest"]) for each in sessions] == [(False, False), (True, True)]
        older, newer = (each["session"] for each in reversed(sessions))
        assert older == handle_of(server.conversations.sessions[secret]) and secret not in str(sessions)
        await api.call("control", {"head": 0.5}, DECK)
        await api.call("control", {"head": 0.25}, DECK, newer)
        assert (await first.receive("controls"))["controls"] == {"head": 0.5}
        assert (await second.receive("controls"))["controls"] == {"head": 0.25}
        assert (await api.call("state", {}, DECK))["session"] == older
        with pytest.raises(UnknownHandleError):
            await api.call("state", {}, DECK, secret)


async def test_controls_are_those_of_the_page_and_their_faults_have_its_sentences() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        before = (await page.hello())["controls"]
        assert await api.call("controls", {}, DECK) == {"controls": before}
        after = await api.call("control", {"colour": "#FF0000", "background": "colour", "paused": True}, DECK)
        assert after["controls"] == {**before, "colour": "#ff0000", "background": "colour", "paused": True}
        told = await page.receive("controls")
        assert told["controls"] == {"colour": "#ff0000", "background": "colour", "paused": True}
        for fields, sentence in [
            ({"head": 3}, "The field 'head' is out of range (0 to 2): choose a value between."),
            ({"hat": 1}, "A message 'control' has no field 'hat': see docs/control-api.md."),
            ({"type": "control", "head": 1}, "A message 'control' has no field 'type': see docs/control-api.md."),
            ({}, "The message 'control' changes nothing: name at least one field."),
        ]:
            with pytest.raises(ProtocolError) as refused:
                await api.call("control", fields, DECK)
            assert str(refused.value) == sentence
        with pytest.raises(NotLiveError):
            await api.call("control", {"calibrate": True}, DECK)
        with pytest.raises(NotSeenError):
            await api.call("control", {"straighten": True, "voice": 0.5}, DECK)
        assert (await page.receive("controls", 2))["controls"] == {"voice": 0.5}


def test_a_press_lasts_and_a_hold_does_not_end() -> None:
    assert Press("smile").lasts_s == PRESS_S and Press("smile", seconds=0.5).lasts_s == 0.5
    assert Press("smile", on=True).lasts_s is None and Press("smile", on=True, seconds=9.0).lasts_s == 9
    for fields, sentence in [
        ({"name": "smile", "on": False, "seconds": 1}, "leave it out where 'on' is false"),
        ({"name": "smile", "seconds": 0}, "The field 'seconds' is out of range (0.05 to 3600)"),
        ({"name": "frown"}, "The field 'name' must be one of smile, laugh"),
        ({"name": "my-face", "weights": {"nose": 1}}, "unknown blendshape 'nose'"),
        ({}, "The message lacks its field 'name': see docs/control-api.md."),
        ({"name": "smile", "on": 1}, "The field 'on' has the wrong type: see docs/control-api.md."),
    ]:
        with pytest.raises(ProtocolError) as refused:
            parse_call("act", fields)
        assert sentence in str(refused.value)
    with pytest.raises(ProtocolError, match="There is no such call: use one of describe, sessions"):
        parse_call("explode", {})
    with pytest.raises(ProtocolError, match="The field 'format' must be one of png, webp"):
        parse_call("snapshot", {"format": "gif"})


@pytest.mark.parametrize("text", ["", "{", "[1]", "nul", '{"head": NaN}', '"\\ud800"', "[" * 9999, "x" * 70_000])
def test_what_is_no_json_object_is_a_sentence(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"^The message is .*\.$"):
        parse_object(text)


async def test_faces_of_programs_and_of_the_page_add_up_and_each_ends_its_own() -> None:
    other = Caller("127.0.0.1", "other")
    async with serving() as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        await page.send(type="act", name="smile")
        await page.send(type="act", name="anger")
        assert await api.call("act", {"name": "smile", "on": True}, DECK) == {"on": ["smile"]}  # before the page's
        assert (await page.receive("acts"))["on"] == ["smile"]
        await page.wait_until(lambda: api.session_of(None).controls.acts.on == ["anger", "smile"])
        await api.call("act", {"name": "kiss", "on": True, "weights": {"jawOpen": 1}}, other)
        await api.call("act", {"name": "nod"}, DECK)
        assert await api.call("release", {}, DECK) == {"on": ["anger", "kiss", "smile"]}  # the page still smiles
        assert await api.call("act", {"name": "anger", "on": False}, other) == {"on": ["anger", "kiss", "smile"]}
        await page.send(type="act", name="kiss", on=False)  # the driver has the last word
        await page.wait_until(lambda: api.session_of(None).controls.acts.on == ["anger", "smile"])
        await page.receive("acts", on=[])
        await api.call("act", {"name": "sadness", "on": True}, other)
        api.release_holder("other")
        assert await api.call("acts", {}, DECK) == {"on": ["anger", "smile"]}


async def test_a_face_that_is_pressed_ends_by_itself_and_a_second_press_begins_anew() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        await api.call("act", {"name": "laugh", "seconds": 0.05}, DECK)
        await api.call("act", {"name": "laugh", "on": True}, DECK)  # the first one's end does not end this
        await api.call("act", {"name": "smile", "seconds": 0.05}, DECK)
        await page.receive("acts", on=["laugh", "smile"])
        await page.wait_until(lambda: page.messages[-1].get("on") == ["laugh"], "the end of the smile")
        assert (await api.call("acts", {}, DECK))["on"] == ["laugh"]


async def test_a_mood_in_words_is_read_and_the_page_is_told() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        assert (await api.call("mood", {}, DECK))["text"] == ""
        read = await api.call("set_mood", {"text": "sad and gloopy"}, DECK)
        assert read == await api.call("mood", {}, DECK)
        assert [each["word"] for each in read["unknown"]] == ["gloopy"]
        assert await page.receive("mood", text="sad and gloopy") == {"type": "mood", **read}
        with pytest.raises(ProtocolError, match=r"The field 'text' .*200"):
            await api.call("set_mood", {"text": "x" * 201}, DECK)


async def test_pictures_are_listed_and_chosen_and_the_page_is_told(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(png((10, 200, 30)))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(png())
    (tmp_path / "folder.png").mkdir()
    settings = Settings(pictures=tmp_path)
    async with serving(settings, limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        await page.start(FakeCamera())
        listed = (await api.call("pictures", {}, DECK))["pictures"]
        ids = [each["picture"] for each in listed]
        assert [each for each in ids if each.startswith("shelf/")] == ["shelf/cat.png"] and "sample/anime" in ids
        assert [each["picture"] for each in listed if each["in_use"]] == ["start"]
        answer = await api.call("choose", {"picture": "shelf/cat.png"}, DECK)
        assert answer == {"picture": "shelf/cat.png", "name": "cat.png", "stage": "preparing"}
        told = await page.receive("picture-status", stage="ready")
        assert told["name"] == "cat.png" and told["by_program"]
        await wait_for_colour(page, (10, 200, 30))
        now = await api.call("picture", {}, DECK)
        assert now == {"picture": "shelf/cat.png", "name": "cat.png", "stage": "ready", "coming": None, "message": None}
        await api.call("choose", {"picture": "start"}, DECK)
        await page.receive("picture-status", 2, stage="ready")
        (tmp_path / "cat.png").unlink()
        for unknown in ("shelf/cat.png", "shelf/../cat.png", "shelf//etc/passwd", "sample/avatar.png", "kept/x", ""):
            with pytest.raises(UnknownPictureError):
                await api.call("choose", {"picture": unknown}, DECK)


async def test_what_a_page_uploaded_is_kept_for_programs_and_is_told_as_the_pages_own() -> None:
    async with serving(limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        session = (await page.hello())["session"]
        upload = await http_request(
            address, "PUT", "/api/picture", params={"session": session, "name": "me.png"}, content=png((9, 9, 9))
        )
        assert upload.status_code == 202
        assert not (await page.receive("picture-status", stage="ready"))["by_program"]
        kept = [
            each for each in (await api.call("pictures", {}, DECK))["pictures"] if each["picture"].startswith("kept")
        ]
        assert [(each["name"], each["in_use"]) for each in kept] == [("me.png", True)]
        await api.call("choose", {"picture": "start"}, DECK)
        await page.receive("picture-status", 2, stage="ready")
        await api.call("choose", {"picture": kept[0]["picture"]}, DECK)
        again = await page.receive("picture-status", 3, stage="ready")
        assert again["name"] == "me.png" and again["by_program"]


async def test_pictures_that_cannot_be_used_are_sentences_and_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "huge.png").write_bytes(bytes(200_000))
    (tmp_path / "faceless.png").write_bytes(png((250, 250, 0)))
    settings = Settings(pictures=tmp_path, max_upload_mb=0.1)
    async with serving(settings, limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        with pytest.raises(KagamiError, match=r"broken\.png"):
            await api.call("choose", {"picture": "shelf/broken.png"}, DECK)
        with pytest.raises(TooLargeError):
            await api.call("choose", {"picture": "shelf/huge.png"}, DECK)
        await api.call("choose", {"picture": "shelf/faceless.png"}, DECK)
        await page.receive("picture-status", stage="failed")
        now = await api.call("picture", {}, DECK)
        assert (now["picture"], now["stage"]) == ("start", "failed") and "faceless.png" in now["message"]


async def test_one_picture_is_prepared_at_a_time() -> None:
    pipeline = FakePipeline(size=128, prepare_delay=0.5)
    async with serving(pipeline=pipeline, limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        await api.call("choose", {"picture": "sample/anime"}, DECK)
        with pytest.raises(BusyError):
            await api.call("choose", {"picture": "start"}, DECK)
        await page.receive("picture-status", stage="ready")


async def test_a_snapshot_is_the_newest_frame_with_alpha_where_nothing_is_behind() -> None:
    async with serving(limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        with pytest.raises(NotLiveError):
            await api.call("snapshot", {}, DECK)
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        answer = await api.call("snapshot", {"format": "webp"}, DECK)
        image = Image.open(io.BytesIO(base64.b64decode(answer["base64"])))
        assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (128, 128))
        await api.call("control", {"background": "transparent"}, DECK)
        frame = api.session_of(None).newest_frame
        await page.wait_until(lambda: (f := api.session_of(None).newest_frame) is not None and f.alpha is not None)
        assert frame is not None
        data = await api.snapshot(api.session_of(None), "png", DECK)
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        assert pixels.shape == (128, 128, 4) and (pixels[..., 3] == 128).all()
        assert np.abs(pixels[:, 100, :3].astype(int) - (200, 120, 40)).max() < 4, "colours are straight"


def test_a_snapshot_without_alpha_is_exact_as_png() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(encode_snapshot(AvatarFrame(rgb, 0.0), "png")))) == rgb).all()


async def test_snapshots_are_bounded_in_their_rate() -> None:
    limits = Limits(snapshots=(Rate(9, 9), Rate(1, 0.01)))
    async with serving(limits=limits) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        with pytest.raises(NotLiveError):
            await server.control.api.call("snapshot", {}, DECK)
        with pytest.raises(TooFastError, match="Too many snapshots come at once"):
            await server.control.api.call("snapshot", {}, DECK)


async def test_statistics_are_those_of_the_page() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        api = server.control.api
        await page.hello()
        with pytest.raises(NotLiveError):
            await api.call("statistics", {}, DECK)
        await page.start(FakeCamera())
        statistics = await page.receive("stats")
        assert (await api.call("statistics", {}, DECK)).keys() == statistics.keys() - {"type"}


async def test_what_happens_is_told_to_listeners_once_for_each_change() -> None:
    heard: list[tuple[str, dict[str, Any]]] = []

    def listen(event: Event) -> None:
        heard.append((event.name, event.values))

    async with serving(limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        api: ControlApi = server.control.api
        unlisten = api.listen(listen)
        await page.hello()
        await page.start(FakeCamera())
        await page.send(type="control", head=0.5, calibrate=True)
        await page.send(type="act", name="smile")
        await api.call("choose", {"picture": "start"}, DECK)
        await api.call("set_mood", {"text": "sad"}, DECK)
        await page.receive("stats")
        await page.wait_until(lambda: {name for name, _ in heard} == set(EVENTS))
        unlisten()
        assert ("controls", {"controls": {"head": 0.5}}) in heard and ("acts", {"on": ["smile"]}) in heard
        stages = [values["stage"] for name, values in heard if name == "picture"]
        assert stages == ["preparing", "ready"]
        count = len(heard)
        await page.send(type="control", head=1)
        await asyncio.wait_for(page.receive("stats", 2), 20)
        assert len(heard) == count
