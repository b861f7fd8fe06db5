"""From pictures to rigs: small faces, hand-placed points, alpha."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry.body import LEFT_ELBOW, LEFT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST
from models.geometry.topology import (
    CHIN,
    LEFT_EYE_OUTER,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
)
from streamer.rigging.framing import canvas_crop
from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.points import Points, PointsError
from streamer.rigging.rigger import NoFaceError, build_rig, find_character, make_rig
from tests.support.pictures import CAT_POINTS, cat, opaque

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"


@pytest.fixture(scope="module")
def avatar() -> Picture:
    return load_picture(AVATAR)


def test_make_rig_places_the_face_inside_the_matte_of_the_projects_avatar(avatar: Picture) -> None:
    made = make_rig(avatar, 256, None, "cpu")
    rig = made.rig
    assert (canvas_crop(made.layout.rect, 256), made.notes) == ((256, 256), [])
    assert rig.image.shape == (1, 3, 256, 256)
    picture_left, picture_right = rig.face[0, RIGHT_EYE_OUTER, 0], rig.face[0, LEFT_EYE_OUTER, 0]
    assert picture_left < 0 < picture_right
    nose = ((rig.face[0, NOSE_TIP, :2] + 1) * 128).long().tolist()
    assert rig.matte[0, 0, nose[1], nose[0]] == 1
    assert rig.matte[0, 0, 2, 2] < 0.05


def test_make_rig_cuts_a_large_picture_to_a_small_person(avatar: Picture) -> None:
    head = cv2.resize(avatar.rgba[..., :3], (150, 150), interpolation=cv2.INTER_AREA)
    wide = np.full((700, 1200, 3), 150, np.uint8)
    wide[300:450, 500:650] = head
    made = make_rig(opaque(wide), 256, None, "cpu")
    _, _, width, height = made.layout.rect
    assert 150 < width < 400 and 150 < height < 400
    assert abs(made.rig.face[0, NOSE_TIP, 0]) < 0.15
    assert np.ptp(made.rig.face[0, :, 0].numpy()) > 0.3
    assert made.notes[-1] == (
        f"Only a small part of test.png shows the character: it was cut to {width:.0f} x {height:.0f} pixels."
    )


def test_make_rig_names_the_points_option_where_no_face_is_found() -> None:
    with pytest.raises(NoFaceError) as caught:
        make_rig(cat(), 256, None, "cpu")
    assert str(caught.value) == (
        "No face was found in cat.png: use a picture that shows one, or name the places of eyes, nose, mouth and chin "
        "yourself with --points points.json."
    )


def test_make_rig_places_landmarks_on_the_points_of_a_cat() -> None:
    made = make_rig(cat(), 256, Points.parse(CAT_POINTS), "cpu")
    assert canvas_crop(made.layout.rect, 256) == (256, 185)
    scale, top = 256 / 360, (256 - 185) // 2

    def pixel(landmark: int) -> np.ndarray:
        return ((made.rig.face[0, landmark, :2].numpy() + 1) * 128 - (0, top)) / scale

    assert np.linalg.norm(pixel(CHIN) - CAT_POINTS["chin"]) < 4
    assert np.linalg.norm(pixel(RIGHT_MOUTH_CORNER) - CAT_POINTS["mouth_left"]) < 4
    assert np.linalg.norm((pixel(NOSE_TIP) + pixel(4)) / 2 - CAT_POINTS["nose"]) < 4
    assert pixel(RIGHT_EYE_OUTER)[0] < 135 < pixel(RIGHT_EYE_INNER)[0] < 180
    matte = made.rig.matte[0, 0].numpy()
    assert matte[top + round(145 * scale), round(180 * scale)] > 0.95
    assert matte[top + 4, 4] < 0.05


def test_make_rig_takes_points_in_pixels_of_the_original_file() -> None:
    small = cat()
    half = Picture(cv2.resize(small.rgba, (180, 130), interpolation=cv2.INTER_AREA), "cat.png", scale=0.5)
    original, halved = (make_rig(p, 256, Points.parse(CAT_POINTS), "cpu").rig.face for p in (small, half))
    difference = (original - halved).abs()
    assert difference.mean() < 0.004
    assert difference.quantile(0.98) < 0.04  # the rest is at the border, which ends where the matte does, or at an ear


def test_make_rig_refuses_points_outside_of_the_picture() -> None:
    with pytest.raises(
        PointsError, match=r"^The point chin \[180, 300\] lies outside of the picture, which has 360 x 260"
    ):
        make_rig(cat(), 256, Points.parse({**CAT_POINTS, "chin": [180, 300]}), "cpu")


def test_make_rig_takes_the_alpha_of_transparent_pictures_for_the_matte(avatar: Picture) -> None:
    rgba = avatar.rgba.copy()
    rgba[: rgba.shape[0] // 3, : rgba.shape[1] // 4] = 0
    rig = make_rig(Picture(rgba, "cut.png"), 256, None, "cpu").rig
    assert rig.matte[0, 0, 10, 10] == 0
    assert rig.matte[0, 0, 200, 200] == 1
    assert rig.image[0, :, 10, 10].min() == 1  # composited on white


def test_points_of_a_body_put_right_what_was_found(avatar: Picture) -> None:
    size = avatar.rgba.shape[0]
    elbow = {"left_elbow": [0.1 * size, 0.9 * size], "left_wrist": [0.3 * size, 0.8 * size]}
    body = find_character(avatar, 128, Points.parse(elbow)).body
    assert body is not None
    assert body[RIGHT_ELBOW, [0, 1, 3]].tolist() == pytest.approx([-0.8, 0.8, 1], abs=0.01)
    assert body[RIGHT_WRIST, [0, 1, 3]].tolist() == pytest.approx([-0.4, 0.6, 1], abs=0.01)
    assert body[LEFT_ELBOW, 3] == 0


def test_points_give_a_cat_arms_or_say_what_is_missing() -> None:
    shoulders = {"left_shoulder": [110, 230], "right_shoulder": [250, 230], "left_elbow": [90, 250]}
    body = find_character(cat(), 128, Points.parse({**CAT_POINTS, **shoulders})).body
    assert body is not None and body[RIGHT_ELBOW, 3] == 1 and body[RIGHT_ELBOW, 0] < body[LEFT_SHOULDER, 0]
    del shoulders["right_shoulder"]
    with pytest.raises(PointsError) as caught:
        find_character(cat(), 128, Points.parse({**CAT_POINTS, **shoulders}))
    assert str(caught.value) == (
        "No body was found in cat.png that the points could put right: name left_shoulder and right_shoulder, too."
    )


def test_build_rig_carries_the_hands(avatar: Picture) -> None:
    character = find_character(avatar, 128)
    hands = np.full((2, 21, 4), 0.25, np.float32)
    assert build_rig(replace(character, hands=hands), "cpu").rig.hands.tolist() == hands[None].tolist()
    without = build_rig(replace(character, hands=None), "cpu").rig.hands
    assert without.shape == (1, 2, 21, 4) and not without.any()
