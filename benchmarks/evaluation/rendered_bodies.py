"""A fixed cast of rendered bodies that move their arms, with their true pixels: `benchmarks.body --rendered`.

Frame 0 is the rest pose, arms hanging, and the picture that is animated; nothing else of a character is known to the
product, which finds face, joints and matte in it. The driver is the rendered motion, tracked as any clip. Figures, PSNR
in dB over all frames after the first:

* arms_psnr: within the true arms and hands
* uncovered_psnr: where the rest pose shows an arm and the truth no longer does, but the torso or the background
* torso_psnr: within the rest of the person below the head that was not behind an arm
* arm_share: of the frame, that the true arms take, %
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.body_clips import BodyClip, track_clip
from benchmarks.evaluation.posed_characters import BARE
from benchmarks.evaluation.regions import Mask, mask_psnr
from benchmarks.evaluation.rendered_clips import SEED
from benchmarks.evaluation.table import Row
from streamer.errors import KagamiError
from streamer.frames import CameraFrame, Image
from training.render.arrays import Array
from training.render.character.act import Act
from training.render.character.bodykit import BodykitError, load_bodykit
from training.render.character.character import Character, Traits
from training.render.character.facekit import FacekitError, load_facekit
from training.render.character.gestures import POSES
from training.render.character.parts import BODY
from training.render.character.studio import Studio
from training.render.raster import supersampling
from training.render.scene.scene import SCALE, Lens, RenderedFrame, Scene, body_camera, random_scene

RENDERED_SIZE = 512  # side of the pictures, pixels
RATE = Fraction(25, 2)  # frames a second
MOVE_FRAMES, HOLD_FRAMES = 5, 2  # from one pose to the next, and in it
ON_ARM = 0.5  # skin weight from which a vertex belongs to an arm
CROWN = 14.5  # cm above the origin of a head
RENDERED_BODY_FIGURES = ("arms_psnr", "uncovered_psnr", "torso_psnr", "arm_share")
_BACKGROUND, _HEAD, _TORSO, _ARM = range(4)

Parts = NDArray[np.uint8]


@dataclass(frozen=True)
class Role:
    """One of the cast.

    number: of the character. traits: its own. whole: whether legs and feet are in the frame. poses: of the left and of
    the right arm, one after the other, by the names of `training.render.character.gestures`; it begins at rest.
    """

    number: int
    traits: Traits
    whole: bool
    poses: tuple[tuple[str, str], ...]


CAST: dict[str, Role] = {
    "upper": Role(7001, replace(BARE, style="skin", hair="short"), False,
                  (("wave", "hang"), ("hip", "hip"), ("hang", "chin"))),
    "whole": Role(7002, replace(BARE, style="skin", hair="long"), True,
                  (("high", "high"), ("hang", "wave"), ("open", "hip"))),
    "folded": Role(7003, replace(BARE, style="skin", hair="fringe"), False,
                    (("folded", "folded"), ("explain", "open"), ("hang", "high"))),
    "cel": Role(7004, replace(BARE, style="cel", hair="strands"), True,
                (("open", "open"), ("wave", "chin"), ("hip", "high"))),
}  # fmt: skip


@dataclass(frozen=True)
class RenderedBody:
    """A member of the cast: clip, with the true pixels in its frames; parts: (S, S) of each frame, what it shows."""

    clip: BodyClip
    parts: list[Parts]

    @property
    def persons(self) -> list[Mask]:
        """(S, S) where each frame shows the character."""
        return [each != _BACKGROUND for each in self.parts]


class BodyRenderer:
    """Renders the cast. Raises KagamiError with one sentence where a model cannot be read."""

    def __init__(self, facekit: Path | None, bodykit: Path | None) -> None:
        if facekit is None or bodykit is None:
            raise KagamiError(
                "Rendered bodies need both models: give the paths of ict_facekit.npz with --facekit "
                "and of makehuman_base.npz with --bodykit."
            )
        try:
            self.studio = Studio(load_facekit(facekit), load_bodykit(bodykit))
        except (FacekitError, BodykitError) as error:
            raise KagamiError(str(error)) from error

    def cast(self, count: int | None = None) -> Iterator[RenderedBody]:
        """The first `count` of the cast, or all, each rendered and tracked."""
        for name in list(CAST)[:count]:
            yield self.body(name)

    def body(self, name: str) -> RenderedBody:
        """Render and track one of the cast."""
        role = CAST[name]
        character = Character(self.studio, np.random.default_rng([SEED, role.number]), role.traits)
        if character.body is None:
            raise KagamiError(f"The character {name!r} has no clothes for a whole body: choose another number.")
        scene = _scene(role, CROWN - character.body.floor)
        of_triangle = _triangle_parts(character)
        rendered = [scene.render(character, act, np.random.default_rng(0)) for act in acts(role.poses)]
        frames = [CameraFrame(each.image, float(i / RATE), i) for i, each in enumerate(rendered)]
        return RenderedBody(track_clip(name, RATE, frames), [_parts(each, of_triangle) for each in rendered])


def acts(poses: Sequence[tuple[str, str]]) -> list[Act]:
    """The rest pose, then each pair of arm poses: MOVE_FRAMES on the way to it, HOLD_FRAMES in it."""
    last = _arms(("hang", "hang"))
    out = [Act(arms=last[0], fingers=last[1])]
    for pair in poses:
        to = _arms(pair)
        for i in range(MOVE_FRAMES + HOLD_FRAMES):
            t = min(1.0, (i + 1) / MOVE_FRAMES)
            ease = t**3 * (10 - 15 * t + 6 * t * t)  # minimum jerk, as the renderer's own gestures
            arms, fingers = (a + np.float32(ease) * (b - a) for a, b in zip(last, to, strict=True))
            out.append(Act(arms=arms, fingers=fingers))
        last = to
    return out


def rendered_figures(parts: Sequence[Parts], truth: Sequence[Image], drawn: Sequence[Image]) -> Row:
    """RENDERED_BODY_FIGURES of frames (S, S, 3) against the truth, the first of which is at rest."""
    rest = parts[0] == _ARM
    now = np.stack([each == _ARM for each in parts[1:]])
    torso = np.stack([each == _TORSO for each in parts[1:]])
    true, own = np.stack(truth[1:]), np.stack(drawn[1:])
    return {
        "arms_psnr": mask_psnr(true, own, now),
        "uncovered_psnr": mask_psnr(true, own, rest & ~now),
        "torso_psnr": mask_psnr(true, own, torso & ~rest),
        "arm_share": 100 * float(now.mean()),
    }


def _arms(pair: tuple[str, str]) -> tuple[Array, Array]:
    """Arms (2, 12) and fingers (2, 6) of the poses of the left and of the right arm."""
    arms, fingers = zip(*(POSES[name] for name in pair), strict=True)
    return np.array(arms, np.float32), np.array(fingers, np.float32)


def _scene(role: Role, height: float) -> Scene:
    """A camera that shows the body, of a height in cm, and a clean lens: noise cannot be predicted."""
    scene = random_scene(np.random.default_rng([SEED, role.number, 1]), RENDERED_SIZE, 0.5)
    camera = body_camera(np.random.default_rng([SEED, role.number, 2]), height, role.whole)
    lens = Lens(blur=0.0, noise=0.0, jpeg_quality=0, gain=np.ones(3, np.float32), gamma=1.0)
    return replace(scene, camera=camera, lens=lens)


def _triangle_parts(character: Character) -> NDArray[np.int32]:
    """(F,) part of each triangle of a character with a body."""
    assert character.body is not None
    first, model = len(character.studio.used), character.body.model
    on_arm = np.zeros(len(character.rest), np.bool_)
    on_arm[first : first + len(character.body.points)] = model.on_arm > ON_ARM
    parts = np.where(character.label == BODY, _TORSO, _HEAD)
    return np.where(on_arm[character.surface.faces].all(1), _ARM, parts).astype(np.int32)


def _parts(frame: RenderedFrame, of_triangle: NDArray[np.int32]) -> Parts:
    """(S, S) part that each pixel shows."""
    return supersampling.labels(frame.hits, of_triangle, SCALE)
