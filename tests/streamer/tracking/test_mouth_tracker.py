"""The mouth on drawn faces whose teeth and tongue have known colours."""

import cv2
import numpy as np
import pytest

from models.closeups.mouth import CHEEK_LANDMARKS, SCLERA_LANDMARKS
from models.geometry.openings import LOWER_LIP_EDGE
from models.geometry.topology import INNER_LIPS
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS
from streamer.tracking import mouth_tracker
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix
from streamer.tracking.image_points import to_pixels
from streamer.tracking.motion import Motion, blend
from streamer.tracking.mouth_tracker import (
    BLUE_OVER_GREEN,
    BLUE_RANGE,
    GREEN_RANGE,
    MAX_COLOUR,
    WHITE_ADAPTATION_S,
    MouthTracker,
)

WIDTH, HEIGHT = 640, 480
SKIN, TOOTH, TONGUE = (180, 140, 120), (170, 160, 140), (120, 60, 60)


def person(gap=0.3, size=0.3, roll=0.0, shift=(0.0, 0.02, 0.0)):
    """Landmarks in camera units of a face whose lips are `gap` canonical units apart."""
    shape = CANONICAL.copy()
    shape[list(LOWER_LIP_EDGE), 1] += gap
    return HeadTransform(size, rotation_matrix(np.array([0, 0, roll])), np.array(shift)).apply(shape)


def picture(face, light=1.0, eyes=(200, 200, 200), right=TONGUE):
    """A face with teeth in the upper half of its mouth; below a tongue on the left and another colour on the right."""
    rgb = np.full((HEIGHT, WIDTH, 3), SKIN, np.float32)
    found = to_pixels(face[:, :2], rgb.shape)
    ring = found[list(INNER_LIPS)]
    start, end = ring[0], ring[10]
    across = (end - start) / np.linalg.norm(end - start)
    down = np.array([-across[1], across[0]])
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(inside, [np.rint(ring).astype(np.int32)], 1)
    inside = cv2.dilate(inside, np.ones((5, 5), np.uint8)) > 0
    at = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1) - (ring[5] + ring[15]) / 2
    below, left = at @ down > 0, at @ across > 0
    rgb[inside & ~below], rgb[inside & below & left], rgb[inside & below & ~left] = TOOTH, TONGUE, right
    for a, b in SCLERA_LANDMARKS:
        cv2.circle(rgb, tuple(int(v) for v in np.rint((found[a] + found[b]) / 2)), 3, eyes, -1)
    return np.clip(rgb * light, 0, 255).astype(np.uint8)


def track(face, rgb=None):
    return MouthTracker().track(picture(face) if rgb is None else rgb, 0.0, face)


def mean_colour(mouth, row):
    """Mean over the central cells of the upper or lower half."""
    rows = slice(2, 6) if row == "upper" else slice(MOUTH_ROWS - 6, MOUTH_ROWS - 2)
    part = mouth[rows, MOUTH_COLUMNS // 4 : -MOUTH_COLUMNS // 4]
    return part[..., :3].sum((0, 1)) / part[..., 3].sum()


def test_mouth_is_measured_relative_to_the_white_point():
    mouth = track(person())
    assert mouth.shape == (MOUTH_ROWS, MOUTH_COLUMNS, 4) and mouth.dtype == np.float32
    assert mouth[:, MOUTH_COLUMNS // 2, 3].min() == 1
    np.testing.assert_allclose(mean_colour(mouth, "upper"), np.array(TOOTH) / 200, atol=0.02)
    np.testing.assert_allclose(mean_colour(mouth, "lower"), np.array(TONGUE) / 200, atol=0.02)


@pytest.mark.parametrize(
    "other", [{"size": 0.2, "shift": (0.3, -0.1, 0.0)}, {"roll": 0.5}, {"roll": -0.4, "shift": (-0.2, 0.1, 0.0)}]
)
def test_mouth_is_independent_of_the_head_pose(other):
    mouth = track(person(**other))
    np.testing.assert_allclose(mean_colour(mouth, "upper"), np.array(TOOTH) / 200, atol=0.03)
    np.testing.assert_allclose(mean_colour(mouth, "lower"), np.array(TONGUE) / 200, atol=0.03)


def test_mouth_is_independent_of_the_exposure():
    face = person()
    one, other = (mean_colour(track(face, picture(face, light)), "upper") for light in (1.0, 0.5))
    np.testing.assert_allclose(one, other, atol=0.03)


def test_white_point_is_the_lighter_of_cheeks_and_sclera():
    face = person()
    bright = picture(face, eyes=(90, 90, 90))  # darker than the cheeks
    np.testing.assert_allclose(mean_colour(track(face, bright), "upper"), np.array(TOOTH) / SKIN, atol=0.03)
    assert len(CHEEK_LANDMARKS) % 2 == 0 and track(face, picture(face, eyes=(90, 90, 90))).max() <= MAX_COLOUR


def test_mouth_has_no_weight_where_lips_are_closed_or_too_small():
    assert track(person(gap=-0.1)).max() == 0
    barely = track(person(gap=0.03, size=0.15))[:, MOUTH_COLUMNS // 2, 3]
    assert 0 <= barely.max() < 1
    assert track(person(gap=0.3, size=0.02))[..., 3].min() == 0  # a distant mouth has too few pixels


def test_white_point_adapts_to_the_light_and_starts_again_after_a_gap():
    face, tracker = person(), MouthTracker()
    light, dark = picture(face), picture(face, 0.5)
    before = mean_colour(tracker.track(light, 0.0, face), "upper")[0]
    soon = mean_colour(tracker.track(dark, 0.04, face), "upper")[0]
    assert soon < 0.6 * before
    later = [mean_colour(tracker.track(dark, 0.04 + 0.04 * k, face), "upper")[0] for k in range(1, 60)]
    assert later[-1] == pytest.approx(before, rel=0.05) and later[int(WHITE_ADAPTATION_S / 0.04)] > 0.75 * before
    assert mean_colour(tracker.track(light, 99.0, face), "upper")[0] == pytest.approx(before, rel=0.02)


def test_motion_mirrors_and_blends_the_mouth():
    face = person()
    motion = Motion(0.0, face, 1.0, mouth=track(face, picture(face, right=(30, 30, 30))))
    side = slice(2, MOUTH_COLUMNS // 3)
    assert motion.mouth[MOUTH_ROWS - 4, side, 0].mean() < 0.3 < motion.mirrored().mouth[MOUTH_ROWS - 4, side, 0].mean()
    np.testing.assert_array_equal(motion.mirrored().mirrored().mouth, motion.mouth)
    half = blend(Motion(0.0, face, 1.0), motion, 0.5)
    np.testing.assert_allclose(half.mouth, motion.mouth / 2, atol=1e-6)


def painted_mouth(face, cells):
    """A face whose opening shows `cells` (h, w, 3) 0..255, stretched from corner to corner and from lip to lip."""
    rgb = picture(face)
    ring = to_pixels(face[:, :2], rgb.shape)[list(INNER_LIPS)]
    x, y, width, height = cv2.boundingRect(ring.astype(np.float32))
    rgb[y : y + height, x : x + width] = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
    return rgb


def measured_lightness(face, rgb):
    mouth = track(face, rgb)
    return mouth[..., :3].mean(-1), mouth[..., 3]


def chequer(rows, columns):
    y, x = np.mgrid[:96, :288]
    return np.where(((y // rows + x // columns) % 2)[..., None] > 0, 235, 20).astype(np.uint8).repeat(3, -1)


def digits(text):
    cells = np.full((96, 288, 3), 20, np.uint8)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 2.6, 10)
    return cv2.putText(cells, text, ((288 - width) // 2, (96 + height) // 2), 0, 2.6, (235,) * 3, 10, cv2.LINE_AA)


HALF_TOOTH = 4  # columns


@pytest.mark.parametrize(
    "cells",
    [chequer(12, 12), chequer(24, 24), chequer(24, 41), chequer(48, 48), digits("4207"), digits("88")],
    ids=["small chequer", "chequer", "symmetric chequer", "large chequer", "digits", "symmetric digits"],
)
def test_pattern_held_in_the_mouth_is_not_measured_as_it_is(cells, monkeypatch):
    """Of the differences along the mouth between cells that are half a tooth apart, little comes back."""
    face = person(gap=0.6)
    rgb = painted_mouth(face, cells)
    limited, weight = measured_lightness(face, rgb)
    monkeypatch.setattr(mouth_tracker, "limit_detail", lambda colours, weight: colours)
    exact, _ = measured_lightness(face, rgb)
    inside = weight[0] > 0.9
    drawn, shown = (each[:, inside][:, HALF_TOOTH:] - each[:, inside][:, :-HALF_TOOTH] for each in (limited, exact))
    assert (drawn * shown).sum() < 0.4 * (shown * shown).sum()


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PLACES = 3  # letters side by side in a mouth


def writing(text):
    """White letters on black, each in the middle of its third of the mouth; a space leaves one out."""
    cells = np.full((96, 96 * PLACES, 3), 20, np.uint8)
    for place, letter in enumerate(text):
        (width, height), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, 2.2, 10)
        at = (48 + 96 * place - width // 2, (96 + height) // 2)
        cv2.putText(cells, letter, at, cv2.FONT_HERSHEY_SIMPLEX, 2.2, (235,) * 3, 10, cv2.LINE_AA)
    return cells


def read_shape(lightness, place):
    """One third of a mouth, of mean 0 and norm 1."""
    third = lightness[:, place * MOUTH_COLUMNS // PLACES : (place + 1) * MOUTH_COLUMNS // PLACES]
    third = third - third.mean()
    return third / np.linalg.norm(third)


def read_letters(lightness, alphabet):
    """What a reader who knows the writing makes of a mouth: at each place the letter of the most similar shape."""
    shapes = [read_shape(lightness, place) for place in range(PLACES)]
    return "".join(
        max(LETTERS, key=lambda letter: (shape * alphabet[letter, place]).sum()) for place, shape in enumerate(shapes)
    )


def test_words_held_in_the_mouth_cannot_be_read(monkeypatch):
    """By one who has seen each letter of this very writing, sharp and in its place; .04 of the letters is chance."""
    face, chance = person(gap=0.6), np.random.default_rng(1)
    words = ["".join(chance.choice(list(LETTERS), PLACES)) for _ in range(40)]
    limited = [measured_lightness(face, painted_mouth(face, writing(word)))[0] for word in words]
    monkeypatch.setattr(mouth_tracker, "limit_detail", lambda colours, weight: colours)
    exact = [measured_lightness(face, painted_mouth(face, writing(word)))[0] for word in words]
    alone = {
        (letter, place): measured_lightness(face, painted_mouth(face, writing(" " * place + letter)))[0]
        for letter in LETTERS
        for place in range(PLACES)
    }
    alphabet = {(letter, place): read_shape(grid, place) for (letter, place), grid in alone.items()}

    def shares(grids):
        read = [read_letters(grid, alphabet) for grid in grids]
        letters = [a == b for word, text in zip(words, read, strict=True) for a, b in zip(word, text, strict=True)]
        return np.mean(letters), np.mean([word == text for word, text in zip(words, read, strict=True)])

    assert shares(exact) == (1.0, 1.0)  # the reader reads
    letters, whole = shares(limited)
    assert letters < 0.45 and whole < 0.15


def test_tooth_row_keeps_its_edge_and_its_lightness():
    mouth = track(person(gap=0.6))[:, MOUTH_COLUMNS // 3 : -MOUTH_COLUMNS // 3, :3].mean((1, 2))
    middle = MOUTH_ROWS // 2
    full = np.mean(TOOTH) / 200 - np.mean(TONGUE) / 200
    assert mouth[middle - 2] - mouth[middle + 1] > 0.9 * full


@pytest.mark.parametrize("colour", [(0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 0, 255), (60, 200, 90)])
def test_colours_that_no_mouth_has_are_not_measured(colour):
    face = person(gap=0.6)
    cells = np.full((96, 288, 3), colour, np.uint8)
    mouth = track(face, painted_mouth(face, cells))
    red, green, blue = mouth[mouth[..., 3] > 0.9][:, :3].T
    assert (green <= GREEN_RANGE[1] * red + 0.02).all()
    assert (blue <= BLUE_RANGE[1] * red + 0.02).all()
    assert (blue <= BLUE_OVER_GREEN[1] * green + 0.02).all()
