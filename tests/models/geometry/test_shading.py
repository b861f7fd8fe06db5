"""Light and shadow on a face."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kernels.shade import SPECULAR_REFLECTANCE
from models.compositor import compose
from models.geometry.guidance import make_guidance
from models.geometry.retarget import Strength, retarget
from models.geometry.shading import MAX_SHADE_LOG, SQUARE_CENTRE, SQUARE_HALF, has_shading, shading, shading_gain
from models.geometry.topology import FOREHEAD, LEFT_FACE_EDGE, RIGHT_FACE_EDGE, topology
from models.motion import SHADE_SIDE, Driver
from tests.support.faces import drawn_face

ONE = torch.ones(1)


def skin(log: float, weight: float = 1.0) -> Tensor:
    """(1, n, n, 2) `Driver.shade` of skin that is equally bright everywhere."""
    return torch.tensor([log * weight, weight]).expand(1, SHADE_SIDE, SHADE_SIDE, 2)


def test_shading_is_the_change_of_log_brightness() -> None:
    assert shading(skin(-0.8), skin(-0.8), ONE).abs().max() == 0
    assert shading(skin(-0.75), skin(-0.8), ONE).mean() == pytest.approx(0.05, rel=0.03)
    assert shading(skin(-0.75), skin(-0.8), 0 * ONE).abs().max() == 0
    assert shading(skin(-0.75), skin(-0.8), 2 * ONE).mean() == pytest.approx(0.1, rel=0.03)


def test_shading_is_weighted_by_how_well_skin_is_seen() -> None:
    assert shading(skin(-0.75, 0.5), skin(-0.8), ONE).mean() == pytest.approx(0.025, rel=0.03)
    assert shading(skin(-0.75), skin(0, 0), ONE).abs().max() == 0


def test_shading_limits_strong_light_and_ignores_occluders() -> None:
    assert 0.1 < shading(skin(-0.4), skin(-0.8), ONE).mean() < MAX_SHADE_LOG
    assert shading(skin(-1.6), skin(-0.1), ONE).abs().max() < 1e-3


def test_shading_gain_lies_where_the_light_lay_on_the_driver() -> None:
    shade = torch.zeros(1, 1, SHADE_SIDE, SHADE_SIDE)
    shade[..., SHADE_SIDE // 2 :] = 0.3  # to the right
    face = topology().canonical[[RIGHT_FACE_EDGE, LEFT_FACE_EDGE, FOREHEAD]]
    canonical = torch.stack([face, face + 3 * SQUARE_HALF], 1).permute(2, 0, 1)[None]  # (1, 3, 3, 2): on it, beyond
    gain = shading_gain(shade, canonical)
    assert gain.shape == (1, 1, 3, 2)
    assert gain[0, 0, :, 0].log().tolist() == pytest.approx([0, 0.3, 0.15], abs=0.02)
    assert gain[0, 0, :, 1].tolist() == [1, 1, 1]


def test_has_shading_is_zero_for_skin_of_one_colour() -> None:
    rig = drawn_face()
    x = torch.linspace(0.1, 0.9, rig.size).expand(1, 3, rig.size, -1)
    assert has_shading(torch.full_like(rig.image, 0.6), rig.face) == 0
    assert has_shading(x, rig.face) == 1


@pytest.mark.parametrize("scale", [0.28, 0.12])
def test_a_shadow_falls_on_the_picture(scale: float) -> None:
    """With scale 0.12 the focus box is a part of the canvas."""
    rig = drawn_face(scale=scale)
    still, side = Driver.of_face(rig.face), torch.linspace(-SQUARE_HALF, SQUARE_HALF, SHADE_SIDE) + SQUARE_CENTRE[0]
    dark = skin(0.0).clone()
    dark[:, :, side < 0, 0] = -0.11

    def drawn(light: float) -> Tensor:
        pose = retarget(rig, replace(still, shade=dark), replace(still, shade=skin(0.0)), Strength(light=light))
        return compose(rig, make_guidance(rig, pose))[0, :3]

    before, after = drawn(0.0), drawn(1.0)
    at = ((rig.face[0, [50, 280], :2] + 1) * rig.size / 2).long()  # the cheeks
    change = ((after + SPECULAR_REFLECTANCE) / (before + SPECULAR_REFLECTANCE)).log()
    right, left = (change[:, y, x].mean().item() for x, y in at.tolist())
    assert right == pytest.approx(-0.1, abs=0.02) and left == pytest.approx(0, abs=0.01)
    assert torch.equal(before[:, 0], after[:, 0])  # the background
    flat = replace(rig, has_shading=torch.zeros(1))
    pose = retarget(flat, replace(still, shade=dark), replace(still, shade=skin(0.0)))
    assert torch.equal(compose(flat, make_guidance(flat, pose))[0, :3], before)
