"""Clips of characters that training never saw, with the true pixels, and two drivers for each.

A take is one character's reference and a few seconds of its motion as the renderer draws them. The driver "self" is
that very character; "cross" is somebody else, with another face, who makes the same motion before the same camera, in
the same light: the truth is the same picture, so what is lost from self to cross is what another face costs. "tracked"
is the character himself as MediaPipe sees him, so what is lost from self to tracked is what the tracker costs.

Rigs are built from the renderer's own matte, joints and, unless tracked, landmarks, so that the tracker's mistakes do
not hide what a generator does. The truth has no sensor noise and no JPEG, which nobody could foresee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.eval_pipeline import Artist, animate
from benchmarks.evaluation.regions import REGIONS, region_psnr
from benchmarks.evaluation.score import Face, score
from benchmarks.evaluation.table import Row
from benchmarks.reenact import track_faces
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
from training.render.character.studio import Studio
from training.render.labels.landmarks import LandmarkMap
from training.render.scene.motion_tracks import FPS, ExpressionIndex, Mood, Track, random_track
from training.render.scene.scene import RenderedFrame, Scene, random_scene

SEED = 900_000  # far from any that trains
SIZE = 256
FRAMES = 24
PACE = 2  # frames of 25 fps from one frame of a take to the next
DRIVERS = ("self", "cross", "tracked")
FIGURES = ("psnr", "ssim", "akd", "mouth_corr", "mouth_gain", "eye_corr", *REGIONS)

_LIVELY = Mood(talk=1.0, face=1.2, head=1.0, gaze=1.0, body=0.6, blinks=3.0)
_TALL = (0.45, 0.8)  # head height as a part of the picture
_EASE = 5  # frames from rest to full motion


@dataclass(frozen=True, eq=False)
class Take:
    """T frames of one character. truth, labels: (S, S, 3) and (S, S); faces: true landmarks in pixels; frame 0 is the
    reference. drivers: T motions by name.
    """

    number: int
    style: str
    rig: Rig
    truth: list[Image]
    labels: list[Image]
    faces: list[Face]
    drivers: dict[str, list[Motion]]

    @cached_property
    def seen(self) -> list[Face | None]:
        """What MediaPipe sees in the truth: the ruler for what it sees in drawn frames."""
        return track_faces(self.truth)

    def staged(self, driver: str) -> tuple[Rig, list[Motion]] | None:
        """The rig and what moves it; None where the driver cannot play."""
        return self.tracked if driver == "tracked" else (self.rig, self.drivers[driver])

    @cached_property
    def tracked(self) -> tuple[Rig, list[Motion]] | None:
        """Rig and motions by what MediaPipe sees; None where it does not see a face throughout."""
        rig, seen = self.rig, [face for face in self.seen if face is not None]
        if len(seen) < len(self.seen):
            return None
        half = rig.size / 2
        faces = [((face - [half, half, 0]) / half).astype(np.float32) for face in seen]
        motions = [replace(motion, face=face) for motion, face in zip(self.drivers["self"], faces, strict=True)]
        with torch.inference_mode():
            return Rig.build(rig.image, rig.matte, torch.from_numpy(faces[0])[None], rig.body, rig.plate), motions


Keep = Callable[[Take, list[Image]], None]


class FilmSet:
    """Characters, scenes and motions by number."""

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
        """The same number is always the same person; style: one of STYLES."""
        return Character(self.studio, np.random.default_rng([SEED, number]), Traits(style=style))

    def scene(self, number: int) -> Scene:
        """Camera, light and background: the head whole in the picture, without noise and compression."""
        rng = np.random.default_rng([SEED, number, 1])
        scene = random_scene(rng, self.size, float(rng.uniform(*_TALL)))
        return replace(scene, lens=replace(scene.lens, noise=0.0, jpeg_quality=0))

    def track(self, number: int, frames: int = FRAMES, pace: int = PACE) -> Track:
        """A lively motion; in even numbers it begins at rest: straight head, shut mouth, open eyes."""
        whole = random_track(np.random.default_rng([SEED, number, 2]), frames * pace, self.names, _LIVELY)
        ease = np.clip(np.arange(frames) / _EASE, 0, 1) if number % 2 == 0 else np.ones(frames)
        return paced(whole, pace, ease)

    def take(self, number: int, style: str, frames: int = FRAMES) -> Take:
        """Render one."""
        character, scene, track = self.character(number, style), self.scene(number), self.track(number, frames)
        other = self.character(number + 500, "skin")
        acts = [track.act(i) for i in range(frames)]
        shots, seen = self.shoot(character, scene, acts), self.shoot(other, scene, acts)
        own = self.motions(character, scene, acts, shots)
        return Take(
            number=number,
            style=style,
            rig=rig_of(shots[0], own[0]),
            truth=[shot.image for shot in shots],
            labels=[shot.label for shot in shots],
            faces=[pixels(motion, self.size) for motion in own],
            drivers={"self": own, "cross": self.motions(other, scene, acts, seen)},
        )

    def shoot(self, character: Character, scene: Scene, acts: Sequence[Act]) -> list[RenderedFrame]:
        """What the camera sees."""
        return [scene.render(character, act, np.random.default_rng(0)) for act in acts]

    def motions(
        self,
        character: Character,
        scene: Scene,
        acts: Sequence[Act],
        shots: Sequence[RenderedFrame] = (),
        fps: float = FPS / PACE,
    ) -> list[Motion]:
        """The true landmarks and joints of a character as a tracker's motions, with the light on the skin where shots
        of these acts show it.
        """
        out, light, mouth = [], ShadingTracker(), MouthTracker()
        for i, act in enumerate(acts):
            face = self.landmarks.face(character, act, scene.camera)
            body = self.landmarks.body(character, act, scene.camera, face)
            motion = Motion.still(face, body, i / fps)
            if shots:
                shade = light.track(shots[i].image, motion.captured, face)
                motion = replace(motion, shade=shade, mouth=mouth.track(shots[i].image, motion.captured, face))
            out.append(motion)
        return out

    def takes(self, each: int, frames: int = FRAMES) -> Iterator[Take]:
        """So many takes of every style."""
        for i, style in enumerate(STYLES):
            for k in range(each):
                yield self.take(1000 * i + k, style, frames)


def changed(track: Track, change: Callable[[str, NDArray], NDArray]) -> Track:
    """A track whose arrays (frames, ...) are what `change` makes of their names and values."""
    parts: dict[str, Any] = {}
    for field in fields(Track):
        values = getattr(track, field.name)
        parts[field.name] = None if values is None else np.asarray(change(field.name, values), np.float32)
    return Track(**parts)


def paced(track: Track, pace: int, amount: NDArray) -> Track:
    """Every pace-th frame of a track, each `amount` (frames,) 0..1 of the way from rest to it."""

    def slow(name: str, values: NDArray) -> NDArray:
        rest, share = getattr(Act(), name), amount.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(rest + share * (values[::pace] - rest))

    return changed(track, slow)


def rig_of(shot: RenderedFrame, motion: Motion) -> Rig:
    """The rig of a rendered picture, from its true matte, landmarks and joints."""
    assert motion.face is not None and motion.body is not None
    image = torch.from_numpy(np.ascontiguousarray(shot.image.transpose(2, 0, 1))).float() / 255
    matte = torch.from_numpy(np.clip(shot.matte, 0, 1).astype(np.float32))
    with torch.inference_mode():
        return Rig.build(
            image[None], matte[None, None], torch.from_numpy(motion.face)[None], torch.from_numpy(motion.body)[None]
        )


def pixels(motion: Motion, size: int) -> Face:
    """Landmarks (478, 3) in pixels."""
    assert motion.face is not None
    return motion.face.astype(np.float64) * (size / 2) + [size / 2, size / 2, 0]


def compare(take: Take, drawn: Sequence[Image]) -> Row:
    """FIGURES of drawn frames against a take, the reference frame left out.

    psnr, ssim, akd, mouth_corr, mouth_gain, eye_corr: as in `benchmarks.evaluation.score`, with MediaPipe on both.
    REGIONS: dB.
    """
    whole = score(take.truth, drawn, take.seen, track_faces(drawn))
    parts = region_psnr(take.truth[1:], drawn[1:], take.labels[1:], take.faces[1:])
    return {name: ({**whole, **parts})[name] for name in FIGURES}


def measure(takes: Iterable[Take], artist: Artist, driver: str, keep: Keep | None = None) -> list[Row]:
    """One row for each take that the driver can play. keep: called with each of them and what was drawn for it."""
    rows = []
    for take in takes:
        staged = take.staged(driver)
        if staged is None:
            continue
        drawn = animate(artist, *staged)
        rows.append(compare(take, drawn))
        if keep is not None:
            keep(take, drawn)
    return rows
