"""Measure what goes through the convolutions, so that a CPU may compute them in 8 bits:
`python -m training.calibrate --weights checkpoints/tiny.safetensors --data runs/tiny/data`.

The ranges go into the header of the weights; streamer/generation/onnx_export.py reads them.
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
from models.dit import CausalDiT
from training.closeups import Nearer
from training.data.supply import Supply
from training.distill import Distilling
from training.loop.trainer import Options

EXACT = ("head.out", "closeups.mouth.out", "closeups.eye.out")  # what these say is seen as it is: they stay float32
TAIL = 1e-4  # share of the values that may lie beyond a range, at either end
SAMPLE = 1 << 18  # values of a tensor that are looked at


def extent(values: Tensor) -> tuple[float, float]:
    """Least and largest of the values but for the tails."""
    values = values.detach().float().flatten()
    values = values[:: max(1, len(values) // SAMPLE)]
    spare = int(len(values) * TAIL)
    return float(values.kthvalue(spare + 1).values), float(values.kthvalue(len(values) - spare).values)


@contextmanager
def watched(network: CausalDiT) -> Iterator[dict[str, list[float]]]:
    """What goes through the network meanwhile: mean over the calls of each convolution's least and largest input and
    output (Jacob et al. 2018, §3.1: a mean forgives the one odd picture that would stretch the range for all).
    """
    ranges: dict[str, list[float]] = {}
    calls: Counter[str] = Counter()
    hooks = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or name in EXACT:
            continue

        def look(_module: nn.Module, inputs: tuple[Tensor], output: Tensor, name: str = name) -> None:
            now = [*extent(inputs[0]), *extent(output)]
            calls[name] += 1
            known = ranges.setdefault(name, now)
            ranges[name] = [mean + (one - mean) / calls[name] for mean, one in zip(known, now, strict=True)]

        hooks.append(module.register_forward_hook(look))
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def calibrate(network: CausalDiT, supply: Supply, batches: int, options: Options) -> dict[str, list[float]]:
    """The ranges over streams of some batches, as they are distilled: every number of steps, with past frames."""
    generator = torch.Generator().manual_seed(options.seed)
    rollouts, windows = Distilling("calibration", options), Nearer("calibration", options)
    with watched(network) as ranges:
        for batch in tqdm(islice(supply.batches(generator, 0), batches), "calibrating", batches, unit="batch"):
            rollouts.loss(network, batch, generator)
            windows.loss(network, batch, generator)
    return ranges


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--weights", type=Path, required=True, help="the file whose header gets the ranges")
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
    except checkpoint.CheckpointError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
