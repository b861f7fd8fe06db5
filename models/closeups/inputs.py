"""Input of the close-up networks: each window of mouth and eyes at rest and now, near the picture's own resolution.

    picture moved and at rest, openings, positions ─► CloseupUNet ─► CloseupEdit: flow, keep, paint

A window lies rigidly on the head (models/closeups/window.py): upper teeth and eyeballs stand still in it whatever the
face does, so that a few convolutions suffice. Windows do not depend on each other, and hold no streaming state.

Three kinds of pixels need no network (`CloseupInput.known`). Where lids or lips close, the warp leaves a line of
eyeball or teeth, which gets the colour of the opening's rim. The eyeball is completed where the picture hides it or the
warp would squeeze it between closing lids (models/closeups/eyeball.py). The picture's own teeth stay rigid where the
warp would stretch them with the lips (models/closeups/teeth.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kernels.eyeballs.reference import SOFT_BORDER_GAIN
from kernels.masked_samples import sample_where
from models.closeups.eyeball import complete_eyeball
from models.closeups.inner_mouth import InnerMouth
from models.closeups.mouth import white_point
from models.closeups.teeth import chroma_range, teeth_source, visible_teeth
from models.closeups.window import MOUTH_VIEW, VIEWS, View, Window
from models.config import ModelConfig
from models.geometry.constants import const_floats, gather_rows
from models.geometry.drawn_lids import DrawnLids
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.guidance import Guidance
from models.geometry.kind import Kind
from models.geometry.openings import erode, opening, polyline_y
from models.geometry.retarget import Pose
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform

# Channels of `CloseupInput.maps`; each ring comes inner first, then outer.
INPUT_CHANNELS = 14
MOVED_PICTURE = slice(0, 3)
REST_PICTURE = slice(3, 6)
REST_INNER_RING = slice(6, 7)
NOW_INNER_RING = slice(8, 9)
ALL_RINGS = slice(6, 10)
INPUT_DISPLACEMENT = slice(10, 12)
# Channels of `CloseupReference.maps`.
REFERENCE_INNER_RING = slice(3, 4)
# Channels of `CloseupReference.inside`.
INSIDE_COLOUR = slice(0, 3)
INSIDE_COVERAGE = slice(3, 5)  # of an eye: the opening, and the opening without its border
INSIDE_TEETH = slice(4, 5)  # of a mouth

FINE_FACTOR = 2  # pixels along a side of `CloseupReference.fine`, over those of the window
DISPLACEMENT_SCALE = 4  # factor of displacements in the network's input
RIM_ROWS = (-2.0, -1.0, 0.0)  # pixels of a window below an opening's upper edge: lashes, or the lip's shadow
RIM_BLUR = 16  # rim colours are averaged over a window's side / RIM_BLUR to both sides
SHOWN_OPENING = (0.3, 0.9)  # area of an opening at rest over that now: the picture shows none of its inside, or all
RIGID_OPENING = (0.6, 0.95)  # of its area at rest: an eye closed further shows a rigid eyeball, not the warped one
LID_SHADOW = 0.3  # an eyeball is this much darker beside its lids, which shade it


@dataclass(frozen=True)
class CloseupReference:
    """B reference pictures at rest in one view, made once for each picture.

    window: on the map of the picture.
    maps: (B, 5, n, n) the picture −1..1, then coverage 0..1 of the inner and of the outer ring.
    landmarks: (B, K, 2) window units.
    rim_colours: (B, 3, 1, n) 0..1 colours along the opening's upper edge, for each column.
    inside: (B, 5, n, n) 0..1 of an eye: the completed eyeball, the opening, and the opening without its border; of a
        mouth: the picture, the opening, and the visible teeth.
    confidence: (B,) 0..1 how far the eyeball is known.
    white_point: (B, 3) 0..1 the colour of white in the picture's light.
    chroma_range: (B, 2, 2, 1, 1) the colours that the mouth may have (models/closeups/teeth.py).
    plain: (B,) 0..1, 1 for an eye without lids, or a mouth without teeth (models/geometry/kind.py): the network, which
        knows those of people, leaves it alone.
    fine: (B, 3, m, m) 0..1 of an eye: the picture at `FINE_FACTOR` times as many pixels a side, for lids that close
        (models/closeups/lids.py); of a mouth: a single pixel, not used.
    inner_mouth: what the picture tells of the inside of a mouth; of an eye: not used.
    """

    window: Window
    maps: Tensor
    landmarks: Tensor
    rim_colours: Tensor
    inside: Tensor
    confidence: Tensor
    white_point: Tensor
    chroma_range: Tensor
    plain: Tensor
    fine: Tensor
    inner_mouth: InnerMouth

    @staticmethod
    def stack(references: Sequence[CloseupReference]) -> CloseupReference:
        """Several pictures as one batch."""
        if len(references) == 1:
            return references[0]
        window = Window.stack([reference.window for reference in references])
        measured = zip(*(reference.inner_mouth for reference in references), strict=True)
        inner_mouth = InnerMouth(*(torch.cat(parts) for parts in measured))
        rest = [f.name for f in fields(CloseupReference) if f.name not in ("window", "inner_mouth")]
        merged: dict[str, Any] = {name: torch.cat([getattr(each, name) for each in references]) for name in rest}
        return CloseupReference(window=window, inner_mouth=inner_mouth, **merged)


@dataclass(frozen=True)
class MovingPicture:
    """B pictures in motion, in the units of a square map: the canvas or the focus box.

    picture: (B, 3, S, S) 0..1, all of the map.
    chart: (B, 4, C, C), the completed texture of the head.
    flow: (B, 2, G, G) backward displacement on the boxes, map units.
    on_chart: (B, 3, G, G) on the boxes: position on the chart, −1..1, and the share 0..1 that is drawn from there.
    box: (B, 3) centre x, y and half side on the map.
    face: (B, 478, 3) landmarks now.
    head: pose of the head now.
    whole_eyes: (B, 2, 4), see `Pose.whole_eyes`.
    drawn_lids: of flat drawings.
    tongue: (B,) 0..1, how far it is out.
    """

    picture: Tensor
    chart: Tensor
    flow: Tensor
    on_chart: Tensor
    box: Tensor
    face: Tensor
    head: HeadTransform
    whole_eyes: Tensor
    drawn_lids: DrawnLids
    tongue: Tensor

    @staticmethod
    def of(rig: Rig, pose: Pose, guidance: Guidance) -> MovingPicture:
        """Rigs in a pose, on their canvas."""
        on_chart = torch.cat([guidance.chart_position, guidance.chart_share], 1)
        flow = guidance.focus_flow
        return MovingPicture(
            rig.image, rig.surface.chart, flow, on_chart, guidance.box, pose.face, pose.head, pose.whole_eyes,
            rig.drawn_lids, pose.tongue,
        )  # fmt: skip

    def sample(self, in_box: Tensor, source: Tensor) -> Tensor:
        """Colours (k·B, 3, n, n) at positions on the boxes (k·B, n, n, 2), which the flow takes from `source` on the
        map; what the picture hides comes from the chart. k whole batches one after another.
        """
        on_chart = sample(self.on_chart, in_box)
        completed = sample_where(self.chart, on_chart[:, :2].permute(0, 2, 3, 1), on_chart[:, 2:])[:, :3]
        return torch.lerp(sample(self.picture, source), completed, on_chart[:, 2:])


@dataclass(frozen=True)
class CloseupInput:
    """The network's input for one kind of window, and which pixels the network may change.

    maps: (B, `INPUT_CHANNELS`, n, n) the moved picture 3 and the picture at rest 3, −1..1; coverage 0..1 of inner and
        outer ring, at rest 2 and now 2; displacement 2, window units times `DISPLACEMENT_SCALE`; position 2, window
        units.
    landmarks: (B, 2, K, 2) at rest and now, window units.
    window: on the map.
    source: (B, n, n, 2) position on the map from which each pixel of the moved picture comes.
    known: (B, 1, n, n) 0..1 pixels that need no network.
    known_colour: (B, 3, n, n) 0..1 what is drawn there.
    network_mask: (B, 1, n, n) 0..1 where the network may edit; elsewhere the moved picture stays.
    hidden: (B, 1, n, n) 0..1 the inside of an opening that the picture does not show.
    """

    maps: Tensor
    landmarks: Tensor
    window: Window
    source: Tensor
    known: Tensor
    known_colour: Tensor
    network_mask: Tensor
    hidden: Tensor


def make_references(
    picture: Tensor, face: Tensor, head: HeadTransform, config: ModelConfig, kind: Kind | None = None
) -> tuple[CloseupReference, ...]:
    """`make_reference` for each of `VIEWS`. kind: of the characters; None: they are people."""
    sides = (config.mouth_side, config.eye_side, config.eye_side)
    kind = kind or Kind.person(len(picture), picture.device)
    return tuple(
        make_reference(view, picture, face, head, side, 1 - (kind.lids if view.is_eye else kind.teeth))
        for view, side in zip(VIEWS, sides, strict=True)
    )


def make_reference(
    view: View, picture: Tensor, face: Tensor, head: HeadTransform, side: int, plain: Tensor | None = None
) -> CloseupReference:
    """Measure a view of B pictures (B, 3, S, S) 0..1 with landmarks (B, 478, 3) and heads in units of the map.

    side: pixels of the window, n. plain (B,): see `CloseupReference.plain`; None: 0.
    """
    window = Window.of(view, head)
    pixels, rings = sample(picture, window.grid(side)), ring_coverage([view], window, face, side)
    maps = torch.cat([pixels * 2 - 1, rings], 1)
    landmarks = window.to_window(gather_landmarks(face, [view.landmarks]))
    rim = rim_colours(window.to_window(gather_landmarks(face, [view.inner])), pixels)
    inner = rings[:, :1]
    if view.is_eye:
        iris = circle(window.to_window(gather_landmarks(face, [view.outer])))
        colour, confidence = complete_eyeball(pixels, inner, *iris)
        shown = erode(inner)
    else:
        colour, confidence = pixels, torch.ones_like(maps[:, 0, 0, 0])
        shown = visible_teeth(pixels, inner)
    inside = torch.cat([colour, inner, shown], 1)
    white = white_point(picture, face)
    fine = sample(picture, window.grid(side * FINE_FACTOR)) if view.is_eye else pixels[..., :1, :1]
    plain, chroma = torch.zeros_like(confidence) if plain is None else plain, chroma_range(pixels)
    if view.is_eye:
        inner_mouth = InnerMouth.none(len(face), face.device)
    else:
        inner_mouth = InnerMouth.of(face, head, pixels, rings, white)
    return CloseupReference(window, maps, landmarks, rim, inside, confidence, white, chroma, plain, fine, inner_mouth)


def make_inputs(moving: MovingPicture, references: Sequence[CloseupReference]) -> tuple[CloseupInput, CloseupInput]:
    """Mouths (B) and eyes (2·B: right ones, then left ones) of B moving pictures, as `Closeups` takes them.

    references: one for each of `VIEWS`.
    """
    return (
        make_input(VIEWS[:1], moving, references[0]),
        make_input(VIEWS[1:], moving, CloseupReference.stack(references[1:])),
    )


def make_input(views: Sequence[View], moving: MovingPicture, reference: CloseupReference) -> CloseupInput:
    """The input of k views of one kind on B moving pictures, one view after another: (k·B), as is the reference."""
    side = reference.maps.shape[-1]
    window = Window.stack([Window.of(view, moving.head) for view in views])
    grid = window.grid(side)
    box = moving.box.repeat(len(views), 1)[:, None, None]
    in_box = (grid - box[..., :2]) / box[..., 2:]
    source = grid + sample(moving.flow, in_box).permute(0, 2, 3, 1)
    position = unit_grid(side, grid.device).expand_as(grid)
    rest_position, rings = reference.window.to_window(source), ring_coverage(views, window, moving.face, side)
    maps = torch.cat([
        moving.sample(in_box, source) * 2 - 1, reference.maps, rings,
        (rest_position - position).permute(0, 3, 1, 2) * DISPLACEMENT_SCALE, position.permute(0, 3, 1, 2),
    ], 1)  # fmt: skip
    now_landmarks = window.to_window(gather_landmarks(moving.face, [view.landmarks for view in views]))
    landmarks = torch.stack([reference.landmarks, now_landmarks], 1)
    rest_inner, now_inner = reference.maps[:, REFERENCE_INNER_RING], rings[:, :1]
    moved_inner = sample(rest_inner, rest_position)
    known, known_colour = known_pixels(views[0], reference, now_inner, moved_inner, rest_position, landmarks)
    mask = torch.ones_like(moved_inner) if views[0].is_eye else network_mask(rest_inner, now_inner, moved_inner)
    hidden = now_inner * (1 - moved_inner)
    return CloseupInput(maps, landmarks, window, source, known, known_colour, mask, hidden)


def network_mask(rest_inner: Tensor, now_inner: Tensor, moved_inner: Tensor) -> Tensor:
    """`CloseupInput.network_mask` of mouths, from coverage (B, 1, n, n) of the inner ring: at rest, now, and of the one
    at rest as the warp moves it. The network edits around where the last two differ, and all of an opening that is much
    wider than at rest. Elsewhere moved lips are sharper than painted ones.
    """
    wrong = torch.maximum((now_inner - moved_inner).abs(), stretched(rest_inner, now_inner))
    near = F.avg_pool2d(F.max_pool2d(F.max_pool2d(wrong, 4), 3, 1, 1), 3, 1, 1)
    return F.interpolate(near, size=now_inner.shape[-2:], mode="bilinear", align_corners=False)


def known_pixels(
    view: View,
    reference: CloseupReference,
    now_inner: Tensor,
    moved_inner: Tensor,
    rest_position: Tensor,
    landmarks: Tensor,
) -> tuple[Tensor, Tensor]:
    """`CloseupInput.known` and `CloseupInput.known_colour`.

    now_inner, moved_inner (B, 1, n, n): see `network_mask`. rest_position (B, n, n, 2): from where at rest each pixel
    comes, window units. landmarks (B, 2, K, 2): at rest and now, window units.
    """
    side = now_inner.shape[-1]
    open_share = area_share(now_inner, reference.maps[:, REFERENCE_INNER_RING])
    visible = now_inner * smoothstep(*view.visible_opening, open_share)
    closed = (moved_inner - visible).clamp_min(0)
    along_rim = torch.stack([rest_position[..., 0], torch.zeros_like(rest_position[..., 0])], -1)
    rim = sample_where(reference.rim_colours, along_rim, closed)
    if view.is_eye:
        gaze = (landmarks[:, 1] - landmarks[:, 0])[:, len(view.inner)]  # the pupil's way; an eyeball moves as a whole
        source = unit_grid(side, visible.device) - gaze[:, None, None]
        inside = sample_where(reference.inside, source, visible)
        interior = erode(visible)
        uncovered = torch.cat([visible, interior], 1) - SOFT_BORDER_GAIN * inside[:, INSIDE_COVERAGE]
        squeezed = interior * (1 - smoothstep(*RIGID_OPENING, open_share))
        shown = torch.maximum(uncovered.amax(1, keepdim=True), squeezed)
        shown = shown * reference.confidence[:, None, None, None]
        colour = inside[:, INSIDE_COLOUR] * (1 - LID_SHADOW + LID_SHADOW * F.avg_pool2d(visible, 7, 1, 3))
    else:
        inside = sample_where(reference.inside, teeth_source(inner_lips(landmarks), side), visible)
        shown = (1 - closed) * visible * inside[:, INSIDE_TEETH]
        colour = inside[:, INSIDE_COLOUR]
    known = closed + shown
    return known, (closed * rim + shown * colour) / known.clamp_min(1e-3)


def stretched(rest_inner: Tensor, now_inner: Tensor) -> Tensor:
    """(B, 1, n, n) 0..1 the inside of an opening now where the one at rest shows too little of it to be moved."""
    return now_inner * (1 - smoothstep(*SHOWN_OPENING, area_share(rest_inner, now_inner)))


def area_share(part: Tensor, whole: Tensor) -> Tensor:
    """(B, 1, 1, 1) area of one opening (B, 1, n, n) over that of another."""
    return part.mean((1, 2, 3), keepdim=True) / whole.mean((1, 2, 3), keepdim=True).clamp_min(1e-4)


def inner_lips(landmarks: Tensor) -> Tensor:
    """The ring of a mouth's opening (B, 2, N, 2), at rest and now, among the landmarks (B, 2, K, 2) of a mouth."""
    first = len(MOUTH_VIEW.outer)
    return landmarks[:, :, first : first + len(MOUTH_VIEW.inner)]


def rim_colours(ring: Tensor, pixels: Tensor) -> Tensor:
    """(B, 3, 1, n) colours of a window (B, 3, n, n) along the upper side of a ring (B, N, 2): the darkest of `RIM_ROWS`
    in each column; to both sides of the ring as in its corners.
    """
    side, corners = pixels.shape[-1], ring[:, [0, ring.shape[1] // 2]]
    line = unit_grid(side, ring.device)[0, 0, :, 0]
    x = line.expand(len(ring), -1).clamp(corners[..., :1].amin(1), corners[..., :1].amax(1))
    nearer_corner = (line[None, :, None] - corners[:, None, :, 0]).abs().argmin(-1)
    y = polyline_y(ring[:, : ring.shape[1] // 2 + 1], line)
    y = torch.where(y < 1, y, corners[..., 1].gather(1, nearer_corner))
    below = const_floats(RIM_ROWS, ring.device) * (2 / side)
    points = torch.stack([x[:, None].expand(-1, len(RIM_ROWS), -1), y[:, None] + below[:, None]], -1)
    colours = F.grid_sample(pixels, points, "bilinear", "border", False)  # (B, 3, K, n)
    darkest = colours.mean(1, keepdim=True).argmin(2, keepdim=True)
    colours = colours.gather(2, darkest.expand(-1, 3, -1, -1))
    blur = side // RIM_BLUR
    return F.avg_pool2d(F.pad(colours, (blur, blur, 0, 0), mode="replicate"), (1, 2 * blur + 1), 1)


def gather_landmarks(face: Tensor, choices: Sequence[tuple[int, ...]]) -> Tensor:
    """x and y of k choices of landmarks (B, 478, 3), one choice after another: (k·B, N, 2)."""
    return torch.cat([gather_rows(face, choice)[..., :2] for choice in choices])


def ring_coverage(views: Sequence[View], window: Window, face: Tensor, side: int) -> Tensor:
    """(k·B, 2, side, side) coverage 0..1 of k views' inner and outer rings, from landmarks (B, 478, 3)."""
    inner = window.to_window(gather_landmarks(face, [view.inner for view in views]))
    outer = window.to_window(gather_landmarks(face, [view.outer for view in views]))
    outer = disc(outer, side) if views[0].is_eye else opening(outer, side)
    return torch.cat([opening(inner, side), outer], 1)


def sample(maps: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """Maps (B, C, h, w) at (k·B, n, m, 2) positions −1..1, k whole batches one after another: (k·B, C, n, m)."""
    batch, rows = len(maps), grid.shape[1]
    side_by_side = grid.unflatten(0, (-1, batch)).transpose(0, 1).flatten(1, 2)  # (B, k·n, m, 2)
    sampled = F.grid_sample(maps, side_by_side, mode, "border", False)
    return sampled.unflatten(2, (-1, rows)).permute(2, 0, 1, 3, 4).flatten(0, 1)


def disc(rim: Tensor, side: int) -> Tensor:
    """Coverage 0..1 (B, 1, side, side) of the circle through rim points (B, N, 2), window units."""
    centre, radius = circle(rim)
    distance = (unit_grid(side, rim.device) - centre[:, None, None]).norm(dim=-1)
    return ((radius[:, None, None] - distance) * (side / 2) + 0.5).clamp(0, 1).unsqueeze(1)


def circle(rim: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (B, 2) and radius (B,) of the circle through rim points (B, N, 2)."""
    centre = rim.mean(1)
    return centre, (rim - centre[:, None]).norm(dim=-1).mean(-1)
