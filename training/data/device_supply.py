"""Batches that are rendered and baked on the training device itself, without files.

A replay pool holds the latest samples of many characters, quantised as in a shard. Each rendered batch replaces the
oldest one, and several smaller training batches are drawn from the pool meanwhile, so that each sample is used several
times.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from training.data.bake import Baked, bake, dequantise, keep_mask, quantise
from training.data.device_samples import DeviceStream, PlanStream
from training.data.impostor import Impostor
from training.data.samples import HEAD_SIZE, picture_size, style_indices
from training.render.character.bodykit import BodykitError
from training.render.character.facekit import FacekitError

# Characters on the device at a time, samples of each, and characters that share the same motion.
CHARACTERS_ON_DEVICE, SAMPLES_PER_CHARACTER, DEFAULT_TURNS = 16, 32, 2
MAX_PICTURES, BYTES_PER_PICTURE = 768, 60_000_000  # rendered at a time, at most, and memory of each


class DeviceSupply:
    """Endless batches of `Baked` on the stream's device, without some styles."""

    def __init__(self, stream: DeviceStream, batch: int, pool: int, reuse: float, without: Sequence[str] = ()) -> None:
        """batch: samples per step. pool: samples kept, at least a batch of the stream. reuse: mean uses of a sample."""
        self.stream, self.batch = stream, batch
        self.steps_per_render = max(1, round(reuse * stream.batch / batch))  # training steps per batch of the stream
        self.pool_batches = max(1, pool // stream.batch)  # batches of the stream in the pool
        self.without = style_indices(without).to(stream.device)

    @staticmethod
    def from_arguments(arguments: argparse.Namespace, frames: int) -> DeviceSupply:
        """The supply that arguments of `Supply.add_arguments` describe, whose samples have `frames` targets.

        Raises SystemExit with one sentence where a model cannot be used.
        """
        try:
            facekit, bodykit, each = arguments.facekit, arguments.bodykit, SAMPLES_PER_CHARACTER
            size = picture_size(bodykit)
            plans = PlanStream(facekit, arguments.seed, frames, size, per_character=each, bodykit=bodykit)
        except (FacekitError, BodykitError) as error:
            raise SystemExit(str(error)) from error
        memory = torch.cuda.get_device_properties(arguments.device).total_memory
        pictures = min(MAX_PICTURES, memory // (BYTES_PER_PICTURE * size**2 // HEAD_SIZE**2))
        samples = 1 << max(0, (pictures // (1 + frames)).bit_length() - 1)
        batch = min(CHARACTERS_ON_DEVICE * SAMPLES_PER_CHARACTER, samples)
        turns = 1 if arguments.bodykit else DEFAULT_TURNS
        stream = DeviceStream(plans, arguments.device, batch, CHARACTERS_ON_DEVICE, arguments.workers, turns)
        return DeviceSupply(stream, arguments.batch, arguments.pool, arguments.reuse, arguments.without)

    def close(self) -> None:
        """Nothing to stop: the stream's workers end with its iterator."""

    def batches(self, generator: torch.Generator, skip: int) -> Iterator[Baked]:
        """See `trainer.Source`; the only pass is endless. A resumed run renders only the pool again."""
        seed, start = generator.initial_seed(), skip // self.steps_per_render
        pool: dict[str, Tensor] = {}
        usable = torch.zeros(self.pool_batches * self.stream.batch, dtype=torch.bool, device=self.stream.device)
        for number, samples in enumerate(self.stream.batches(start), start):
            self._put(pool, usable, samples, number)
            first = (number + 1 - self.pool_batches) * self.steps_per_render  # negative until the pool is full
            for step in range(max(skip, first), first + self.steps_per_render):
                step_generator = torch.Generator(self.stream.device).manual_seed(seed + step)
                rows = usable.nonzero()[:, 0]
                if len(rows) < self.batch:
                    few = f"A pool with {len(rows)} samples in it gives no batch of {self.batch}"
                    raise SystemExit(f"{few}; enlarge --pool.")
                order = torch.randperm(len(rows), generator=step_generator, device=rows.device)[: self.batch]
                yield dequantise(pool, rows[order])

    def _put(self, pool: dict[str, Tensor], usable: Tensor, samples: dict[str, Tensor], number: int) -> None:
        """Bake batch `number` of the stream into its rows of the pool, in place."""
        count = self.stream.batch
        drivers = Impostor.random(np.random.default_rng([self.stream.plans.seed, number, 3]), count)
        rows = slice(number % self.pool_batches * count, (number % self.pool_batches + 1) * count)
        for name, value in quantise(bake(samples, drivers)).items():
            if name not in pool:
                pool[name] = value.new_zeros(len(usable), *value.shape[1:])
            pool[name][rows] = value
        usable[rows] = keep_mask(samples["kind"]) & ~torch.isin(samples["style"], self.without)
