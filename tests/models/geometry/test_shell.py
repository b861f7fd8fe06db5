"""The shell of skull and hair: its constants, and its fit to a picture."""

import pytest
import torch
from torch.nn import functional as F

from models.geometry.head_surface import SHELL_EXTENT
from models.geometry.rig import Rig
from models.geometry.shell import PRIOR_DISTANCE, hanging_hair, mean_distance, shell
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import MESH, head_pose, topology
from tests.support.solid_heads import SCALE, head_turned, picture_of

CPU = torch.device("cpu")
MIRROR = torch.tensor([-1.0, 1.0, 1.0])


def test_shell_is_symmetric() -> None:
    parts = shell(CPU)
    assert torch.allclose(parts.rays[parts.mirrored], parts.rays * MIRROR, atol=1e-5)
    assert torch.allclose(parts.normals[parts.mirrored], parts.normals * MIRROR, atol=1e-5)
    for fade in (parts.hanging_fade, parts.short_fade):
        assert torch.allclose(fade[parts.mirrored], fade, atol=1e-5)
    assert torch.equal(parts.mirrored[parts.mirrored], torch.arange(len(parts.rays)))


def test_every_triangle_of_the_shell_is_clockwise_as_seen_from_outside() -> None:
    parts = shell(CPU)
    a, b, c = parts.rays[parts.triangles].unbind(1)
    outward = torch.linalg.cross(b - a, c - a)
    # Canonical axes with y down and z away: what is clockwise on screen has its cross product away from the camera.
    assert ((outward * (a + b + c)).sum(-1) < 0).all()
    assert (parts.rays * parts.normals).sum(-1).min() > 0.8


def test_shell_fades_at_the_neck_alone() -> None:
    parts = shell(CPU)
    down, back = parts.rays[:, 1], parts.rays[:, 2]
    assert parts.hanging_fade[down < 0.4].min() == 1
    assert parts.hanging_fade[(down > 0.8) & (back < -0.35)].max() == 0
    assert parts.hanging_fade[(down < 0.62) & (back > 0.2)].min() == 1  # the nape
    assert parts.hanging_fade[down > 0.93].max() == 0


def test_short_hair_ends_above_the_neck() -> None:
    parts = shell(CPU)
    down = parts.rays[:, 1]
    assert parts.short_fade[down < 0.28].min() == 1
    assert parts.short_fade[down > 0.55].max() == 0
    assert (parts.short_fade <= parts.hanging_fade).all()


def test_hair_hangs_where_the_matte_shows_something_beside_the_neck() -> None:
    view = picture_of(0)
    head = head_pose(view.face)
    line = torch.linspace(-1, 1, view.matte.shape[-1])
    nothing = torch.zeros_like(view.matte)
    above, right = (line < float(head.shift[0, 1]))[:, None], line > float(head.shift[0, 0])
    assert hanging_hair(head, nothing + above) == 0
    assert hanging_hair(head, nothing + 1) == 1
    assert 0 < hanging_hair(head, nothing + (above | right)) < 1  # on one side alone


def test_the_nape_lies_further_in_than_the_back_of_the_head() -> None:
    """On ICT-FaceKit's mean head z is 1.87 at the back and 1.66 at the nape, without hair."""
    down = torch.linspace(-0.9, 0.6, 31)
    rays = torch.stack([torch.zeros_like(down), down, (1 - down.square()).sqrt()], -1)
    y, z = (mean_distance(rays)[:, None] * rays)[:, 1:].unbind(-1)
    back, nape = float(z.max()) + SKULL_CENTRE[2], float(z[(y - 0.7).abs().argmin()]) + SKULL_CENTRE[2]
    assert 1.87 < back < 2.1 and 1.6 < nape < 1.8


@pytest.mark.parametrize("yaw", [0.0, 35.0])
def test_shell_ends_inside_the_outline_of_the_matte(yaw: float) -> None:
    view = picture_of(yaw)
    rig = Rig.build(*view)
    place = rig.head.apply(rig.surface.shell)
    solid = shell(CPU).hanging_fade == 1
    inside = F.grid_sample(view.matte, place[:, None, solid, :2], "bilinear", "zeros", False)
    assert inside.min() > 0.5


@pytest.mark.parametrize("yaw", [0.0, 35.0])
def test_shell_reaches_the_outline_that_the_picture_shows(yaw: float) -> None:
    rig = Rig.build(*picture_of(yaw))
    place = rig.head.apply(rig.surface.shell)[0] - rig.head.apply(torch.tensor([[SKULL_CENTRE]]))[0]
    truth = head_turned(yaw).apply(shell(CPU).rays[None] * mean_distance(shell(CPU).rays)[None, :, None])[0]
    truth = 1.06 * (truth - head_turned(yaw).shift)
    for x, y in ((1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.7, -0.7), (-0.7, -0.7)):
        way = torch.tensor([x, y])
        reach, wanted = ((part[:, :2] @ way).max() / SCALE for part in (place, truth))
        assert 0.85 < float(reach / wanted) < 1.01


@pytest.mark.parametrize("yaw", [0.0, 35.0])
def test_shell_stays_behind_the_mesh_of_the_face(yaw: float) -> None:
    rig = Rig.build(*picture_of(yaw))
    local = rig.head.inverse(rig.face)[0, :MESH] - torch.tensor(SKULL_CENTRE)
    inner = topology().rings >= 3
    distance = local.norm(dim=-1)
    direction = local / distance[:, None]
    rays = shell(CPU).rays
    around = (rays @ direction[inner].mT).argmax(0)
    shell_distance = (rig.surface.shell[0] - torch.tensor(SKULL_CENTRE)).norm(dim=-1)
    near = (rays[around] * direction[inner]).sum(-1) > 0.99
    assert near.sum() > 20
    assert (shell_distance[around] < distance[inner])[near].all()


def test_shell_of_a_picture_without_any_matte_is_a_mean_head() -> None:
    view = picture_of()
    fitted = Rig.build(view.image, torch.zeros_like(view.matte), view.face).surface.shell[0]
    assert torch.isfinite(fitted).all()
    share = (fitted - torch.tensor(SKULL_CENTRE)).norm(dim=-1) / mean_distance(shell(CPU).rays)
    assert share.min() > 0.5 and share.max() < 1.3 * PRIOR_DISTANCE


def test_edges_of_the_surface_are_shorter_than_their_window() -> None:
    rig = Rig.build(*picture_of())
    local = torch.cat([rig.head.inverse(rig.face)[0, :MESH], rig.surface.shell[0]])
    corners = local[torch.cat([topology(CPU).triangles, shell(CPU).triangles + MESH])]
    longest = (corners - corners.roll(1, 1)).norm(dim=-1).amax(-1)
    assert longest[len(topology().triangles) :].max() < SHELL_EXTENT
