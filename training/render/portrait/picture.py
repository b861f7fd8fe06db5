"""Renders a portrait of a sitter: lit skin, eyes, cloth and hair in linear light, developed to a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.character.noise import Rng
from training.render.character.studio import Studio
from training.render.portrait.bust import Bust, build_bust
from training.render.portrait.film import SIZE, backdrop, develop, moisten, resolve, scatter
from training.render.portrait.garment import CLOTH, COLLAR, EYE, FACE, SOCKET
from training.render.portrait.groom import Obstacle, Strands, bun, grow
from training.render.portrait.lashes import brow_strands, lash_strands
from training.render.portrait.materials import materials, relief
from training.render.portrait.shading_maps import ambient_occlusion, cone, soft_light
from training.render.portrait.sitter import Sitter
from training.render.portrait.strands import HairLook, draw_strands, hair_light
from training.render.portrait.surface import SurfaceSamples, sample_surface
from training.render.portrait.volume import HairVolume
from training.render.scene.scene import HEAD_HEIGHT, Camera

BLEED: Array = np.array([0.30, 0.13, 0.07], np.float32)  # cm, how far red, green and blue light travel in skin
CAMERA_DISTANCE, CAMERA_HEIGHT = 95.0, 3.0  # cm
LASH_COLOUR = np.array([0.012, 0.009, 0.008], np.float32)
NEARER = 0.00006  # 1/cm, by which brows and lashes lie in front of the skin
SKIN_PART, CLOTH_PART, EYE_PART, HAIR_PART = 1, 2, 3, 4


@dataclass(frozen=True)
class Layers:
    """A rendered portrait. image (S, S, 3): sRGB 0..1. part (S, S): 0 = background, or one of the PART constants."""

    image: Array
    part: NDArray[np.uint8]


def render_portrait(studio: Studio, sitter: Sitter, scale: int) -> Layers:
    """Render a sitter with scale² samples a pixel; the studio must be one without bodies."""
    side = SIZE * scale
    rng = np.random.default_rng(sitter.seed)
    bust = build_bust(studio, sitter.shape)
    focal = 2 * sitter.head_height * CAMERA_DISTANCE / HEAD_HEIGHT
    camera = Camera(focal, CAMERA_DISTANCE, CAMERA_HEIGHT, sitter.offset)
    per_cm = focal / CAMERA_DISTANCE * side / 2
    hair = _grow_hair(bust, sitter, rng)
    volume = HairVolume(hair)
    samples = sample_surface(bust, camera, side)
    canvas = _lit_surface(studio, sitter, bust, samples, _VertexLight.of(bust, volume, sitter, scale), camera, per_cm)
    part = np.zeros((side, side), np.uint8)
    cloth = np.isin(samples.kind, (CLOTH, COLLAR))
    part[samples.covered] = np.where(samples.kind == EYE, EYE_PART, np.where(cloth, CLOTH_PART, SKIN_PART))
    moisten(canvas, part == EYE_PART, per_cm)

    brows = brow_strands(bust, studio, sitter.brow, rng)
    lashes = lash_strands(part == EYE_PART, samples.inverse_depth, camera, sitter.lashes, rng, bust.eyes)
    brow_look = HairLook(sitter.hair_look.root * 0.8, sitter.hair_look.root, (0.03, 0.1))
    depth, drawn = samples.inverse_depth.copy(), np.zeros((side, side), np.uint8)
    for strands, look, nearer in (
        (hair, sitter.hair_look, 0.0),
        (brows, brow_look, NEARER),
        (lashes, HairLook(LASH_COLOUR, LASH_COLOUR, (0.02, 0.0)), NEARER),
    ):
        if strands is not None:
            colour = hair_light(strands, volume, look, list(sitter.lamps), sitter.sky, camera.eye)
            screen = camera.screen(strands.points.reshape(-1, 3), side).reshape(strands.points.shape)
            screen[..., 2] += nearer
            draw_strands(screen, strands.radius * per_cm, colour, depth, canvas, drawn, look.edges)
        if strands is hair:
            part[drawn > 0] = HAIR_PART
    image, alpha = resolve(canvas, samples.covered | (drawn > 0), scale)
    image = image + (1 - alpha[..., None]) * backdrop(sitter.backdrop)
    return Layers(develop(image * sitter.exposure), part[scale // 2 :: scale, scale // 2 :: scale])


def _grow_hair(bust: Bust, sitter: Sitter, rng: Rng) -> Strands:
    """All hair of a sitter's head."""
    obstacle = Obstacle(bust)
    locks = [grow(bust, obstacle, style, rng) for style in sitter.hair]
    if sitter.bun > 0:
        locks += [bun(style, sitter.bun, rng) for style in sitter.hair]
    strands = locks[0]
    for more in locks[1:]:
        strands = strands.joined(more)
    return strands


@dataclass(frozen=True)
class _VertexLight:
    """Share (V,) 0..1 of the light of each lamp, of the sky, and of the sky without hair, that reaches each vertex."""

    lamps: list[Array]
    sky: Array
    occlusion: Array

    @classmethod
    def of(cls, bust: Bust, volume: HairVolume, sitter: Sitter, scale: int) -> _VertexLight:
        occlusion = ambient_occlusion(bust.vertices, bust.normals, bust.faces, 40 * scale)
        outside = bust.vertices + 0.6 * bust.normals  # so that hair beside a vertex does not hide it from itself
        sky = occlusion * (0.25 + 0.75 * volume.ambient(outside))
        lamps = []
        for lamp in sitter.lamps:
            seen = soft_light(bust.vertices, bust.normals, bust.faces, cone(lamp.direction, lamp.softness, 9 * scale))
            lamps.append(seen * volume.light(outside, lamp.direction, 0.8))
        return cls(lamps, sky.astype(np.float32), occlusion)


def _lit_surface(
    studio: Studio, sitter: Sitter, bust: Bust, samples: SurfaceSamples, reaching: _VertexLight, camera: Camera,
    per_cm: float,
) -> Array:  # fmt: skip
    """Linear RGB (H, W, 3) of the mesh, without hair; per_cm: samples."""
    gaze = camera.eye - np.mean([centre for centre, _ in bust.eyes], 0)
    made_of = materials(studio.kit, sitter, samples, (gaze / np.linalg.norm(gaze)).astype(np.float32))
    normal = relief(samples, sitter)
    view = camera.eye - samples.position
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    up = (0.5 + 0.5 * normal[:, 1])[:, None]
    open_sky = samples.at(reaching.sky)
    diffuse = (sitter.sky[0] + (sitter.sky[1] - sitter.sky[0]) * up) * open_sky[:, None]
    edge = (1 - np.clip((normal * view).sum(1), 0, 1)) ** 3
    highlight = (sitter.rim * edge * open_sky)[:, None] * sitter.sky[1]
    wrap = np.where(np.isin(samples.kind, (FACE, EYE)), 0.18, 0.05)
    for lamp, share in zip(sitter.lamps, reaching.lamps, strict=True):
        light = samples.at(share)[:, None] * lamp.colour
        cosine = normal @ lamp.direction
        diffuse += light * np.clip((cosine + wrap) / (1 + wrap), 0, 1)[:, None]
        half = lamp.direction + view
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        lobe = np.clip((normal * half).sum(1), 0, 1) ** made_of.shine * (made_of.shine + 8) / 26
        fresnel = 0.04 + 0.96 * (1 - np.clip((half * view).sum(1), 0, 1)) ** 5
        highlight += light * (made_of.gloss * lobe * fresnel * np.clip(cosine * 4, 0, 1))[:, None]
    soft = np.isin(samples.kind, (FACE, SOCKET)) | (sitter.stone & (samples.kind != EYE))
    canvas = np.zeros((*samples.covered.shape, 3), np.float32)
    canvas[samples.covered] = diffuse
    reach = np.full(3, BLEED.mean(), np.float32) if sitter.stone else BLEED
    diffuse = scatter(canvas, samples.covered, soft, reach * sitter.bleed * per_cm)[samples.covered]
    # Light that bleeds through skin must not fill its deepest folds: nostrils, the lips' line, the corners of the eyes.
    cavity = np.where(samples.kind == FACE, np.clip(0.12 + 1.9 * samples.at(reaching.occlusion), 0, 1), 1)[:, None]
    warmth = np.array(
        [1, 1, 1] if sitter.stone else [0.8, 1.1, 1.1], np.float32
    )  # what is left of the light there is red
    canvas[samples.covered] = made_of.albedo * diffuse * cavity**warmth + highlight * cavity
    return canvas
