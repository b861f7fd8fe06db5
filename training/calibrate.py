"""Measures the value ranges of all convolutions, for quantisation to 8 bits on CPUs:
`python -m training.calibrate --weights checkpoints/tiny.safetensors --data runs/tiny/data`.

The ranges are written to the header of the weights; streamer/generation/onnx_export.py reads them.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models import checkpoint
from models.checkpoint_header import CheckpointError
from models.dit import CausalDiT
from training.data.supply import Supply
from training.loop.trainer import Options
from training.tasks.closeup_training import CloseupTraining
from training.tasks.self_forcing import SelfForcing

FLOAT32_LAYERS = ("head.out", "closeups.mouth.out", "closeups.eye.out")  # their output is directly visible
TAIL_SHARE = 1e-4  # share of the values outside of a range, at either end
MAX_VALUES = 1 << 18  # of a tensor, that are examined


def value_range(values: Tensor) -> tuple[float, float]:
    """Lower and upper end of the values without their tails."""
    values = values.detach().float().flatten()
    values = values[:: max(1, len(values) // MAX_VALUES)]
    tail = int(len(values) * TAIL_SHARE)
    return float(values.kthvalue(tail + 1).values), float(values.kthvalue(len(values) - tail).values)


@contextmanager
def record_ranges(network: CausalDiT) -> Iterator[dict[str, list[float]]]:
    """Record value ranges of the convolutions in forward passes within this context.

    Yields by convolution the lower and upper end of input and output, averaged over the calls: an average is robust to
    single pictures that would widen the range for all (Jacob et al. 2018, §3.1).
    """
    ranges: dict[str, list[float]] = {}
    calls: Counter[str] = Counter()
    hooks = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or name in FLOAT32_LAYERS:
            continue

        def record(_module: nn.Module, inputs: tuple[Tensor], output: Tensor, name: str = name) -> None:
            measured = [*value_range(inputs[0]), *value_range(output)]
            calls[name] += 1
            means = ranges.setdefault(name, measured)
            ranges[name] = [mean + (one - mean) / calls[name] for mean, one in zip(means, measured, strict=True)]

        hooks.append(module.register_forward_hook(record))
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def calibrate(network: CausalDiT, supply: Supply, batches: int, options: Options) -> dict[str, list[float]]:
    """The ranges over rollouts, as in distillation, and close-ups of some batches."""
    generator = torch.Generator().manual_seed(options.seed)
    rollouts, closeups = SelfForcing("calibration", options), CloseupTraining("calibration", options)
    with record_ranges(network) as ranges:
        for batch in tqdm(islice(supply.batches(generator, 0), batches), "calibrating", batches, unit="batch"):
            rollouts.loss(network, batch, generator)
            closeups.loss(network, batch, generator)
    return ranges


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--weights", type=Path, required=True, help="file to whose header the ranges are written")
    parser.add_argument("--data", type=Path, required=True, help="folder of baked shards")
    parser.add_argument("--batches", type=int, default=40, help="of four characters")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        network = checkpoint.load(given.weights)
        options = Options(given.weights.parent, seed=given.seed, precision="fp32")
        network.ranges = calibrate(network, Supply(given.data, batch=4), given.batches, options)
        checkpoint.save(network, given.weights, checkpoint.notes_of(given.weights))
    except CheckpointError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
