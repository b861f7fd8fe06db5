"""Characters that are no people follow a driver, and the editor's film shows it: measured on pixels of drawn ones."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from streamer.frames import Image
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline, FrameRequest
from streamer.generation.preview import FRAMES, YAW, Actor, as_webp, draw_film
from streamer.rigging.points import Points
from streamer.tracking.motion import Motion
from tests.support.characters import CHARACTERS, SIDE, Drawn

SIZE = 256  # pixels of the drawn frames
DIFFERENT = 40  # of 255, from the colour of the skin
REACH = 36  # pixels to either side where a mouth is looked for
CURVE = np.array([0, 0.5, 1, 0.7, 0.2, 0.4])  # of what a driver does

Draw = Callable[[str, list[dict[str, float]]], list[Image]]


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return make_pipeline("geometry", size=SIZE)


@pytest.fixture(scope="module")
def draw(pipeline: AvatarPipeline) -> Draw:
    """Frames (H, W, 3) of a drawn character for some drivers, as arguments of `Actor.motion`; prepared once."""
    prepared = {}

    def frames(name: str, drivers: list[dict[str, float]]) -> list[Image]:
        if name not in prepared:
            drawn = CHARACTERS[name]()
            avatar = pipeline.prepare(drawn.picture, Points.parse(drawn.points))
            prepared[name] = pipeline.open(avatar), Actor.of(avatar.rig)
        stream, actor = prepared[name]

        def one(motion: Motion) -> Image:
            return pipeline.draw([FrameRequest(stream, motion, actor.motion(), Controls(mirror=False))])[0].rgb

        return [one(actor.motion(**driver)) for driver in drivers]

    return frames


def place(drawn: Drawn, name: str) -> np.ndarray:
    """x and y of a point, pixels of the drawn frames."""
    return np.array(drawn.points[name]) * SIZE / SIDE


def eye_height(frame: Image, drawn: Drawn) -> float:
    """Rows in which the left eye's middle columns differ from the skin above it, pixels."""
    x, y = np.round(place(drawn, "left_eye")).astype(int)
    half = round(float(place(drawn, "left_eye_bottom")[1] - place(drawn, "left_eye_top")[1]) * 0.75)
    column = frame[y - half : y + half + 1, x - 2 : x + 3].astype(int)
    return float((np.abs(column - column[0]).max(-1) > DIFFERENT).mean(1).sum())


def mouth_darkness(frame: Image, rest: Image, drawn: Drawn) -> float:
    """Pixels below the nose and between the corners of the mouth that are as dark as its stroke, more than at rest."""
    (left, _), (right, _) = place(drawn, "mouth_left"), place(drawn, "mouth_right")
    top, bottom = place(drawn, "nose")[1], place(drawn, "chin")[1]
    box = slice(round(top + 4), round(bottom)), slice(round(left), round(right))
    dark = float(np.quantile(rest[box].mean(-1), 0.03)) + 25
    return float((frame[box].mean(-1) < dark).sum() - (rest[box].mean(-1) < dark).sum())


def shift_of_face(frame: Image, rest: Image, drawn: Drawn) -> float:
    """Pixels by which the mouth moved to the left, to where a positive yaw turns it."""
    (left, y), (right, _) = place(drawn, "mouth_left"), place(drawn, "mouth_right")
    x, y, width = round(left) - 4, round(y) - 8, round(right - left) + 8
    mouth = rest[y : y + 24, x : x + width]
    found = cv2.matchTemplate(frame[y - 8 : y + 32, x - REACH : x + width + REACH], mouth, cv2.TM_CCOEFF_NORMED)
    return float(REACH - cv2.minMaxLoc(found)[3][0])


@pytest.mark.parametrize("name", ["cat", "dog", "alpaca", "cup", "robot"])
def test_drawn_characters_follow_mouth_blink_and_yaw(draw: Draw, name: str) -> None:
    drawn = CHARACTERS[name]()
    rest, *gaping = draw(name, [{}, *({"gape": 0.8 * value} for value in CURVE)])
    blinking = draw(name, [{"blink": value} for value in CURVE])
    turned = draw(name, [{"yaw": YAW * (2 * value - 1)} for value in CURVE])
    mouths = [mouth_darkness(frame, rest, drawn) for frame in gaping]
    eyes = [eye_height(frame, drawn) for frame in blinking]
    shifts = [shift_of_face(frame, rest, drawn) for frame in turned]
    assert np.corrcoef(CURVE, mouths)[0, 1] > 0.9, mouths
    assert np.corrcoef(1 - CURVE, eyes)[0, 1] > 0.9, eyes
    assert np.corrcoef(CURVE, shifts)[0, 1] > 0.9, shifts
    assert mouths[2] > 40 and np.ptp(shifts) > 8
    assert eyes[2] < 0.4 * eyes[0]  # shut eyes are a line, and no scraps


def test_mouths_that_are_drawn_open_into_one_dark_colour(draw: Draw) -> None:
    """No teeth: where the mouth of a cup was white and is not now, it is dark."""
    drawn = CHARACTERS["cup"]()
    rest, wide = draw("cup", [{}, {"gape": 1.0}])
    (left, y), (right, _) = place(drawn, "mouth_left"), place(drawn, "mouth_right")
    box = slice(round(y), round(y + 40)), slice(round(left + 6), round(right - 6))
    changed = np.abs(wide[box].astype(int) - rest[box]).max(-1) > DIFFERENT
    opened = wide[box][changed & (rest[box].mean(-1) > 200)]
    assert len(opened) > 100 and (opened.mean(-1) < 110).mean() > 0.85


def test_the_film_moves_what_the_points_say(pipeline: AvatarPipeline) -> None:
    drawn = CHARACTERS["robot"]()
    arms = {name: at for name, at in drawn.points.items() if name.split("_")[-1] in ("wrist", "elbow", "hand")}
    face = {name: at for name, at in drawn.points.items() if name not in arms and "shoulder" not in name}
    films = [draw_film(pipeline, drawn.picture, Points.parse(points)) for points in (drawn.points, face)]
    x, y = np.round(place(drawn, "left_wrist")).astype(int)
    moved = [max(float(np.abs(frame[y - 16 :, : x + 12].astype(int) - film[0][y - 16 :, : x + 12]).mean())
                 for frame in film) for film in films]  # fmt: skip
    assert moved[0] > 8 and moved[1] < 2
    for film in films:
        assert len(film) == FRAMES
        shut = film[round(0.55 * FRAMES)]
        assert eye_height(shut, drawn) < 0.6 * eye_height(film[0], drawn)
        shifts = [shift_of_face(film[round(at * FRAMES)], film[0], drawn) for at in (0.25, 0.75)]
        assert min(shifts) < -3 and max(shifts) > 3
        assert mouth_darkness(film[FRAMES // 4], film[0], drawn) > 40


def test_the_film_is_an_animated_webp_that_repeats() -> None:
    frames = [np.full((8, 8, 3), value, np.uint8) for value in (0, 128, 255)]
    film = Pillow.open(io.BytesIO(as_webp(frames)))
    assert (film.format, film.n_frames, film.info["loop"]) == ("WEBP", 3, 0)  # type: ignore[attr-defined]
