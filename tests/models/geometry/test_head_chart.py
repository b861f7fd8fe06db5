"""The completed texture of a head: what is taken from the picture, from its other side, from views, and from around."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.ears import EARS
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.head_chart import (
    CHART_SIDE,
    NAPE,
    Shown,
    chart_grid,
    head_grid,
    kept_share,
    match_light,
    mirrored_vertices,
)
from models.geometry.relief import DRAWN_RELIEF
from models.geometry.rig import Rig
from models.geometry.shell import shell
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import MESH, NOSE_TIP, topology
from models.geometry.views import View
from tests.support.solid_heads import HAIR, SKIN, Colours, bare_sides, head_places, picture_of, rgb, skin_and_hair

CPU = torch.device("cpu")
BLUE, GREEN = rgb((0.3, 0.4, 0.9)), rgb((0.3, 0.8, 0.3))


def cheek(place: Tensor, side: int) -> Tensor:
    """(V, 1) bool, whether canonical places (V, 3) lie on the marked part of the right (−1) or left (1) cheek."""
    direction = place - place.new_tensor(SKULL_CENTRE)
    direction = direction / direction.norm(dim=-1, keepdim=True)
    return ((side * direction[:, 0] > 0.72) & (direction[:, 1].abs() < 0.4) & (direction[:, 2] < -0.2))[:, None]


def marked(side: int, colour: Tensor) -> Colours:
    """Colours of a head with one marked cheek."""
    return lambda place: torch.where(cheek(place, side), colour, skin_and_hair(place))


def texels(side: int) -> Tensor:
    """(C, C) bool, texels in the middle of the marked part of a cheek."""
    grid = chart_grid(CPU)
    spread = grid.spread(cheek(head_places(), side).float()[None])[0, 0]
    return spread > 0.99


def mean_at(chart: Tensor, where: Tensor) -> Tensor:
    """(3,) mean colour of a chart (1, ≥3, C, C) at texels (C, C)."""
    assert where.sum() > 50
    return chart[0, :3, where].mean(-1)


def test_mirrored_vertices_lie_at_the_mirrored_place_of_the_chart() -> None:
    mirror = mirrored_vertices(CPU)
    position = chart_grid(CPU).position[0, : len(mirror)]
    assert torch.allclose(position[mirror], position * torch.tensor([-1.0, 1.0]), atol=1e-5)
    assert torch.equal(mirror[mirror], torch.arange(len(mirror)))


def test_chart_has_the_face_in_the_middle_and_the_back_at_its_rim() -> None:
    grid = chart_grid(CPU)
    radius = grid.position[0].norm(dim=-1)
    assert radius.max() <= 1 and radius[NOSE_TIP] < 0.2
    assert radius[MESH:-EARS][shell(CPU).rays[:, 2] > 0.9].min() > 0.9
    x, y = unit_grid(CHART_SIDE, CPU)[0].unbind(-1)
    head = (torch.hypot(x, y) < 0.97) & (y < 0.3)  # without the neck
    assert grid.covered[0, 0][head].min() == 1


def test_only_a_flat_face_lies_on_the_chart_as_its_own_border_does() -> None:
    face = topology(CPU).canonical[None, :MESH]
    flat = face * torch.tensor([1.0, 1.0, DRAWN_RELIEF])
    assert head_grid(flat, torch.zeros(1)) is chart_grid(CPU)
    both = head_grid(flat.expand(2, -1, -1), torch.tensor([0.0, 1.0]))
    assert torch.equal(both.corners[:1], chart_grid(CPU).corners)
    direction = F.normalize(flat[0] - torch.tensor(SKULL_CENTRE), dim=-1)
    border = topology(CPU).oval
    angle = direction[border, 2].neg().acos()
    torch.testing.assert_close(both.position[1, border].norm(dim=-1), (angle / 2).sin())
    beyond_face = shell(CPU).rays[:, 2].neg().acos() > angle.max()  # rays of the shell
    where = both.position[1:, MESH:-EARS][:, beyond_face][:, None]
    on_shell = both.on_shell()[1:].float()
    assert F.grid_sample(on_shell, where, "nearest", "border", False).min() == 1
    mean_face = ~chart_grid(CPU).on_shell()
    assert F.grid_sample(mean_face.float(), where, "nearest", "border", False).max() == 1  # had the texels of cheeks


def test_chart_of_the_pictures_own_side_has_the_pictures_colours() -> None:
    chart = Rig.build(*picture_of(40, marked(1, BLUE))).surface.chart
    assert (mean_at(chart, texels(1)) - BLUE).abs().max() < 0.03
    assert torch.equal(chart[:, 3], torch.ones_like(chart[:, 3])) and chart.min() >= 0 and chart.max() <= 1


def test_what_a_turned_head_hides_comes_from_its_other_side() -> None:
    for yaw in (40, -40):
        near = sees(yaw)
        rig = Rig.build(*picture_of(yaw, marked(near, BLUE)))
        hidden = mean_at(rig.surface.chart, texels(-near))
        assert (hidden - BLUE).abs().max() < 0.1, yaw
        assert (hidden - rgb(SKIN)).norm() > 0.3, yaw


def sees(yaw: float) -> int:
    """The side, −1 or 1, of a head turned by degrees that faces the camera."""
    return 1 if math.sin(math.radians(yaw)) > 0 else -1


def test_the_other_sides_colours_come_in_the_light_of_this_side() -> None:
    near = sees(40)

    def lit(place: Tensor) -> Tensor:
        return bare_sides(place) * (1 - 0.4 * smoothstep(-0.2, 0.2, -near * place[:, :1]))

    chart = Rig.build(*picture_of(40, lit)).surface.chart
    assert (mean_at(chart, texels(near)) - rgb(SKIN)).abs().max() < 0.06
    assert (mean_at(chart, texels(-near)) - 0.6 * rgb(SKIN)).abs().max() < 0.08


def test_match_light_multiplies_by_the_smooth_ratio_where_both_are_seen() -> None:
    ones = torch.ones(1, 1, CHART_SIDE, CHART_SIDE)
    pattern = 0.3 + 0.1 * (40 * unit_grid(CHART_SIDE, CPU)[..., :1].permute(0, 3, 1, 2)).sin().expand(-1, 3, -1, -1)
    half = (unit_grid(CHART_SIDE, CPU)[..., 0] < 0).float()[:, None]
    parts = torch.rand(1, 2, CHART_SIDE, CHART_SIDE)
    view = Shown(torch.cat([pattern, parts], 1), ones, ones)
    matched = match_light(view, 1.5 * pattern, half)  # known together on one half; the ratio goes on
    assert (matched[:, :3] - 1.5 * pattern).abs().max() < 0.02 and torch.equal(matched[:, 3:], parts)
    limited = match_light(view, 4 * pattern.clamp_max(0.25), ones)[:, :3]
    assert (limited / pattern).max() < 1.9


def test_a_second_view_shows_what_the_first_one_hides() -> None:
    near = sees(40)
    first, second = picture_of(40, marked(near, BLUE)), picture_of(-40, marked(-near, GREEN))
    alone, together = (Rig.build(*first, views=views).surface for views in ((), (second,)))
    assert (mean_at(alone.chart, texels(-near)) - GREEN).norm() > 0.4
    assert (mean_at(together.chart, texels(-near)) - GREEN).abs().max() < 0.15
    assert (mean_at(together.chart, texels(near)) - BLUE).abs().max() < 0.05  # the first picture's own side stays


def test_a_view_changes_nothing_that_the_picture_shows_in_full() -> None:
    first = picture_of()
    darker = View(first.image * 0.5, first.matte, first.face)
    alone, together = (Rig.build(*first, views=views).surface.chart for views in ((), (darker,)))
    x, y = unit_grid(CHART_SIDE, CPU)[0].unbind(-1)
    front = torch.hypot(x, y) < 0.35
    assert (alone - together)[0, :3, front].abs().max() < 0.05  # in its own light it would be 0.4


def test_hair_goes_on_behind_the_outline_in_its_own_colour() -> None:
    x, y = unit_grid(CHART_SIDE, CPU)[0].unbind(-1)
    behind = (torch.hypot(x, y) > 0.8) & (torch.hypot(x, y) < 0.99)
    down = 2 * y * (1 - x.square() - y.square()).clamp_min(0).sqrt()  # component of the ray
    for yaw in (0, 35):
        chart = Rig.build(*picture_of(yaw)).surface.chart[0, :3]
        distance = (chart[:, behind & (down < NAPE[0] - 0.05)] - rgb(HAIR)[:, None]).norm(dim=0)
        assert distance.quantile(0.95) < 0.2, yaw  # skin's is 0.75, black's 0.37
        assert distance.max() < 0.5, yaw  # the hairline, where a small picture mixes both, seen from behind


def test_the_border_of_a_face_that_is_seen_at_a_slant_is_filled_with_skin() -> None:
    grid = chart_grid(CPU)
    face = ((grid.corners < MESH).all(-1) & (grid.weights.sum(-1) > 0.5)).view(CHART_SIDE, CHART_SIDE)
    for yaw in (0, 25):
        chart = Rig.build(*picture_of(yaw, bare_sides)).surface.chart[0, :3]
        below_hair = face & (unit_grid(CHART_SIDE, CPU)[0, ..., 1] > 0)
        assert (chart[:, below_hair] - rgb(SKIN)[:, None]).norm(dim=0).max() < 0.15, yaw


def test_a_chart_of_a_batch_equals_those_of_its_pictures() -> None:
    pictures = [picture_of(0, marked(1, BLUE)), picture_of(30)]
    joint = Rig.build(*(torch.cat(parts) for parts in zip(*pictures, strict=True))).surface.chart
    for index, view in enumerate(pictures):
        assert torch.allclose(Rig.build(*view).surface.chart, joint[index : index + 1], atol=1e-3)


def test_a_chart_of_a_picture_that_shows_nothing_is_finite() -> None:
    view = picture_of()
    chart = Rig.build(view.image, torch.zeros_like(view.matte), view.face).surface.chart
    assert torch.isfinite(chart).all()


def test_hair_at_a_slant_is_filled_in_although_it_is_seen_and_skin_is_not() -> None:
    frontal = torch.tensor([0.05, 0.1, 0.3])
    total = torch.full((3,), 0.6)
    hair = kept_share(total, torch.ones(3), frontal)
    assert hair[0] == 0 and 0 < hair[1] < 0.5 and hair[2] == 1
    assert torch.equal(kept_share(total, torch.zeros(3), frontal), total)
