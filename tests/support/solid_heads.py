"""Pictures of heads whose colour is known at every place of the head, in any pose."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kernels.mesh import draw_mesh
from models.geometry.ears import EARS, ear_mesh
from models.geometry.grid import unit_grid
from models.geometry.head_surface import head_buckets
from models.geometry.shell import mean_distance, shell
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import MESH, HeadTransform, topology
from models.geometry.views import View
from tests.support.drivers import rotation_of

SKIN, HAIR, CLOTHES, BACKGROUND = (0.8, 0.6, 0.5), (0.3, 0.2, 0.1), (0.2, 0.25, 0.4), (0.5, 0.7, 0.6)
EAR = (0.75, 0.5, 0.45)  # of skin, a little darker
HAIRLINE = 0.55  # canonical z: behind it, and above the forehead, there is hair
SHORT_HAIR = 0.9  # size of a skull with short hair over the mean head's
HAIR_TOP = -0.75  # canonical y above which there is hair
FACE_HALF_WIDTH = 0.82  # canonical units
SCALE = 0.28  # canvas units of one canonical unit
PICTURE_SIDE = 192

Colour = tuple[float, float, float]
Colours = Callable[[Tensor], Tensor]


def rgb(colour: Colour) -> Tensor:
    return torch.tensor(colour)


def skin_and_hair(place: Tensor) -> Tensor:
    """RGB (V, 3) of canonical places (V, 3): a face, with hair above, beside and behind it."""
    beside = place[:, 0].abs() > FACE_HALF_WIDTH
    return torch.where(beside[:, None], rgb(HAIR), bare_sides(place))


def bare_sides(place: Tensor) -> Tensor:
    """As `skin_and_hair`, without hair beside the face."""
    hair = (place[:, 2] > HAIRLINE) | (place[:, 1] < HAIR_TOP)
    return torch.where(hair[:, None], rgb(HAIR), rgb(SKIN))


def head_places(skull_size: float = 1.06) -> Tensor:
    """(V, 3) canonical places of the head that is drawn: the canonical face, a skull with hair, and ears.

    skull_size: over the mean head's.
    """
    rays = shell(torch.device("cpu")).rays
    skull = rays.new_tensor(SKULL_CENTRE) + rays * (skull_size * mean_distance(rays))[:, None]
    return torch.cat([topology().canonical[:MESH], skull, ear_mesh(torch.device("cpu")).mean])


def head_turned(yaw: float = 0.0) -> HeadTransform:
    """The pose of the head that is drawn, turned about the middle of the skull by degrees."""
    rotation = rotation_of(math.radians(yaw))
    centre = torch.tensor(SKULL_CENTRE)
    return HeadTransform(torch.tensor([SCALE]), rotation, SCALE * (centre - centre @ rotation.mT)[:, 0])


def picture_of(yaw: float = 0.0, colours: Colours = skin_and_hair, ears: Colour | None = None) -> View:
    """A picture of a head turned by degrees, on a neck and shoulders, in front of an even background.

    colours: RGB (V, 3) at canonical places (V, 3) of the head. ears: of ears that stand beside short hair; None: hair
    covers them.
    """
    size, head = PICTURE_SIDE, head_turned(yaw)
    place = head_places() if ears is None else head_places(SHORT_HAIR)
    points = head.apply(place[None])
    points[:, MESH:-EARS, 2] += 0.15 * SCALE  # the face lies before the skull
    colour = colours(place)
    if ears is None:
        points[:, -EARS:] = points[:, -EARS, None]  # without area, they are not drawn
    else:
        colour[-EARS:] = rgb(ears)
    values = torch.cat([colour, torch.ones(len(place), 1)], 1)[None]
    drawn = draw_mesh(points, head_buckets(SCALE * size / 2, torch.device("cpu")), values, size)
    covered = drawn[:, 3:] > 0.5
    x, y = unit_grid(size, torch.device("cpu")).unbind(-1)
    neck, clothes = (y > 0.4 * SCALE) & (x.abs() < 0.5 * SCALE), (y > 2.0 * SCALE) & (x.abs() < 2.4 * SCALE)
    image = torch.where(neck[:, None], rgb(SKIN)[:, None, None], rgb(BACKGROUND)[:, None, None])
    image = torch.where(clothes[:, None], rgb(CLOTHES)[:, None, None], image)
    image = torch.where(covered, drawn[:, :3], image)
    matte = (covered | (neck | clothes)[:, None]).float()
    return View(image, matte, head.apply(topology().canonical[None]))
