"""The mask of the pose model fills what the segmentation networks lose of a person, and nothing else."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from models.geometry.body import JOINTS, SHOULDERS
from streamer.rigging import body_mask as body_mask_module
from streamer.rigging import matting
from streamer.rigging.body_mask import body_mask, open_gaps, with_body
from streamer.rigging.canvas import place_on_canvas
from streamer.rigging.matting import face_mask
from streamer.rigging.pose_model import POSE_SIDE
from streamer.tracking.motion import VISIBILITY
from tests.support.faces import drawn_face
from tests.support.pictures import cat, opaque

SIDE = 60


def area(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[rows, columns] = 1
    return mask


def test_what_the_mask_has_is_the_persons_and_what_it_lacks_is_not_where_the_matte_doubts() -> None:
    body = area(slice(10, 60), slice(20, 40))
    matte = body.copy()
    matte[30:40, 30:40] = 0.4  # a shirt like the wall
    matte[30:40, :20] = 0.5  # an edge of a screen
    matte[50:55, 40:50] = 1.0  # what is certainly held
    found = with_body(matte, body, np.zeros((SIDE, SIDE), bool))
    assert found[30:40, 30:40].min() == 1 and found[50:55, 40:50].min() == 1
    assert found[30:40, :20].max() == 0


def test_hair_stays_as_it_is() -> None:
    head = area(slice(0, 20), slice(0, 60)) > 0
    matte = np.full((SIDE, SIDE), 0.5, np.float32)
    found = with_body(matte, area(slice(0, 60), slice(20, 40)), head)
    np.testing.assert_array_equal(found[head], matte[head])
    assert found[30, 30] == 1 and found[30, 5] == 0


def test_a_gap_that_the_mask_fills_counts_as_clothes() -> None:
    shirt, between = area(slice(10, 30), slice(10, 14)) > 0, area(slice(10, 30), slice(40, 44)) > 0
    mask = np.ones((SIDE, SIDE), np.float32)
    mask[:, 40:44] = 0.3
    np.testing.assert_array_equal(open_gaps(shirt | between, mask), between)


def test_a_picture_without_a_person_has_no_mask() -> None:
    canvas = place_on_canvas(cat(), 128)
    face, body = drawn_face(scale=0.15).face[0].numpy(), np.zeros((JOINTS, 4), np.float32)
    assert body_mask(canvas, face, body, np.ones((128, 128), np.float32)) is None


def test_of_several_people_each_has_the_mask_of_a_crop_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = place_on_canvas(opaque(np.zeros((128, 128, 3), np.uint8)), 128)
    face = drawn_face(scale=0.05).face[0].numpy() + np.array([0.5, -0.3, 0], np.float32)
    body = np.zeros((JOINTS, 4), np.float32)
    body[:, :2], body[:, VISIBILITY] = (0.5, 0.2), 1
    body[SHOULDERS, 0] = 0.65, 0.35
    whole = np.zeros((POSE_SIDE, POSE_SIDE), np.float32)
    whole[:, : POSE_SIDE // 2] = 1  # somebody else, who is more prominent
    masks = iter([whole, np.ones((POSE_SIDE, POSE_SIDE), np.float32)])

    class Model:
        def process(self, rgb: np.ndarray) -> SimpleNamespace:
            assert rgb.shape == (POSE_SIDE, POSE_SIDE, 3)
            return SimpleNamespace(segmentation_mask=next(masks))

    monkeypatch.setattr(body_mask_module, "pose_model", lambda segments: nullcontext(Model()))
    mask = body_mask(canvas, face, body, face_mask(face, 128))
    assert mask is not None and mask[45:80, 90:102].min() == 1 and mask[:, :60].max() == 0


@pytest.mark.parametrize(("visible", "used"), [(1.0, True), (0.0, False)])
def test_coarse_matte_believes_the_mask_of_bodies_whose_shoulders_are_seen(
    monkeypatch: pytest.MonkeyPatch, visible: float, used: bool
) -> None:
    picture = cat()
    canvas = place_on_canvas(picture, 128)
    face = drawn_face(scale=0.15).face[0].numpy()
    body = np.zeros((JOINTS, 4), np.float32)
    body[:, 3] = visible
    monkeypatch.setattr(matting, "segment_person", lambda *_: np.full((128, 128), 0.65, np.float32))
    monkeypatch.setattr(matting, "body_mask", lambda canvas, *_: np.ones_like(canvas.rgb[canvas.inside][..., 0]))
    monkeypatch.setattr(matting, "grabcut_limbs", lambda *_: np.float32(0))
    monkeypatch.setattr(matting, "grabcut_hair", lambda *_: np.zeros((128, 128), np.float32))
    coarse = matting.coarse_matte(canvas, face, body, None, picture)
    assert (coarse.matte[-10:].min() > 0.9) == used


def test_below_the_head_coarse_matte_keeps_what_grabcut_grew_and_closes_gaps_only_where_the_mask_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = cat()
    canvas = place_on_canvas(picture, 128)
    face = drawn_face(scale=0.15).face[0].numpy()
    body = np.zeros((JOINTS, 4), np.float32)
    body[:, 3] = 1
    mask = np.ones((128, 128), np.float32)
    mask[:, :60] = 0
    gaps = np.zeros((128, 128), np.bool_)
    bottom = canvas.inside[0].stop
    gaps[bottom - 8 : bottom - 4, 10:20] = gaps[bottom - 8 : bottom - 4, 100:110] = True
    monkeypatch.setattr(matting, "segment_person", lambda *_: np.full((128, 128), 0.65, np.float32))
    monkeypatch.setattr(matting, "body_mask", lambda *_: mask[canvas.inside])
    monkeypatch.setattr(matting, "grabcut_hair", lambda *_: np.ones((128, 128), np.float32))
    monkeypatch.setattr(matting, "grabcut_limbs", lambda *_: np.float32(0))
    monkeypatch.setattr(matting, "limb_gaps", lambda *_: gaps)
    coarse = matting.coarse_matte(canvas, face, body, None, picture)
    lowest = np.zeros((128, 128), np.float32)
    lowest[canvas.inside] = coarse.matte
    lowest = lowest[bottom - 10 : bottom]
    assert lowest[:, canvas.inside[1].start : 60].max() == 0 and lowest[:, 60 : canvas.inside[1].stop].min() > 0.9
    assert coarse.gaps is not None
    open_ones = gaps.copy()
    open_ones[:, 60:] = False
    np.testing.assert_array_equal(coarse.gaps, open_ones[canvas.inside])
