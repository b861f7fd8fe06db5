"""A picture prepared for being moved: layers, depth, meshes, skin weights. Made once per picture, or in batches for
training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import draw_mesh
from models.config import GUIDE_SIDE
from models.geometry.blush import blush_logs
from models.geometry.body import HAND_POINTS, body_canonical, complete_body, edge_pins, skin_weights
from models.geometry.drawn_lids import DrawnLids
from models.geometry.grid import box_grid, canvas_box, to_box
from models.geometry.grid_mesh import (
    LATTICE_REACH,
    cells_per_unit,
    face_buckets,
    lattice_points,
    lattice_triangles,
    visible_triangles,
)
from models.geometry.head_surface import HeadSurface, build_surface, inside_at_rest
from models.geometry.inpaint import dilate
from models.geometry.kind import Kind
from models.geometry.limbs import (
    Limbs,
    Outlines,
    build_limbs,
    channels_last,
    known_outlines,
    no_limbs,
    without_layers,
)
from models.geometry.neck import neck_profile
from models.geometry.openings import opening
from models.geometry.picture_layers import (
    PersonLayers,
    as_texture,
    clean_plate,
    continued_behind,
    mouth_colour,
    person_over_plate,
    replace_head,
)
from models.geometry.shading import has_shading
from models.geometry.skin_light import face_skin
from models.geometry.skull import border_weights
from models.geometry.strays import with_strays
from models.geometry.topology import INNER_LIPS, LEFT_LID, MESH, RIGHT_LID, HeadTransform, head_pose, topology
from models.geometry.torso_outline import TorsoRows, no_rows
from models.geometry.turn_limit import turn_limit
from models.geometry.views import View

FOCUS_CENTRE = (0.0, 0.2, 0.3)  # canonical units: the middle of the focus box
FOCUS_HALF_SIDE = 2.75  # canonical units
# Guidance cells of empty background around a person that move along. Beyond the grid mesh flows are continued smoothly,
# and would show the outline of a turned head once more.
AROUND_PERSON = 12
DRAWN_GROWTH = 2.5  # triangles of a drawn face over a person's: eyes and mouths of any size
MAX_FOCUS_HALF_SIDE = 0.72  # canvas units; a larger focus box becomes the whole canvas


@dataclass(frozen=True, eq=False)  # compared and hashed as an object
class Rig:
    """B pictures on square canvases of S × S pixels, ready to be moved. Units: docs/types.md.

    G = `GUIDE_SIDE`; V vertices and T triangles of a grid mesh; J = `BONES`. Axis 1 of what describes the grid meshes
    counts two of them: over the canvas, over the focus box.

    image: (B, 3, S, S), RGB 0..1.
    matte: (B, 1, S, S), the person's coverage 0..1.
    plate: (B, 3, S, S), the background with the person taken out.
    face: (B, 478, 3), landmarks, canvas units.
    body: (B, 33, 4), joints in canvas units, and visibility; guessed joints have visibility 0.
    hands: (B, 2, 21, 4), points of the left and of the right hand in canvas units, and confidence; 0 where not seen.
    focus: (B, 3), centre x, y and half side of the square box that the network draws, canvas units.
    canonical: (B, 3, G, G), canonical coordinates of what the focus box shows.
    openings: (B, 3, G, G), coverage 0..1 of mouth, right eye and left eye on the focus box.
    own: the person before the picture's own background: at rest the picture is exact.
    cut: the person in their own colours alone, before any other background.
    body_matte: (B, 1, S, S), coverage by the person without head and limbs.
    limbs: the limbs as layers of their own.
    torso: the outline of the torso, also behind limbs.
    head: the head's transform from canonical to canvas units.
    surface: the closed surface of the head, with its completed texture.
    lattice: (B, 2, V, 2), vertices of the grid meshes, canvas units.
    depth: (B, 2, V), their z, canvas units.
    skin: (B, 2, V, J), their skin weights.
    border_weights: (B, 2, V, 36), how much they follow each landmark on the face's border.
    face_skin: (B, 478, J), skin weights of the landmarks.
    triangle_visible: (B, 2, T) bool, grid triangles that show some of the person.
    mouth: (B, 3), RGB 0..1 of the mouth's dark interior.
    neck: (B, 2, V, 2), canonical units, what they are to the neck, see `models.geometry.neck.neck_profile`.
    edge_pins: (B, 2, V, 4), how the canvas's edges hold the vertices, see `models.geometry.body.edge_pins`.
    turn_limit: (B,), radians, the yaw up to which the head turns in full.
    has_shading: (B,), 0..1, whether light shows on the skin.
    blush: (B, 3, m, m), what a full blush does to red, green and blue (models/geometry/blush.py).
    kind: what of a person's head they have.
    drawn_lids: of flat drawings, whose eyes blink by a line of lashes that comes down.
    visible_triangles: for each grid mesh, numbers (K,) of the triangles that any of the B pictures shows.
    cells_per_unit: guidance cells per canonical unit, the largest of the B.
    full_canvas: whether every focus box is the whole canvas, so that both grid meshes are the same.
    pieces: how many of the limbs' pieces are drawn: none, `LIMB_PIECES`, or `PIECES` where any of the B pictures shows
        fingers.
    """

    image: Tensor
    matte: Tensor
    plate: Tensor
    face: Tensor
    body: Tensor
    hands: Tensor
    focus: Tensor
    canonical: Tensor
    openings: Tensor
    own: PersonLayers
    cut: PersonLayers
    body_matte: Tensor
    limbs: Limbs
    torso: TorsoRows
    head: HeadTransform
    surface: HeadSurface
    lattice: Tensor
    depth: Tensor
    skin: Tensor
    border_weights: Tensor
    face_skin: Tensor
    triangle_visible: Tensor
    mouth: Tensor
    neck: Tensor
    edge_pins: Tensor
    turn_limit: Tensor
    has_shading: Tensor
    blush: Tensor
    kind: Kind
    drawn_lids: DrawnLids
    visible_triangles: tuple[Tensor, Tensor]
    cells_per_unit: float
    full_canvas: bool
    pieces: int

    @property
    def size(self) -> int:
        """Side of the canvas in pixels."""
        return self.image.shape[-1]

    def __len__(self) -> int:
        return len(self.image)

    @staticmethod
    def build(
        image: Tensor,
        matte: Tensor,
        face: Tensor,
        body: Tensor | None = None,
        plate: Tensor | None = None,
        foreground: Tensor | None = None,
        views: Sequence[View] = (),
        hands: Tensor | None = None,
        outlines: Outlines | None = None,
        kind: Kind | None = None,
        drawn_lids: DrawnLids | None = None,
    ) -> Rig:
        """Prepare B pictures.

        image (B, 3, S, S) RGB 0..1, matte (B, 1, S, S) 0..1, face (B, 478, 3) and body (B, 33, 4) in canvas units,
        plate and foreground (B, 3, S, S) 0..1. Without a body the joints are guessed, without a plate it is made from
        the picture, without the foreground's straight colours they are what makes the picture over that plate. views:
        further pictures of the same characters, which show more of their heads. hands (B, 2, 21, 4): points in canvas
        units, and confidence; None where no hand was found. outlines: of the limbs; None: all of the body is one layer.
        kind: what of a person's head they have; None: all are people. drawn_lids: None: none are drawn.
        """
        kind = kind or Kind.person(len(image), image.device)
        head = head_pose(face)
        body = complete_body(head, body)
        outlines = known_outlines(outlines, body)
        hands = body.new_zeros(len(image), 2, HAND_POINTS, 4) if hands is None else hands
        plate = clean_plate(image, matte) if plate is None else plate
        focus = focus_box(head)
        full_canvas = bool((focus[:, 2] > 0.999).all())
        cells = cells_per_unit(head, focus)
        if not kind.is_person:
            cells *= DRAWN_GROWTH
        boxes = torch.stack([canvas_box(focus), focus], 1)  # (B, 2, 3)
        unit = lattice_points(image.device).to(image.dtype) * LATTICE_REACH  # (V, 2)
        lattice = boxes[:, :, None, :2] + boxes[:, :, None, 2:] * unit  # (B, 2, V, 2)
        vertices = lattice.flatten(1, 2)
        weights, depth = border_weights(head, face, vertices, kind.skull)
        on_sheet = body if outlines is None else without_layers(body, outlines.shown)
        skin = skin_weights(head, on_sheet, vertices, depth)
        neck = neck_profile(matte, face, head, vertices, depth) * (skin[..., :1] * kind.skull[:, None, None])
        near = dilate(F.adaptive_max_pool2d(matte, min(GUIDE_SIDE, image.shape[-1])), AROUND_PERSON)
        visible = F.grid_sample(near, vertices[:, None], "nearest", "border", False)[:, 0, 0] > 0.02
        triangles = lattice_triangles(image.device)
        person = person_over_plate(image, matte, plate)
        colours = person if foreground is None else torch.cat([foreground * matte, matte], 1)
        surface = build_surface(colours, face, focus, cells, views, kind)
        coverage = inside_at_rest(surface, head, face, focus, image.shape[-1])
        coverage = coverage * kind.skull[:, None, None, None]  # what is no head stays whole below its face
        behind = continued_behind(colours, coverage)
        limbs, uncovered = no_limbs(len(image), image.shape[-1], image.device), None
        if outlines is not None:
            limbs, uncovered = build_limbs(colours, coverage, body, hands, outlines, face_skin(image, face))
            plate = with_strays(plate, image, matte, uncovered.strays)
            matte, colours = matte * ~uncovered.strays, colours * ~uncovered.strays
            person = person_over_plate(image, matte, plate)

        def torso_of(whole: Tensor) -> Tensor:
            limbless = whole if uncovered is None else torch.lerp(whole, uncovered.behind, uncovered.share)
            return replace_head(limbless, behind, coverage)

        torso = torso_of(person)
        own = cut = PersonLayers(as_texture(person), as_texture(torso))
        if foreground is not None:
            cut = PersonLayers(as_texture(colours), as_texture(torso_of(colours)))
        shaded = has_shading(image, face)
        triangle_visible = visible.view(len(image), 2, -1)[:, :, triangles].any(-1)
        per_mesh = (len(image), 2, unit.shape[0], -1)
        return Rig(
            image=image,
            matte=matte,
            plate=plate,
            face=face,
            body=body,
            hands=hands,
            focus=focus,
            canonical=canonical_map(head, face, body, focus),
            openings=own_openings(face, focus),
            own=own,
            cut=cut,
            body_matte=torso[:, 3:],
            limbs=limbs,
            torso=no_rows(len(image), image.device) if uncovered is None else uncovered.torso,
            head=head,
            surface=surface,
            lattice=lattice,
            depth=depth.view(len(image), 2, -1),
            skin=skin.view(per_mesh),
            border_weights=weights.view(per_mesh),
            face_skin=skin_weights(head, on_sheet, face[..., :2], face[..., 2]),
            triangle_visible=triangle_visible,
            mouth=mouth_colour(image, face),
            neck=neck.view(per_mesh),
            edge_pins=edge_pins(matte, vertices).view(per_mesh),
            turn_limit=turn_limit([head, *(head_pose(view.face) for view in views)], kind.skull),
            has_shading=shaded,
            blush=blush_logs(surface.chart, surface.on_chart, image, matte, shaded),
            kind=kind,
            drawn_lids=drawn_lids or DrawnLids.none(len(image), image.device),
            visible_triangles=visible_triangles(triangle_visible),
            cells_per_unit=cells,
            full_canvas=full_canvas,
            pieces=0 if outlines is None else outlines.shown.shape[1],
        )

    @staticmethod
    def stack(rigs: list[Rig]) -> Rig:
        """One batch of several rigs of the same canvas size."""
        merged: dict[str, Any] = {name: _cat([getattr(rig, name) for rig in rigs]) for name in BATCHED}
        pieces = max(rig.pieces for rig in rigs)
        if pieces > 0:
            merged["limbs"] = channels_last(merged["limbs"])
        return Rig(
            **merged,
            visible_triangles=visible_triangles(merged["triangle_visible"]),
            cells_per_unit=max(rig.cells_per_unit for rig in rigs),
            full_canvas=all(rig.full_canvas for rig in rigs),
            pieces=pieces,
        )

    def pick(self, index: int) -> Rig:
        """One of the batch, as a batch of one (views, no copies)."""
        return self._rows(slice(index, index + 1))

    def repeat(self, times: int) -> Rig:
        """Each of the batch so many times in a row."""
        return self._rows(torch.arange(len(self), device=self.image.device).repeat_interleave(times))

    def _rows(self, rows: slice | Tensor) -> Rig:
        chosen: dict[str, Any] = {name: _each(getattr(self, name), lambda v: v[rows]) for name in BATCHED}
        return replace(self, **chosen)

    def to(self, device: torch.device | str) -> Rig:
        """The same rig on another device."""
        moved: dict[str, Any] = {name: _each(getattr(self, name), lambda v: v.to(device)) for name in BATCHED}
        canvas, focus = self.visible_triangles
        return replace(self, **moved, visible_triangles=(canvas.to(device), focus.to(device)))


BATCHED = [
    f.name for f in fields(Rig) if f.name not in ("visible_triangles", "cells_per_unit", "full_canvas", "pieces")
]


def _cat(parts: list) -> Any:
    if isinstance(parts[0], tuple):  # a NamedTuple of tensors
        return type(parts[0])(*(torch.cat(p) for p in zip(*parts, strict=True)))
    return torch.cat(parts)


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A tensor, or each tensor of a NamedTuple, changed."""
    return type(value)(*(change(v) for v in value)) if isinstance(value, tuple) else change(value)


def focus_box(head: HeadTransform) -> Tensor:
    """(B, 3) centre and half side of the box around head, hair and neck with room for motion; inside the canvas."""
    half = FOCUS_HALF_SIDE * head.scale
    half = torch.where(half > MAX_FOCUS_HALF_SIDE, torch.ones_like(half), half)
    middle = torch.tensor(FOCUS_CENTRE, device=half.device).expand(len(half), 1, 3)
    centre = head.apply(middle)[:, 0, :2]
    room = (1 - half)[:, None]
    return torch.cat([torch.minimum(torch.maximum(centre, -room), room), half[:, None]], -1)


def canonical_map(head: HeadTransform, face: Tensor, body: Tensor, focus: Tensor) -> Tensor:
    """Canonical coordinates (B, 3, G, G) of what the focus boxes (B, 3) show.

    In the face they are those of the canonical mesh, whatever the face's shape. Towards hair and neck they blend into
    coordinates on the skull, and from the neck on into those of a body in a T-pose.
    """
    points = box_grid(focus, GUIDE_SIDE).flatten(1, 2)
    weights, depth = border_weights(head, face, points)
    template = topology(face.device).canonical[:MESH]
    own = head.inverse(face)[:, :MESH]
    place = head.inverse(torch.cat([points, depth.unsqueeze(-1)], -1))
    place = place + weights @ (template - own)[:, topology(face.device).oval]
    place = body_canonical(body, skin_weights(head, body, points, depth), points, place)
    place = place.mT.reshape(len(face), 3, GUIDE_SIDE, GUIDE_SIDE)
    buckets = face_buckets(cells_per_unit(head, focus), face.device)
    drawn = draw_mesh(to_box(face[:, :MESH], focus), buckets, F.pad(template, (0, 1), value=1.0)[None], GUIDE_SIDE)
    return torch.lerp(place, drawn[:, :3], drawn[:, 3:].clamp(0, 1))


def own_openings(face: Tensor, focus: Tensor) -> Tensor:
    """Coverage (B, 3, G, G) of mouth, right and left eye of landmarks (B, 478, 3) on the focus boxes (B, 3)."""
    points = to_box(face[..., :2], focus)
    return torch.cat([opening(points[:, list(ring)], GUIDE_SIDE) for ring in (INNER_LIPS, RIGHT_LID, LEFT_LID)], 1)
