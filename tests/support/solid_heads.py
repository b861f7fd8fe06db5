"""Pictures of heads whose colour is known at every place of the head, in any pose."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kernels.mesh import draw_mesh
from models.geometry.grid import unit_grid
from models.geometry.head_surface import head_buckets
from models.geometry.shell import mean_distance, shell
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import MESH, HeadTransform, topology
from models.geometry.views import View
from tests.support.drivers import rotation_of

SKIN, HAIR, CLOTHES, BACKGROUND = (0.8, 0.6, 0.5), (0.3, 0.2, 0.1), (0.2, 0.25, 0.4), (0.5, 0.7, 0.6)
HAIRLINE = 0.55  # canonical z: behind it, and above the forehead, there is hair
HAIR_TOP = -0.75  # canonical y above which there is hair
SCALE = 0.28  # canvas units of one canonical unit
PICTURE_SIDE = 192

Colours = Callable[[Tensor], Tensor]


def rgb(colour: tuple[float, float, float]) -> Tensor:
    return torch.tensor(colour)


def skin_and_hair(place: Tensor) -> Tensor:
    """RGB (V, 3) of canonical places (V, 3): a face, with hair above and behind it."""
    hair = (place[:, 2] > HAIRLINE) | (place[:, 1] < HAIR_TOP)
    return torch.where(hair[:, None], rgb(HAIR), rgb(SKIN))


def head_places() -> Tensor:
    """(V, 3) canonical places of the head that is drawn: the canonical face, and a skull with hair."""
    rays = shell(torch.device("cpu")).rays
    skull = rays.new_tensor(SKULL_CENTRE) + rays * (1.06 * mean_distance(rays))[:, None]
    return torch.cat([topology().canonical[:MESH], skull])


def head_turned(yaw: float = 0.0) -> HeadTransform:
    """The pose of the head that is drawn, turned about the middle of the skull by degrees."""
    rotation = rotation_of(math.radians(yaw))
    centre = torch.tensor(SKULL_CENTRE)
    return HeadTransform(torch.tensor([SCALE]), rotation, SCALE * (centre - centre @ rotation.mT)[:, 0])


def picture_of(yaw: float = 0.0, colours: Colours = skin_and_hair) -> View:
    """A picture of a head turned by degrees, on a neck and shoulders, in front of an even background.

    colours: RGB (V, 3) at canonical places (V, 3) of the head.
    """
    size, head, place = PICTURE_SIDE, head_turned(yaw), head_places()
    points = head.apply(place[None])
    points[:, MESH:, 2] += 0.15 * SCALE  # the face lies before the skull
    values = torch.cat([colours(place), torch.ones(len(place), 1)], 1)[None]
    drawn = draw_mesh(points, head_buckets(SCALE * size / 2, torch.device("cpu")), values, size)
    covered = drawn[:, 3:] > 0.5
    x, y = unit_grid(size, torch.device("cpu")).unbind(-1)
    neck, clothes = (y > 0.4 * SCALE) & (x.abs() < 0.5 * SCALE), (y > 2.0 * SCALE) & (x.abs() < 2.4 * SCALE)
    image = torch.where(neck[:, None], rgb(SKIN)[:, None, None], rgb(BACKGROUND)[:, None, None])
    image = torch.where(clothes[:, None], rgb(CLOTHES)[:, None, None], image)
    image = torch.where(covered, drawn[:, :3], image)
    matte = (covered | (neck | clothes)[:, None]).float()
    return View(image, matte, head.apply(topology().canonical[None]))
