"""Background that shows between an arm and the torso is found where a matte has closed it, and clothes are not."""

import numpy as np
import pytest
import torch

from streamer.rigging.canvas import Array
from streamer.rigging.limb_gaps import limb_gaps, slivers
from tests.support.bodies import TORSO, drawn_figure, figure_joints, wide_arms

SIZE = 256


FIGURE = drawn_figure(SIZE, joints=wide_arms())
FACE, BODY = FIGURE.face[0].numpy(), FIGURE.body[0].numpy()


def closed_matte() -> Array:
    """The figure's alpha with the gaps between arms and torso closed, as a segmentation network's."""
    alpha = FIGURE.matte[0, 0].numpy().copy()
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIZE, dtype=np.float32)] * 2)
    alpha[(np.abs(x) < 0.4) & (y > -0.3) & (y < 0.1)] = 1
    return alpha


def picture() -> Array:
    return np.ascontiguousarray((FIGURE.image[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def test_wall_between_arms_and_torso_is_a_gap() -> None:
    true, matte = FIGURE.matte[0, 0].numpy() > 0.5, closed_matte()
    gaps = limb_gaps(picture(), matte, FACE, BODY)
    wrong = (matte > 0.5) & ~true
    assert wrong.sum() > 300
    assert (gaps & wrong).sum() > 0.5 * wrong.sum()
    assert not (gaps & true).any()


def test_clothes_unlike_the_background_are_no_gap() -> None:
    rgb, matte = picture(), closed_matte()
    filled = (matte > 0.5) & (FIGURE.matte[0, 0].numpy() < 0.5)
    rgb[filled] = (np.array(TORSO) * 255).astype(np.uint8)  # a wide coat instead of wall
    assert not limb_gaps(rgb, matte, FACE, BODY).any()


def test_limbs_that_are_not_seen_have_no_gaps() -> None:
    unseen = torch.cat([FIGURE.body[0, :, :3], torch.zeros(33, 1)], 1).numpy()
    assert not limb_gaps(picture(), closed_matte(), FACE, unseen).any()


@pytest.mark.parametrize(("rows", "columns", "is_gap"), [
    ((-0.2, 0.05), (0.22, 0.25), True),
    ((0.0, 0.05), (0.22, 0.25), False),  # a print
    ((-0.1, 0.05), (0.17, 0.27), False),  # part of a shirt
    ((-0.2, 0.3), (0.22, 0.25), False),  # goes on below the arm
])  # fmt: skip
def test_a_long_narrow_place_like_the_wall_beside_an_arm_is_a_gap(
    rows: tuple[float, float], columns: tuple[float, float], is_gap: bool
) -> None:
    body = figure_joints()[0].numpy()
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIZE, dtype=np.float32)] * 2)
    person = np.abs(x) < 0.36
    place = (x > columns[0]) & (x < columns[1]) & (y > rows[0]) & (y < rows[1])
    lab = np.where((person & ~place)[..., None], np.float32((20, 0, 0)), np.float32((80, 0, 5)))
    found = slivers(lab, person.astype(np.float32), body, np.zeros_like(person))
    assert not (found & ~place).any()
    assert (found & place).sum() == (place.sum() if is_gap else 0)
