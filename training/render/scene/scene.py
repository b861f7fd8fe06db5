"""Scenes: camera, light, background and lens around a character, and rendering on the CPU."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.character.act import Act
from training.render.character.appearance import draw_outlines
from training.render.character.body import Body
from training.render.character.character import Character
from training.render.character.noise import Rng, palette, pattern, value_noise
from training.render.raster import raster, shading, supersampling
from training.render.raster.raster import Hits
from training.render.raster.shading import Light
from training.render.raster.shadow import occlusion

SCALE = 2  # supersampling: samples along each side of a pixel
FRAMINGS = ("head", "upper", "whole")
HEAD_CENTRE = np.array([[0.0, 0.0, 2.0]], np.float32)  # cm
HEAD_HEIGHT = 22.5  # cm from chin to crown of the mean head


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at (0, height, distance), cm, along −z; canvas = focal · slope + offset, canvas units."""

    focal: float
    distance: float
    height: float
    offset: tuple[float, float]

    @property
    def eye(self) -> Array:
        """World position (3,), cm."""
        return np.array([0, self.height, self.distance], np.float32)

    def canvas(self, points: Array) -> Array:
        """World points (N, 3) in canvas units (N, 3); z has the scale at the head's distance, smaller = nearer."""
        z = self.distance - points[:, 2]
        x = self.focal * points[:, 0] / z + self.offset[0]
        y = -self.focal * (points[:, 1] - self.height) / z + self.offset[1]
        return np.stack([x, y, -points[:, 2] * self.focal / self.distance], 1).astype(np.float32)

    def screen(self, points: Array, side: int) -> Array:
        """World (N, 3) → screen points (N, 3) for `raster.rasterise` on a picture of `side` samples."""
        z = self.distance - points[:, 2]
        x = self.focal * points[:, 0] / z + self.offset[0]
        y = -self.focal * (points[:, 1] - self.height) / z + self.offset[1]
        inverse = np.where(z > 1, 1 / np.maximum(z, 1), 0)
        return np.stack([(x + 1) * side / 2, (y + 1) * side / 2, inverse], 1).astype(np.float32)


def random_camera(rng: Rng, head_height: float | None = None) -> Camera:
    """A random camera that frames head and shoulders as a webcam does, or more closely as in a portrait.

    head_height: as a share of the picture, None = random in 0.30..0.78 or 0.6..1.2.
    """
    if head_height is None:
        head_height = float(rng.triangular(0.30, 0.55, 0.78) if rng.random() < 0.5 else rng.uniform(0.6, 1.2))
    distance = float(np.exp(rng.uniform(np.log(42), np.log(160))))
    focal = 2 * head_height * distance / HEAD_HEIGHT
    free = max(0.12, 1 - head_height)
    offset = (float(np.clip(rng.normal(0, 0.2), -0.5, 0.5)) * free, float(rng.uniform(-0.55, 0.25)) * free)
    return _level(Camera(focal, distance, 3.0 + float(rng.normal(0, 4)), offset))


def body_camera(rng: Rng, body_height: float, whole: bool) -> Camera:
    """A random camera at a distance that shows the whole body, or its upper part with the hands.

    body_height: from crown to sole, cm.
    """
    head_height = (
        float(rng.uniform(0.11, 0.155)) * 178 / body_height if whole else float(rng.triangular(0.17, 0.22, 0.36))
    )
    head_height = min(head_height, 0.9 * HEAD_HEIGHT / body_height) if whole else head_height
    distance = float(np.exp(rng.uniform(np.log(180), np.log(500)) if whole else rng.uniform(np.log(90), np.log(260))))
    focal = 2 * head_height * distance / HEAD_HEIGHT
    scale = focal / distance  # canvas units of one cm
    if whole:
        free = max(0.0, 2 - body_height * scale) / 2
        crown_y = -1 + free * (1 + float(rng.uniform(-0.6, 0.6)))
    else:
        crown_y = -1 + float(rng.uniform(0.02, 0.3)) * (2 - head_height)
    offset_x = float(np.clip(rng.normal(0, 0.15), -0.35, 0.35))
    # The crown, 14.5 cm above the origin of the head, is placed at crown_y.
    return _level(Camera(focal, distance, 3.0 + float(rng.normal(0, 15)), (offset_x, crown_y + (14.5 - 3.0) * scale)))


def _level(camera: Camera) -> Camera:
    """The camera with the offset changed so that the head stays in place although the camera is above or below it."""
    shift = camera.focal * (camera.height - 3.0) / camera.distance
    return Camera(camera.focal, camera.distance, camera.height, (camera.offset[0], camera.offset[1] - shift))


def random_light(rng: Rng) -> Light:
    """A random key light, sometimes a fill and a rim light, and ambient light that differs above and below."""

    def colour(strength: float) -> Array:
        return strength * np.clip(1 + rng.normal(0, 0.08, 3), 0.6, 1.4)

    rows = []
    direction = np.array([rng.normal(0, 0.7), rng.uniform(-0.1, 1.0), rng.uniform(0.3, 1.2)])
    rows.append(np.r_[direction / np.linalg.norm(direction), colour(rng.uniform(0.3, 0.85))])
    if rng.random() < 0.5:
        direction = np.array([-np.sign(direction[0]) * rng.uniform(0.3, 1), rng.uniform(-0.2, 0.6), 0.5])
        rows.append(np.r_[direction / np.linalg.norm(direction), colour(rng.uniform(0.05, 0.35))])
    if rng.random() < 0.3:
        direction = np.array([rng.choice([-1.0, 1.0]), rng.uniform(0, 1), -0.8])
        rows.append(np.r_[direction / np.linalg.norm(direction), colour(rng.uniform(0.2, 0.8))])
    level = rng.uniform(0.25, 0.6)
    ambient = np.r_[colour(level * rng.uniform(0.5, 1)), colour(level)]
    return Light(np.array(rows, np.float32), ambient.astype(np.float32))


def random_background(rng: Rng, size: int) -> Array:
    """A random picture (size, size, 3) 0..1: plain, gradient, pattern, or a blurred room of boxes and lamps."""
    kind = rng.choice(["plain", "gradient", "pattern", "room"], p=[0.15, 0.2, 0.3, 0.35])
    grid = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(grid, grid)
    if kind == "plain":
        image = np.broadcast_to(palette(rng, 1)[0], (size, size, 3)).copy()
    elif kind == "gradient":
        a, b = palette(rng, 2)
        angle = rng.uniform(0, 6.28)
        t = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5
        image = a + (b - a) * np.clip(t, 0, 1)[..., None]
    elif kind == "pattern":
        position = np.stack([x * 30, y * 30, np.full_like(x, rng.uniform(0, 99))], -1).reshape(-1, 3)
        image = pattern(rng, position.astype(np.float32)).reshape(size, size, 3)
    else:
        image = np.broadcast_to(palette(rng, 1)[0], (size, size, 3)).astype(np.float32).copy()
        for _ in range(rng.integers(4, 40)):
            colour = tuple(float(c) for c in palette(rng, 1)[0])
            p = rng.integers(-size // 4, size, 2)
            q = p + rng.integers(size // 20, size // 2, 2)
            if rng.random() < 0.8:
                cv2.rectangle(image, tuple(map(int, p)), tuple(map(int, q)), colour, -1 if rng.random() < 0.8 else 2)
            else:
                cv2.circle(image, tuple(map(int, p)), int(rng.integers(3, size // 6)), colour, -1)
    grain = value_noise(np.stack([x * 9, y * 9, 0 * x], -1).reshape(-1, 3), int(rng.integers(1 << 20)), 4)
    image = image * (1 + rng.uniform(0, 0.3) * grain.reshape(size, size, 1))
    if rng.random() < 0.6:
        image = _out_of_focus(rng, image.astype(np.float32), rng.uniform(0.5, 8) * size / 256)
    return np.clip(image / 255, 0, 1).astype(np.float32)


def _out_of_focus(rng: Rng, image: Array, blur: float) -> Array:
    """Blur a picture 0..255 by a Gaussian, or into bright discs as a lens at full aperture does (bokeh)."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), blur)
    radius = max(1, round(1.6 * blur))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    energy = (np.clip(image, 0, 255) / 255) ** 3.0
    glow = np.maximum(cv2.filter2D(energy, -1, disc / disc.sum()), 0)
    return np.asarray(255 * glow ** (1 / 3.0), np.float32)


@dataclass(frozen=True)
class Lens:
    """Effects of a camera and its codec on all frames of a scene.

    blur: sigma of a Gaussian, pixels.
    noise: standard deviation of the sensor noise, 0..1.
    jpeg_quality: 1..100, 0 = no compression.
    gain: (3,) of the colour channels.
    gamma: exponent of the brightness.
    saturation: 0 = grey, 1 = unchanged.
    haze: how much black is lifted, 0..1.
    downscale: factor of the resolution before upscaling, 1 = none.
    """

    blur: float
    noise: float
    jpeg_quality: int
    gain: Array
    gamma: float
    saturation: float = 1.0
    haze: float = 0.0
    downscale: float = 1.0

    def apply(self, image: Array, rng: Rng) -> NDArray[np.uint8]:
        """The picture (H, W, 3) RGB 0..1 as the camera delivers it, uint8; rng: of the sensor noise."""
        image = np.clip(image * self.gain, 0, 1) ** self.gamma
        if self.saturation != 1:
            grey = image @ np.array([0.3, 0.59, 0.11], np.float32)
            image = np.clip(grey[..., None] + (image - grey[..., None]) * self.saturation, 0, 1)
        if self.haze > 0:
            image = self.haze + (1 - self.haze) * image
        if self.downscale < 1:
            size = image.shape[1], image.shape[0]
            small = cv2.resize(image, None, fx=self.downscale, fy=self.downscale, interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        if self.blur > 0:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if self.noise > 0:
            image = image + rng.normal(0, self.noise, image.shape).astype(np.float32)
        out = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
        if self.jpeg_quality:
            _, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])
            out = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return out


def random_lens(rng: Rng) -> Lens:
    """A random lens; each effect is absent in most scenes."""
    return Lens(
        blur=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.25 else 0.0,
        noise=float(rng.uniform(0.003, 0.02)) if rng.random() < 0.3 else 0.0,
        jpeg_quality=int(rng.integers(55, 96)) if rng.random() < 0.3 else 0,
        gain=np.clip(rng.normal(1, rng.choice([0.05, 0.15], p=[0.85, 0.15]), 3), 0.6, 1.4).astype(np.float32),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        saturation=float(rng.choice([0.0, rng.uniform(0.3, 1.5)], p=[0.15, 0.85])) if rng.random() < 0.25 else 1.0,
        haze=float(rng.uniform(0.02, 0.2)) if rng.random() < 0.12 else 0.0,
        downscale=float(rng.uniform(0.45, 0.9)) if rng.random() < 0.12 else 1.0,
    )


@dataclass(frozen=True)
class RenderedFrame:
    """A rendered frame with the ground truth that optical flow to another frame needs."""

    image: NDArray[np.uint8]  # (S, S, 3)
    matte: Array  # (S, S) 0..1
    hits: Hits
    screen: Array  # (V, 3) screen points of the vertices
    label: NDArray[np.uint8]  # (S, S)


@dataclass(frozen=True)
class Scene:
    """A static camera, light and background. size: side of the picture, pixels. shadow: of the key light, 0..1."""

    camera: Camera
    light: Light
    background: Array
    lens: Lens
    size: int = 256
    shadow: float = 0.0

    def render(
        self, character: Character, act: Act, rng: Rng, left_out: NDArray[np.bool_] | None = None
    ) -> RenderedFrame:
        """Render a character in one frame; rng: of the sensor noise. left_out: (V,) vertices whose triangles are not
        drawn; their shadows are.
        """
        side = self.size * SCALE
        vertices, brightness = character.pose(act)
        screen = self.camera.screen(vertices, side)
        drawn = screen
        if left_out is not None:
            drawn = screen.copy()
            drawn[left_out, 2] = 0  # as behind the camera
        hits = raster.rasterise(drawn, character.surface.faces, side, character.one_sided)
        if self.shadow > 0:
            brightness = brightness * self._shadow(character, act, vertices)
        canvas = np.zeros((side, side, 3), np.float32)
        shading.shade(hits, character.surface, vertices, brightness, self.camera.eye, self.light, canvas)
        appearance = character.appearance
        if appearance.outline_width > 0:
            # The drawn parts are the materials, but skin and clothes, 0 and 5, are one part.
            part = np.where(hits.triangle >= 0, 1 + character.surface.material[hits.triangle] % 5, 0).astype(np.uint8)
            draw_outlines(
                canvas, hits.inverse_depth, part, appearance.outline_width * self.size / 256, appearance.outline_colour
            )
        matte = supersampling.coverage(hits, SCALE)
        image = supersampling.resolve(canvas, hits, self.background, SCALE)
        label = supersampling.labels(hits, character.label, SCALE)
        return RenderedFrame(self.lens.apply(image, rng), matte, hits, screen, label)

    def _shadow(self, character: Character, act: Act, vertices: Array) -> Array:
        """Factor (V,) of the brightness of each vertex in the shadow of the key light."""
        appearance = character.appearance
        direction = self.light.lights[0, :3]
        normal = raster.normals(vertices, character.surface.faces)
        centre = character.to_world(HEAD_CENTRE, np.ones((1, 1), np.float32), act)[0]
        occluded = occlusion(vertices, character.shadow_casters, normal, direction, centre)
        if appearance.cel_levels > 0:
            occluded = np.clip((occluded - 0.4) * 8, 0, 1)
        return 1 - self.shadow * appearance.materials[0, 0] * occluded


def random_scene(rng: Rng, size: int = 256, head_height: float | None = None, body: Body | None = None) -> Scene:
    """A random scene; a character with a body is framed as head, upper body or whole body.

    size: side of the picture, pixels. head_height: see `random_camera`.
    """
    framing = rng.choice(FRAMINGS, p=[0.5, 0.35, 0.15]) if body is not None and head_height is None else "head"
    if body is None or framing == "head":
        camera = random_camera(rng, head_height)
    else:
        camera = body_camera(rng, 14.5 - body.floor, whole=framing == "whole")
    light = random_light(rng)
    key, ambient = light.lights[0, 3:].mean(), light.ambient.mean()
    shadow = float(key / (key + ambient) * rng.uniform(0.3, 1.0)) if rng.random() < 0.5 else 0.0
    return Scene(camera, light, random_background(rng, size), random_lens(rng), size, shadow)
