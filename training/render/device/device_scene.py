"""`Scene.render` for many pictures at once, on any device.

`render_many` has the arguments of the CPU's renderer; `render_batch` takes characters, acts and scenes that are on the
device already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from training.render.character.act import Act
from training.render.character.character import Character
from training.render.device import device_lens
from training.render.device.device_camera import CameraBatch
from training.render.device.device_figure import Device, Figure, FigureBatch, StudioTensors
from training.render.device.device_landmarks import body_landmarks, face_landmarks, shown_hands
from training.render.device.device_pose import ActBatch, pose, to_world
from training.render.labels.landmarks import LandmarkMap
from training.render.labels.limb_labels import LimbLabels
from training.render.raster import device_raster, device_shading, device_shadow, device_supersampling
from training.render.raster.device_raster import Hits
from training.render.raster.device_shading import LightBatch
from training.render.scene.scene import HEAD_CENTRE, SCALE, Lens, Scene

T = TypeVar("T")


@dataclass(frozen=True)
class SceneBatch:
    """N scenes of one size, stacked."""

    cameras: CameraBatch
    lights: LightBatch
    background: Tensor  # (N, S, S, 3) 0..1
    lenses: list[Lens]
    shadow: list[float]  # strength of the key lights' shadows, 0..1

    @classmethod
    def pack(cls, scenes: Sequence[Scene], device: Device) -> SceneBatch:
        """Stack scenes on a device."""
        return cls(
            CameraBatch.pack([scene.camera for scene in scenes], device),
            LightBatch.pack([scene.light for scene in scenes], device),
            torch.from_numpy(np.stack([scene.background for scene in scenes])).to(device),
            [scene.lens for scene in scenes],
            [scene.shadow for scene in scenes],
        )

    @property
    def size(self) -> int:
        """Side S of the pictures, pixels."""
        return self.background.shape[1]


@dataclass(frozen=True)
class RenderedBatch:
    """P rendered frames of size S with their ground truth, as `scene.RenderedFrame`."""

    image: Tensor  # (P, 3, S, S) uint8
    matte: Tensor  # (P, S, S) 0..1
    hits: Hits
    screen: Tensor  # (P, V, 3)
    label: Tensor  # (P, S, S) uint8
    face: Tensor  # (P, 478, 3) true landmarks, canvas units
    body: Tensor  # (P, 33, 4)
    hands: Tensor  # (P, 2, 21, 4)
    limbs: LimbLabels  # of the first picture of each clip


def render_batch(
    studio: StudioTensors,
    figures: FigureBatch,
    character: Sequence[int],
    acts: ActBatch,
    scenes: SceneBatch,
    scene_index: Sequence[int],
    generator: torch.Generator | None = None,
    clip: int = 1,
) -> RenderedBatch:
    """Render P pictures: figure character[p] in scene scene_index[p].

    generator: of the sensors' noise. clip: pictures in a row of one character, a divisor of P; all but the first of
    them are drawn without the limbs that become layers in the first. Takes about 30 MB of memory a picture at S = 256,
    plus bounded scratch memory.
    """
    device = studio.expression.device
    owner, scene_of = torch.tensor([character, scene_index], device=device)
    cameras = scenes.cameras.pick(scene_of)
    lights = LightBatch(scenes.lights.lights[scene_of], scenes.lights.ambient[scene_of])
    side = scenes.size * SCALE
    poses = pose(studio, figures, owner, acts)
    screen = cameras.screen(poses.vertices, side)
    face = face_landmarks(studio, figures, owner, acts, poses, cameras)
    body, hands, hand_depth = body_landmarks(figures, owner, acts, cameras, face)
    first = slice(None, None, clip)
    limbs = LimbLabels.of(figures.limb_places[owner[first]], cameras.canvas(poses.vertices)[first], body[first])
    later = torch.arange(len(owner), device=device) % clip > 0
    left_out = limbs.vertices.repeat_interleave(clip, 0) & later[:, None]
    drawn = screen.masked_fill(left_out[..., None], 0)  # as behind the camera
    hits = device_raster.rasterise(drawn, figures.surfaces.faces, owner, side, figures.one_sided)
    normal = device_raster.normals(poses.vertices, figures.surfaces.faces, owner)
    brightness = poses.brightness.clone()
    shaded = [p for p, n in enumerate(scene_index) if scenes.shadow[n] > 0]
    if shaded:
        strength = torch.tensor([scenes.shadow[scene_index[p]] for p in shaded], device=device)
        brightness[shaded] *= _shadow(
            strength,
            figures,
            owner[shaded],
            acts.pick(shaded),
            poses.vertices[shaded],
            normal[shaded],
            lights.lights[shaded, 0, :3],
        )
    canvas = device_shading.shade(
        hits, figures.surfaces, owner, poses.vertices, normal, brightness, cameras.eye, lights
    )
    _draw_outlines(canvas, hits, figures, character, owner, scenes.size)
    covered = (hits.triangle >= 0)[..., None]
    samples = (canvas.clamp(0, 1) * covered).view(len(owner), scenes.size, SCALE, scenes.size, SCALE, 3)
    matte = device_supersampling.coverage(hits, SCALE)
    image = samples.mean((2, 4)) + (1 - matte[..., None]) * scenes.background[scene_of]
    return RenderedBatch(
        device_lens.apply(image, [scenes.lenses[n] for n in scene_index], generator),
        matte,
        hits,
        screen,
        device_supersampling.labels(hits, figures.surfaces.label, owner, SCALE),
        face,
        body,
        shown_hands(hands, hand_depth, hits, figures.is_bust[owner]),
        limbs,
    )


def _shadow(
    strength: Tensor,
    figures: FigureBatch,
    owner: Tensor,
    acts: ActBatch,
    vertices: Tensor,
    normal: Tensor,
    towards: Tensor,
) -> Tensor:
    """Factor (P, V) of the brightness of each vertex in the key lights' shadows; strength (P,), towards (P, 3)."""
    head_centre = torch.from_numpy(HEAD_CENTRE).to(vertices.device).expand(len(owner), 1, 3)
    centre = to_world(head_centre, torch.ones_like(head_centre[..., :1]), acts, figures.is_bust[owner])[:, 0]
    occluded = device_shadow.occlusion(vertices, figures.shadow_casters, owner, normal, towards, centre)
    cel = figures.surfaces.cel_levels[owner][:, None] > 0
    occluded = torch.where(cel, ((occluded - 0.4) * 8).clamp(0, 1), occluded)
    return 1 - (strength * figures.shading[owner])[:, None] * occluded


def _draw_outlines(
    canvas: Tensor, hits: Hits, figures: FigureBatch, character: Sequence[int], owner: Tensor, size: int
) -> None:
    """Draw outlines on the pictures of characters that have them, in place."""
    outlined = [p for p, n in enumerate(character) if figures.appearances[n].outline_width > 0]
    if not outlined:
        return
    appearances = [figures.appearances[character[p]] for p in outlined]
    material = figures.surfaces.material
    triangle = hits.triangle[outlined]
    face = triangle.clamp_min(0) + (owner[outlined] * material.shape[1])[:, None, None]
    # The drawn parts are the materials, but skin and clothes, 0 and 5, are one part.
    part = torch.where(triangle >= 0, 1 + material.flatten()[face] % 5, 0)
    canvas[outlined] = device_lens.draw_outlines(
        canvas[outlined], hits.inverse_depth[outlined], part, [each.outline_width * size / 256 for each in appearances],
        torch.tensor(np.stack([each.outline_colour for each in appearances]), device=canvas.device),
    )  # fmt: skip


def render_many(
    characters: Character | Sequence[Character],
    acts: Sequence[Act],
    scenes: Scene | Sequence[Scene],
    device: Device,
    generator: torch.Generator | None = None,
) -> RenderedBatch:
    """Render P acts on `device`; one character or one scene serves for all acts, otherwise there are P of each.

    All characters come from one studio and all scenes have one size. For repeated calls keep a StudioTensors and a
    FigureBatch and use `render_batch`: packing them takes longer than rendering. Raises ValueError where the lengths
    differ.
    """
    each_character = [characters] * len(acts) if isinstance(characters, Character) else list(characters)
    each_scene = [scenes] * len(acts) if isinstance(scenes, Scene) else list(scenes)
    if not len(each_character) == len(each_scene) == len(acts):
        counts = f"{len(each_character)} characters and {len(each_scene)} scenes"
        raise ValueError(f"{counts} do not go with {len(acts)} acts")
    unique_characters, character = _distinct(each_character)
    unique_scenes, scene_index = _distinct(each_scene)
    studio = StudioTensors.build(each_character[0].studio, LandmarkMap.load(), device)
    figures = [Figure.from_character(one) for one in unique_characters]
    transforms = np.concatenate([figures[n].bone_transforms([act]) for n, act in zip(character, acts, strict=True)])
    packed_acts = ActBatch.pack(acts, transforms, device)
    packed_figures, packed_scenes = FigureBatch.gather(figures, device), SceneBatch.pack(unique_scenes, device)
    return render_batch(studio, packed_figures, character, packed_acts, packed_scenes, scene_index, generator)


def _distinct(objects: Sequence[T]) -> tuple[list[T], list[int]]:
    """Each object once, and the index of the one at each position."""
    unique = {id(each): each for each in objects}
    index = {key: n for n, key in enumerate(unique)}
    return list(unique.values()), [index[id(each)] for each in objects]
