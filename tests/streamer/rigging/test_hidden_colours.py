"""Colours under transparent pixels never reach the avatar, however the picture is scaled, cut out and drawn."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from streamer.generation.controls import Controls
from streamer.generation.device import choose_device
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.stream import FrameRequest
from streamer.rigging.picture import MAX_SIDE, Picture, load_picture
from streamer.tracking.motion import Motion

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"
PINK = (255, 0, 255)
SIZE = 192
TOLERANCE = 3 / 255


def soft_cut(side: int, below: tuple[int, int, int] | None) -> np.ndarray:
    """(side, side, 4) the avatar in an ellipse with a soft edge. below: the colour of transparent pixels; None: their
    own.
    """
    rgb = cv2.resize(load_picture(AVATAR).rgba[..., :3], (side, side), interpolation=cv2.INTER_AREA)
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (side // 2, side // 2), (side // 3, side // 2 - side // 70), 0, 0, 360, 255, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), side / 190)
    if below is not None:
        rgb[alpha == 0] = below
    return np.dstack([rgb, alpha])


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    values = rgba.astype(np.float32) / 255
    values[..., :3] *= values[..., 3:]
    return values


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_scaling_ignores_colours_of_transparent_pixels(form: str) -> None:
    side = MAX_SIDE + 401
    loaded = []
    for below in (None, PINK):
        buffer = io.BytesIO()
        Pillow.fromarray(soft_cut(side, below)).save(buffer, form)
        loaded.append(load_picture(buffer.getvalue()).rgba)
    assert loaded[0].shape == (MAX_SIDE, MAX_SIDE, 4)
    assert np.abs(premultiplied(loaded[0]) - premultiplied(loaded[1])).max() <= TOLERANCE


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return make_pipeline("geometry", choose_device("cpu"), SIZE)


def test_avatar_shows_nothing_of_the_colours_below(pipeline: AvatarPipeline) -> None:
    frames = []
    for below in (None, PINK):
        avatar = pipeline.prepare(Picture(soft_cut(384, below), "cut.png"))
        still = Motion.still(avatar.rig.face[0].numpy(), avatar.rig.body[0].numpy())
        character = avatar.characters[0]
        shown = [character.rgb, character.plate, character.foreground * (character.alpha[..., None] > 0)]
        for background in ("original", "transparent", "blur"):
            controls = Controls(background=background)
            frame = pipeline.draw([FrameRequest(pipeline.open(avatar), still, still, controls)])[0]
            shown.append(frame.rgb / 255)
        frames.append(shown)
    for own, other in zip(*frames, strict=True):
        assert np.abs(own - other).max() <= TOLERANCE
        red, green, blue = np.moveaxis(other, -1, 0)
        assert (np.minimum(red, blue) - green).max() < 0.25  # nowhere pink
