"""A fixed cast of rendered characters that sit before a camera and turn their heads, with their true pixels.

In contrast to the clips of `rendered_clips`, nothing of a character is known but its picture: it is prepared as the
product prepares one, with the face, the matte and the layers that are found in it. The driver is the character itself,
with true landmarks, which exist for heads in profile too, where no tracker finds a face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from benchmarks.evaluation.rendered_clips import SEED, ClipRenderer, landmarks_in_pixels
from benchmarks.evaluation.score import Face
from streamer.frames import Image
from streamer.rigging.picture import Picture
from streamer.tracking.motion import Motion
from training.render.character.act import Act
from training.render.character.character import Character, Traits
from training.render.scene.scene import HEAD_CENTRE, Lens, RenderedFrame, random_scene

POSED_SIZE = 512  # side of the pictures, pixels, as in the live server
STEP_DEGREES = 5  # of a turning head, from one frame to the next
STEPS_PER_SECOND = 12.5
_HEAD_HEIGHT = 0.5  # share of the picture
BARE = Traits(hat="none", beard=False, glasses=False, jewels=False)
CAST: dict[str, tuple[int, Traits]] = {
    "long_hair": (8002, replace(BARE, style="skin", hair="long")),
    "dark_skin": (8001, replace(BARE, style="skin", hair="short")),
    "glasses": (8004, replace(BARE, style="skin", hair="fringe", glasses=True)),
    "cel": (8004, replace(BARE, style="cel", hair="strands")),
    "paint": (8006, replace(BARE, style="paint", hair="bun")),
}


class PosedCharacter:
    """One of CAST before its own background, in its own light, rendered at any yaw of the head.

    yaw: degrees, 0 = into the camera, positive to the character's left.
    """

    def __init__(self, renderer: ClipRenderer, name: str) -> None:
        number, traits = CAST[name]
        self.name, self._renderer = name, renderer
        self._character = Character(renderer.studio, np.random.default_rng([SEED, number]), traits)
        scene = random_scene(np.random.default_rng([SEED, number, 1]), renderer.size, _HEAD_HEIGHT)
        plain = Lens(blur=0.0, noise=0.0, jpeg_quality=0, gain=np.ones(3, np.float32), gamma=1.0)
        self._scene = replace(scene, lens=plain)

    @cache  # noqa: B019 (a benchmark's few characters live as long as the program)
    def frame(self, yaw: float) -> RenderedFrame:
        """The character at a yaw with its true matte and labels."""
        return self._scene.render(self._character, _turned(yaw), np.random.default_rng(0))

    def over(self, colour: Sequence[int], yaw: float) -> Image:
        """The character at a yaw before a plain background, RGB 0..255."""
        plain = np.broadcast_to(np.array(colour, np.float32) / 255, (self._renderer.size, self._renderer.size, 3))
        return replace(self._scene, background=plain).render(
            self._character, _turned(yaw), np.random.default_rng(0)
        ).image  # fmt: skip

    def picture(self, yaw: float) -> Picture:
        """The frame at a yaw as a picture that a person would choose."""
        image = self.frame(yaw).image
        return Picture(np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]), f"{self.name} at {yaw:g}°")

    def motions(self, yaws: Sequence[float]) -> list[Motion]:
        """The character's own motion through a sequence of yaws, from its true landmarks and joints."""
        acts, frames = [_turned(yaw) for yaw in yaws], [self.frame(yaw) for yaw in yaws]
        return self._renderer.motions(self._character, self._scene, acts, frames, STEPS_PER_SECOND)

    def face(self, yaw: float) -> Face:
        """True landmarks (478, 3) in pixels."""
        true = self._renderer.landmarks.face(self._character, _turned(yaw), self._scene.camera)
        return landmarks_in_pixels(Motion.still(true), self._renderer.size)

    def head_box(self, half: float = 0.72) -> tuple[slice, slice]:
        """Rows and columns of the square around the head, for sheets. half: its half side, canvas units."""
        x, y = (self._scene.camera.canvas(HEAD_CENTRE)[0, :2] + 1) * self._renderer.size / 2
        reach = half * self._renderer.size / 2
        return slice(max(0, round(y - reach)), round(y + reach)), slice(max(0, round(x - reach)), round(x + reach))


def sweep(start: float, end: float) -> list[float]:
    """Yaws from one to the other in steps of STEP_DEGREES, both included."""
    count = max(1, round(abs(end - start) / STEP_DEGREES))
    return [float(yaw) for yaw in np.linspace(start, end, count + 1)]


def _turned(yaw: float) -> Act:
    return Act(head=np.array([0, np.radians(yaw), 0], np.float32))
