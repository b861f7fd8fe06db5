"""Batches of rigs."""

import torch

from models.geometry.rig import Rig
from streamer.generation.tensor_tree import iter_tensors


def test_repeat_gives_each_rig_so_many_times_in_a_row(rig: Rig, small_rig: Rig) -> None:
    repeated, stacked = Rig.stack([rig, small_rig]).repeat(2), Rig.stack([rig, rig, small_rig, small_rig])
    assert len(repeated) == 4
    for one, many in zip(iter_tensors(repeated), iter_tensors(stacked), strict=True):
        assert torch.equal(one, many)
