"""The head as one closed surface: the face's mesh and the shell of skull and hair, with a completed texture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from kernels.warp.reference import sharpen_coverage
from models.config import GUIDE_SIDE
from models.geometry.ears import EARS, ear_mesh, find_ears, grow_ears
from models.geometry.grid import box_grid, canvas_box, smoothstep, to_box
from models.geometry.grid_mesh import TRIANGLE_GROWTH, cells_per_unit, face_buckets
from models.geometry.head_chart import OPAQUE, Source, head_grid, make_chart
from models.geometry.head_parts import find_parts
from models.geometry.inpaint import dilate
from models.geometry.kind import Kind
from models.geometry.picture_layers import clean_plate, person_over_plate
from models.geometry.relief import flatness, head_relief, normals_on_relief
from models.geometry.shell import fit_shell, hanging_hair, shell
from models.geometry.skull import SKULL_CENTRE, inverse_distance_shares
from models.geometry.topology import CHIN, MESH, HeadTransform, head_pose, topology
from models.geometry.views import View

FINER = 2  # times as many cells a side as other maps have those on which the surface is drawn, or cut out at rest
OUTLINE_FACING = (0.35, 0.6)  # how much hair faces the camera: near the outline, and inside of it
SHELL_EXTENT = 0.5  # canonical units: longest edge of a triangle of the shell, or of an ear
BORDER_SOFTENING = 1e-3  # of the weights of landmarks on the border, which are further apart than points of a picture
BORDER_REACH = 0.5  # canonical units over which the shell follows the motion of the face's border
OCCLUDED_DEPTH = 0.06  # canonical units behind the surfaces around it from which on a vertex is hidden
NEAREST = -9.0  # z of cells without a surface
SHELL_BACK = 0.15  # canonical units by which the shell loses against the face's mesh in depth tests
NORMAL_ERROR = 0.2  # cosine: normals are those of a mean head, and a surface that turns away by this may still be seen
# Half the side of the box on which surface and subject are compared, and how far above the line of the eyes, canonical
# units. The share of the surface that may lie beyond the subject: 0.000 of people, 0.06 of a cup, 0.4 of a dog.
FIT_REACH, FIT_LEVEL, MAX_MISFIT = 2.6, -0.25, 0.03
OUTLINE_DIVISOR = 100  # the canvas's side over how far from transparency a vertex counts as opaque
TURNED = (0.003, 0.03)  # 1 − cosine between the directions to the camera: about 4 and 14 degrees
FACING_OFFSET = 0.06  # added to both before their ratio is taken, so that outlines do not count as unseen
# How much a vertex faces the camera in the picture, over how much it does now: the chart is drawn; the picture is.
SHOWN_RATIO = (0.65, 0.85)
UNSEEN = (0.0, 0.06)  # how much a vertex faces the camera in the picture: not at all, and enough to be shown
CAME_INTO_VIEW = (0.1, 0.25)  # gain of the cosine by which an unseen vertex counts as turned towards the camera


class HeadSurface(NamedTuple):
    """The surfaces of B heads at rest; V = `MESH` + Vs + E vertices: the face's mesh, the shell, the ears.

    shell: (B, Vs, 3), canonical units.
    ears, ears_shown, ears_borrowed: (B, E, 3), (B, E, 3), (B, E), the `Ears`.
    border_weights: (B, Vs + E, 36), how much shell and ears follow each landmark on the face's border.
    normals: (B, V, 3), outward, canonical axes.
    facing: (B, V), 0..1, how much the vertices face the camera in the picture; 0 where they are hidden.
    fade: (B, V), 1 where the surface is drawn alone, 0 where it blends into what lies behind, as at the neck.
    chart: (B, 4, C, C), the completed texture, RGB and alpha 0..1, channels last.
    on_chart: (B, V, 2), −1..1, where the vertices lie on it.
    """

    shell: Tensor
    ears: Tensor
    ears_shown: Tensor
    ears_borrowed: Tensor
    border_weights: Tensor
    normals: Tensor
    facing: Tensor
    fade: Tensor
    chart: Tensor
    on_chart: Tensor


def head_buckets(cells: float, device: torch.device) -> list[Bucket]:
    """The head's surface for `draw_mesh`, on a grid with `cells` cells per canonical unit."""
    return [*skull_buckets(cells, device), ear_bucket(cells, device, MESH + len(shell(device).rays))]


def skull_buckets(cells: float, device: torch.device) -> list[Bucket]:
    """As `head_buckets`, without ears."""
    window = math.ceil(SHELL_EXTENT * cells * TRIANGLE_GROWTH) + 1
    return [*face_buckets(cells, device), Bucket(shell(device).triangles + MESH, window)]


def ear_bucket(cells: float, device: torch.device, first: int) -> Bucket:
    """The ears, whose vertices begin with number `first`, as `head_buckets`."""
    window = math.ceil(SHELL_EXTENT * cells * TRIANGLE_GROWTH) + 1
    return Bucket(ear_mesh(device).triangles + first, window)


def build_surface(
    person: Tensor,
    face: Tensor,
    focus: Tensor,
    cells: float,
    views: Sequence[View] = (),
    kind: Kind | None = None,
) -> HeadSurface:
    """The surface of B heads, from the person's layer (B, 4, S, S) and landmarks (B, 478, 3), canvas units.

    focus (B, 3): the box around the head. cells: guidance cells per canonical unit. kind: what is no head gets no
    shell (`skull_fits`); None: all are people.
    """
    kind = Kind.person(len(person), person.device) if kind is None else kind
    has_skull, relief = kind.skull, head_relief(kind)
    device, centre, on_skull = face.device, face.new_tensor(SKULL_CENTRE), has_skull[:, None, None]
    head = head_pose(face)
    # Ears and a shell whose vertices are all in one place have no area, and are not drawn.
    found = find_ears(person, face, head)
    ears = torch.lerp(centre, found.place, on_skull)
    at_rest = torch.lerp(centre, grow_ears(found.place, found.borrowed, torch.zeros_like(has_skull)), on_skull)
    in_picture = ears_at_rest(at_rest, head, focus, cells, person.shape[-1])
    earless = person * (1 - in_picture)
    heads, mattes = [head, *(head_pose(view.face) for view in views)], [earless[:, 3:], *(view.matte for view in views)]
    local_shell = torch.lerp(centre, fit_shell(face, heads, mattes, found.place, relief), on_skull)
    local_face = head.inverse(face)[:, :MESH]
    border = local_face[:, topology(device).oval]
    distance = torch.cdist(local_shell, border)
    share = inverse_distance_shares(distance, BORDER_SOFTENING)
    weights = share * torch.exp(-(distance.amin(-1, keepdim=True) / BORDER_REACH).square())
    weights = torch.cat([weights, ear_mesh(device).root.expand(len(face), -1, -1)], 1) * on_skull
    without_ears = [
        normals_on_relief(part.normals, vertices, part.triangles, relief)
        for part, vertices in ((topology(device), local_face), (shell(device), local_shell))
    ]
    outward = torch.cat([*without_ears, ear_mesh(device).normals.expand(len(face), -1, -1)], 1)
    place = head.apply(torch.cat([local_face, local_shell, at_rest], 1))
    facing = visible_facing(head, place, outward, focus, cells)
    # The shell lies within the outline anyway; what it has below an ear the picture does not show. An ear is always
    # drawn from the picture.
    of_face, of_shell, of_ears = facing.split([MESH, local_shell.shape[1], ears.shape[1]], 1)
    of_face = of_face * opaque_around(person[:, 3:], place[:, :MESH])
    below_ears = sample_map(in_picture, place[:, MESH : MESH + local_shell.shape[1]])
    of_shell = of_shell * (1 - below_ears)
    faces_camera = torch.cat([of_face, of_shell], 1)
    parts = find_parts(person, face, head, focus).on_canvas(person.shape[-1])
    source = Source(earless, parts, place[:, : faces_camera.shape[1], :2], faces_camera)
    sources = [source, *(view_source(view, local_shell, outward) for view in views)]
    hangs = hanging_hair(head, person[:, 3:])
    grid = head_grid(local_face, flatness(relief))
    chart = make_chart(sources, grid, hangs).contiguous(memory_format=torch.channels_last)
    short, hanging = surface_fades(device)
    whole = torch.lerp(short, hanging, hangs[:, None])
    fade = torch.lerp(narrow_fade(device), whole, has_skull[:, None])
    facing = torch.cat([faces_camera, torch.ones_like(of_ears)], 1)
    on_chart = grid.position.expand(len(face), -1, -1)
    return HeadSurface(local_shell, ears, found.shown, found.borrowed, weights, outward, facing, fade, chart, on_chart)


def ears_at_rest(ears: Tensor, head: HeadTransform, focus: Tensor, cells: float, size: int) -> Tensor:
    """Coverage (B, 1, size, size), 0..1, of the canvas's pixels by ears (B, E, 3), canonical units, and of the cells
    around them, in the picture's own pose.
    """
    buckets = [ear_bucket(cells * FINER, ears.device, 0)]
    drawn = mesh_coverage(head.apply(ears), buckets, ears.new_ones(1, ears.shape[1]), focus, GUIDE_SIDE)
    return sharpen_coverage(dilate(drawn, 1), size, focus)


def view_source(view: View, local_shell: Tensor, outward: Tensor) -> Source:
    """What a further view shows of a head whose shell is fitted to its first picture, but for ears.

    outward: (B, V, 3) normals.
    """
    head, ears = head_pose(view.face), local_shell.new_tensor(SKULL_CENTRE).expand(len(local_shell), EARS, -1)
    place = head.apply(torch.cat([head.inverse(view.face)[:, :MESH], local_shell, ears], 1))
    canvas = canvas_box(head.shift)
    cells = cells_per_unit(head, canvas)
    person = person_over_plate(view.image, view.matte, clean_plate(view.image, view.matte))
    # The shell is a compromise of all pictures and may reach beyond the outline of this one.
    facing = visible_facing(head, place, outward, canvas, cells) * opaque_around(view.matte, place)
    parts = find_parts(person, view.face, head, canvas).on_canvas(person.shape[-1])
    return Source(person, parts, place[:, :-EARS, :2], facing[:, :-EARS])


def visible_facing(head: HeadTransform, place: Tensor, outward: Tensor, box: Tensor, cells: float) -> Tensor:
    """`facing_camera` of normals (B, V, 3), canonical axes; 0 for a vertex of the face that lies behind another part of
    the surface. place: (B, V, 3) canvas units.
    """
    in_box = to_box(depth_tested(place, head), box)
    values = F.pad(in_box[..., 2:], (0, 1), value=1.0)
    depth, covered = draw_mesh(in_box, head_buckets(cells, place.device), values, GUIDE_SIDE).split(1, 1)
    # The deepest surface of the cells around a vertex, so that a steep surface does not hide itself.
    deepest = F.max_pool2d(torch.where(covered > 0.5, depth, NEAREST), 3, 1, 1)
    deepest = F.grid_sample(deepest, in_box[:, None, :, :2], "nearest", "border", False)[:, 0, 0]
    hidden = (deepest > NEAREST) & (in_box[..., 2] - deepest > OCCLUDED_DEPTH * head.scale[:, None])
    hidden[:, MESH:] = False  # under the face's mesh the shell is never seen, and at its border both are one surface
    return torch.where(hidden, 0.0, facing_camera(head, outward))


def opaque_around(alpha: Tensor, place: Tensor) -> Tensor:
    """How opaque a picture's alpha (B, 1, S, S) is at and next to points (B, N, 3), canvas units: (B, N), 0..1.

    A landmark at the outline would draw what lies beyond it.
    """
    least = -dilate(-alpha, max(1, alpha.shape[-1] // OUTLINE_DIVISOR))
    return smoothstep(*OPAQUE, sample_map(least, place))


def sample_map(maps: Tensor, place: Tensor) -> Tensor:
    """Values (B, N) of maps (B, 1, S, S) at points (B, N, ≥2), canvas units."""
    return F.grid_sample(maps, place[:, None, :, :2], "bilinear", "border", False)[:, 0, 0]


def facing_camera(head: HeadTransform, outward: Tensor) -> Tensor:
    """How much outward normals (B, V, 3), canonical axes, point to the camera: (B, V), 1 straight at it, and 0 from
    `NORMAL_ERROR` beyond a right angle on.
    """
    cosine = -(outward @ head.rotation[:, 2, :, None])[..., 0]
    return ((cosine + NORMAL_ERROR) / (1 + NORMAL_ERROR)).clamp_min(0)


def vertices_at_rest(surface: HeadSurface, head: HeadTransform, face: Tensor) -> Tensor:
    """The vertices (B, V, 3), canvas units, of heads with landmarks (B, 478, 3) in the picture's own pose."""
    ears = grow_ears(surface.ears, surface.ears_borrowed, torch.zeros_like(head.scale))
    return torch.cat([face[:, :MESH], head.apply(torch.cat([surface.shell, ears], 1))], 1)


def places_shown(surface: HeadSurface, head: HeadTransform, face: Tensor) -> Tensor:
    """As `vertices_at_rest`, with the places whose picture borrowed ears take."""
    return torch.cat([face[:, :MESH], head.apply(torch.cat([surface.shell, surface.ears_shown], 1))], 1)


def move_surface(
    surface: HeadSurface, rest_face: Tensor, face: Tensor, head: HeadTransform, rest: HeadTransform
) -> Tensor:
    """The vertices (B, V, 3), canvas units, of heads that moved.

    rest_face (B, 478, 3): canonical units, in the picture; rest: its transform. face (B, 478, 3): canvas units, now;
    head: its transform.
    """
    oval = topology(face.device).oval
    residual = face[:, oval] - head.apply(rest_face[:, oval])
    ears = grow_ears(surface.ears, surface.ears_borrowed, turned_share(rest, head)[:, 0])
    moved = head.apply(torch.cat([surface.shell, ears], 1)) + surface.border_weights @ residual
    return torch.cat([face[:, :MESH], moved], 1)


def depth_tested(vertices: Tensor, head: HeadTransform) -> Tensor:
    """Vertices (B, V, 3) with the shell's z behind by `SHELL_BACK`, so that the face's mesh wins where the two meet."""
    shift = F.pad(SHELL_BACK * head.scale[:, None].expand(-1, vertices.shape[1] - MESH - EARS), (MESH, EARS))
    return vertices + F.pad(shift[..., None], (2, 0))


def surface_coverage(vertices: Tensor, weights: Tensor, box: Tensor, cells: float, size: int) -> Tensor:
    """How much of each of size × size cells of boxes (B, 3) a surface (B, V, 3) covers: (B, 1, size, size), 0..1.

    weights: (B or 1, V) 0..1, by which each vertex counts. cells: cells per canonical unit.
    """
    buckets = head_buckets(cells * FINER, vertices.device)
    return mesh_coverage(vertices, buckets, weights, box, size)


def mesh_coverage(vertices: Tensor, buckets: list[Bucket], weights: Tensor, box: Tensor, size: int) -> Tensor:
    """`surface_coverage` of any mesh, whose buckets are for `FINER` times as many cells."""
    drawn = draw_mesh(to_box(vertices, box), buckets, weights[..., None], size * FINER)
    return even_coverage(drawn)


def even_coverage(drawn: Tensor) -> Tensor:
    """Coverage (B, 1, size, size), 0..1, of cells by what is drawn, 0..1, on `FINER` times as many a side: the mean
    over squares twice as wide as a cell, since an outline that is steepened shows each step of one cell as a tooth.
    """
    return F.avg_pool2d(drawn, 2 * FINER, FINER, FINER // 2).clamp(0, 1)


def inside_at_rest(surface: HeadSurface, head: HeadTransform, face: Tensor, focus: Tensor, size: int) -> Tensor:
    """Coverage (B, 1, size, size), 0..1, of the canvas's pixels by heads in the picture's own pose, but for hair that
    lies near the outline: what stands behind the head begins with that hair, so that no gap opens to the hair beyond.
    """
    rest, cells = vertices_at_rest(surface, head, face), cells_per_unit(head, focus)
    inner = F.pad(smoothstep(*OUTLINE_FACING, surface.facing[:, MESH:]), (MESH, 0), value=1.0)
    weights = surface.fade * inner
    return sharpen_coverage(surface_coverage(rest, weights, focus, cells, GUIDE_SIDE), size, focus)


def hidden_share(surface: HeadSurface, rest: HeadTransform, now: HeadTransform) -> Tensor:
    """(B, V) 0..1: 0 where the picture shows a vertex as well as the camera sees it now, 1 where it does not.

    Seen from where the picture was taken it is 0 everywhere, also at the border of what was occluded.
    """
    ratio = (surface.facing + FACING_OFFSET) / (facing_camera(now, surface.normals) + FACING_OFFSET)
    # A shell that stands out farther than a mean head, as at an ear, shows vertices whose normals still turn away.
    gain = -(surface.normals @ (now.rotation[:, 2] - rest.rotation[:, 2])[:, :, None])[..., 0]
    came = (1 - smoothstep(*UNSEEN, surface.facing)) * smoothstep(*CAME_INTO_VIEW, gain)
    return torch.maximum(1 - smoothstep(*SHOWN_RATIO, ratio), came) * turned_share(rest, now)


def turned_share(rest: HeadTransform, now: HeadTransform) -> Tensor:
    """(B, 1) 0..1: 0 for heads in the picture's own pose, 1 from `TURNED` on."""
    return smoothstep(*TURNED, 1 - (rest.rotation[:, 2] * now.rotation[:, 2]).sum(-1, keepdim=True))


def skull_fits(matte: Tensor, face: Tensor) -> Tensor:
    """(B,) bool, whether the head's surface lies within the mattes (B, 1, S, S) of subjects with faces (B, 478, 3),
    canvas units, above their eyes: a person's skull and hair do.

    Between ears on top of a head, beside a cup's rim, around a robot's corners it would be drawn where there is
    nothing. What lies beyond the canvas is not compared.
    """
    head = head_pose(face)
    box = torch.cat([head.shift[:, :2], (FIT_REACH * head.scale)[:, None]], 1)
    local = torch.cat([head.inverse(face)[:, :MESH], fit_shell(face, [head], [matte])], 1)
    cells = GUIDE_SIDE / (2 * FIT_REACH)
    buckets = skull_buckets(cells * FINER, face.device)
    drawn = mesh_coverage(head.apply(local), buckets, face.new_ones(1, local.shape[1]), box, GUIDE_SIDE)
    points = box_grid(box, GUIDE_SIDE)
    shown = F.grid_sample(matte, points, "bilinear", "border", False)
    lifted = torch.cat([points, torch.zeros_like(points[..., :1])], -1).flatten(1, 2)
    level = head.inverse(lifted)[..., 1].view_as(shown)
    compared = drawn * ((level < FIT_LEVEL) & (points.abs() < 1).all(-1)[:, None])
    beyond = (compared * (drawn - shown).clamp_min(0)).sum((1, 2, 3)) / compared.sum((1, 2, 3)).clamp_min(1)
    return beyond < MAX_MISFIT


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def narrow_fade(device: torch.device) -> Tensor:
    """(V,) as `surface_fades`, of a face without a shell, which blends into what surrounds it all around."""
    face = (2 * topology(device).rings).clamp_max(1)
    return torch.cat([face, face.new_zeros(len(shell(device).rays) + EARS)])


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def surface_fades(device: torch.device) -> tuple[Tensor, Tensor]:
    """(V,) 1 where the surface is drawn alone; 0 at its border to the neck, where it blends into what lies behind: of
    heads with short hair, and of those whose hair hangs.
    """
    face = topology(device)
    narrow = (2 * face.rings).clamp_max(1)
    y = face.canonical[:MESH, 1]
    beside_hair = 1 - smoothstep(0.45, 0.75, y / y[CHIN])
    face_fade, rays = torch.maximum(narrow, beside_hair), shell(device)
    ears = face_fade.new_ones(EARS)
    return torch.cat([face_fade, rays.short_fade, ears]), torch.cat([face_fade, rays.hanging_fade, ears])
