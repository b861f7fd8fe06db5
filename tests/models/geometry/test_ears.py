"""Ears: where a picture shows them, and how wide they are when the head turns."""

import math

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.ears import BREADTH, COLUMNS, EARS, ROWS, Ears, ear_mesh, find_ears, grow_ears
from models.geometry.guidance import make_guidance
from models.geometry.head_surface import SHELL_EXTENT
from models.geometry.retarget import rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import head_pose, topology
from models.geometry.views import View
from tests.support.drivers import driver, rotation_of
from tests.support.solid_heads import EAR, HAIR, SCALE, bare_sides, picture_of, rgb

CPU = torch.device("cpu")
RED = (0.9, 0.45, 0.4)  # of ears that look like skin and like nothing else of the picture


def found_in(view: View) -> Ears:
    """The ears of a picture."""
    person = torch.cat([view.image * view.matte, view.matte], 1)
    return find_ears(person, view.face, head_pose(view.face))


def ears_in(view: View) -> Tensor:
    """(2, R, C, 3) the right and the left ear that a picture shows itself, canonical units."""
    ears = found_in(view)
    own = grow_ears(ears.place, ears.borrowed, torch.zeros(1))
    return own.view(2, ROWS, COLUMNS, 3)


def breadths(ears: Tensor) -> Tensor:
    """(2,) the greatest breadth of ears (2, R, C, 3)."""
    return (ears[:, :, -1] - ears[:, :, 0]).norm(dim=-1).amax(-1)


def looks_like(image: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """(S, S) bool, the pixels of an image (1, ≥3, S, S) that have a colour."""
    return ((image[0, :3] - rgb(colour)[:, None, None]).norm(dim=0) < 0.12).cpu()


def test_ears_are_mirror_images_of_each_other() -> None:
    mesh = ear_mesh(CPU)
    right, left = mesh.mean.view(2, ROWS, COLUMNS, 3).unbind()
    assert torch.allclose(right * torch.tensor([-1.0, 1.0, 1.0]), left, atol=1e-4)
    assert torch.allclose(mesh.root.sum(-1), torch.ones(EARS))


def test_every_triangle_of_an_ear_is_clockwise_as_seen_from_the_front() -> None:
    mesh = ear_mesh(CPU)
    a, b, c = mesh.mean[mesh.triangles][..., :2].unbind(1)
    area = (b - a)[:, 0] * (c - b)[:, 1] - (b - a)[:, 1] * (c - b)[:, 0]
    assert (area > -1e-6).all()  # the uppermost rows have no breadth
    assert (area > 1e-4).float().mean() > 0.75
    assert (mesh.normals[:, 2] < 0).all()


def test_edges_of_ears_are_shorter_than_their_window() -> None:
    corners = ears_in(picture_of(ears=EAR)).view(EARS, 3)[ear_mesh(CPU).triangles]
    assert (corners - corners.roll(1, 1)).norm(dim=-1).max() < SHELL_EXTENT


@pytest.mark.parametrize("yaw", [0.0, 20.0, -20.0])
def test_an_ear_that_the_picture_shows_has_its_true_breadth(yaw: float) -> None:
    breadth = breadths(ears_in(picture_of(yaw, ears=EAR)))
    seen = breadth if yaw == 0 else breadth[[int(yaw > 0)]]
    assert ((seen > 0.75 * BREADTH) & (seen < 1.25 * BREADTH)).all()


def test_hair_beside_a_face_is_no_ear() -> None:
    assert breadths(ears_in(picture_of())).amax() == 0
    assert breadths(ears_in(picture_of(ears=HAIR))).amax() == 0


def test_the_bare_side_of_a_head_is_no_ear() -> None:
    assert breadths(ears_in(picture_of(colours=bare_sides))).amax() == 0


def test_an_ear_that_is_turned_away_is_not_found() -> None:
    right, left = breadths(ears_in(picture_of(50, ears=EAR)))
    assert min(right, left) == 0
    assert max(right, left) > 0


def test_an_ear_that_is_turned_away_is_like_the_other_one() -> None:
    ears = found_in(picture_of(30, ears=RED))
    right, left = ears.place.view(2, ROWS * COLUMNS, 3)
    assert ears.borrowed.view(2, -1).mean(1).tolist() == [1, 0]
    root = ear_mesh(CPU).root.view(2, ROWS * COLUMNS, -1)
    border = head_pose(topology().canonical[None]).inverse(topology().canonical[None])[0, topology().oval]
    stands_out = [side - share @ border for side, share in zip((right, left), root, strict=True)]
    assert torch.allclose(stands_out[0] * torch.tensor([-1.0, 1.0, 1.0]), stands_out[1], atol=0.02)
    assert torch.equal(ears.shown.view(2, -1, 3)[0], left)


def test_hair_over_an_ear_is_kept_where_the_other_one_shows() -> None:
    one_sided = picture_of(ears=RED)
    hair = (looks_like(one_sided.image, RED) & (torch.arange(one_sided.image.shape[-1]) < 96))[None, None]
    image = torch.where(hair, rgb(HAIR)[:, None, None], one_sided.image)
    ears = found_in(one_sided._replace(image=image))
    assert breadths(ears.place.view(2, ROWS, COLUMNS, 3))[0] == 0
    assert ears.borrowed.sum() == 0


@pytest.mark.parametrize("yaw", [0.0, 30.0])
def test_at_rest_ears_are_those_of_the_picture(yaw: float) -> None:
    view = picture_of(yaw, ears=RED)
    rig = Rig.build(view.image, view.matte, view.face)
    frame = compose(rig, make_guidance(rig, rest_pose(rig)))
    assert (frame[:, :3] - view.image).abs().amax() < 0.02


@pytest.mark.parametrize("yaw", [-30.0, 30.0])
def test_an_ear_widens_when_it_turns_into_view(yaw: float) -> None:
    view = picture_of(ears=RED)
    rig = Rig.build(view.image, view.matte, view.face)
    pose = retarget(rig, driver(SCALE, rotation_of(math.radians(yaw))), driver(SCALE))
    frame = compose(rig, make_guidance(rig, pose))
    halves = [looks_like(image, RED).sum(0).chunk(2) for image in (view.image, frame)]
    before, after = (float(half[int(yaw > 0)].sum()) for half in halves)
    assert before > 30
    assert after > 1.4 * before


def test_a_borrowed_ear_comes_out_of_the_head_when_that_turns() -> None:
    view = picture_of(30, ears=RED)
    rig = Rig.build(view.image, view.matte, view.face)
    pose = retarget(rig, driver(SCALE, rotation_of(math.radians(-50))), driver(SCALE))
    frame = compose(rig, make_guidance(rig, pose))
    right_half = looks_like(frame, RED).sum(0).chunk(2)[0]
    assert right_half.sum() > 60
