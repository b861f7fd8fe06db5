"""Drawn characters that are no people, 320 x 320 pixels, with their hand-placed points: cup, robot, dog, cat, alpaca, a
stick figure and a plush bear.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from streamer.rigging.picture import Picture
from tests.support.pictures import opaque

SIDE = 320
FINER = 4  # pixels along a side of the drawing, over those of the picture
Colour = tuple[int, int, int]


class Drawn(NamedTuple):
    """A drawn character. points: as in docs/points.md."""

    picture: Picture
    points: dict[str, list[float]]


class Pen:
    """Draws on a picture of SIDE pixels, smoothly."""

    def __init__(self, background: Colour) -> None:
        self.pixels = np.full((SIDE * FINER, SIDE * FINER, 3), background, np.uint8)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """A filled ellipse with these half axes."""
        centre, axes = (round(x * FINER), round(y * FINER)), (round(across * FINER), round(down * FINER))
        cv2.ellipse(self.pixels, centre, axes, 0, 0, 360, colour, -1)

    def arc(
        self, x: float, y: float, across: float, down: float, ends: tuple[int, int], wide: float, colour: Colour
    ) -> None:
        """A part of an ellipse's outline, between angles in degrees, clockwise from the right."""
        centre, axes = (round(x * FINER), round(y * FINER)), (round(across * FINER), round(down * FINER))
        cv2.ellipse(self.pixels, centre, axes, 0, *ends, colour, round(wide * FINER))

    def polygon(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        cv2.fillPoly(self.pixels, [np.round(np.array(corners) * FINER).astype(np.int32)], colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def picture(self, name: str) -> Picture:
        return opaque(cv2.resize(self.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), name)


def cup() -> Drawn:
    """A white cup with a handle, two round black eyes and a smile; no neck, no nose, no lids, no lips."""
    pen, white, line = Pen((196, 208, 178)), (244, 240, 232), (52, 44, 48)
    pen.box(0, 262, 320, 320, (150, 116, 88))
    pen.arc(236, 170, 42, 46, (0, 360), 16, (226, 220, 210))
    pen.polygon([(78, 92), (234, 92), (222, 262), (90, 262)], white)
    pen.ellipse(156, 262, 66, 12, white)
    pen.ellipse(156, 92, 78, 18, (222, 214, 204))
    pen.ellipse(156, 94, 68, 13, (96, 62, 44))
    for x in (126, 186):
        pen.ellipse(x, 158, 10, 13, line)
        pen.ellipse(x + 3, 153, 3, 4, (255, 255, 255))
    for x in (104, 208):
        pen.ellipse(x, 188, 10, 7, (240, 178, 170))
    pen.arc(156, 186, 24, 18, (15, 165), 5, line)
    points: dict[str, list[float]] = {
        "left_eye": [126, 158], "right_eye": [186, 158], "nose": [156, 176], "mouth_left": [133, 191],
        "mouth_right": [179, 191], "chin": [156, 240],
        "left_eye_outer": [115, 158], "left_eye_inner": [137, 158], "left_eye_top": [126, 145],
        "left_eye_bottom": [126, 171],
        "right_eye_outer": [197, 158], "right_eye_inner": [175, 158], "right_eye_top": [186, 145],
        "right_eye_bottom": [186, 171],
    }  # fmt: skip
    return Drawn(pen.picture("cup.png"), points)


def robot() -> Drawn:
    """A robot with square glowing eyes, a slot for a mouth, an antenna, a body and two arms."""
    pen, metal, dark = Pen((58, 66, 92)), (172, 184, 192), (92, 102, 116)
    pen.box(158, 14, 162, 50, dark)
    pen.ellipse(160, 14, 8, 8, (236, 88, 70))
    pen.box(146, 168, 174, 200, dark)
    pen.box(52, 206, 268, 226, dark)
    for left, right in ((44, 74), (246, 276)):
        pen.box(left, 204, right, 312, (132, 96, 88))
    pen.box(100, 196, 220, 320, (146, 158, 170))
    pen.box(124, 222, 196, 262, (112, 124, 138))
    pen.box(84, 46, 236, 172, metal)
    for x in (76, 244):
        pen.box(x - 9, 88, x + 9, 126, dark)
    for x in (126, 194):
        pen.box(x - 22, 84, x + 22, 116, (38, 44, 56))
        pen.box(x - 14, 90, x + 14, 110, (120, 232, 226))
    pen.box(124, 142, 196, 154, (38, 44, 56))
    points: dict[str, list[float]] = {
        "left_eye": [126, 100], "right_eye": [194, 100], "nose": [160, 128], "mouth_left": [124, 148],
        "mouth_right": [196, 148], "chin": [160, 170],
        "left_eye_outer": [104, 100], "left_eye_inner": [148, 100], "left_eye_top": [126, 84],
        "left_eye_bottom": [126, 116],
        "right_eye_outer": [216, 100], "right_eye_inner": [172, 100], "right_eye_top": [194, 84],
        "right_eye_bottom": [194, 116],
        "left_shoulder": [62, 216], "right_shoulder": [258, 216], "left_elbow": [59, 258], "right_elbow": [261, 258],
        "left_wrist": [59, 298], "right_wrist": [261, 298], "left_hand": [59, 311], "right_hand": [261, 311],
    }  # fmt: skip
    return Drawn(pen.picture("robot.png"), points)


def dog() -> Drawn:
    """A dog's head with a muzzle and ears that stand on top of it; nothing of a body."""
    pen, fur, pale, dark = Pen((150, 190, 214)), (186, 132, 82), (236, 212, 178), (44, 34, 32)
    for x, tip in ((98, 74), (222, 246)):
        pen.polygon([(x - 36, 128), (x + 36, 112), (tip, 22)], (142, 94, 56))
        pen.polygon([(x - 18, 112), (x + 20, 104), (tip, 50)], (206, 150, 132))
    pen.ellipse(160, 176, 92, 96, fur)
    pen.ellipse(160, 128, 14, 48, pale)
    pen.ellipse(160, 218, 52, 46, pale)
    for x in (118, 202):
        pen.ellipse(x, 152, 18, 15, (250, 246, 236))
        pen.ellipse(x, 152, 13, 13, (112, 66, 30))
        pen.ellipse(x, 152, 7, 7, dark)
        pen.ellipse(x + 4, 147, 3, 3, (255, 255, 255))
    pen.ellipse(160, 196, 20, 13, dark)
    pen.box(158, 204, 162, 226, dark)
    for x in (142, 178):
        pen.arc(x, 222, 18, 14, (10, 170), 4, dark)
    points: dict[str, list[float]] = {
        "left_eye": [118, 152], "right_eye": [202, 152], "nose": [160, 196], "mouth_left": [124, 226],
        "mouth_right": [196, 226], "mouth_top": [160, 222], "mouth_bottom": [160, 242], "chin": [160, 266],
        "ear_left": [72, 160], "ear_right": [248, 160], "forehead": [160, 92],
        "left_eye_outer": [100, 153], "left_eye_inner": [136, 153], "left_eye_top": [118, 137],
        "left_eye_bottom": [118, 167],
        "right_eye_outer": [220, 153], "right_eye_inner": [184, 153], "right_eye_top": [202, 137],
        "right_eye_bottom": [202, 167],
    }  # fmt: skip
    return Drawn(pen.picture("dog.png"), points)


def cat() -> Drawn:
    """A cat with green eyes and slit pupils, whiskers, a small muzzle, and a striped forehead."""
    pen, fur, stripe, pale, dark = Pen((214, 200, 176)), (150, 146, 148), (104, 98, 102), (226, 222, 220), (40, 34, 38)
    pen.ellipse(160, 330, 84, 96, (140, 136, 138))
    for sign in (-1, 1):
        pen.polygon([(160 + sign * 24, 96), (160 + sign * 92, 130), (160 + sign * 84, 34)], fur)
        pen.polygon([(160 + sign * 44, 98), (160 + sign * 82, 118), (160 + sign * 77, 58)], (222, 164, 158))
    pen.ellipse(160, 170, 98, 84, fur)
    for x, top, wide in ((160, 88, 6), (136, 92, 5), (184, 92, 5)):
        pen.polygon([(x - wide, top), (x + wide, top), (x, top + 34)], stripe)
    pen.ellipse(160, 214, 40, 30, pale)
    for x in (118, 202):
        pen.ellipse(x, 162, 21, 17, dark)
        pen.ellipse(x, 162, 18, 14, (142, 186, 90))
        pen.ellipse(x, 162, 5, 13, (18, 16, 20))
        pen.ellipse(x + 5, 156, 3, 3, (255, 255, 255))
    pen.polygon([(148, 192), (172, 192), (160, 205)], (214, 128, 132))
    for x in (147, 173):
        pen.arc(x, 208, 13, 11, (10, 170), 4, dark)
    for sign in (-1, 1):
        for down in (-8, 2, 12):
            start, end = (160 + sign * 34, 210 + down / 3), (160 + sign * 108, 204 + 1.6 * down)
            pen.polygon([start, (end[0], end[1] - 0.8), (end[0], end[1] + 0.8)], (244, 242, 240))
    points: dict[str, list[float]] = {
        "left_eye": [118, 162], "right_eye": [202, 162], "nose": [160, 199], "mouth_left": [134, 212],
        "mouth_right": [186, 212], "mouth_top": [160, 208], "mouth_bottom": [160, 224], "chin": [160, 246],
        "ear_left": [64, 172], "ear_right": [256, 172], "forehead": [160, 94],
        "left_eye_outer": [98, 162], "left_eye_inner": [138, 162], "left_eye_top": [118, 147],
        "left_eye_bottom": [118, 177],
        "right_eye_outer": [222, 162], "right_eye_inner": [182, 162], "right_eye_top": [202, 147],
        "right_eye_bottom": [202, 177],
    }  # fmt: skip
    return Drawn(pen.picture("cat.png"), points)


def alpaca() -> Drawn:
    """An alpaca: long ears, a tuft of wool, eyes far apart, a muzzle with two lips, and a long neck."""
    pen, wool, face, pale, dark = Pen((168, 204, 170)), (240, 228, 206), (226, 204, 172), (246, 236, 220), (46, 36, 34)
    pen.ellipse(160, 340, 120, 60, wool)
    pen.box(116, 170, 204, 320, wool)
    for y in range(186, 320, 22):
        for x in (116, 204):
            pen.ellipse(x, y, 12, 14, wool)
    for sign in (-1, 1):
        pen.polygon([(160 + sign * 26, 62), (160 + sign * 56, 72), (160 + sign * 66, 6)], wool)
        pen.polygon([(160 + sign * 36, 58), (160 + sign * 52, 64), (160 + sign * 61, 20)], (226, 176, 160))
    pen.ellipse(160, 118, 58, 70, face)
    for x, y, size in ((132, 62, 24), (160, 50, 28), (188, 62, 24), (112, 92, 18), (208, 92, 18)):
        pen.ellipse(x, y, size, size, wool)
    pen.ellipse(160, 154, 36, 36, pale)
    for x in (122, 198):
        pen.ellipse(x, 108, 15, 13, dark)
        pen.ellipse(x, 108, 12, 11, (84, 58, 42))
        pen.ellipse(x, 109, 9, 7, (20, 16, 16))
        pen.ellipse(x + 4, 103, 3, 3, (255, 255, 255))
    for x in (150, 170):
        pen.ellipse(x, 142, 4, 3, (120, 84, 74))
    pen.box(159, 150, 161, 162, (120, 84, 74))
    pen.arc(160, 150, 22, 14, (25, 155), 4, (96, 62, 54))
    points: dict[str, list[float]] = {
        "left_eye": [122, 108], "right_eye": [198, 108], "nose": [160, 142], "mouth_left": [140, 156],
        "mouth_right": [180, 156], "mouth_top": [160, 161], "mouth_bottom": [160, 167], "chin": [160, 189],
        "ear_left": [104, 114], "ear_right": [216, 114], "forehead": [160, 66],
        "left_eye_outer": [107, 108], "left_eye_inner": [137, 108], "left_eye_top": [122, 95],
        "left_eye_bottom": [122, 121],
        "right_eye_outer": [213, 108], "right_eye_inner": [183, 108], "right_eye_top": [198, 95],
        "right_eye_bottom": [198, 121],
    }  # fmt: skip
    return Drawn(pen.picture("alpaca.png"), points)


def stick() -> Drawn:
    """A stick figure on white paper: a circle with two dots, a stroke for a nose and an arc for a mouth."""
    pen, ink = Pen((252, 252, 250)), (34, 34, 40)
    pen.arc(160, 130, 84, 84, (0, 360), 5, ink)
    pen.box(157, 214, 163, 320, ink)
    pen.polygon([(160, 240), (94, 296), (98, 300), (160, 248)], ink)
    pen.polygon([(160, 240), (226, 296), (222, 300), (160, 248)], ink)
    for x in (130, 190):
        pen.ellipse(x, 116, 7, 9, ink)
    pen.arc(160, 146, 38, 28, (15, 165), 5, ink)
    points: dict[str, list[float]] = {
        "left_eye": [130, 116], "right_eye": [190, 116], "nose": [160, 138], "mouth_left": [124, 154],
        "mouth_right": [196, 154], "chin": [160, 212],
    }  # fmt: skip
    return Drawn(pen.picture("stick.png"), points)


def plush() -> Drawn:
    """A plush bear with black buttons for eyes, a sewn nose and mouth, round ears."""
    pen, felt, pale, thread = Pen((186, 178, 206)), (168, 112, 76), (214, 172, 132), (58, 36, 30)
    pen.ellipse(160, 330, 88, 86, felt)
    for x in (84, 236):
        pen.ellipse(x, 84, 38, 38, felt)
        pen.ellipse(x, 86, 22, 22, pale)
    pen.ellipse(160, 158, 100, 92, felt)
    pen.ellipse(160, 198, 46, 38, pale)
    for x in (120, 200):
        pen.ellipse(x, 146, 14, 14, (22, 20, 24))
        pen.ellipse(x - 4, 141, 4, 4, (228, 228, 236))
    pen.ellipse(160, 178, 16, 10, thread)
    pen.box(158.5, 186, 161.5, 206, thread)
    pen.arc(160, 196, 26, 16, (20, 160), 4, thread)
    points: dict[str, list[float]] = {
        "left_eye": [120, 146], "right_eye": [200, 146], "nose": [160, 178], "mouth_left": [136, 203],
        "mouth_right": [184, 203], "mouth_top": [160, 208], "mouth_bottom": [160, 216], "chin": [160, 236],
        "left_eye_outer": [105, 146], "left_eye_inner": [135, 146], "left_eye_top": [120, 131],
        "left_eye_bottom": [120, 161],
        "right_eye_outer": [215, 146], "right_eye_inner": [185, 146], "right_eye_top": [200, 131],
        "right_eye_bottom": [200, 161],
    }  # fmt: skip
    return Drawn(pen.picture("plush.png"), points)


CHARACTERS: dict[str, Callable[[], Drawn]] = {
    "cup": cup, "robot": robot, "dog": dog, "cat": cat, "alpaca": alpaca, "stick": stick, "plush": plush,
}  # fmt: skip
