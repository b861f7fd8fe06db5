"""Batches of rigs, and rigs on smaller canvases."""

import pytest
import torch
from torch.nn import functional as F

from models.compositor import compose
from models.geometry.guidance import make_guidance
from models.geometry.resized_rig import resized_rig
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from streamer.generation.tensor_tree import iter_tensors


def test_repeat_gives_each_rig_so_many_times_in_a_row(rig: Rig, small_rig: Rig) -> None:
    repeated, stacked = Rig.stack([rig, small_rig]).repeat(2), Rig.stack([rig, rig, small_rig, small_rig])
    assert len(repeated) == 4
    for one, many in zip(iter_tensors(repeated), iter_tensors(stacked), strict=True):
        assert torch.equal(one, many)


def test_rig_of_its_own_size_is_itself(rig: Rig) -> None:
    assert resized_rig(rig, rig.size) is rig


@pytest.mark.parametrize("share", [0.75, 0.5])
def test_resized_rig_at_rest_shows_the_resized_picture(rig: Rig, share: float) -> None:
    side = round(rig.size * share)
    smaller = resized_rig(rig, side)
    guidance = make_guidance(rig, rest_pose(rig))
    drawn = compose(smaller, guidance)[:, :3]
    picture = F.interpolate(rig.image, (side, side), mode="bilinear", antialias=True)
    assert drawn.shape == picture.shape
    assert float((drawn - picture).abs().mean()) < 0.005
    assert smaller.surface is rig.surface and smaller.canonical is rig.canonical
