"""Batches of baked samples from a folder of shards, which `RenderWorkers` may fill meanwhile, or from the device itself
(`DeviceSupply`).
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from training.data.bake import Baked, dequantise, shard_paths
from training.data.device_supply import DeviceSupply
from training.data.render_workers import Kits, Recipe, RenderWorkers
from training.data.samples import picture_size, style_indices
from training.render.character.appearance import STYLES

log = logging.getLogger("training.data.supply")
SHARDS_PER_POOL = 4  # shards shuffled together, because each has few characters


class Supply:
    """Batches of `Baked` from all shards of a folder, including those written meanwhile, without some styles."""

    def __init__(
        self, folder: Path, batch: int, workers: RenderWorkers | None = None, without: Sequence[str] = ()
    ) -> None:
        self.folder, self.batch, self.workers = folder, batch, workers
        self.without = style_indices(without)
        self.known_shards = 0

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, batch: int) -> None:
        """Add the flags that `from_arguments` reads."""
        parser.add_argument("--data", type=Path, default=None, help="folder of baked shards (default OUT/data)")
        parser.add_argument(
            "--facekit", type=Path, default=None, help="ict_facekit.npz: render new shards into the folder meanwhile"
        )
        parser.add_argument(
            "--bodykit", type=Path, default=None, help="makehuman_base.npz: render whole bodies instead of busts"
        )
        parser.add_argument("--shards", type=int, default=400, help="render up to so many, about 20 MB each")
        parser.add_argument(
            "--workers", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="rendering processes"
        )
        parser.add_argument("--batch", type=int, default=batch, help="characters per step")
        parser.add_argument("--pool", type=int, default=2048, help="on CUDA without --data: samples kept to pick from")
        parser.add_argument("--reuse", type=float, default=2.0, help="mean uses of a sample of this pool")
        parser.add_argument(
            "--without", nargs="*", default=[], choices=STYLES, metavar="STYLE",
            help=f"leave out characters of these styles: {', '.join(STYLES)}",
        )  # fmt: skip

    @staticmethod
    def from_arguments(arguments: argparse.Namespace, frames: int) -> Supply | DeviceSupply:
        """The supply that parsed arguments describe, whose samples have `frames` targets.

        With a face model, workers render shards, or on CUDA without a folder of shards the device renders batches.
        Raises SystemExit with one sentence where there are no data.
        """
        if arguments.device == "cuda" and arguments.facekit is not None and arguments.data is None:
            return DeviceSupply.from_arguments(arguments, frames)
        folder = arguments.data or arguments.out / "data"
        if arguments.facekit is None:
            if not folder.is_dir():
                hint = f"{folder} is not there; " if arguments.data else ""
                raise SystemExit(
                    f"{hint}give baked shards with --data, or the face model with --facekit to render new ones."
                )
            return Supply(folder, arguments.batch, without=arguments.without)
        recipe = Recipe(arguments.seed, frames, arguments.bodykit is not None, picture_size(arguments.bodykit))
        kits = Kits(arguments.facekit, arguments.bodykit)
        workers = RenderWorkers(kits, folder, recipe, arguments.shards, arguments.workers)
        return Supply(folder, arguments.batch, workers, arguments.without)

    @staticmethod
    def notes(arguments: argparse.Namespace) -> dict[str, str]:
        """Entries of the weights' header about the batches."""
        return {"batch": str(arguments.batch), "without": " ".join(arguments.without)}

    def close(self) -> None:
        """Stop the workers, if any."""
        if self.workers is not None:
            self.workers.close()

    def _paths(self) -> list[Path]:
        """The existing shards; waits for the first one while workers are alive."""
        if self.workers is None:
            return shard_paths(self.folder)
        start, last_message = time.monotonic(), -60.0
        while self.workers.poll() and not any(self.folder.glob("*.safetensors")):
            if time.monotonic() - start - last_message >= 60:
                last_message = time.monotonic() - start
                log.info("Waiting for the first shard in %s (%.0f s).", self.folder, last_message)
            time.sleep(0.5)
        if not any(self.folder.glob("*.safetensors")):
            raise SystemExit(
                f"All rendering workers ended before there was a shard in {self.folder}; nothing to learn."
            )
        paths = shard_paths(self.folder)
        if len(paths) != self.known_shards:
            log.info("%s: %d shards.", self.folder, len(paths))
            self.known_shards = len(paths)
        return paths

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Baked]:
        """One pass in random order (see `trainer.Source`); the last batch of each pool may be smaller."""
        paths = self._paths()
        pool: dict[Path, Tensor] = {}
        for number, index in enumerate(torch.randperm(len(paths), generator=generator).tolist(), 1):
            pool[paths[index]] = rows_to_keep(paths[index], self.without)
            samples = sum(len(rows) for rows in pool.values())
            if number < len(paths) and (len(pool) < SHARDS_PER_POOL or samples < 2 * self.batch):
                continue
            orders = torch.randperm(samples, generator=generator).split(self.batch) if samples else ()
            if skip < len(orders):
                tensors = load_rows(pool)
                for order in orders[skip:]:
                    yield dequantise(tensors, order)
            skip = max(0, skip - len(orders))
            pool = {}
            if self.workers is not None:
                self.workers.poll()


def rows_to_keep(path: Path, without: Tensor) -> Tensor:
    """Indices (K,) of a shard's samples without those of some styles. Raises SystemExit where it is no shard."""
    try:
        with safe_open(path, "pt") as file:
            style = file.get_tensor("style")
    except (SafetensorError, OSError) as error:
        raise SystemExit(f"{path} is no baked shard ({error}): delete it and bake again.") from error
    return torch.isin(style, without, invert=True).nonzero()[:, 0]


def load_rows(pool: dict[Path, Tensor]) -> dict[str, Tensor]:
    """Rows of some shards, as stored, concatenated. Raises SystemExit where the shards do not fit together."""
    parts = [load_file(path) for path in pool]
    for path, part in zip(pool, parts, strict=True):
        for name in Baked.__slots__:
            if name not in part:
                raise SystemExit(f"{path} was baked by another version (it has no {name}): delete it and bake again.")
            if part[name].shape[1:] != parts[0][name].shape[1:]:
                first = next(iter(pool))
                raise SystemExit(f"{path} holds other sizes of {name} than {first}; keep them in two folders.")
    chosen = list(zip(parts, pool.values(), strict=True))
    return {name: torch.cat([part[name][rows] for part, rows in chosen]) for name in Baked.__slots__}
