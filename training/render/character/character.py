"""A random person: a head of the face model with hair, eyes, glasses and a bust, painted, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from training.render.arrays import Array, Ints
from training.render.character import beard, hair, parts, wear
from training.render.character.appearance import Appearance, Painter
from training.render.character.atlas import TILES, Atlas
from training.render.character.body import HEAD_CUT, Body, BodyModel, slant
from training.render.character.bodykit import Bodykit
from training.render.character.clothes import Outfit, collar
from training.render.character.facekit import EXPRESSIONS, EYE_LEFT, EYE_RIGHT, HEAD_END, MULTIPIE, TEETH, Facekit
from training.render.character.gestures import REST_ARMS, REST_FINGERS
from training.render.character.noise import Rng
from training.render.character.parts import BODY, EYES, HEAD, MOUTH, SKIN, Part
from training.render.raster import raster
from training.render.raster.shading import Surface

PIVOT = np.array([0.0, -7.0, -2.0], np.float32)  # about which the head turns: the upper neck
ROOT = np.array([0.0, -60.0, -2.0], np.float32)  # about which the bust leans
HAIR = {"bald": 0.08, "cap": 0.15, "short": 0.15, "fringe": 0.15, "long": 0.2, "strands": 0.08, "afro": 0.04,
        "spikes": 0.05, "bun": 0.04, "tail": 0.06}  # fmt: skip
USED_MATERIALS = ("M_Face", "M_BackHead", "M_GumsTongue", "M_Teeth")


@dataclass
class Act:
    """What a character does in one frame. Angles in radians, lengths in cm."""

    expression: Array = field(default_factory=lambda: np.zeros(EXPRESSIONS, np.float32))  # weights 0..1
    gaze: Array = field(default_factory=lambda: np.zeros(2, np.float32))  # yaw to its left, pitch up, against the head
    head: Array = field(default_factory=lambda: np.zeros(3, np.float32))  # pitch down, yaw to its left, roll
    move: Array = field(default_factory=lambda: np.zeros(3, np.float32))  # of head and bust together
    lean: Array = field(default_factory=lambda: np.zeros(3, np.float32))  # of the bust, as `head`
    shrug: Array = field(default_factory=lambda: np.zeros(2, np.float32))  # right, left shoulder up
    arms: Array = field(default_factory=REST_ARMS.copy)  # (2, 12) left, right: see training.render.character.gestures
    fingers: Array = field(default_factory=REST_FINGERS.copy)  # (2, 6)


def rotation(turn: Array) -> Array:
    """Rotation matrix (3, 3) of pitch (about +x), yaw (about +y), roll (about +z), applied roll first."""
    x, _ = cv2.Rodrigues(np.array([turn[0], 0, 0], np.float64))
    y, _ = cv2.Rodrigues(np.array([0, turn[1], 0], np.float64))
    z, _ = cv2.Rodrigues(np.array([0, 0, turn[2]], np.float64))
    return (y @ x @ z).astype(np.float32)


def throat(points: Array) -> Array:
    """How much the chin shades points (N, 3) of the mean neck and bust: 0..1."""
    x, y, z = points.T
    shade = np.clip((-7.0 - y) / 2, 0, 1) * np.clip((y + 17) / 7, 0, 1) * np.clip((9 - np.abs(x)) / 5, 0, 1)
    return (shade * np.clip((z + 4) / 5, 0, 1)).astype(np.float32)


class Studio:
    """What all characters share, made once per process: the model's mesh in use, its atlas, its painter."""

    def __init__(self, kit: Facekit, bodykit: Bodykit | None = None) -> None:
        """With a bodykit characters have whole bodies, without one busts."""
        self.kit = kit
        self.body = BodyModel(bodykit) if bodykit is not None else None
        self.atlas = Atlas(kit)
        self.painter = Painter(self.atlas, self.body)
        triangles = kit.triangles(*USED_MATERIALS)
        # The lower end of the model's bust would pierce the clothes.
        middle = kit.base[kit.faces[triangles]].mean(1)
        triangles = triangles[slant(middle) > (-13.6 if self.body is None else HEAD_CUT)]
        used, index = np.unique(kit.faces[triangles], return_inverse=True)
        self.used = used
        self.faces: Ints = index.reshape(-1, 3).astype(np.int32)
        self.corner_uv = kit.corner_uv[triangles]
        self.base = kit.base[used]
        self.expression = np.ascontiguousarray(kit.expression[:, used]).reshape(EXPRESSIONS, -1)
        self.compact = np.full(len(kit.base), -1, np.int32)
        self.compact[used] = np.arange(len(used))
        first = kit.faces[triangles, 0]
        face = kit.material[triangles] == kit.material_names.index("M_Face")
        centre = self.base[self.faces].mean(1)
        label = np.where(face & ((centre[:, 1] > -8.5) | (centre[:, 2] > 6)), SKIN, HEAD)
        label = np.where(centre[:, 1] < -13, BODY, label)
        label = np.where((first >= HEAD_END) & (first < 13294), MOUTH, label)
        label = np.where((first >= 13294) & (first < 14062), EYES, label)
        self.label = np.where(first >= 14062, MOUTH, label).astype(np.int32)
        self.material = np.where(self.label == MOUTH, 1, 0).astype(np.int32)
        vertex_inside = used >= HEAD_END
        socket = (used >= 13294) & (used < 14062)
        depth = np.clip((self.base[:, 2] - 3.5) / 7.0, 0.08, 1)
        self.dark = np.where(vertex_inside & ~socket, depth, 1.0).astype(np.float32)
        self.throat = np.where(vertex_inside, 0, throat(self.base)).astype(np.float32)
        self.skin = np.flatnonzero((self.label == SKIN) | (self.label == HEAD))
        self.weight = parts.head_weight(self.base)
        self.weight[vertex_inside] = 1
        self.front = self.compact[MULTIPIE]
        x, y, z = self.base.T
        ear = (np.abs(x) > 6.6) & (y > -3) & (y < 1.5) & (z > -3.5) & (z < 3.5) & ~vertex_inside
        self.lobes = [int(np.where(ear & (x * sign > 0), y, 99).argmin()) for sign in (-1, 1)]


@dataclass(frozen=True)
class Traits:
    """The choices that make a character's shape; None where chance decides."""

    style: str | None = None
    hair: str | None = None  # one of HAIR
    eye_scale: float | None = None
    slim: float | None = None  # how much jaw, mouth and neck are narrowed, 0..0.3
    glasses: bool | None = None
    beard: bool | None = None
    wide: float | None = None  # shoulders against the mean
    spread: float | None = None  # standard deviation of the identity modes
    thick: float | None = None  # of the hair, cm
    rise: float | None = None  # of the hairline over the forehead, cm
    reach: float | None = None  # of long hair around the head, radians from its back
    length: float | None = None  # y of its ends below the eyes, cm
    fringe: tuple[int, float, float] | None = None  # count, lowest end (y, cm), spread in radians
    swept: float | None = None  # how far the fringe is swept aside, radians
    hat: str | None = None  # one of wear.HATS, "none"
    jewels: bool | None = None  # at the ears


class Character:
    """A person to be posed and drawn.

    `surface` (shading.Surface), `label` (F,) of each triangle, `casters` (C, 3) triangles that cast shadows, `studio`;
    vertices: first the model's (`studio.used`).
    """

    def __init__(self, studio: Studio, rng: Rng, traits: Traits | None = None, look: Appearance | None = None) -> None:
        traits = traits or Traits()
        self.studio = studio
        self.look = look or studio.painter.paint(rng, traits.style)
        drawn = self.look.style in ("cel", "flat", "line")
        kit = studio.kit
        spread = traits.spread if traits.spread is not None else rng.choice([0.6, 0.9, 1.1 + 0.5 * drawn])
        code = rng.normal(0, spread, len(kit.identity)).astype(np.float32)
        shape = kit.base + np.tensordot(code, kit.identity.astype(np.float32), 1) if spread > 0 else kit.base.copy()
        shape = self._grow_eyes(shape, traits.eye_scale, rng, drawn)
        slim = traits.slim if traits.slim is not None else float(rng.uniform(-0.05, 0.25)) * drawn
        shape = self._slim(shape, slim)
        if self.look.mouth is not None:
            for first, end, size in zip(TEETH, TEETH[1:], self.look.mouth.teeth, strict=False):
                middle = shape[first:end].mean(0)
                shape[first:end] = middle + (shape[first:end] - middle) * size
        self.neutral = shape[studio.used]
        self.eyes = [self._fit_eye(shape, EYE_RIGHT), self._fit_eye(shape, EYE_LEFT)]
        pieces = self._pieces(rng, traits)
        depth = float(rng.uniform(0.5, 1.6))
        self._assemble(pieces, depth if self.look.mouth is None else self.look.mouth.depth)

    def _grow_eyes(self, shape: Array, scale: float | None, rng: Rng, drawn: bool) -> Array:
        """Stylised heads have larger eyes: the surroundings of each eye are scaled smoothly."""
        if scale is None:
            scale = float(rng.uniform(0, 0.4)) if drawn and rng.random() < 0.7 else 0.0
        self.local_scale = np.ones((len(self.studio.used), 1), np.float32)
        if scale == 0:
            return shape
        for start, stop in (EYE_RIGHT, EYE_LEFT):
            centre = shape[start:stop].mean(0)
            offset = shape - centre
            amount = scale * np.exp(-(np.linalg.norm(offset[:, :2], axis=1) ** 2) / (2 * 2.4**2))[:, None]
            amount *= (shape[:, 2:3] > 2).astype(np.float32)
            shape = shape + offset * amount * np.array([1, 1, 0.6], np.float32)
            self.local_scale = self.local_scale + amount[self.studio.used]
        return shape.astype(np.float32)

    @staticmethod
    def _slim(shape: Array, amount: float) -> Array:
        """Narrow the head (V, 3) from the cheeks down, most at jaw, mouth and neck."""
        down = np.clip((2.5 - shape[:, 1]) / 8.5, 0, 1)
        out = shape.copy()
        out[:, 0] *= 1 - amount * down * down * (3 - 2 * down)
        return out

    @staticmethod
    def _fit_eye(shape: Array, span: tuple[int, int]) -> tuple[Array, float]:
        """Centre and radius of the sphere through the sclera (least squares)."""
        points = shape[span[0] : span[1]].astype(np.float64)
        system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
        solution, *_ = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)
        centre = solution[:3]
        return centre.astype(np.float32), float(np.sqrt(solution[3] + centre @ centre))

    def _pieces(self, rng: Rng, traits: Traits) -> list[Part]:
        studio, look = self.studio, self.look
        normal = raster.normals(self.neutral, studio.faces)
        head = studio.base[:, 1] > -8
        scale = (np.ptp(self.neutral[head], axis=0) / np.ptp(studio.base[head], axis=0)).astype(np.float32)
        scale = np.clip(scale, 0.85, 1.2)
        neck_rows = (studio.base[:, 1] > -9) & (studio.base[:, 1] < -7) & (np.abs(studio.base[:, 2] + 1) < 3)
        neck = float(np.abs(self.neutral[neck_rows, 0]).max() / np.abs(studio.base[neck_rows, 0]).max())
        self.wide = traits.wide or float(rng.uniform(0.8, 1.15))
        thick = float(rng.uniform(0.3, 1.2))
        self.body: Body | None = None
        if studio.body is not None and look.outfit is not None:
            pieces = self._below(rng.spawn(1)[0], studio.body, look.outfit)
        else:
            pieces = parts.bust(self.wide, float(np.clip(neck, 0.8, 1.3)), thick, look.collar)
        pieces += [parts.eyeball("eye_right", look.iris), parts.eyeball("eye_left", look.iris)]
        pieces += self._hair(rng, traits, scale, normal)
        if traits.glasses if traits.glasses is not None else rng.random() < 0.15:
            ear = self.neutral[np.abs(studio.base[:, 0]).argmax()]
            eyes = np.stack([self.eyes[0][0], self.eyes[1][0]])
            tip = self.neutral[studio.front[27]][2] - eyes[:, 2].max()
            eyes = eyes + np.array([0, 0, max(0.0, tip - 2.2)], np.float32)
            ear = np.array([7.9 * scale[0], 2.5, min(float(ear[2]), 0.0)], np.float32)
            pieces.append(wear.glasses(rng, eyes, ear))
        extra = rng.spawn(1)[0]
        if traits.jewels if traits.jewels is not None else extra.random() < 0.15:
            pieces.append(wear.earrings(extra, self.neutral[studio.lobes]))
        return pieces

    def _below(self, rng: Rng, model: BodyModel, outfit: Outfit) -> list[Part]:
        """A whole body in its clothes; it is the first piece."""
        neck = self.neutral[(self.studio.weight < 1) & (self.studio.base[:, 1] < -8)]
        self.body = model.grow(rng, neck, self.look.style in ("cel", "flat", "line"), outfit)
        cloth = outfit.covered(model.fields)[model.faces].max(1)
        material = np.where(cloth > 0, 5, 0).astype(np.int32)
        whole = Part(self.body.points, model.faces, model.uv, "body", BODY, material, self.body.head,
                     corner=model.corner)  # fmt: skip
        return [whole, collar(rng, outfit.collar, neck)] if outfit.collar else [whole]

    def _hair(self, rng: Rng, traits: Traits, scale: Array, normal: Array) -> list[Part]:
        """Hair, beard and hat."""
        studio, extra = self.studio, rng.spawn(1)[0]
        skin = studio.faces[studio.skin]
        kind = traits.hair or str(rng.choice(list(HAIR), p=list(HAIR.values())))
        hat = traits.hat or (str(extra.choice(wear.HATS)) if extra.random() < 0.2 else "none")
        pieces = []
        thick = 0.0
        if kind != "bald":
            thick = float(rng.uniform(0.15, 0.6) if kind == "cap" else rng.uniform(0.6, 2.2))
            thick = float(extra.uniform(2.5, 6.0)) if kind == "afro" else thick
            thick = traits.thick if traits.thick is not None else thick
            thick = thick if hat in ("none", "ears") else min(thick, 0.3 if hat in ("hood", "scarf") else 0.7)
            rise = traits.rise if traits.rise is not None else float(rng.normal(0, 0.7))
            pieces.append(hair.cap(rng, studio.base, self.neutral, normal, skin, thick, rise))
            reach = traits.reach or float(rng.uniform(1.5, 2.45))
            length = traits.length or float(rng.uniform(4, 40))
            covered = hat in ("hood", "scarf")
            if kind == "long" and not covered:
                pieces.append(hair.curtain(rng, scale, thick, length, reach))
            elif kind == "strands" and not covered:
                pieces.append(hair.strands(rng, scale, thick, length, reach, int(rng.integers(60, 170))))
            elif kind == "spikes" and hat in ("none", "ears"):
                pieces.append(hair.spikes(rng, studio.base, self.neutral, normal, rise, int(rng.integers(50, 130))))
            elif kind in ("bun", "tail") and not covered:
                pieces.append(hair.gathered(rng, scale, thick, kind))
            if traits.fringe or (kind in ("fringe", "long", "strands", "tail") and rng.random() < 0.75):
                some = (int(rng.integers(6, 26)), float(rng.uniform(5.5, 9)), float(rng.uniform(0.5, 1.5)))
                pieces.append(hair.locks(rng, scale, thick, *(traits.fringe or some), swept=traits.swept))
        if traits.beard if traits.beard is not None else (kind != "long" and rng.random() < 0.15):
            lips = studio.base[studio.front[48:60]]
            shape = str(extra.choice(beard.KINDS))
            pieces.append(beard.beard(rng, studio.base, self.neutral, normal, skin, lips, shape))
        if hat != "none":
            pieces.append(wear.hat(extra, hat, studio.base, self.neutral, normal, skin, scale, thick))
        return pieces

    def _assemble(self, pieces: list[Part], depth: float) -> None:
        """One mesh of all pieces; depth > 1 darkens the mouth's inside, < 1 lights it up."""
        studio = self.studio
        count = len(studio.used)
        shade = 1 - 0.4 * self.look.table[0, 0] * studio.throat
        vertices, weights, dark = [self.neutral], [studio.weight], [studio.dark**depth * shade]
        parent = [np.arange(count, dtype=np.int32)]
        faces, corner_uv, uv = [studio.faces], [studio.corner_uv], [studio.atlas.uv]
        label, material = [studio.label], [studio.material]
        uv_count = len(studio.atlas.uv)
        self.eye_slices: list[slice] = []
        for part in pieces:
            if part.label == EYES:
                self.eye_slices.append(slice(count, count + len(part.vertices)))
            vertices.append(part.vertices)
            weights.append(part.head)
            covered = throat(part.vertices) if part.label == BODY else np.zeros(len(part.vertices), np.float32)
            dark.append(1 - 0.4 * self.look.table[0, 0] * covered)
            parent.append(part.parent if part.parent is not None else np.full(len(part.vertices), -1, np.int32))
            faces.append(part.faces + count)
            corner_uv.append((part.faces if part.corner is None else part.corner) + uv_count)
            uv.append(TILES[part.tile].place(part.uv))
            label.append(np.full(len(part.faces), part.label, np.int32))
            material.append(np.full(len(part.faces), part.material, np.int32))
            count += len(part.vertices)
            uv_count += len(part.uv)
        self.rest = np.concatenate(vertices).astype(np.float32)
        self.weight = np.concatenate(weights).astype(np.float32)[:, None]
        self.dark = np.concatenate(dark)
        self.label = np.concatenate(label)
        all_parents = np.concatenate(parent)
        self.followers = np.flatnonzero(all_parents[len(studio.used) :] >= 0) + len(studio.used)
        self.parents = all_parents[self.followers]
        self.surface = Surface(
            np.concatenate(faces), np.concatenate(corner_uv), np.concatenate(uv).astype(np.float32),
            self.look.texture, np.concatenate(material), self.look.table, self.look.steps,
        )  # fmt: skip
        self.casters = np.ascontiguousarray(self.surface.faces[np.isin(self.label, (BODY, HEAD, SKIN))])
        self.lean: Array | None = None
        self.closed = len(studio.faces)  # triangles whose backs cannot be seen
        if self.body is not None:
            self.closed += len(self.body.model.faces)
            self.lean = np.ones((len(self.rest), 1), np.float32)
            first = len(studio.used)
            self.lean[first : first + len(self.body.points), 0] = self.body.lean
        self.unit_eyes = [self.rest[s].copy() for s in self.eye_slices]

    def eye_axes(self, act: Act) -> list[tuple[Array, Array, float]]:
        """(centre (3,), rotation (3, 3), radius) of the right and the left eyeball in the head's frame."""
        turn = rotation(np.array([-act.gaze[1], act.gaze[0], 0], np.float32))
        return [(centre, turn, radius) for centre, radius in self.eyes]

    def carry(self, points: Array, weight: Array, act: Act, lean: Array | None = None) -> Array:
        """Points (N, 3) as expression and bones left them, with head weights (N, 1) → world.

        lean (N, 1): how far each goes along when the body leans; None = all of the way.
        """
        turned = (points - PIVOT) @ rotation(act.head).T + PIVOT
        body = points
        if self.body is None:
            body = points.copy()
            lift = np.clip((np.abs(points[:, 0]) - 5) / 11, 0, 1) * np.clip((points[:, 1] + 48) / 30, 0, 1)
            body[:, 1] += lift * np.where(points[:, 0] < 0, act.shrug[0], act.shrug[1])
        out = body + weight * (turned - body)
        leaned = (out - ROOT) @ rotation(act.lean).T + ROOT
        if lean is not None:
            leaned = out + lean * (leaned - out)
        return (leaned + act.move).astype(np.float32)

    def expressed(self, act: Act) -> Array:
        """The model's vertices (len(studio.used), 3) with the expression, before any turn."""
        active = np.flatnonzero(act.expression)
        if not len(active):
            return self.neutral
        delta = (act.expression[active] @ self.studio.expression[active]).reshape(-1, 3)
        return self.neutral + delta * self.local_scale

    def pose(self, act: Act) -> tuple[Array, Array]:
        """World vertices (V, 3) cm and their darkness (V,) 0..1 in this frame."""
        rest = self.rest.copy()
        count = len(self.studio.used)
        rest[:count] = self.expressed(act)
        rest[self.followers] += rest[self.parents] - self.neutral[self.parents]
        dark = self.dark
        for piece, unit, (centre, turn, radius) in zip(
            self.eye_slices, self.unit_eyes, self.eye_axes(act), strict=True
        ):
            ball = unit @ turn.T
            rest[piece] = centre + ball * radius
            # The upper lid and the lashes shade the upper part of the eyeball.
            dark[piece] = 1 - 0.45 * np.clip(ball[:, 1] * 2.2 - 0.1, 0, 1)
        if self.body is not None:
            moves = self.body.moves(act.arms, act.fingers, act.shrug)
            rest[count : count + len(self.body.points)] = self.body.posed(moves)
        return self.carry(rest, self.weight, act, self.lean), dark
