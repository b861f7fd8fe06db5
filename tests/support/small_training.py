"""Small networks and baked samples that several tests of training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from models.config import ModelConfig
from models.dit import CausalDiT
from tests.support.shifted_sample import shifted_sample
from training.data.bake import Baked, as_batch, bake, save_shard
from training.data.supply import Supply

ROLLOUT_CONFIG = ModelConfig(width=32, depth=2, heads=4, keyed=1, ring=2, references=2, stem=(8, 8, 8))
CLOSEUP_CONFIG = ModelConfig(
    width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8), mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8),
    eye_channels=(8, 8, 8),
)  # fmt: skip


def rollout_clip() -> Baked:
    """Five frames: longer than the ring of `ROLLOUT_CONFIG` and its current slot."""
    return bake(as_batch(shifted_sample([0, 3, 6, 4, 2])))


def rollout_network() -> CausalDiT:
    """Far enough from its initial weights that past frames matter."""
    torch.manual_seed(3)
    network = CausalDiT(ROLLOUT_CONFIG)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return network


def closeup_batch() -> Baked:
    """A head that slides, whose guidance is exact."""
    return bake(as_batch(shifted_sample([8, -6], scale=0.4)))


def closeup_network() -> CausalDiT:
    torch.manual_seed(2)
    return CausalDiT(CLOSEUP_CONFIG)


def save_pair(sample: dict[str, np.ndarray], folder: Path) -> Path:
    """A folder with one shard that holds a sample twice."""
    save_shard([bake(as_batch(sample)), bake(as_batch(sample))], folder / "shard_00000.safetensors")
    return folder


def one_batch(data: Path) -> Baked:
    """The first batch of two of a folder of shards."""
    return next(Supply(data, 2).batches(torch.Generator().manual_seed(0), 0))
