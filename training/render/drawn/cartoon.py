"""A character in the flat style of posters: few colours, one tone of shade, an even outline."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array
from training.render.drawn.drawing import SIZE, Drawing, both, curve, mirrored, rgb

MIDDLE = SIZE / 2
INK = rgb("#3b1f2b")
SKIN, SKIN_SHADE, SKIN_LIGHT = rgb("#b9714a"), rgb("#9a5636"), rgb("#cb8559")
HAIR, HAIR_LIGHT = rgb("#35202e"), rgb("#553446")
SHIRT, SHIRT_SHADE = rgb("#ffc94d"), rgb("#f2a93b")
OUTLINE = 4.0  # width of the outlines


def _right(*points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points given from the middle of the picture to the right."""
    return [(MIDDLE + x, y) for x, y in points]


def _outlined(d: Drawing, half: Array, colour: Array) -> Array:
    """Fill a symmetrical shape, given by its right half, and draw its outline; returns its mask."""
    outline = both(half)
    mask = d.mask(outline)
    d.fill(mask, colour)
    d.fill(d.line(np.concatenate([outline, outline[:1]]), OUTLINE, 1, 1), INK)
    return mask


def _background(d: Drawing) -> None:
    everywhere = np.ones((d.side, d.side), np.float32)
    d.fill(everywhere, rgb("#ff8f7a"))
    d.fill(d.ellipse(MIDDLE, 400, 356, 356), rgb("#ffa892"))
    d.fill(d.ellipse(MIDDLE, 400, 290, 290), rgb("#ffbfa8"))


def _back_hair(d: Drawing) -> None:
    """A round head of curls: circles around a circle."""
    turn = np.linspace(0, 2 * np.pi, 23)[:-1] + np.pi / 2
    circles = [(MIDDLE + 186 * np.cos(t), 296 + 176 * np.sin(t), 44 + 5 * np.cos(3 * t + np.pi / 2)) for t in turn]
    mask = d.ellipse(MIDDLE, 296, 190, 180)
    edge = mask
    for x, y, r in circles:
        mask = np.maximum(mask, d.ellipse(x, y, r, r))
        edge = np.maximum(edge, d.ellipse(x, y, r + OUTLINE, r + OUTLINE))
    d.fill(edge, INK)
    d.fill(mask, HAIR)
    for x, y, r in circles:
        if y < 400:
            start = np.arctan2(y - 296, x - MIDDLE)
            arc = start + np.linspace(-0.9, 0.9, 30)
            stroke = np.stack([x + 0.62 * r * np.cos(arc), y + 0.62 * r * np.sin(arc)], 1).astype(np.float32)
            d.fill(d.line(stroke, 7, 0.3, 0.3), HAIR_LIGHT)


def _body(d: Drawing) -> None:
    neck = curve(_right((0, 520), (52, 528), (52, 590), (64, 634), (110, 660), (80, 740), (0, 770)), steps=12)
    mask = _outlined(d, neck, SKIN)
    shade = both(curve(_right((0, 626), (36, 616), (62, 580), (58, 520), (0, 500)), steps=12))
    d.fill(d.mask(shade) * mask, SKIN_SHADE)
    top = np.concatenate(
        [
            curve(_right((0, 716), (44, 706), (84, 676), (96, 646))),
            curve(_right((96, 646), (150, 662), (222, 690), (268, 744), (284, 830))),
            np.array(_right((284, 840), (0, 840)), np.float32),
        ]
    )
    mask = _outlined(d, top, SHIRT)
    fold = curve(_right((196, 840), (184, 780), (196, 730), (206, 780), (216, 840)))
    for outline in (fold, mirrored(fold)):
        d.fill(d.mask(outline) * mask, SHIRT_SHADE)
    trim = np.concatenate([curve(_right((0, 716), (44, 706), (84, 676), (96, 646))),
                           curve(_right((122, 652), (106, 690), (56, 728), (0, 740)))])  # fmt: skip
    _outlined(d, trim, rgb("#fff2d6"))


def _face(d: Drawing) -> None:
    ear = curve(_right((142, 366), (170, 350), (182, 384), (168, 428), (142, 440)), closed=True)
    for outline in (ear, mirrored(ear)):
        d.fill(d.mask(outline), SKIN)
        d.fill(d.line(outline, OUTLINE, 1, 1), INK)
    inner = curve(_right((154, 376), (168, 374), (166, 404), (156, 416)))
    for stroke in (inner, mirrored(inner)):
        d.fill(d.line(stroke, 4, 0.4, 0.4), SKIN_SHADE)
    for x in (-168, 168):
        d.fill(d.ellipse(MIDDLE + x, 466, 19, 19), INK)
        d.fill(d.ellipse(MIDDLE + x, 466, 15, 15), rgb("#2fb7a8"))
        d.fill(d.ellipse(MIDDLE + x, 466, 6.5, 6.5), rgb("#ffbfa8"))
    face = curve(_right((0, 184), (88, 200), (142, 272), (152, 366), (146, 440), (116, 514), (62, 562), (0, 574)))
    mask = _outlined(d, face, SKIN)
    cheek = d.ellipse(MIDDLE - 98, 468, 31, 23) + d.ellipse(MIDDLE + 98, 468, 31, 23)
    d.fill(np.minimum(cheek, 1) * mask, rgb("#cf7457"))
    # The hair over the forehead is one row of curls.
    row = ((136, 286, 30), (112, 236, 38), (66, 204, 41))
    curls = [(MIDDLE + side * x, y, r) for side in (-1, 1) for x, y, r in row]
    curls.append((MIDDLE, 192, 44))
    outer = np.zeros_like(mask)
    for cx, cy, r in curls:
        outer = np.maximum(outer, d.ellipse(cx, cy, r + OUTLINE / 2, r + OUTLINE / 2))
    d.fill(d.moved(outer, 0, 9) * mask * (1 - outer), SKIN_SHADE)
    d.fill(outer, HAIR)
    d.fill(d.ellipse(MIDDLE, 200, 120, 60) * (1 - mask), HAIR)
    for cx, cy, r in curls:
        arc = np.linspace(-2.3, -0.85, 30)
        stroke = np.stack([cx + 0.6 * r * np.cos(arc), cy + 0.6 * r * np.sin(arc)], 1).astype(np.float32)
        d.fill(d.line(stroke, 6, 0.3, 0.3), HAIR_LIGHT)


def _eye(d: Drawing, side: int) -> None:
    """One eye; side: 1 on the right of the picture, −1 on its left."""
    cx, cy = MIDDLE + side * 68, 396.0

    def place(*points: tuple[float, float]) -> Array:
        return curve([(cx + side * x, cy + y) for x, y in points])

    upper = place((-36, 7), (-22, -14), (2, -23), (24, -16), (38, 2))
    lower = place((38, 2), (24, 17), (2, 22), (-20, 17), (-36, 7))
    white = d.mask(np.concatenate([upper, lower]))
    d.fill(white, rgb("#fffaf3"))
    d.fill(d.ellipse(cx + side, cy - 1, 21, 21) * white, rgb("#6b3a1f"))
    d.fill(d.ellipse(cx + side, cy + 4, 13, 12) * white, rgb("#9c5a2c"))
    d.fill(d.ellipse(cx + side, cy - 1, 9.5, 9.5) * white, rgb("#1d0f14"))
    d.fill(d.moved(1 - white, 0, 6) * white, INK, 0.25)
    d.fill(d.ellipse(cx - 6, cy - 8, 5.4, 5.4) * white, np.ones(3, np.float32))
    d.fill(d.line(place((-38, 8), (-22, -15), (2, -25), (25, -18), (40, 0), (49, -7)), 7.5, 0.45, 0.2), INK)
    d.fill(d.line(place((38, 2), (24, 17), (2, 22), (-20, 17), (-36, 7)), 2.6, 0.6, 0.3), INK, 0.8)
    d.fill(d.line(place((-26, -26), (2, -38), (32, -28)), 3.2, 0.2, 0.2), SKIN_SHADE)
    brow = place((-38, -50), (-14, -62), (16, -64), (46, -48), (14, -55), (-12, -52), (-38, -41))
    d.fill(d.mask(brow), HAIR)


def _features(d: Drawing) -> None:
    for side in (1, -1):
        _eye(d, side)
    nose = both(curve(_right((0, 488), (16, 486), (28, 478), (27, 464), (14, 456), (0, 458)), steps=10))
    d.fill(d.mask(nose), SKIN_LIGHT)
    wing = curve(_right((18, 484), (29, 480), (29, 466)))
    for stroke in (wing, mirrored(wing)):
        d.fill(d.line(stroke, 3.6, 0.3, 0.3), SKIN_SHADE)
    tip = curve(_right((-15, 486), (0, 491), (15, 486)))
    d.fill(d.line(tip, 4.0, 0.3, 0.3), SKIN_SHADE)
    line = curve(_right((-50, 514), (-26, 522), (0, 525), (26, 522), (50, 514)))
    upper = curve(_right((50, 514), (22, 509), (8, 505), (0, 508), (-8, 505), (-22, 509), (-50, 514)))
    lower = curve(_right((50, 514), (30, 534), (0, 543), (-30, 534), (-50, 514)))
    d.fill(d.mask(np.concatenate([line, upper])), rgb("#b23a48"))
    d.fill(d.mask(np.concatenate([line, lower])), rgb("#d2525c"))
    d.fill(d.mask(both(curve(_right((0, 530), (14, 529), (19, 533), (0, 537)), steps=10))), rgb("#e8837f"))
    d.fill(d.line(line, 3.8, 0.6, 0.6), INK)
    d.fill(d.line(curve(_right((-13, 555), (0, 558), (13, 555))), 3.4, 0.2, 0.2), SKIN_SHADE)


def draw_cartoon() -> Array:
    """The picture (SIZE, SIZE, 3) sRGB 0..1."""
    d = Drawing()
    _background(d)
    _back_hair(d)
    _body(d)
    _face(d)
    _features(d)
    return d.finish()
