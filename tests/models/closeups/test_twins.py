"""Formulas that exist twice, in numpy for one camera frame and in torch for a batch of pictures, agree."""

import numpy as np
import pytest
import torch

from models.closeups import mouth
from models.geometry.topology import topology
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS
from streamer.tracking import mouth_tracker
from tests.support.closeups import opening_ring

SIZE = 128  # pixels of the picture


@pytest.mark.parametrize("lighter", ["cheeks", "sclera"])
def test_white_point_of_one_frame_equals_that_of_a_batch(lighter: str) -> None:
    down = torch.linspace(0.4, 0.9, SIZE) if lighter == "cheeks" else torch.linspace(0.9, 0.4, SIZE)
    picture = (torch.tensor([1.0, 0.8, 0.7]).view(3, 1, 1) * down.view(1, SIZE, 1)).expand(-1, -1, SIZE)
    picture = picture.mul(255).round()
    face = topology().canonical * 0.4
    one = mouth_tracker.white_point(
        picture.permute(1, 2, 0).byte().numpy(), (((face[:, :2] + 1) * SIZE - 1) / 2).numpy().astype(np.float32)
    )
    batch = mouth.white_point(picture[None] / 255, face[None])[0]
    # The median of an even number of cheeks is the lower of the middle two in torch, their mean in numpy.
    assert np.abs(one - batch.numpy() * 255).max() < 4


def test_mouth_grid_of_one_frame_inverts_that_of_a_batch() -> None:
    ring = opening_ring()
    position, gap = mouth_tracker.mouth_grid(ring[0].numpy())
    grid = mouth.mouth_grid(ring, 512).permute(0, 3, 1, 2)
    cells = torch.nn.functional.grid_sample(grid, torch.from_numpy(position)[None], align_corners=False)[0]
    x = (torch.arange(MOUTH_COLUMNS) * 2 + 1) / MOUTH_COLUMNS - 1
    y = (torch.arange(MOUTH_ROWS) * 2 + 1) / MOUTH_ROWS - 1
    inner = slice(2, -2)  # beside the corners the lips meet
    assert (gap[inner] > 0.05).all()
    assert torch.allclose(cells[0, :, inner], x[inner].expand(MOUTH_ROWS, -1), atol=0.01)
    assert torch.allclose(cells[1, :, inner], y[:, None].expand(-1, MOUTH_COLUMNS - 4), atol=0.05)
