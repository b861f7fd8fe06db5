"""A real film through the server, and the clips of which none is made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from streamer.errors import KagamiError
from streamer.files.video_reader import VideoReader
from streamer.rigging.picture import load_picture
from streamer.server import film_worker
from streamer.server.film_worker import check_clip
from streamer.settings import Settings
from tests.support.clips import AVATAR, DRIVER, make_video
from tests.support.fakes import FakeAvatar, FakeCharacter
from tests.support.page import Page, serving, socket_url

FILM_TIMEOUT_S = 300.0  # a film has the lowest priority of all on a busy machine


def short_clip(path: Path, count: int = 10) -> bytes:
    """Every tenth frame of a person who talks."""
    with VideoReader(DRIVER) as reader:
        frames = [frame.rgb for frame, k in zip(reader, range(10 * count), strict=False) if k % 10 == 0]
    return make_video(path, frames, [40 * k for k in range(count)]).read_bytes()


async def test_a_clip_becomes_a_film_of_the_picture(tmp_path: Path) -> None:
    clip, picture = short_clip(tmp_path / "clip.mp4"), load_picture(AVATAR)
    avatar = FakeAvatar(128, 128, picture=picture, characters=(FakeCharacter(picture),))
    settings = Settings(generator="geometry", size=128)
    async with serving(settings, avatar=avatar) as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        async with httpx.AsyncClient(base_url=address, params={"session": session}) as http:
            await http.post("/api/film", params={"session": session, "name": "talk.mp4", "bytes": len(clip)})
            await http.put("/api/film", params={"session": session, "offset": 0}, content=clip)
            async with asyncio.timeout(FILM_TIMEOUT_S):
                while not any(m["type"] == "film" and m["stage"] in ("ready", "failed") for m in page.messages):
                    await asyncio.sleep(0.1)
            (tmp_path / "film.mp4").write_bytes((await http.get("/api/film")).content)
    with av.open(str(tmp_path / "film.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 10 and frames[0].shape == (128, 128, 3)
    assert max(np.abs(frame.astype(int) - frames[0]).mean() for frame in frames) > 0.2, "the picture does not move"


def test_clips_that_are_too_long_too_large_or_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, text = tmp_path / "clip", tmp_path / "text"
    clip.write_bytes(short_clip(tmp_path / "clip.mp4"))
    text.write_text("#EXTM3U\nfile:///etc/passwd\n")
    check_clip(clip, "talk.mp4", 1.0)
    for path, minutes, sentence in (
        (text, 1.0, "talk.mp4 is no MP4, MOV, WebM or MKV: convert it to MP4 first."),
        (clip, 0.005, "talk.mp4 is longer than 0.005 minutes: cut it, or choose a shorter one."),
    ):
        with pytest.raises(KagamiError) as caught:
            check_clip(path, "talk.mp4", minutes)
        assert str(caught.value) == sentence
    monkeypatch.setattr(film_worker, "MAX_PIXELS", 1000)
    with pytest.raises(KagamiError, match=r"^talk\.mp4 has \d+ x \d+ pixels a frame: save it in 4K at most\.$"):
        check_clip(clip, "talk.mp4", 1.0)
