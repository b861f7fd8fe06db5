"""Where a device gets its own batches: rendered and baked there while it learns, none of it on a disk.

A rolling pool holds the latest samples of many characters, packed as in a shard. Each batch rendered takes the place of
the oldest in it, and some smaller batches are picked from all of it meanwhile: a step costs less than its samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from training.data.bake import Baked, bake, packed, unpacked, worth_baking
from training.data.device_samples import DeviceStream, PlanStream
from training.data.impostor import Impostor
from training.data.samples import style_indices
from training.render.character.bodykit import BodykitError
from training.render.character.facekit import FacekitError

# Characters that lie on the device at a time, samples each, and how often another one of them acts the same.
MIX, PER_CHARACTER, TURNS = 16, 32, 2
PICTURES, PICTURE_BYTES = 768, 60_000_000  # rendered at a time, at most, and the room for each


class DeviceSupply:
    """Endless batches of `Baked` on the stream's device; without the characters of some styles."""

    def __init__(self, stream: DeviceStream, batch: int, pool: int, reuse: float, without: Sequence[str] = ()) -> None:
        """batch: samples a step; pool: samples kept, at least a batch of the stream; reuse: how often each is used, on
        average.
        """
        self.stream, self.batch = stream, batch
        self.steps = max(1, round(reuse * stream.batch / batch))  # for each batch of the stream
        self.held = max(1, pool // stream.batch)  # the stream's batches in the pool
        self.without = style_indices(without).to(stream.device)

    @staticmethod
    def of(arguments: argparse.Namespace, frames: int) -> DeviceSupply:
        """From the arguments of `Supply.add_to`; `frames` targets of each sample. SystemExit with one sentence when a
        model cannot be used.
        """
        try:
            plans = PlanStream(
                arguments.facekit, arguments.seed, frames, per_character=PER_CHARACTER, bodykit=arguments.bodykit
            )
        except (FacekitError, BodykitError) as error:
            raise SystemExit(str(error)) from error
        pictures = min(PICTURES, torch.cuda.get_device_properties(arguments.device).total_memory // PICTURE_BYTES)
        drawn = min(MIX * PER_CHARACTER, 1 << max(0, (pictures // (1 + frames)).bit_length() - 1))
        turns = 1 if arguments.bodykit else TURNS
        stream = DeviceStream(plans, arguments.device, drawn, MIX, arguments.workers, turns)
        return DeviceSupply(stream, arguments.batch, arguments.pool, arguments.reuse, arguments.without)

    def close(self) -> None:
        """Nothing to end: the stream's workers go with its iterator."""

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Baked]:
        """See `trainer.Source`; the only pass never ends. To go on, the pool is rendered anew, nothing before it."""
        seed, start = generator.initial_seed(), skip // self.steps
        pool: dict[str, Tensor] = {}
        kept = torch.zeros(self.held * self.stream.batch, dtype=torch.bool, device=self.stream.device)
        for number, samples in enumerate(self.stream.batches(start), start):
            self._put(pool, kept, samples, number)
            first = (number + 1 - self.held) * self.steps  # of the steps before the next batch; none while it fills
            for step in range(max(skip, first), first + self.steps):
                dice = torch.Generator(self.stream.device).manual_seed(seed + step)
                rows = kept.nonzero()[:, 0]
                if len(rows) < self.batch:
                    few = f"A pool with {len(rows)} samples in it gives no batch of {self.batch}"
                    raise SystemExit(f"{few}; enlarge --pool.")
                order = torch.randperm(len(rows), generator=dice, device=rows.device)[: self.batch]
                yield unpacked(pool, rows[order])

    def _put(self, pool: dict[str, Tensor], kept: Tensor, samples: dict[str, Tensor], number: int) -> None:
        """Bake batch `number` of the stream into its place in the pool."""
        count = self.stream.batch
        cast = Impostor.perhaps(np.random.default_rng([self.stream.plans.seed, number, 3]), count)
        place = slice(number % self.held * count, (number % self.held + 1) * count)
        for name, value in packed(bake(samples, cast)).items():
            if name not in pool:
                pool[name] = value.new_zeros(len(kept), *value.shape[1:])
            pool[name][place] = value
        kept[place] = worth_baking(samples["kind"]) & ~torch.isin(samples["style"], self.without)
