"""A smaller canvas is made beside the frames, which go on with the one before."""

import gc
import logging
import threading
import weakref

import pytest
import torch

from kernels.sampling import packed_texels as packed
from models.geometry.resized_rig import resized_rig
from models.geometry.rig import Rig
from streamer.generation.resized_canvas import ResizedCanvas, packed_on
from tests.support.faces import drawn_face


@pytest.fixture(scope="module")
def whole() -> Rig:
    return drawn_face(64)


def test_frames_go_on_with_the_canvas_before_until_another_is_made(whole: Rig) -> None:
    may_end = threading.Event()

    def make(rig: Rig, side: int) -> Rig:
        assert may_end.wait(60) and threading.current_thread() is not threading.main_thread()
        return resized_rig(rig, side)

    canvases = ResizedCanvas(make)
    assert canvases.rig(whole, 48) is whole and canvases.rig(whole, 48) is whole
    may_end.set()
    canvases.wait()
    smaller = canvases.rig(whole, 48)
    assert smaller.size == 48 and canvases.rig(whole, 48) is smaller
    may_end.clear()
    assert canvases.rig(whole, 32) is smaller
    may_end.set()
    canvases.wait()
    assert canvases.rig(whole, 32).size == 32
    assert canvases.rig(whole, 64) is whole  # at once


def test_another_picture_begins_with_its_own_whole_canvas(whole: Rig) -> None:
    canvases, other = ResizedCanvas(resized_rig), drawn_face(64)
    canvases.rig(whole, 32)
    canvases.wait()
    assert canvases.rig(other, 32) is other
    canvases.wait()
    assert canvases.rig(other, 32).size == 32


def test_a_canvas_that_cannot_be_made_is_tried_once_and_logged(whole: Rig, caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def make(rig: Rig, side: int) -> Rig:
        calls.append(side)
        raise MemoryError("no memory")

    canvases = ResizedCanvas(make)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert canvases.rig(whole, 32) is whole
            canvases.wait()
    assert calls == [32] and "no smaller one could be made: no memory" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_canvas_whose_making_breaks_is_tried_once(whole: Rig) -> None:
    calls = []

    def make(rig: Rig, side: int) -> Rig:
        calls.append(side)
        raise ValueError("broken")

    canvases = ResizedCanvas(make)
    for side in (32, 32, 48, 48):
        assert canvases.rig(whole, side) is whole
        canvases.wait()
    assert calls == [32, 48]


@pytest.mark.parametrize("is_swapped", [False, True])
def test_a_canvas_that_nobody_wants_any_more_is_not_kept(whole: Rig, is_swapped: bool) -> None:
    """The picture is another one, or drawn whole again, before the canvas is made."""
    may_end, made = threading.Event(), []

    def make(rig: Rig, side: int) -> Rig:
        assert may_end.wait(60)
        smaller = resized_rig(rig, side)
        made.append(weakref.ref(smaller))
        return smaller

    canvases, shown = ResizedCanvas(make), drawn_face(64) if is_swapped else whole
    canvases.rig(whole, 32)
    assert canvases.rig(shown, 64) is shown
    may_end.set()
    canvases.wait()
    gc.collect()
    assert len(made) == 1 and made[0]() is None
    assert canvases.rig(shown, 32) is shown
    canvases.wait()
    assert canvases.rig(shown, 32).size == 32


def test_textures_are_packed_with_their_canvas(whole: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGAMI_KERNELS", "auto")
    rig = packed_on(whole, 48)
    assert all(texture in packed._packed for texture in (*rig.own, *rig.cut, rig.surface.chart))
    assert rig.own.body.is_inference() and not torch.is_inference_mode_enabled()
