"""Everything around a character: camera, light, background, and what a camera does to a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.character.appearance import ink_lines
from training.render.character.body import Body
from training.render.character.character import Act, Character
from training.render.character.noise import Rng, palette, pattern, value_noise
from training.render.raster import raster, shading, supersampling
from training.render.raster.raster import Hits
from training.render.raster.shading import Light
from training.render.raster.shadow import occlusion

SCALE = 2  # supersampling
FRAMINGS = ("head", "upper", "whole")
HEAD_MIDDLE = np.array([[0.0, 0.0, 2.0]], np.float32)
HEAD_TALL = 22.5  # cm from chin to crown of the mean head


@dataclass(frozen=True)
class Camera:
    """A pinhole at (0, height, distance) looking along −z; canvas = focal · slope + offset."""

    focal: float
    distance: float
    height: float
    offset: tuple[float, float]

    @property
    def eye(self) -> Array:
        return np.array([0, self.height, self.distance], np.float32)

    def canvas(self, points: Array) -> Array:
        """World (N, 3) → canvas x, y and z (N, 3); z in the same unit at the head's distance, smaller is nearer."""
        z = self.distance - points[:, 2]
        x = self.focal * points[:, 0] / z + self.offset[0]
        y = -self.focal * (points[:, 1] - self.height) / z + self.offset[1]
        return np.stack([x, y, -points[:, 2] * self.focal / self.distance], 1).astype(np.float32)

    def screen(self, points: Array, side: int) -> Array:
        """World (N, 3) → screen points (N, 3) for `raster.fill` on a picture of `side` samples."""
        z = self.distance - points[:, 2]
        x = self.focal * points[:, 0] / z + self.offset[0]
        y = -self.focal * (points[:, 1] - self.height) / z + self.offset[1]
        inverse = np.where(z > 1, 1 / np.maximum(z, 1), 0)
        return np.stack([(x + 1) * side / 2, (y + 1) * side / 2, inverse], 1).astype(np.float32)


def random_camera(rng: Rng, tall: float | None = None) -> Camera:
    """Head and shoulders as before a webcam, or as near as an avatar's portrait, by chance.

    tall = head height as a part of the picture: 0.30..0.78 or 0.6..1.2 by chance.
    """
    if tall is None:
        tall = float(rng.triangular(0.30, 0.55, 0.78) if rng.random() < 0.5 else rng.uniform(0.6, 1.2))
    distance = float(np.exp(rng.uniform(np.log(42), np.log(160))))
    focal = 2 * tall * distance / HEAD_TALL
    free = max(0.12, 1 - tall)
    offset = (float(np.clip(rng.normal(0, 0.2), -0.5, 0.5)) * free, float(rng.uniform(-0.55, 0.25)) * free)
    return _centre(Camera(focal, distance, 3.0 + float(rng.normal(0, 4)), offset))


def body_camera(rng: Rng, tall: float, whole: bool) -> Camera:
    """From further away: a body of height `tall` (cm, from crown to sole), or only its upper part with the hands."""
    size = float(rng.uniform(0.11, 0.155)) * 178 / tall if whole else float(rng.triangular(0.17, 0.22, 0.36))
    size = min(size, 0.9 * HEAD_TALL / tall) if whole else size
    distance = float(np.exp(rng.uniform(np.log(180), np.log(500)) if whole else rng.uniform(np.log(90), np.log(260))))
    focal = 2 * size * distance / HEAD_TALL
    scale = focal / distance  # canvas units of one cm
    if whole:
        free = max(0.0, 2 - tall * scale) / 2
        top = -1 + free * (1 + float(rng.uniform(-0.6, 0.6)))
    else:
        top = -1 + float(rng.uniform(0.02, 0.3)) * (2 - size)
    across = float(np.clip(rng.normal(0, 0.15), -0.35, 0.35))
    # The crown, 14.5 cm over the head's origin, comes to `top`.
    return _centre(Camera(focal, distance, 3.0 + float(rng.normal(0, 15)), (across, top + (14.5 - 3.0) * scale)))


def _centre(camera: Camera) -> Camera:
    """Keep the head where the offset says although the camera stands higher or lower than it."""
    shift = camera.focal * (camera.height - 3.0) / camera.distance
    return Camera(camera.focal, camera.distance, camera.height, (camera.offset[0], camera.offset[1] - shift))


def random_light(rng: Rng) -> Light:
    """A key light, sometimes a fill and a rim light, and an ambient that differs above and below."""

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
    """A still picture (size, size, 3) 0..1: plain, gradient, texture, or a blurred room of boxes and lamps."""
    kind = rng.choice(["plain", "gradient", "pattern", "room"], p=[0.15, 0.2, 0.3, 0.35])
    grid = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(grid, grid)
    if kind == "plain":
        image = np.broadcast_to(palette(rng, 1)[0], (size, size, 3)).copy()
    elif kind == "gradient":
        a, b = palette(rng, 2)
        turn = rng.uniform(0, 6.28)
        t = (x - 0.5) * np.cos(turn) + (y - 0.5) * np.sin(turn) + 0.5
        image = a + (b - a) * np.clip(t, 0, 1)[..., None]
    elif kind == "pattern":
        place = np.stack([x * 30, y * 30, np.full_like(x, rng.uniform(0, 99))], -1).reshape(-1, 3)
        image = pattern(rng, place.astype(np.float32)).reshape(size, size, 3)
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
    """Blur a picture 0..255 softly, or as an open lens does: into discs in which bright points glow."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), blur)
    radius = max(1, round(1.6 * blur))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    energy = (np.clip(image, 0, 255) / 255) ** 3.0
    glow = np.maximum(cv2.filter2D(energy, -1, disc / disc.sum()), 0)
    return np.asarray(255 * glow ** (1 / 3.0), np.float32)


@dataclass(frozen=True)
class Lens:
    """What a camera and its codec do to all frames of a scene."""

    blur: float
    noise: float
    quality: int  # JPEG, 0 = none
    gain: Array  # (3,)
    gamma: float
    colour: float = 1.0  # saturation: 0 = grey
    haze: float = 0.0  # how far black is lifted
    shrink: float = 1.0  # part of its sharpness that the picture keeps when it is sent small and enlarged

    def take(self, image: Array, rng: Rng) -> NDArray[np.uint8]:
        """Picture (H, W, 3) RGB 0..1 → uint8."""
        image = np.clip(image * self.gain, 0, 1) ** self.gamma
        if self.colour != 1:
            grey = image @ np.array([0.3, 0.59, 0.11], np.float32)
            image = np.clip(grey[..., None] + (image - grey[..., None]) * self.colour, 0, 1)
        if self.haze > 0:
            image = self.haze + (1 - self.haze) * image
        if self.shrink < 1:
            size = image.shape[1], image.shape[0]
            small = cv2.resize(image, None, fx=self.shrink, fy=self.shrink, interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        if self.blur > 0:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if self.noise > 0:
            image = image + rng.normal(0, self.noise, image.shape).astype(np.float32)
        out = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
        if self.quality:
            _, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            out = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return out


def random_lens(rng: Rng) -> Lens:
    return Lens(
        blur=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.25 else 0.0,
        noise=float(rng.uniform(0.003, 0.02)) if rng.random() < 0.3 else 0.0,
        quality=int(rng.integers(55, 96)) if rng.random() < 0.3 else 0,
        gain=np.clip(rng.normal(1, rng.choice([0.05, 0.15], p=[0.85, 0.15]), 3), 0.6, 1.4).astype(np.float32),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        colour=float(rng.choice([0.0, rng.uniform(0.3, 1.5)], p=[0.15, 0.85])) if rng.random() < 0.25 else 1.0,
        haze=float(rng.uniform(0.02, 0.2)) if rng.random() < 0.12 else 0.0,
        shrink=float(rng.uniform(0.45, 0.9)) if rng.random() < 0.12 else 1.0,
    )


@dataclass(frozen=True)
class Shot:
    """One rendered frame and the truth that is needed to compare it with another."""

    image: NDArray[np.uint8]  # (S, S, 3)
    matte: Array  # (S, S) 0..1
    hits: Hits
    screen: Array  # (V, 3)
    label: NDArray[np.uint8]  # (S, S)


@dataclass(frozen=True)
class Scene:
    """A still camera, light and background, size in pixels."""

    camera: Camera
    light: Light
    background: Array
    lens: Lens
    size: int = 256
    shadow: float = 0.0  # how dark the key light's shadows are, 0..1

    def shoot(self, character: Character, act: Act, rng: Rng) -> Shot:
        """Draw a character; `rng` only for the sensor's noise."""
        side = self.size * SCALE
        vertices, dark = character.pose(act)
        screen = self.camera.screen(vertices, side)
        hits = raster.fill(screen, character.surface.faces, side, character.closed)
        if self.shadow > 0:
            dark = dark * self._shadow(character, act, vertices)
        canvas = np.zeros((side, side, 3), np.float32)
        shading.shade(hits, character.surface, vertices, dark, self.camera.eye, self.light, canvas)
        look = character.look
        if look.line > 0:
            # Materials are the drawn parts; neck and bust are one.
            part = np.where(hits.triangle >= 0, 1 + character.surface.material[hits.triangle] % 5, 0).astype(np.uint8)
            ink_lines(canvas, hits.inverse_depth, part, look.line * self.size / 256, look.ink)
        matte = supersampling.coverage(hits, SCALE)
        image = supersampling.resolve(canvas, hits, self.background, SCALE)
        label = supersampling.labels(hits, character.label, SCALE)
        return Shot(self.lens.take(image, rng), matte, hits, screen, label)

    def _shadow(self, character: Character, act: Act, vertices: Array) -> Array:
        """What the key light's shadows leave of the brightness of each vertex (V,)."""
        look = character.look
        towards = self.light.lights[0, :3]
        normal = raster.normals(vertices, character.surface.faces)
        centre = character.carry(HEAD_MIDDLE, np.ones((1, 1), np.float32), act)[0]
        hidden = occlusion(vertices, character.casters, normal, towards, centre)
        if look.steps > 0:
            hidden = np.clip((hidden - 0.4) * 8, 0, 1)
        return 1 - self.shadow * look.table[0, 0] * hidden


def random_scene(rng: Rng, size: int = 256, tall: float | None = None, body: Body | None = None) -> Scene:
    """A random place for a character; one that has a body is shown from nearer or further away, by chance."""
    how = rng.choice(FRAMINGS, p=[0.5, 0.35, 0.15]) if body is not None and tall is None else "head"
    if body is None or how == "head":
        camera = random_camera(rng, tall)
    else:
        camera = body_camera(rng, 14.5 - body.floor, whole=how == "whole")
    light = random_light(rng)
    key, ambient = light.lights[0, 3:].mean(), light.ambient.mean()
    shadow = float(key / (key + ambient) * rng.uniform(0.3, 1.0)) if rng.random() < 0.5 else 0.0
    return Scene(camera, light, random_background(rng, size), random_lens(rng), size, shadow)
