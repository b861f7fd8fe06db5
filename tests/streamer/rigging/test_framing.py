"""Frames: where they lie on the picture, and how large their video is."""

import numpy as np
import pytest

from models.geometry.topology import topology
from streamer.options import FrameKind, parse_aspect
from streamer.rigging.canvas import Rect, place_on_canvas
from streamer.rigging.framing import Circle, Framing, frame_rect, head_with_hair, output_size, skull_circle
from streamer.rigging.rigger import move_points
from tests.support.pictures import opaque

HEAD = Circle(300.0, 200.0, 60.0)  # of a picture of 640 x 900 pixels


def rect_of(*values: object, **named: object) -> Rect:
    return frame_rect(Framing(*values, **named), 640, 900, HEAD)  # type: ignore[arg-type]


def test_whole_frame_of_the_pictures_own_aspect_is_the_picture() -> None:
    for width, height in ((640, 900), (884, 880), (1023, 767), (64, 64)):
        assert frame_rect(Framing(), width, height, HEAD) == (0, 0, width, height)


def test_whole_frame_of_another_aspect_holds_the_picture_and_ends_at_its_lower_border() -> None:
    left, top, width, height = rect_of("whole", "16:9")
    assert (width / height, height) == (pytest.approx(16 / 9), 900)
    assert left == pytest.approx((640 - width) / 2)
    left, top, width, height = frame_rect(Framing("whole", "9:16"), 900, 640, HEAD)
    assert (left, width) == (0, 900)
    assert top + height == pytest.approx(640)


@pytest.mark.parametrize("aspect", ["picture", "1:1", "16:9", "9:16", "320x240"])
@pytest.mark.parametrize("kind", ["bust", "face"])
def test_closer_frames_hold_the_whole_head(kind: FrameKind, aspect: str) -> None:
    left, top, width, height = rect_of(kind, aspect)
    sides = parse_aspect(aspect) or (640, 900)
    assert width / height == pytest.approx(sides[0] / sides[1])
    assert left <= HEAD.x - HEAD.radius and left + width >= HEAD.x + HEAD.radius
    assert top <= HEAD.y - HEAD.radius and top + height >= HEAD.y + HEAD.radius
    assert height < rect_of("whole", aspect).height


def test_a_face_is_framed_more_closely_than_a_bust() -> None:
    assert rect_of("face").height < rect_of("bust").height < rect_of("whole").height


def test_zoom_keeps_the_head_where_it_is_in_the_frame() -> None:
    near, far = rect_of("bust", "1:1"), rect_of("bust", "1:1", zoom=1.2)
    assert far.width == pytest.approx(near.width / 1.2)
    assert (HEAD.x - far.left) / far.width == pytest.approx((HEAD.x - near.left) / near.width)


def test_zooming_out_of_a_picture_shows_more_above_it_and_beside_it() -> None:
    left, top, width, height = rect_of("whole", "picture", zoom=0.5)
    assert (width, height) == (1280, 1800)
    assert (left, top + height) == (pytest.approx(-320), pytest.approx(900))


@pytest.mark.parametrize("x", [-1.0, 1.0])
@pytest.mark.parametrize("y", [-1.0, 1.0])
def test_position_moves_the_character_but_never_its_head_out_of_the_frame(x: float, y: float) -> None:
    base, moved = rect_of("bust", "16:9"), rect_of("bust", "16:9", x=x, y=y)
    assert (moved.left < base.left) == (x > 0) and (moved.top < base.top) == (y > 0)
    assert moved.left <= HEAD.x - HEAD.radius + 1e-6 and moved.left + moved.width >= HEAD.x + HEAD.radius - 1e-6
    assert moved.top <= HEAD.y - HEAD.radius + 1e-6 and moved.top + moved.height >= HEAD.y + HEAD.radius - 1e-6


def test_output_size_is_even_and_has_the_longest_side_or_the_size_of_its_own() -> None:
    for aspect, expected in {
        "1:1": (512, 512),
        "16:9": (512, 288),
        "9:16": (288, 512),
        "1280x720": (1280, 720),
    }.items():
        framing = Framing("bust", aspect)
        assert output_size(framing, rect_of("bust", aspect), 512) == expected
    assert output_size(Framing(), Rect(0, 0, 1200, 700), 256) == (256, 149)  # the picture's own


@pytest.mark.parametrize("text", ["4:3", "0x0", "512", "513x512", "20x20", "4000x400", "512x", "1:1\n", ""])
def test_parse_aspect_refuses_what_is_no_aspect(text: str) -> None:
    with pytest.raises(ValueError, match=r"is none of|even number"):
        parse_aspect(text)


def test_a_part_of_a_picture_is_drawn_at_the_pictures_own_resolution() -> None:
    rng = np.random.default_rng(1)
    picture = opaque(rng.integers(0, 255, (600, 400, 3), np.uint8))
    canvas = place_on_canvas(picture, 128, Rect(100, 200, 128, 96))
    assert np.array_equal((canvas.rgb[16:112] * 255).round(), picture.rgba[200:296, 100:228, :3])
    assert (canvas.left, canvas.top, canvas.scale) == (-100, -184, 1)


def test_a_frame_larger_than_the_picture_has_it_inside() -> None:
    picture = opaque(np.full((100, 200, 3), 90, np.uint8))
    canvas = place_on_canvas(picture, 128, Rect(-100, -100, 400, 300))
    rows, columns = canvas.inside
    assert (columns.start, columns.stop, rows.stop - rows.start) == (32, 96, 32)
    assert canvas.alpha.sum() == 64 * 32


def test_move_points_keeps_a_point_on_its_pixel_of_the_picture() -> None:
    picture = opaque(np.zeros((300, 500, 3), np.uint8))
    whole, part = place_on_canvas(picture, 256), place_on_canvas(picture, 256, Rect(120, 40, 180, 150))
    points = np.array([[-0.3, 0.1, 0.2], [0.4, -0.2, 0.0]], np.float32)
    for before, after in zip(points, move_points(points, whole, part), strict=True):
        assert whole.to_picture(*before[:2]) == pytest.approx(part.to_picture(*after[:2]), abs=0.01)


def test_move_points_moves_hands_as_it_moves_joints() -> None:
    picture = opaque(np.full((200, 100, 3), 120, np.uint8))
    whole, part = place_on_canvas(picture, 64), place_on_canvas(picture, 64, Rect(20, 30, 50, 50))
    hands = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 21, 4)).astype(np.float32)
    moved = move_points(hands, whole, part)
    np.testing.assert_array_equal(moved.reshape(42, 4), move_points(hands.reshape(42, 4), whole, part))
    np.testing.assert_array_equal(moved[..., 3], hands[..., 3])


def test_head_with_hair_reaches_as_far_as_the_hair_above_the_mouth() -> None:
    face = topology().canonical.numpy() * 0.2
    size = 256
    rows, columns = np.mgrid[:size, :size]
    x, y = (2 * columns + 1) / size - 1, (2 * rows + 1) / size - 1
    bald, bushy = (np.hypot(x, y + 0.02) < radius for radius in (0.24, 0.34))
    radii = [head_with_hair(face, matte.astype(np.float32))[3] * 0.2 for matte in (bald, bushy)]
    assert radii[0] < 0.28 and radii[1] == pytest.approx(0.34, abs=0.03)
    body = bushy | ((np.abs(x) < 0.9) & (y > 0.3))
    assert head_with_hair(face, body.astype(np.float32))[3] * 0.2 == pytest.approx(radii[1], abs=0.01)


def test_skull_circle_is_given_in_pixels_of_the_picture() -> None:
    canvas = place_on_canvas(opaque(np.zeros((400, 800, 3), np.uint8)), 256)
    x, y, radius = skull_circle(topology().canonical.numpy() * 0.1, canvas)
    assert (x, y) == (pytest.approx(400, abs=1), pytest.approx(200 - 0.01 * 400, abs=2))
    assert radius == pytest.approx(1.6 * 0.1 * 400, rel=0.02)
