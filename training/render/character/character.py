"""Random characters: a head of the face model with hair, eyes, clothes and a bust or body, and their animation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.arrays import Array
from training.render.character import beard, hair, parts, wear
from training.render.character.act import Act, rotation
from training.render.character.appearance import Appearance
from training.render.character.atlas import TILES
from training.render.character.body import Body, BodyModel
from training.render.character.clothes import Outfit, collar
from training.render.character.facekit import EYE_LEFT, EYE_RIGHT, NOSE_BRIDGE, OUTER_LIPS, TOOTH_STARTS
from training.render.character.noise import Rng
from training.render.character.parts import BODY, EYES, HEAD, SKIN, Material, Part
from training.render.character.studio import Studio, chin_shade
from training.render.raster import raster
from training.render.raster.shading import Surface

HEAD_PIVOT = np.array([0.0, -7.0, -2.0], np.float32)  # centre of the head's rotation: the upper neck
BODY_PIVOT = np.array([0.0, -60.0, -2.0], np.float32)  # centre of the body's leaning
HAIR_PROBABILITIES = {
    "bald": 0.08, "cap": 0.15, "short": 0.15, "fringe": 0.15, "long": 0.2, "strands": 0.08, "afro": 0.04,
    "spikes": 0.05, "bun": 0.04, "tail": 0.06,
}  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """The choices that determine a character's shape; each is random where it is None.

    style: one of STYLES.
    hair: one of HAIR_PROBABILITIES.
    eye_scale: how much the eyes are enlarged, 0 = not at all.
    jaw_narrowing: how much jaw, mouth and neck are narrowed, 0..0.3.
    glasses, beard: whether there are any.
    shoulder_width: against the mean.
    identity_spread: standard deviation of the identity modes.
    hair_thickness: cm.
    hairline_rise: of the hairline over the forehead, cm.
    hair_reach: of long hair around the head, radians from its back.
    hair_length: of long hair below the eyes, cm.
    fringe: number of locks, their lowest end (y, cm), their spread in radians.
    fringe_sweep: how far the fringe is combed aside, radians.
    hat: one of wear.HATS, or "none".
    jewels: whether there are earrings.
    """

    style: str | None = None
    hair: str | None = None
    eye_scale: float | None = None
    jaw_narrowing: float | None = None
    glasses: bool | None = None
    beard: bool | None = None
    shoulder_width: float | None = None
    identity_spread: float | None = None
    hair_thickness: float | None = None
    hairline_rise: float | None = None
    hair_reach: float | None = None
    hair_length: float | None = None
    fringe: tuple[int, float, float] | None = None
    fringe_sweep: float | None = None
    hat: str | None = None
    jewels: bool | None = None


class Character:
    """A character that can be posed and rendered. Its first vertices are the face model's (`studio.used`).

    rest: (V, 3) vertices in the rest pose, cm; eyeballs as unit spheres.
    head_weight: (V, 1) skin weight of the head.
    lean_weight: (V, 1) how far each vertex follows when the body leans; None = fully.
    brightness: (V,) 0..1 ambient occlusion; `pose` updates that of the eyeballs.
    surface: texture and materials.
    label: (F,) of each triangle.
    shadow_casters: (C, 3) triangles that cast shadows.
    one_sided: number of leading triangles whose back faces are never visible.
    """

    def __init__(
        self, studio: Studio, rng: Rng, traits: Traits | None = None, appearance: Appearance | None = None
    ) -> None:
        traits = traits or Traits()
        self.studio = studio
        self.appearance = appearance or studio.painter.paint(rng, traits.style)
        stylised = self.appearance.style in ("cel", "flat", "line")
        kit = studio.kit
        spread = traits.identity_spread
        if spread is None:
            spread = rng.choice([0.6, 0.9, 1.1 + 0.5 * stylised])
        code = rng.normal(0, spread, len(kit.identity)).astype(np.float32)
        shape = kit.base + np.tensordot(code, kit.identity.astype(np.float32), 1) if spread > 0 else kit.base.copy()
        shape = self._enlarge_eyes(shape, traits.eye_scale, rng, stylised)
        narrowing = traits.jaw_narrowing
        if narrowing is None:
            narrowing = float(rng.uniform(-0.05, 0.25)) * stylised
        shape = self._narrow_jaw(shape, narrowing)
        if self.appearance.mouth is not None:
            for first, end, size in zip(TOOTH_STARTS, TOOTH_STARTS[1:], self.appearance.mouth.teeth, strict=False):
                middle = shape[first:end].mean(0)
                shape[first:end] = middle + (shape[first:end] - middle) * size
        self.neutral = shape[studio.used]
        self.eyes = [self._fit_eyeball(shape, EYE_RIGHT), self._fit_eyeball(shape, EYE_LEFT)]
        pieces = self._random_parts(rng, traits)
        depth = float(rng.uniform(0.5, 1.6))
        self._assemble(pieces, depth if self.appearance.mouth is None else self.appearance.mouth.depth)

    def _enlarge_eyes(self, shape: Array, scale: float | None, rng: Rng, stylised: bool) -> Array:
        """Scale the surroundings of each eye smoothly; stylised heads have larger eyes."""
        if scale is None:
            scale = float(rng.uniform(0, 0.4)) if stylised and rng.random() < 0.7 else 0.0
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
    def _narrow_jaw(shape: Array, amount: float) -> Array:
        """Narrow the head (V, 3) below the cheeks, most at jaw, mouth and neck."""
        down = np.clip((2.5 - shape[:, 1]) / 8.5, 0, 1)
        out = shape.copy()
        out[:, 0] *= 1 - amount * down * down * (3 - 2 * down)
        return out

    @staticmethod
    def _fit_eyeball(shape: Array, span: tuple[int, int]) -> tuple[Array, float]:
        """Centre (3,) and radius of the sphere through the sclera, by least squares."""
        points = shape[span[0] : span[1]].astype(np.float64)
        system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
        solution, *_ = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)
        centre = solution[:3]
        return centre.astype(np.float32), float(np.sqrt(solution[3] + centre @ centre))

    def _random_parts(self, rng: Rng, traits: Traits) -> list[Part]:
        """Everything that the face model lacks: body, eyeballs, hair, hat, glasses, earrings."""
        studio, appearance = self.studio, self.appearance
        normal = raster.normals(self.neutral, studio.faces)
        head = studio.base[:, 1] > -8
        scale = (np.ptp(self.neutral[head], axis=0) / np.ptp(studio.base[head], axis=0)).astype(np.float32)
        scale = np.clip(scale, 0.85, 1.2)
        neck_rows = (studio.base[:, 1] > -9) & (studio.base[:, 1] < -7) & (np.abs(studio.base[:, 2] + 1) < 3)
        neck = float(np.abs(self.neutral[neck_rows, 0]).max() / np.abs(studio.base[neck_rows, 0]).max())
        self.shoulder_width = traits.shoulder_width or float(rng.uniform(0.8, 1.15))
        thickness = float(rng.uniform(0.3, 1.2))
        self.body: Body | None = None
        if studio.body is not None and appearance.outfit is not None:
            pieces = self._body_parts(rng.spawn(1)[0], studio.body, appearance.outfit)
        else:
            pieces = parts.bust(self.shoulder_width, float(np.clip(neck, 0.8, 1.3)), thickness, appearance.neckline)
        pieces += [parts.eyeball("eye_right", appearance.iris_angle), parts.eyeball("eye_left", appearance.iris_angle)]
        pieces += self._hair_parts(rng, traits, scale, normal)
        if traits.glasses if traits.glasses is not None else rng.random() < 0.15:
            ear = self.neutral[np.abs(studio.base[:, 0]).argmax()]
            eyes = np.stack([self.eyes[0][0], self.eyes[1][0]])
            tip = self.neutral[studio.landmark_vertices[NOSE_BRIDGE]][2] - eyes[:, 2].max()
            eyes = eyes + np.array([0, 0, max(0.0, tip - 2.2)], np.float32)
            ear = np.array([7.9 * scale[0], 2.5, min(float(ear[2]), 0.0)], np.float32)
            pieces.append(wear.glasses(rng, eyes, ear))
        extra = rng.spawn(1)[0]
        if traits.jewels if traits.jewels is not None else extra.random() < 0.15:
            pieces.append(wear.earrings(extra, self.neutral[studio.ear_lobes]))
        return pieces

    def _body_parts(self, rng: Rng, model: BodyModel, outfit: Outfit) -> list[Part]:
        """A dressed body, which must be the first part, and its collar."""
        neck = self.neutral[(self.studio.head_weight < 1) & (self.studio.base[:, 1] < -8)]
        self.body = model.random_body(rng, neck, self.appearance.style in ("cel", "flat", "line"), outfit)
        cloth = outfit.covered(model.coordinates)[model.faces].max(1)
        material = np.where(cloth > 0, Material.CLOTHES, Material.SKIN).astype(np.int32)
        head = self.body.head
        dressed = Part(self.body.points, model.faces, model.uv, "body", BODY, material, head, corner_uv=model.corner_uv)
        return [dressed, collar(rng, outfit.collar, neck)] if outfit.collar else [dressed]

    def _hair_parts(self, rng: Rng, traits: Traits, scale: Array, normal: Array) -> list[Part]:
        """Hair, beard and hat."""
        studio, extra = self.studio, rng.spawn(1)[0]
        skin = studio.faces[studio.head_triangles]
        kind = traits.hair or str(rng.choice(list(HAIR_PROBABILITIES), p=list(HAIR_PROBABILITIES.values())))
        hat = traits.hat or (str(extra.choice(wear.HATS)) if extra.random() < 0.2 else "none")
        pieces = []
        thickness = 0.0
        if kind != "bald":
            thickness = float(rng.uniform(0.15, 0.6) if kind == "cap" else rng.uniform(0.6, 2.2))
            thickness = float(extra.uniform(2.5, 6.0)) if kind == "afro" else thickness
            thickness = traits.hair_thickness if traits.hair_thickness is not None else thickness
            if hat not in ("none", "ears"):
                thickness = min(thickness, 0.3 if hat in ("hood", "scarf") else 0.7)
            rise = traits.hairline_rise if traits.hairline_rise is not None else float(rng.normal(0, 0.7))
            pieces.append(hair.cap(rng, studio.base, self.neutral, normal, skin, thickness, rise))
            reach = traits.hair_reach or float(rng.uniform(1.5, 2.45))
            length = traits.hair_length or float(rng.uniform(4, 40))
            covered = hat in ("hood", "scarf")
            if kind == "long" and not covered:
                pieces.append(hair.curtain(rng, scale, thickness, length, reach))
            elif kind == "strands" and not covered:
                pieces.append(hair.strands(rng, scale, thickness, length, reach, int(rng.integers(60, 170))))
            elif kind == "spikes" and hat in ("none", "ears"):
                pieces.append(hair.spikes(rng, studio.base, self.neutral, normal, rise, int(rng.integers(50, 130))))
            elif kind in ("bun", "tail") and not covered:
                pieces.append(hair.tied_hair(rng, scale, thickness, kind))
            if traits.fringe or (kind in ("fringe", "long", "strands", "tail") and rng.random() < 0.75):
                some = (int(rng.integers(6, 26)), float(rng.uniform(5.5, 9)), float(rng.uniform(0.5, 1.5)))
                pieces.append(hair.locks(rng, scale, thickness, *(traits.fringe or some), sweep=traits.fringe_sweep))
        if traits.beard if traits.beard is not None else (kind != "long" and rng.random() < 0.15):
            lips = studio.base[studio.landmark_vertices[OUTER_LIPS]]
            shape = str(extra.choice(beard.BEARD_KINDS))
            pieces.append(beard.beard(rng, studio.base, self.neutral, normal, skin, lips, shape))
        if hat != "none":
            pieces.append(wear.hat(extra, hat, studio.base, self.neutral, normal, skin, scale, thickness))
        return pieces

    def _assemble(self, pieces: list[Part], depth: float) -> None:
        """Join all parts to one mesh. depth: exponent of the brightness inside the mouth, > 1 is darker."""
        studio = self.studio
        count = len(studio.used)
        shade = 1 - 0.4 * self.appearance.materials[0, 0] * studio.chin_shade
        vertices, weights, brightness = [self.neutral], [studio.head_weight], [studio.brightness**depth * shade]
        parent = [np.arange(count, dtype=np.int32)]
        faces, corner_uv, uv = [studio.faces], [studio.corner_uv], [studio.atlas.uv]
        label, material = [studio.label], [studio.material]
        uv_count = len(studio.atlas.uv)
        self.eye_slices: list[slice] = []
        for part in pieces:
            if part.label == EYES:
                self.eye_slices.append(slice(count, count + len(part.vertices)))
            vertices.append(part.vertices)
            weights.append(part.head_weight)
            covered = chin_shade(part.vertices) if part.label == BODY else np.zeros(len(part.vertices), np.float32)
            brightness.append(1 - 0.4 * self.appearance.materials[0, 0] * covered)
            parent.append(part.parent if part.parent is not None else np.full(len(part.vertices), -1, np.int32))
            faces.append(part.faces + count)
            corner_uv.append((part.faces if part.corner_uv is None else part.corner_uv) + uv_count)
            uv.append(TILES[part.tile].to_texture(part.uv))
            label.append(np.full(len(part.faces), part.label, np.int32))
            material.append(np.full(len(part.faces), part.material, np.int32))
            count += len(part.vertices)
            uv_count += len(part.uv)
        self.rest = np.concatenate(vertices).astype(np.float32)
        self.head_weight = np.concatenate(weights).astype(np.float32)[:, None]
        self.brightness = np.concatenate(brightness)
        self.label = np.concatenate(label)
        all_parents = np.concatenate(parent)
        self.follower_vertices = np.flatnonzero(all_parents[len(studio.used) :] >= 0) + len(studio.used)
        self.parent_vertices = all_parents[self.follower_vertices]
        self.surface = Surface(
            np.concatenate(faces), np.concatenate(corner_uv), np.concatenate(uv).astype(np.float32),
            self.appearance.texture, np.concatenate(material), self.appearance.materials, self.appearance.cel_levels,
        )  # fmt: skip
        self.shadow_casters = np.ascontiguousarray(self.surface.faces[np.isin(self.label, (BODY, HEAD, SKIN))])
        self.lean_weight: Array | None = None
        self.one_sided = len(studio.faces)  # the skin of the head is closed
        if self.body is not None:
            self.one_sided += len(self.body.model.faces)
            self.lean_weight = np.ones((len(self.rest), 1), np.float32)
            first = len(studio.used)
            self.lean_weight[first : first + len(self.body.points), 0] = self.body.lean
        self.unit_eyes = [self.rest[s].copy() for s in self.eye_slices]

    def eye_axes(self, act: Act) -> list[tuple[Array, Array, float]]:
        """Centre (3,), rotation (3, 3) and radius of the right and the left eyeball in the frame of the head."""
        turn = rotation(np.array([-act.gaze[1], act.gaze[0], 0], np.float32))
        return [(centre, turn, radius) for centre, radius in self.eyes]

    def to_world(self, points: Array, head_weight: Array, act: Act, lean: Array | None = None) -> Array:
        """World positions (N, 3) of points (N, 3) that have expression and bones applied; head_weight (N, 1).

        lean (N, 1): how far each follows when the body leans; None = fully.
        """
        rotated = (points - HEAD_PIVOT) @ rotation(act.head).T + HEAD_PIVOT
        body = points
        if self.body is None:
            body = points.copy()
            lift = np.clip((np.abs(points[:, 0]) - 5) / 11, 0, 1) * np.clip((points[:, 1] + 48) / 30, 0, 1)
            body[:, 1] += lift * np.where(points[:, 0] < 0, act.shrug[0], act.shrug[1])
        out = body + head_weight * (rotated - body)
        leaned = (out - BODY_PIVOT) @ rotation(act.lean).T + BODY_PIVOT
        if lean is not None:
            leaned = out + lean * (leaned - out)
        return (leaned + act.translation).astype(np.float32)

    def with_expression(self, act: Act) -> Array:
        """The face model's vertices (len(studio.used), 3) with the expression, before any rotation."""
        active = np.flatnonzero(act.expression)
        if not len(active):
            return self.neutral
        delta = (act.expression[active] @ self.studio.expression[active]).reshape(-1, 3)
        return self.neutral + delta * self.local_scale

    def pose(self, act: Act) -> tuple[Array, Array]:
        """World vertices (V, 3), cm, and their brightness (V,) 0..1 in this frame."""
        rest = self.rest.copy()
        count = len(self.studio.used)
        rest[:count] = self.with_expression(act)
        rest[self.follower_vertices] += rest[self.parent_vertices] - self.neutral[self.parent_vertices]
        brightness = self.brightness
        for piece, unit, (centre, turn, radius) in zip(
            self.eye_slices, self.unit_eyes, self.eye_axes(act), strict=True
        ):
            ball = unit @ turn.T
            rest[piece] = centre + ball * radius
            # Upper lid and lashes shade the upper part of the eyeball.
            brightness[piece] = 1 - 0.45 * np.clip(ball[:, 1] * 2.2 - 0.1, 0, 1)
        if self.body is not None:
            transforms = self.body.bone_transforms(act.arms, act.fingers, act.shrug)
            rest[count : count + len(self.body.points)] = self.body.skinned(transforms)
        return self.to_world(rest, self.head_weight, act, self.lean_weight), brightness
