"""Rendered clips of characters that training has not seen, with their true pixels and drivers.

A clip is one character's reference picture and a few seconds of its motion as the renderer draws them. The driver
"self" is that character; "cross" is another character with another face, who makes the same motion in front of the same
camera, in the same light. The ground truth is the same for both, so that the difference between self and cross is the
cost of another face. "tracked" is the character with landmarks by MediaPipe, so that the difference between self and
tracked is the cost of the tracker.

Rigs are built from the renderer's own matte, joints and, unless tracked, landmarks, so that errors of the tracker do
not hide those of a generator. The ground truth has neither sensor noise nor JPEG artefacts, which no generator could
predict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from benchmarks.evaluation.face_tracks import track_faces
from benchmarks.evaluation.score import Face
from benchmarks.evaluation.track_edits import subsample_from_rest
from models.geometry.rig import Rig
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.tracking.motion import Motion
from streamer.tracking.mouth_tracker import MouthTracker
from streamer.tracking.shading_tracker import ShadingTracker
from training.render.character.act import Act
from training.render.character.appearance import STYLES
from training.render.character.character import Character, Traits
from training.render.character.facekit import FacekitError, load_facekit
from training.render.character.gestures import FPS
from training.render.character.studio import Studio
from training.render.labels.landmarks import LandmarkMap
from training.render.scene.motion_tracks import ExpressionIndex, Mood, Track, random_track
from training.render.scene.scene import RenderedFrame, Scene, random_scene

SEED = 900_000  # no training run has such a large one
SIZE = 256  # side of the pictures, pixels
FRAMES = 24
FRAME_STEP = 2  # frames at 25 fps from one frame of a clip to the next
DRIVERS = ("self", "cross", "tracked")
OTHER_CHARACTER = 500  # offset from a character's number to that of its cross driver

_LIVELY = Mood(talk=1.0, face=1.2, head=1.0, gaze=1.0, body=0.6, blinks=3.0)
_HEAD_HEIGHT = (0.45, 0.8)  # share of the picture, from and to
_EASE_FRAMES = 5  # from rest to full motion


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """T frames of one character; frame 0 is the reference picture.

    number: of the character and its motion.
    style: of the character.
    rig: of the reference picture.
    truth: T pictures (S, S, 3) uint8.
    labels: T label pictures (S, S), as in `training.data.samples`.
    faces: T true landmarks (478, 3), pixels.
    drivers: T motions of each driver, by name.
    """

    number: int
    style: str
    rig: Rig
    truth: list[Image]
    labels: list[Image]
    faces: list[Face]
    drivers: dict[str, list[Motion]]

    @cached_property
    def detected_faces(self) -> list[Face | None]:
        """Landmarks by MediaPipe in the true pictures, to compare with those in drawn frames."""
        return track_faces(self.truth)

    def driven_by(self, driver: str) -> tuple[Rig, list[Motion]] | None:
        """The rig and the motions for it; None where MediaPipe does not find the face of the driver "tracked"."""
        return self.tracked if driver == "tracked" else (self.rig, self.drivers[driver])

    @cached_property
    def tracked(self) -> tuple[Rig, list[Motion]] | None:
        """Rig and motions from the landmarks by MediaPipe; None where it does not find a face in all frames."""
        rig, found = self.rig, [face for face in self.detected_faces if face is not None]
        if len(found) < len(self.detected_faces):
            return None
        half = rig.size / 2
        faces = [((face - [half, half, 0]) / half).astype(np.float32) for face in found]
        motions = [replace(motion, face=face) for motion, face in zip(self.drivers["self"], faces, strict=True)]
        with torch.inference_mode():
            return Rig.build(rig.image, rig.matte, torch.from_numpy(faces[0])[None], rig.body, rig.plate), motions


class ClipRenderer:
    """Renders characters, scenes and motions by number: the same number always gives the same ones."""

    def __init__(self, facekit: Path | None, size: int = SIZE) -> None:
        """Raises KagamiError with one sentence when there is no face model."""
        if facekit is None:
            raise KagamiError("Rendered truth needs the face model: give the path of ict_facekit.npz with --facekit.")
        try:
            self.studio = Studio(load_facekit(facekit))
        except FacekitError as error:
            raise KagamiError(str(error)) from error
        self.size = size
        self.names = ExpressionIndex(self.studio.kit.expression_names)
        self.landmarks = LandmarkMap.load()

    def character(self, number: int, style: str | None = None) -> Character:
        """style: one of STYLES; None: any."""
        return Character(self.studio, np.random.default_rng([SEED, number]), Traits(style=style))

    def scene(self, number: int) -> Scene:
        """Camera, light and background, with the whole head in the picture, without noise and compression."""
        rng = np.random.default_rng([SEED, number, 1])
        scene = random_scene(rng, self.size, float(rng.uniform(*_HEAD_HEIGHT)))
        return replace(scene, lens=replace(scene.lens, noise=0.0, jpeg_quality=0))

    def track(self, number: int, frames: int = FRAMES, step: int = FRAME_STEP) -> Track:
        """A lively motion; with even numbers it begins at rest: head straight, mouth closed, eyes open."""
        full = random_track(np.random.default_rng([SEED, number, 2]), frames * step, self.names, _LIVELY)
        ease = np.clip(np.arange(frames) / _EASE_FRAMES, 0, 1) if number % 2 == 0 else np.ones(frames)
        return subsample_from_rest(full, step, ease)

    def clip(self, number: int, style: str, frames: int = FRAMES) -> RenderedClip:
        """Render one clip."""
        character, scene, track = self.character(number, style), self.scene(number), self.track(number, frames)
        other = self.character(number + OTHER_CHARACTER, "skin")
        acts = [track.act(i) for i in range(frames)]
        pictures, other_pictures = self.render(character, scene, acts), self.render(other, scene, acts)
        own = self.motions(character, scene, acts, pictures)
        return RenderedClip(
            number=number,
            style=style,
            rig=rig_from_render(pictures[0], own[0]),
            truth=[picture.image for picture in pictures],
            labels=[picture.label for picture in pictures],
            faces=[landmarks_in_pixels(motion, self.size) for motion in own],
            drivers={"self": own, "cross": self.motions(other, scene, acts, other_pictures)},
        )

    def render(self, character: Character, scene: Scene, acts: Sequence[Act]) -> list[RenderedFrame]:
        """One rendered frame for each act."""
        return [scene.render(character, act, np.random.default_rng(0)) for act in acts]

    def motions(
        self,
        character: Character,
        scene: Scene,
        acts: Sequence[Act],
        pictures: Sequence[RenderedFrame] = (),
        fps: float = FPS / FRAME_STEP,
    ) -> list[Motion]:
        """The true landmarks and joints of a character as a tracker's motions; where pictures of the acts are given,
        also the shading and the mouth that trackers find in them.
        """
        out, shading, mouth = [], ShadingTracker(), MouthTracker()
        for i, act in enumerate(acts):
            face = self.landmarks.face(character, act, scene.camera)
            body = self.landmarks.body(character, act, scene.camera, face)
            motion = Motion.still(face, body, i / fps)
            if pictures:
                shade = shading.track(pictures[i].image, motion.captured, face)
                motion = replace(motion, shade=shade, mouth=mouth.track(pictures[i].image, motion.captured, face))
            out.append(motion)
        return out

    def clips(self, per_style: int, frames: int = FRAMES) -> Iterator[RenderedClip]:
        """`per_style` clips of every style."""
        for i, style in enumerate(STYLES):
            for k in range(per_style):
                yield self.clip(1000 * i + k, style, frames)


def rig_from_render(rendered: RenderedFrame, motion: Motion) -> Rig:
    """The rig of a rendered picture, from its true matte, landmarks and joints."""
    assert motion.face is not None and motion.body is not None
    image = torch.from_numpy(np.ascontiguousarray(rendered.image.transpose(2, 0, 1))).float() / 255
    matte = torch.from_numpy(np.clip(rendered.matte, 0, 1).astype(np.float32))
    with torch.inference_mode():
        return Rig.build(
            image[None], matte[None, None], torch.from_numpy(motion.face)[None], torch.from_numpy(motion.body)[None]
        )


def landmarks_in_pixels(motion: Motion, size: int) -> Face:
    """The landmarks of a motion (478, 3) in pixels of a square picture; z in the unit of x."""
    assert motion.face is not None
    return motion.face.astype(np.float64) * (size / 2) + [size / 2, size / 2, 0]
