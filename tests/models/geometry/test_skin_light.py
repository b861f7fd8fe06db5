"""The light on a face is told from its skin, and its colour from the cheeks."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import unit_grid
from models.geometry.skin_light import CHEEKS, face_skin, light_on, skin_colour
from models.geometry.topology import MESH, topology
from tests.support.bodies import SKIN

SIDE = 128


def lit_face(light: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """A picture (1, 3, S, S) of a ball of skin in this light, and landmarks (1, 478, 3) on it."""
    grid = unit_grid(SIDE, torch.device("cpu")) / 0.8
    log = (grid * torch.tensor(light)).sum(-1) * (grid.norm(dim=-1, keepdim=True) < 1)[..., 0]
    image = (torch.tensor(SKIN)[:, None, None] * 0.7 * log.exp())[None]
    points = topology().canonical.clone()
    points[:, :2] = 0.5 * points[:, :2] / points[:MESH, :2].abs().max()
    points[:, 2] = -(0.64 - points[:, :2].square().sum(-1)).clamp_min(0).sqrt()
    return image, points[None]


@pytest.mark.parametrize("light", [(0.3, 0.0), (-0.3, 0.0), (0.0, -0.3), (0.2, 0.2)])
def test_light_comes_from_where_skin_is_brighter(light: tuple[float, float]) -> None:
    found = light_on(*lit_face(light))[0]
    assert F.cosine_similarity(found, torch.tensor(light), dim=0) > 0.98
    assert 0.4 < found.norm() / torch.tensor(light).norm() < 1.2


def test_a_flat_drawing_has_no_light() -> None:
    skin = face_skin(*lit_face((0.0, 0.0)))
    assert skin.light.abs().max() < 1e-3 and skin.shaded == 0


def test_skin_has_the_colour_of_most_of_the_cheeks() -> None:
    image, face = torch.tensor(SKIN)[None, :, None, None].repeat(1, 1, 64, 64), torch.zeros(1, 478, 3)
    face[0, CHEEKS[0], 0], face[0, CHEEKS[1], 0] = 0.8, -0.8
    image[..., 48:], image[..., :16] = 0.0, 1.0  # hair before one cheek, light on the other
    assert torch.allclose(skin_colour(image, face)[0], torch.tensor(SKIN), atol=1e-5)
