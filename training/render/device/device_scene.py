"""`Scene.shoot` for many pictures at once, on any device.

`shoot_many` takes what the CPU's renderer takes; `film` is the same for characters, acts and scenes that are on the
device already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from training.render.character.character import Act, Character
from training.render.device import device_lens
from training.render.device.device_figure import (
    Acts,
    Cameras,
    Cast,
    Device,
    Figure,
    Stage,
    body_landmarks,
    carry,
    face_landmarks,
    pose,
)
from training.render.labels.landmarks import LandmarkMap
from training.render.raster import device_raster, device_shading, device_shadow, device_supersampling
from training.render.raster.device_raster import Hits
from training.render.raster.device_shading import Lights
from training.render.scene.scene import HEAD_MIDDLE, SCALE, Lens, Scene

T = TypeVar("T")


@dataclass(frozen=True)
class Places:
    """N scenes of one size, stacked."""

    cameras: Cameras
    lights: Lights
    background: Tensor  # (N, S, S, 3) 0..1
    lenses: list[Lens]
    shadow: list[float]  # how dark the key lights' shadows are, 0..1

    @classmethod
    def pack(cls, scenes: Sequence[Scene], device: Device) -> Places:
        return cls(
            Cameras.pack([scene.camera for scene in scenes], device),
            Lights.pack([scene.light for scene in scenes], device),
            torch.from_numpy(np.stack([scene.background for scene in scenes])).to(device),
            [scene.lens for scene in scenes],
            [scene.shadow for scene in scenes],
        )

    @property
    def size(self) -> int:
        return self.background.shape[1]


@dataclass(frozen=True)
class Shots:
    """P rendered frames of size S and the truth about them; see `scene.Shot`."""

    image: Tensor  # (P, 3, S, S) uint8
    matte: Tensor  # (P, S, S) 0..1
    hits: Hits
    screen: Tensor  # (P, V, 3)
    label: Tensor  # (P, S, S) uint8
    face: Tensor  # (P, 478, 3) true landmarks, canvas units
    body: Tensor  # (P, 33, 4)
    hands: Tensor  # (P, 2, 21, 4)


def film(
    stage: Stage,
    cast: Cast,
    character: Sequence[int],
    acts: Acts,
    places: Places,
    place: Sequence[int],
    generator: torch.Generator | None = None,
) -> Shots:
    """Draw P pictures: figure character[p] of the cast in scene place[p]; `generator` only for the sensors' noise.

    Buffers of about 30 MB a picture at S = 256 live at the same time; scratch memory is bounded beyond that.
    """
    device = stage.expression.device
    who, where = torch.tensor([character, place], device=device)
    cameras = places.cameras.pick(where)
    lights = Lights(places.lights.lights[where], places.lights.ambient[where])
    side = places.size * SCALE
    poses = pose(stage, cast, who, acts)
    screen = cameras.screen(poses.vertices, side)
    hits = device_raster.fill(screen, cast.surfaces.faces, who, side, cast.closed)
    normal = device_raster.normals(poses.vertices, cast.surfaces.faces, who)
    dark = poses.dark.clone()
    shaded = [p for p, n in enumerate(place) if places.shadow[n] > 0]
    if shaded:
        strength = torch.tensor([places.shadow[place[p]] for p in shaded], device=device)
        dark[shaded] *= _shadow(
            strength,
            cast,
            who[shaded],
            acts.pick(shaded),
            poses.vertices[shaded],
            normal[shaded],
            lights.lights[shaded, 0, :3],
        )
    canvas = device_shading.shade(hits, cast.surfaces, who, poses.vertices, normal, dark, cameras.eye, lights)
    _ink(canvas, hits, cast, character, who, places.size)
    solid = (hits.triangle >= 0)[..., None]
    blocks = (canvas.clamp(0, 1) * solid).view(len(who), places.size, SCALE, places.size, SCALE, 3)
    matte = device_supersampling.coverage(hits, SCALE)
    image = blocks.mean((2, 4)) + (1 - matte[..., None]) * places.background[where]
    face = face_landmarks(stage, cast, who, acts, poses, cameras)
    return Shots(
        device_lens.take(image, [places.lenses[n] for n in place], generator),
        matte,
        hits,
        screen,
        device_supersampling.labels(hits, cast.surfaces.label, who, SCALE),
        face,
        *body_landmarks(cast, who, acts, cameras, face, hits),
    )


def _shadow(
    strength: Tensor, cast: Cast, who: Tensor, acts: Acts, vertices: Tensor, normal: Tensor, towards: Tensor
) -> Tensor:
    """What the key lights' shadows leave of the brightness of each vertex (P, V); strength (P,), towards (P, 3)."""
    middle = torch.from_numpy(HEAD_MIDDLE).to(vertices.device).expand(len(who), 1, 3)
    centre = carry(middle, torch.ones_like(middle[..., :1]), acts, cast.bust[who])[:, 0]
    hidden = device_shadow.occlusion(vertices, cast.casters, who, normal, towards, centre)
    cel = cast.surfaces.steps[who][:, None] > 0
    hidden = torch.where(cel, ((hidden - 0.4) * 8).clamp(0, 1), hidden)
    return 1 - (strength * cast.shading[who])[:, None] * hidden


def _ink(canvas: Tensor, hits: Hits, cast: Cast, character: Sequence[int], who: Tensor, size: int) -> None:
    """Outlines on those pictures whose characters are drawn with them, in place."""
    lined = [p for p, n in enumerate(character) if cast.looks[n].line > 0]
    if not lined:
        return
    looks = [cast.looks[character[p]] for p in lined]
    material = cast.surfaces.material
    triangle = hits.triangle[lined]
    face = triangle.clamp_min(0) + (who[lined] * material.shape[1])[:, None, None]
    # Materials are the drawn parts; neck and bust are one.
    part = torch.where(triangle >= 0, 1 + material.flatten()[face] % 5, 0)
    canvas[lined] = device_lens.ink_lines(
        canvas[lined], hits.inverse_depth[lined], part, [look.line * size / 256 for look in looks],
        torch.tensor(np.stack([look.ink for look in looks]), device=canvas.device),
    )  # fmt: skip


def shoot_many(
    characters: Character | Sequence[Character],
    acts: Sequence[Act],
    scenes: Scene | Sequence[Scene],
    device: Device,
    generator: torch.Generator | None = None,
) -> Shots:
    """Draw acts (P) on `device`; one character or one scene serves for all of them, otherwise there are P of each.

    All characters come from one studio and all scenes have one size. For many calls keep a Stage and a Cast and use
    `film`: packing them takes longer than drawing. Raises ValueError where the lengths differ.
    """
    people = [characters] * len(acts) if isinstance(characters, Character) else list(characters)
    spots = [scenes] * len(acts) if isinstance(scenes, Scene) else list(scenes)
    if not len(people) == len(spots) == len(acts):
        raise ValueError(f"{len(people)} characters and {len(spots)} scenes do not go with {len(acts)} acts")
    own_people, character = _distinct(people)
    own_spots, place = _distinct(spots)
    stage = Stage.build(people[0].studio, LandmarkMap.load(), device)
    figures = [Figure.of(one) for one in own_people]
    moves = np.concatenate([figures[n].moves([act]) for n, act in zip(character, acts, strict=True)])
    packed = Acts.pack(acts, moves, device)
    cast, places = Cast.gather(figures, device), Places.pack(own_spots, device)
    return film(stage, cast, character, packed, places, place, generator)


def _distinct(things: Sequence[T]) -> tuple[list[T], list[int]]:
    """Each object once, and which of them stands at each place."""
    number = {id(thing): n for n, thing in enumerate({id(t): t for t in things}.values())}
    return list({id(t): t for t in things}.values()), [number[id(thing)] for thing in things]
