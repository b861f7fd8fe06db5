"""Uploads are decoded in processes of their own, which end with their answer or with the server."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image as Pillow

from streamer.errors import EngineClosedError, KagamiError
from streamer.rigging import picture_process as module
from streamer.rigging.picture import MAX_SIDE, PictureError, load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.rigger import NoFaceError, find_character
from streamer.runtime.priority import UPLOAD_NICENESS
from tests.support.pictures import cat

needs_sigstop = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no signal stops a process here")
AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"
TIMEOUT_S = 60.0


@pytest.fixture
def pictures() -> Iterator[PictureProcess]:
    made = PictureProcess()
    with suppress(PictureError):
        made.load(b"")  # starts the fork server
    yield made
    made.close()


def large_png() -> bytes:
    """About as many pixels as a PNG without alpha may have; its decoding takes a while."""
    data = io.BytesIO()
    Pillow.new("RGB", (6400, 6400), (90, 120, 150)).save(data, "PNG", compress_level=1)
    return data.getvalue()


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def test_pictures_and_characters_are_those_of_this_process(pictures: PictureProcess) -> None:
    before = children()
    picture = pictures.load(AVATAR.read_bytes())
    assert np.array_equal(picture.rgba, load_picture(AVATAR.read_bytes()).rgba)
    found, here = pictures.find(picture, 128), find_character(picture, 128)
    assert np.array_equal(found.face, here.face) and np.array_equal(found.alpha, here.alpha)
    assert children() <= before


def test_errors_are_the_sentences_of_this_process(pictures: PictureProcess) -> None:
    with pytest.raises(PictureError, match=r"^The uploaded picture is empty \(0 bytes\): save it again\.$"):
        pictures.load(b"")
    with pytest.raises(NoFaceError, match=r"^No face was found in cat\.png: use a picture"):
        pictures.find(cat(), 128)


def test_largest_picture_fits_into_its_memory(pictures: PictureProcess) -> None:
    assert pictures.load(large_png()).rgba.shape == (MAX_SIDE, MAX_SIDE, 4)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no limit of memory here")
def test_picture_that_needs_too_much_memory_is_a_sentence() -> None:
    pictures = PictureProcess(max_address_bytes=32 * 2**20)
    with pytest.raises(PictureError, match=r"^The picture needs too much memory to be read: scale it down\.$"):
        pictures.load(large_png())


class Loading:
    """`load` in a thread; error: what it raised."""

    def __init__(self, pictures: PictureProcess) -> None:
        self.error: KagamiError | None = None
        before = set(psutil.Process().children())
        self.thread = threading.Thread(target=self._load, args=(pictures, large_png()), daemon=True)
        self.thread.start()
        deadline = time.monotonic() + TIMEOUT_S
        while not (started := set(psutil.Process().children()) - before):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        (self.process,) = started

    def _load(self, pictures: PictureProcess, data: bytes) -> None:
        try:
            pictures.load(data)
        except KagamiError as error:
            self.error = error

    def end(self) -> None:
        """Wait until the call and its process have ended."""
        self.thread.join(TIMEOUT_S)
        assert not self.thread.is_alive()
        with suppress(psutil.NoSuchProcess):
            assert not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE


@needs_sigstop
def test_close_kills_a_process_that_decodes_or_hangs(pictures: PictureProcess) -> None:
    loading = Loading(pictures)
    os.kill(loading.process.pid, signal.SIGSTOP)
    pictures.close()
    loading.end()
    assert isinstance(loading.error, EngineClosedError)
    with pytest.raises(EngineClosedError):
        pictures.load(b"")


@needs_sigstop
def test_picture_whose_process_stands_still_is_read_by_another(
    pictures: PictureProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STILL_TIMEOUT_S", 0.5)
    loading = Loading(pictures)
    while loading.process.nice() < UPLOAD_NICENESS:
        time.sleep(0.002)
    os.kill(loading.process.pid, signal.SIGSTOP)
    loading.end()
    assert loading.error is None


@needs_sigstop
def test_picture_that_takes_too_long_is_a_sentence(pictures: PictureProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 2.0)
    loading = Loading(pictures)
    os.kill(loading.process.pid, signal.SIGSTOP)
    loading.end()
    assert str(loading.error) == "The picture takes too long to be read: scale it down."


def test_process_that_dies_is_a_sentence_and_the_next_picture_is_read(pictures: PictureProcess) -> None:
    loading = Loading(pictures)
    while loading.process.nice() < UPLOAD_NICENESS:
        time.sleep(0.002)
    loading.process.kill()
    loading.end()
    assert str(loading.error) == "The picture cannot be read by this server: save it as another PNG."
    assert pictures.load(AVATAR.read_bytes()).name == "uploaded picture"
