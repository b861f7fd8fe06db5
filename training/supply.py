"""Where batches of baked samples come from: a folder of shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from training.bake import BYTES, Baked, shard_paths

POOL = 4  # shards mixed at a time: a shard has few characters


class Supply:
    """Batches of `Baked` from all shards of a folder, those included that appear while it is read."""

    def __init__(self, folder: Path, batch: int) -> None:
        self.folder, self.batch = folder, batch

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Baked]:
        """One pass in random order; batches of less than `batch` samples end each pool (see `trainer.Source`)."""
        paths = shard_paths(self.folder)
        pool: list[Path] = []
        samples = 0
        for number, index in enumerate(torch.randperm(len(paths), generator=generator).tolist(), 1):
            pool.append(paths[index])
            samples += count(paths[index])
            if number < len(paths) and (len(pool) < POOL or samples < 2 * self.batch):
                continue
            orders = torch.randperm(samples, generator=generator).split(self.batch)
            if skip < len(orders):
                tensors = load(pool)
                for order in orders[skip:]:
                    yield pick(tensors, order)
            skip = max(0, skip - len(orders))
            pool, samples = [], 0


def count(path: Path) -> int:
    """Samples in a shard, from its header. SystemExit when it is none."""
    try:
        with safe_open(path, "pt") as file:
            return file.get_slice("picture").get_shape()[0]
    except (SafetensorError, OSError) as error:
        raise SystemExit(f"{path} is no baked shard ({error}); delete it and bake again.") from error


def load(paths: list[Path]) -> dict[str, Tensor]:
    """The tensors of some shards, as stored, one behind the other. SystemExit when they do not fit together."""
    parts = [load_file(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        for name in Baked.__slots__:
            if name not in part:
                raise SystemExit(f"{path} was baked by another version (it has no {name}); delete it and bake again.")
            if part[name].shape[1:] != parts[0][name].shape[1:]:
                raise SystemExit(f"{path} holds other sizes of {name} than {paths[0]}; keep them in two folders.")
    return {name: torch.cat([part[name] for part in parts]) for name in Baked.__slots__}


def pick(tensors: dict[str, Tensor], order: Tensor) -> Baked:
    """Some samples in float32."""
    return Baked(**{name: value[order].float() / (255 if name in BYTES else 1) for name, value in tensors.items()})
