"""What looks like a forearm beside its outline is the forearm's, and what looks like clothes around it is not."""

import pytest
import torch

from models.geometry.body import LEFT_ELBOW, LEFT_WRIST
from models.geometry.grid import unit_grid
from models.geometry.limb_curve import limb_polylines
from models.geometry.limb_parts import pixels_of_forearms
from models.geometry.ribbons import bounding_boxes, draw_ribbons, place_vertices, ribbon_across
from tests.support.bodies import ARM, RADIUS, SKIN, TORSO, figure_joints, near_bone, outlines

SIZE = 512
GRID = unit_grid(SIZE, torch.device("cpu"))[0]
WIDER = 1.3  # of the forearm over its outline


@pytest.mark.parametrize(("colour", "is_arm"), [(SKIN, True), (ARM, True), (TORSO, False)])
def test_pixels_beside_the_outline_go_with_what_they_look_like(colour: tuple[float, ...], is_arm: bool) -> None:
    body, radii = figure_joints(), outlines().radii
    elbow, wrist = (body[0, joint, :2] for joint in (LEFT_ELBOW, LEFT_WRIST))
    own, wide = (near_bone(GRID, elbow, wrist, width * RADIUS) for width in (1, WIDER))
    person = torch.cat([torch.tensor(TORSO), torch.ones(1)])[:, None, None].repeat(1, SIZE, SIZE)
    person[:3, wide] = torch.tensor(colour)[:, None]
    person[:3, own] = torch.tensor(ARM if colour == TORSO else colour)[:, None]
    rest = place_vertices(limb_polylines(body), ribbon_across(radii))
    with torch.inference_mode():
        found = pixels_of_forearms(person[None], draw_ribbons(rest, radii, SIZE), bounding_boxes(rest))[0]
    middle = (GRID - (elbow + wrist) / 2).norm(dim=-1) < 0.1
    rim = wide & ~near_bone(GRID, elbow, wrist, 1.05 * RADIUS) & middle
    around = ~near_bone(GRID, elbow, wrist, (WIDER + 0.15) * RADIUS) & middle
    assert rim.sum() > 50
    assert (found[0, rim].float().mean() > (0.75 if is_arm else 0.1)) == is_arm
    assert found[0, around].float().mean() < 0.05
    assert not found[1, rim].any()
