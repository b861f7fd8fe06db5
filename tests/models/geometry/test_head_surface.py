"""The closed surface of a head: coverage in any pose, what is hidden, and frames drawn from it."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from kernels.mesh import draw_mesh
from kernels.warp import Maps
from kernels.warp.reference import sharpen_coverage
from models.compositor import compose
from models.config import GUIDE_SIDE
from models.geometry.ears import EARS
from models.geometry.grid import to_box
from models.geometry.guidance import make_guidance
from models.geometry.head_surface import (
    FINER,
    depth_tested,
    even_coverage,
    facing_camera,
    head_buckets,
    hidden_share,
    inside_at_rest,
    move_surface,
    skull_buckets,
    surface_coverage,
    surface_fades,
)
from models.geometry.retarget import Pose, rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import CHIN, MESH, NOSE_TIP, HeadTransform, topology
from models.geometry.views import View
from models.sampler import Focus, draw_layers, layer_maps
from streamer.generation.tensor_tree import iter_tensors
from tests.support.drivers import driver, rotation_of
from tests.support.faces import drawn_face
from tests.support.solid_heads import PICTURE_SIDE, SCALE, picture_of

CPU = torch.device("cpu")
YAWS, PITCHES = (-75, -50, -25, 0, 25, 50, 75), (-30, 0, 30)


def pitch_of(degrees: float) -> Tensor:
    """(1, 3, 3) a rotation about the camera's x axis."""
    angle = math.radians(degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    return torch.tensor([[[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]]])


def turned(rig: Rig, yaw: float, pitch: float = 0) -> tuple[HeadTransform, Tensor]:
    """A rig's head in its picture's place, turned to these angles, degrees, and the surface's vertices (1, V, 3)."""
    head = rig.head._replace(rotation=pitch_of(pitch) @ rotation_of(math.radians(yaw)))
    rest_face = rig.head.inverse(rig.face)
    return head, move_surface(rig.surface, rest_face, head.apply(rest_face), head, rig.head)


def turned_pose(rig: Rig, yaw: float) -> Pose:
    """The pose of a rig whose driver turns by degrees."""
    return retarget(rig, driver(SCALE, rotation_of(math.radians(yaw))), driver(SCALE))


def enclosed(covered: Tensor) -> Tensor:
    """(G, G) bool, cells that are not covered (G, G) bool and have no way to the border of the grid."""
    outside = torch.zeros_like(covered)
    outside[0] = outside[-1] = outside[:, 0] = outside[:, -1] = True
    for _ in range(4 * len(covered)):
        grown = max_pool2d(outside[None, None].float(), 3, 1, 1)[0, 0].bool() & ~covered
        grown |= outside
        if torch.equal(grown, outside):
            break
        outside = grown
    return ~covered & ~outside


@pytest.fixture(scope="module")
def frontal() -> Rig:
    """A head that faces the camera."""
    return Rig.build(*picture_of())


@pytest.fixture(scope="module")
def three_quarter() -> Rig:
    """A head turned by 35 degrees."""
    return Rig.build(*picture_of(35))


@pytest.mark.parametrize("scale", [0.12, 0.28])
@pytest.mark.parametrize("pitch", PITCHES)
def test_windows_are_wide_enough_for_every_rotation(scale: float, pitch: float) -> None:
    rig = drawn_face(128, scale)
    buckets = head_buckets(rig.cells_per_unit, CPU)
    ones = torch.ones(1, MESH + rig.surface.shell.shape[1] + EARS, 1)
    for yaw in YAWS:
        head, vertices = turned(rig, yaw, pitch)
        points = to_box(depth_tested(vertices, head), rig.focus)
        drawn = draw_mesh(points, buckets, ones, GUIDE_SIDE)
        full = draw_mesh(points, [bucket._replace(window=GUIDE_SIDE) for bucket in buckets], ones, GUIDE_SIDE)
        assert torch.equal(drawn, full), yaw


@pytest.mark.parametrize("pitch", PITCHES)
@pytest.mark.parametrize("yaw", YAWS)
def test_coverage_of_a_turned_head_has_no_hole(frontal: Rig, three_quarter: Rig, yaw: int, pitch: int) -> None:
    for rig, fade in itertools.product((frontal, three_quarter), surface_fades(CPU)):
        _, vertices = turned(rig, yaw, pitch)
        coverage = surface_coverage(vertices, fade[None], rig.focus, rig.cells_per_unit, GUIDE_SIDE)[0, 0]
        assert coverage.min() >= 0 and coverage.max() <= 1 and (coverage > 0.5).sum() > 800
        assert enclosed(coverage > 0.2).sum() == enclosed(coverage > 0.8).sum() == 0


def test_the_face_lies_before_the_shell_but_for_its_outline(frontal: Rig, three_quarter: Rig) -> None:
    rings = topology().rings[None, :, None]
    for rig in (frontal, three_quarter):
        head, vertices = turned(rig, 0)
        points = to_box(depth_tested(vertices, head), rig.focus)
        depth = torch.cat([points[..., 2:], torch.ones_like(points[..., 2:])], -1)
        ring = torch.nn.functional.pad(rings, (0, 0, 0, points.shape[1] - MESH))
        values = torch.cat([depth, ring], -1)
        buckets = skull_buckets(rig.cells_per_unit, CPU)
        face, back = (draw_mesh(points, part, values, GUIDE_SIDE)[0] for part in (buckets[:-1], buckets[-1:]))
        both = (face[1] > 0.5) & (back[1] > 0.5) & (face[2] > 1)
        assert both.sum() > 300
        assert (face[0] < back[0])[both].all()


def test_surface_at_rest_lies_where_the_landmarks_are(three_quarter: Rig) -> None:
    rig = three_quarter
    vertices = move_surface(rig.surface, rig.head.inverse(rig.face), rig.face, rig.head, rig.head)
    assert torch.allclose(vertices[:, :MESH], rig.face[:, :MESH])
    assert torch.allclose(vertices[:, MESH:-EARS], rig.head.apply(rig.surface.shell), atol=1e-4)


def test_the_shell_follows_the_border_of_the_face_and_less_farther_away(frontal: Rig) -> None:
    rig, oval = frontal, topology().oval
    moved = rig.face.clone()
    moved[:, oval] += torch.tensor([0.05, 0.0, 0.0])
    vertices = move_surface(rig.surface, rig.head.inverse(rig.face), moved, rig.head, rig.head)[0, MESH:-EARS]
    shift = (vertices - rig.head.apply(rig.surface.shell)[0])[:, 0] / 0.05
    distance = torch.cdist(rig.surface.shell[0], rig.head.inverse(rig.face)[0, oval]).amin(-1)
    assert shift[distance < 0.1].min() > 0.9
    assert shift[distance > 1.2].max() < 0.05


def test_facing_is_one_towards_the_camera_and_nothing_behind() -> None:
    head = HeadTransform(torch.ones(1), rotation_of(math.radians(60)), torch.zeros(1, 3))
    nose = rotation_of(math.radians(-60))[:, :, 2] * -1  # canonical direction that points to the camera now
    outward = torch.stack([nose, -nose], 1)
    facing = facing_camera(head, outward)
    assert facing[0, 0] > 0.99 and facing[0, 1] == 0


def test_nothing_is_hidden_in_the_pictures_own_pose(frontal: Rig, three_quarter: Rig) -> None:
    for rig in (frontal, three_quarter):
        assert hidden_share(rig.surface, rig.head, rig.head).max() == 0
        nodding = rig.head._replace(rotation=pitch_of(3) @ rig.head.rotation)
        assert hidden_share(rig.surface, rig.head, nodding).max() < 0.05  # nor does a tracker's noise show the chart


def test_what_the_picture_does_not_show_is_not_taken_from_it_as_soon_as_it_turns_up(frontal: Rig) -> None:
    surface = frontal.surface
    x, z = surface.normals[0, MESH:, 0], surface.normals[0, MESH:, 2]
    for yaw in (-20, 20):
        head, _ = turned(frontal, yaw)
        hidden = hidden_share(surface, frontal.head, head)[0, MESH:]
        unseen, comes = surface.facing[0, MESH:] == 0, x * math.sin(math.radians(yaw)) > 0.25
        assert (unseen & comes & (z > 0.45)).any()  # which turn away from the camera even now
        assert hidden[unseen & comes].min() > 0.99
        assert hidden[unseen & (x * math.sin(math.radians(yaw)) < -0.1) & (z < 0.4)].max() < 0.01  # on the other side


def test_a_turn_by_60_degrees_shows_what_the_picture_hides(frontal: Rig) -> None:
    rig = frontal
    for yaw in (-60, 60):
        head, _ = turned(rig, yaw)
        hidden = hidden_share(rig.surface, rig.head, head)[0]
        outward = rig.surface.normals[0]
        towards_now = facing_camera(head, outward[None])[0]
        x, z = outward[:, 0], outward[:, 2]
        assert hidden[(towards_now > 0.6) & (z > 0.25)].min() > 0.99
        assert hidden[NOSE_TIP] == 0 and hidden[CHIN] < 0.05
        assert hidden.min() >= 0 and hidden.max() <= 1
        assert (x[hidden > 0.99] * math.sin(math.radians(yaw))).mean() > 0.3  # on the side that has turned up


def test_facing_is_nothing_where_the_nose_hides_the_cheek(three_quarter: Rig, frontal: Rig) -> None:
    seen, all_seen = (rig.surface.facing[0, :MESH] for rig in (three_quarter, frontal))
    assert (all_seen == 0).float().mean() < 0.05
    assert 0.02 < (seen == 0).float().mean() < 0.5
    assert seen[NOSE_TIP] > 0.5


def test_compose_at_rest_is_exactly_the_picture_before_its_own_background(frontal: Rig, three_quarter: Rig) -> None:
    for rig in (frontal, three_quarter):
        guidance = make_guidance(rig, rest_pose(rig))
        assert guidance.chart_share.max() == 0
        drawn = compose(rig, guidance)
        assert (drawn[:, :3] - rig.image).abs().max() < 3e-3
        assert (drawn[:, 3:] - rig.matte).abs().max() < 3e-3


@pytest.mark.parametrize("yaw", [-60, -30, 30, 60])
def test_a_turned_head_is_opaque_inside(frontal: Rig, three_quarter: Rig, yaw: int) -> None:
    green = torch.tensor([0.0, 1.0, 0.0])[None, :, None, None].expand(1, 3, PICTURE_SIDE, PICTURE_SIDE)
    for rig in (frontal, three_quarter):
        turn = yaw if rig is frontal else yaw / 2 - 15  # the head turned by 35 degrees is turned back, and further
        guidance = make_guidance(rig, turned_pose(rig, turn))
        picture = compose(rig, guidance, background=green)
        inside = -max_pool2d(-guidance.head_coverage, 5, 1, 2) > 0.99
        inside = torch.nn.functional.interpolate(inside.float(), PICTURE_SIDE, mode="nearest") > 0.5
        assert inside.sum() > 1500
        holes = inside & (picture[:, 3:] < 0.95)
        assert holes.sum() == 0, (turn, int(holes.sum()))


def test_nothing_of_the_body_layer_stands_beside_a_turned_head(frontal: Rig, three_quarter: Rig) -> None:
    for rig in (frontal, three_quarter):
        for yaw in (-60, -30, 30, 60):
            guidance = make_guidance(rig, turned_pose(rig, yaw))
            alpha = compose(rig, guidance, background=torch.zeros_like(rig.plate))[:, 3]
            head = torch.nn.functional.interpolate(guidance.head_coverage, PICTURE_SIDE)[0]
            near_head = max_pool2d(head, 13, 1, 6) > 0.1
            rows = slice(0, int((0.5 - 0.15 * SCALE) * PICTURE_SIDE))  # above the ears' middle
            assert torch.where(near_head, 0, alpha)[:, rows].max() < 0.1, yaw


def test_a_turned_head_shows_hair_where_the_back_of_the_head_comes_up(frontal: Rig) -> None:
    guidance = make_guidance(frontal, turned_pose(frontal, 60))
    covered = guidance.chart_share * guidance.head_coverage
    assert covered.amax() > 0.99
    hair = torch.tensor([0.3, 0.2, 0.1])[:, None, None]
    shown = torch.nn.functional.interpolate(covered, PICTURE_SIDE)[0] > 0.99
    picture = compose(frontal, guidance)[0, :3]
    near_hair = ((picture - hair).norm(dim=0, keepdim=True) < 0.3) & shown
    assert near_hair.sum() > 0.3 * shown.sum() > 100


def test_inside_at_rest_is_inside_the_matte_and_leaves_the_neck(frontal: Rig, three_quarter: Rig) -> None:
    for rig in (frontal, three_quarter):
        coverage = inside_at_rest(rig.surface, rig.head, rig.face, rig.focus, rig.size)
        assert torch.where(rig.matte < 0.5, coverage, 0).sum() < 0.002 * coverage.sum()
        below = coverage[:, :, int((0.5 + 0.75 * SCALE) * rig.size) :]
        assert below.max() == 0
        for fade in surface_fades(CPU):
            assert fade.min() >= 0 and fade.max() == 1


def test_stack_pick_repeat_and_to_keep_surface_and_layers(frontal: Rig, three_quarter: Rig) -> None:
    stacked = Rig.stack([frontal, three_quarter])
    for index, rig in enumerate((frontal, three_quarter)):
        for other in (stacked.pick(index), stacked.repeat(3).pick(3 * index + 2), stacked.to("cpu").pick(index)):
            for name in ("surface", "own", "cut"):
                one, kept = getattr(rig, name), getattr(other, name)
                assert type(one) is type(kept)
                assert all(torch.equal(a, b) for a, b in zip(iter_tensors(one), iter_tensors(kept), strict=True))
    meta = stacked.to("meta")
    assert all(part.is_meta for name in ("surface", "own", "cut") for part in iter_tensors(getattr(meta, name)))


def test_a_batch_of_two_is_drawn_as_two_singles(frontal: Rig, three_quarter: Rig) -> None:
    rigs = (frontal, three_quarter)
    stacked = Rig.stack(list(rigs))
    turn = driver(SCALE, rotation_of(0.7))
    both = compose(stacked, make_guidance(stacked, retarget(stacked, turn, driver(SCALE))))
    for index, rig in enumerate(rigs):
        single = compose(rig, make_guidance(rig, retarget(rig, turn, driver(SCALE))))
        assert torch.allclose(single, both[index : index + 1], atol=1e-3)


def test_built_as_a_batch_a_surface_equals_that_of_its_picture() -> None:
    views = [picture_of(0), picture_of(30)]
    joint = Rig.build(*(torch.cat(parts) for parts in zip(*views, strict=True)))
    for index, view in enumerate(views):
        single = Rig.build(*view)
        for name in ("shell", "normals", "border_weights", "facing"):
            one, other = getattr(single.surface, name), getattr(joint.surface, name)[index : index + 1]
            assert torch.allclose(one, other, atol=1e-4), name
        assert torch.allclose(single.own.body, joint.own.body[index : index + 1], atol=1e-4)


def test_views_may_have_a_canvas_of_another_size(frontal: Rig) -> None:
    view = picture_of(-40)
    half = View(*(torch.nn.functional.avg_pool2d(part, 2) for part in view[:2]), view.face)
    chart = Rig.build(*picture_of(), views=(half,)).surface.chart
    assert chart.shape == frontal.surface.chart.shape and torch.isfinite(chart).all()


def test_gradients_reach_the_edits_flow_and_keep(frontal: Rig) -> None:
    guidance = make_guidance(frontal, turned_pose(frontal, 40))
    focus, layers = Focus.of(frontal, GUIDE_SIDE), layer_maps(frontal, guidance)
    flow = torch.zeros(1, 2, GUIDE_SIDE, GUIDE_SIDE, requires_grad=True)
    keep = torch.full((1, 1, GUIDE_SIDE, GUIDE_SIDE), 0.8, requires_grad=True)
    paint = torch.full((1, 3, GUIDE_SIDE, GUIDE_SIDE), 0.3, requires_grad=True)
    drawn = draw_layers(focus, layers, Maps(flow, keep, paint))
    drawn.square().mean().backward()
    for part in (flow, keep, paint):
        assert part.grad is not None and torch.isfinite(part.grad).all()
    assert flow.grad is not None
    on_head = flow.grad.abs().sum(1, keepdim=True)[guidance.head_coverage > 0.99]
    assert (on_head > 0).float().mean() > 0.1


def test_gradients_go_through_everything_that_is_drawn_from_the_chart(frontal: Rig) -> None:
    guidance = make_guidance(frontal, turned_pose(frontal, 60))
    focus, layers = Focus.of(frontal, GUIDE_SIDE), layer_maps(frontal, guidance)
    chart = focus.chart.clone().requires_grad_()
    nothing = torch.zeros(1, 1, GUIDE_SIDE, GUIDE_SIDE)
    unedited = Maps(nothing.expand(-1, 2, -1, -1), nothing + 1, nothing.expand(-1, 3, -1, -1))
    draw_layers(Focus(focus.picture, focus.plate, focus.person, chart, focus.mouth), layers, unedited).sum().backward()
    assert chart.grad is not None and (chart.grad != 0).float().mean() > 0.01


@pytest.mark.parametrize("slope", [0.3, 0.7])
def test_coverage_of_a_slanted_outline_has_small_teeth(slope: float) -> None:
    side, size = GUIDE_SIDE * FINER, 4 * GUIDE_SIDE
    y, x = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    drawn = (x > side / 2 + slope * (y - side / 2)).float()[None, None]
    line = size / 2 + slope * (torch.arange(size) + 0.5 - size / 2)
    edge = size - sharpen_coverage(even_coverage(drawn), size)[0, 0].sum(1)
    assert (edge - line)[size // 4 : -size // 4].abs().max() < 0.4  # pixels; with means over single cells .6 and .7
    assert even_coverage(torch.ones_like(drawn))[..., 1:-1, 1:-1].min() == 1
