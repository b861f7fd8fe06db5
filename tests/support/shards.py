"""Small shards whose samples carry their own name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.data.bake import EIGHT_BIT_FIELDS, Baked
from training.data.render_workers import shard_path
from training.data.supply import Supply


def write_shard(folder: Path, number: int, samples: int, frames: int = 2) -> None:
    """Tiny samples that carry their own name: `mouth` is shard and sample."""
    per_frame = {
        "maps",
        "layers",
        "canonical",
        "tokens",
        "face",
        "stance",
        "truth",
        "alpha",
        "flow",
        "visible",
        "label",
    }
    tensors: dict[str, Tensor] = {}
    for field in fields(Baked):
        shape = (samples, frames, 2) if field.name in per_frame else (samples, 2)
        tensors[field.name] = torch.zeros(shape, dtype=torch.uint8 if field.name in EIGHT_BIT_FIELDS else torch.half)
    tensors["style"] = torch.arange(samples, dtype=torch.uint8)
    tensors["mouth"] = torch.stack([torch.tensor([number, sample]) for sample in range(samples)]).half()
    save_file(tensors, shard_path(folder, number))


def sample_names(supply: Supply, seed: int = 0, skip: int = 0) -> list[list[tuple[float, ...]]]:
    generator = torch.Generator().manual_seed(seed)
    return [[tuple(row) for row in batch.mouth.tolist()] for batch in supply.batches(generator, skip)]
