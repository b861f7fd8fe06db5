"""A character as animated films draw them: large graded irises, hair in locks, hard shadows, thin lines."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array
from training.render.drawn.drawing import SIZE, Drawing, arcs, both, curve, mirrored, rgb

MIDDLE = SIZE / 2
LINE, HAIR_LINE = rgb("#7a4038"), rgb("#3a2f5e")
SKIN, SKIN_SHADE = rgb("#ffe6d6"), np.array([0.97, 0.86, 0.85], np.float32)
HAIR_SHADE = np.array([0.74, 0.70, 0.86], np.float32)


def _right(*points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points given from the middle of the picture to the right."""
    return [(MIDDLE + x, y) for x, y in points]


def _background(d: Drawing) -> None:
    d.fill(np.ones((d.side, d.side), np.float32), d.graded(0, SIZE, "#bfe3f7", "#dcefff", "#fdeef3"))
    rng = np.random.default_rng(11)
    for _ in range(15):
        x, y, r = rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(14, 60)
        d.fill(d.soft(d.ellipse(x, y, r, r), 2.5), np.ones(3, np.float32), float(rng.uniform(0.15, 0.4)))


def _back_hair(d: Drawing) -> None:
    half = np.concatenate(
        [
            curve(_right((0, 104), (92, 116), (166, 166), (206, 256), (214, 360), (206, 462), (190, 548))),
            arcs(
                _right((190, 548), (184, 634), (158, 580), (140, 640), (112, 584), (84, 622), (60, 560), (0, 560)),
                -0.06,
            ),
        ]
    )
    mask = d.mask(both(half))
    d.fill(mask, d.graded(110, 640, "#5d5796", "#6a62a8", "#7d74bd"))
    d.fill(d.line(half[:150], 3.2, 0.5, 0.5), HAIR_LINE)
    d.fill(d.line(mirrored(half)[-150:], 3.2, 0.5, 0.5), HAIR_LINE)


def _body(d: Drawing) -> None:
    neck = both(curve(_right((0, 520), (46, 530), (45, 590), (52, 622), (86, 650), (60, 720), (0, 740)), steps=10))
    d.fill(d.mask(neck), SKIN)
    shade = both(curve(_right((0, 610), (30, 604), (54, 580), (52, 520), (0, 500)), steps=10))
    d.multiply(d.mask(shade) * d.mask(neck), SKIN_SHADE)
    d.fill(d.line(curve(_right((10, 668), (34, 660), (62, 656))), 2.4, 0.1, 0.3), LINE, 0.5)
    d.fill(d.line(mirrored(curve(_right((10, 668), (34, 660), (62, 656)))), 2.4, 0.3, 0.1), LINE, 0.5)
    top = np.concatenate(
        [
            curve(_right((0, 726), (34, 700), (70, 638))),
            curve(_right((70, 638), (118, 652), (188, 672), (236, 712), (262, 790))),
            np.array(_right((262, 800), (0, 800)), np.float32),
        ]
    )
    shirt = d.mask(both(top))
    d.fill(shirt, d.graded(640, 768, "#fdfcff", "#e9ecfa"))
    fold = curve(_right((176, 800), (168, 752), (182, 712), (196, 760), (206, 800)))
    for outline in (fold, mirrored(fold)):
        d.multiply(d.mask(outline) * shirt, np.array([0.82, 0.85, 0.95], np.float32))
    seam = top[:80]
    d.fill(d.line(seam, 3, 0.6, 0.6), HAIR_LINE)
    d.fill(d.line(mirrored(seam), 3, 0.6, 0.6), HAIR_LINE)
    collar = np.concatenate(
        [
            curve(_right((54, 626), (74, 640), (110, 664))),
            curve(_right((110, 664), (92, 708), (56, 752))),
            curve(_right((56, 752), (34, 742), (4, 728))),
            curve(_right((4, 728), (36, 690), (54, 626))),
        ]
    )
    for outline in (collar, mirrored(collar)):
        d.fill(d.mask(outline), d.graded(626, 752, "#5b8fd8", "#3f6fbe"))
        d.fill(d.line(outline, 2.6, 1, 1), HAIR_LINE)
    knot = curve(_right((0, 722), (16, 730), (15, 750), (0, 758), (-15, 750), (-16, 730)), closed=True)
    bow = curve(_right((10, 736), (40, 716), (70, 722), (66, 760), (40, 764)), closed=True)
    for outline in (bow, mirrored(bow)):
        d.fill(d.mask(outline), d.graded(716, 766, "#f2758c", "#d9506e"))
        d.fill(d.line(outline, 2.4, 1, 1), rgb("#7d2440"))
    d.fill(d.mask(knot), rgb("#e2607c"))
    d.fill(d.line(knot, 2.4, 1, 1), rgb("#7d2440"))


def _face(d: Drawing) -> Array:
    cheek = [(144, 380), (137, 436), (114, 492), (74, 535), (30, 560), (0, 565)]
    half = curve(_right((0, 200), (90, 222), (136, 300), *cheek))
    ear = curve(_right((134, 388), (160, 374), (166, 402), (156, 440), (132, 456)), closed=True)
    for outline in (ear, mirrored(ear)):
        d.fill(d.mask(outline), SKIN)
        d.fill(d.line(outline[:60], 2.4, 0.6, 0.6), LINE)
    mask = d.mask(both(half))
    d.fill(mask, d.graded(430, 570, "#ffeade", "#ffe2d0"))
    for x in (-92, 92):
        d.fill(d.soft(d.ellipse(MIDDLE + x, 466, 30, 15), 9) * mask, rgb("#ff9f9a"), 0.5)
    for x in (-92, 92):
        for n in (-1, 0, 1):
            stroke = np.array([(MIDDLE + x + 10 * n + 3, 460), (MIDDLE + x + 10 * n - 4, 472)], np.float32)
            d.fill(d.line(stroke, 1.8, 0.4, 0.4), rgb("#f08886"), 0.5)
    d.fill(d.line(half[40:], 3.0, 0.5, 1), LINE)
    d.fill(d.line(mirrored(half[40:]), 3.0, 1, 0.5), LINE)
    return mask


def _eye(d: Drawing, side: int) -> None:
    """One eye; side: 1 on the right of the picture, −1 on its left."""
    cx, cy = MIDDLE + side * 71, 404.0

    def place(points: list[tuple[float, float]], steps: int = 14) -> Array:
        return curve([(cx + side * x, cy + y) for x, y in points], steps=steps)

    upper = place([(-40, 8), (-30, -18), (-8, -36), (20, -35), (38, -16), (43, 4)])
    lower = place([(43, 4), (35, 26), (14, 36), (-12, 34), (-30, 24), (-40, 8)])
    white = d.mask(np.concatenate([upper, lower]))
    d.fill(white, rgb("#fffdfd"))
    iris = d.ellipse(cx + side * 1, cy + 1, 29, 36) * white
    d.fill(iris, d.graded(cy - 34, cy + 36, "#27306e", "#3b6fc4", "#5fc6e8", "#b8f2f4"))
    d.fill(d.ellipse(cx + side * 1, cy - 1, 12.5, 17) * white, rgb("#151a44"))
    rim = (d.ellipse(cx + side, cy + 1, 29, 36) - d.ellipse(cx + side, cy + 1, 26, 33)) * white
    d.fill(rim, rgb("#1d2458"), 0.85)
    d.fill(d.soft(d.ellipse(cx + side, cy + 24, 17, 8), 3) * iris, rgb("#dffcff"), 0.75)
    d.multiply(d.moved(1 - white, 0, 13) * white, np.array([0.70, 0.70, 0.86], np.float32))
    d.fill(d.ellipse(cx - 10, cy - 15, 9.5, 11) * white, np.ones(3, np.float32))
    d.fill(d.ellipse(cx + 12, cy + 15, 5, 5.5) * white, np.ones(3, np.float32), 0.95)
    lash = d.line(place([(-43, 9), (-33, -19), (-9, -39), (21, -38), (41, -19), (52, -12)]), 9.5, 0.25, 0.15)
    d.fill(lash, rgb("#2b2148"))
    d.fill(d.line(place([(34, -26), (46, -26), (56, -22)]), 5, 0.6, 0.1), rgb("#2b2148"))
    d.fill(d.line(place([(43, 4), (36, 25), (15, 36), (-6, 36)]), 3.0, 0.6, 0.1), rgb("#5a3a5a"))
    d.fill(d.line(place([(-34, -34), (-8, -52), (22, -51), (42, -36)]), 2.4, 0.1, 0.1), LINE, 0.8)


def _features(d: Drawing) -> None:
    for side in (1, -1):
        _eye(d, side)
        brow = curve([(MIDDLE + side * x, y) for x, y in ((34, 344), (58, 334), (86, 334), (110, 345))])
        d.fill(d.line(brow, 6.5, 0.5, 0.1), rgb("#56508c"))
    nose = curve(_right((-4, 474), (2, 480), (9, 476)))
    d.fill(d.line(nose, 3.2, 0.2, 0.2), LINE, 0.85)
    d.fill(d.ellipse(MIDDLE - 3, 462, 2.6, 3.4), np.ones(3, np.float32), 0.8)
    upper = curve(_right((-31, 511), (-16, 511.5), (0, 515), (16, 511.5), (31, 511)))
    lower = curve(_right((28, 513), (15, 525), (0, 528), (-15, 525), (-28, 513)))
    d.fill(d.mask(np.concatenate([upper, lower])), rgb("#f08f8f"), 0.85)
    top = curve(_right((-28, 511), (-10, 505), (0, 508), (10, 505), (28, 511)))
    d.fill(d.mask(np.concatenate([top, upper[::-1]])), rgb("#ea8486"), 0.85)
    d.fill(d.ellipse(MIDDLE - 2, 521, 8, 2), np.ones(3, np.float32), 0.5)
    d.fill(d.line(curve(_right((-36, 508), (-17, 512), (0, 515.5), (17, 512), (36, 508))), 3.4, 0.35, 0.35), LINE)
    d.fill(d.line(curve(_right((-9, 537), (0, 539), (9, 537))), 2.2, 0.1, 0.1), LINE, 0.5)


def _front_hair(d: Drawing, face: Array) -> None:
    crown = curve(_right((0, 100), (84, 110), (152, 152), (192, 228), (200, 320), (190, 420)))
    fringe = arcs(_right((190, 420), (168, 556), (150, 470), (138, 360), (128, 290)), 0.03)
    bangs = arcs(_right((128, 290), (110, 352), (84, 280), (62, 344), (34, 276), (0, 348)), -0.07)
    half = np.concatenate([crown, fringe, bangs])
    mask = d.mask(both(half))
    d.multiply(d.moved(mask, 0, 13) * face * (1 - mask), SKIN_SHADE)
    d.fill(mask, d.graded(100, 420, "#8f86d6", "#a59be6", "#8b82d2"))
    # A band of light around the crown, toothed along the strands.
    x = np.linspace(-172, 172, 173)
    arch = 214 - 42 * np.cos(x / 172 * np.pi / 2)
    tooth = np.abs((x / 15) % 2 - 1)
    top = np.stack([MIDDLE + x, arch + 34 * np.abs(x / 172) ** 2 - 7 * tooth], 1)
    low = np.stack([MIDDLE + x, arch + 34 * np.abs(x / 172) ** 2 + 18 + 10 * tooth], 1)
    d.fill(d.mask(np.concatenate([top, low[::-1]]).astype(np.float32)) * mask, rgb("#e2ddff"), 0.85)
    # The tips are darker, and lines run from the crown to the gaps between the locks.
    for gap, tip in (((128, 290), (110, 352)), ((84, 280), (62, 344)), ((34, 276), (0, 348))):
        shade = arcs(_right(gap, (0.5 * gap[0] + 0.5 * tip[0] + 7, 0.4 * gap[1] + 0.6 * tip[1] - 22), tip), 0.05)
        for outline in (shade, mirrored(shade)):
            d.multiply(d.mask(outline) * mask, HAIR_SHADE)
    strands = [
        ((12, 120), (62, 180), (86, 280)),
        ((20, 116), (106, 170), (130, 290)),
        ((4, 122), (26, 200), (35, 276)),
        ((40, 116), (150, 200), (162, 340)),
        ((150, 330), (158, 420), (164, 500)),
    ]
    for points in strands:
        stroke = curve(_right(*points))
        d.fill(d.line(stroke, 2.6, 0.05, 0.4) * mask, HAIR_LINE, 0.75)
        d.fill(d.line(mirrored(stroke), 2.6, 0.4, 0.05) * mask, HAIR_LINE, 0.75)
    for stroke in (crown, fringe, bangs):
        d.fill(d.line(stroke, 3.4, 0.8, 0.8), HAIR_LINE)
        d.fill(d.line(mirrored(stroke), 3.4, 0.8, 0.8), HAIR_LINE)


def draw_anime() -> Array:
    """The picture (SIZE, SIZE, 3) sRGB 0..1."""
    d = Drawing()
    _background(d)
    _back_hair(d)
    _body(d)
    face = _face(d)
    _features(d)
    _front_hair(d, face)
    return d.finish()
