"""Train the network: `python -m training.train --preset tiny --facekit ict_facekit.npz --out runs/tiny`.

Characters are rendered and baked to OUT/data meanwhile; `--data FOLDER` trains on existing shards. One sample is one
character: a reference and T consecutive frames. The task is `training.tasks.diffusion_forcing`.

An ablation trains without a part: `--keyed 0`, `--ring W`, `--blind`, `--without STYLE`. The weights go to
`benchmarks.quality --parts ablations --ablation NAME=FILE` beside others of the same budget.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from models.config import PRESETS
from training.data.supply import Supply
from training.loop.initial_network import init_network, train_only
from training.loop.trainer import Options, Trainer
from training.tasks.diffusion_forcing import DiffusionForcing


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--start", type=Path, default=None, help="weights to start from instead of random ones")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        help="train these parts alone, as in: head norm blocks.5 (a short training)",
    )
    parser.add_argument("--keyed", type=int, metavar="N", help="geometry-keyed heads, if not the preset's")
    parser.add_argument("--ring", type=int, metavar="W", help="past frames in the KV cache, if not the preset's")
    parser.add_argument("--blind", action="store_true", help="replace the warped picture by grey, for ablations")
    Options.add_arguments(parser)
    Supply.add_arguments(parser, batch=4)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.from_arguments(given)
    changes = {name: value for name in ("keyed", "ring") if (value := getattr(given, name)) is not None}
    try:
        config = replace(PRESETS[given.preset], **changes)
    except ValueError as error:
        parser.error(str(error))
    network = init_network(config, given.seed, given.start)
    if given.only:
        train_only(network, given.only)
    supply = Supply.from_arguments(given, frames=max(2, network.config.ring + 1))
    notes = {"preset": given.preset, **Supply.notes(given)}
    if given.blind:
        notes["blind"] = "yes"
    if given.only:
        notes["only"] = " ".join(given.only)
    try:
        Trainer(DiffusionForcing(given.preset, options, given.blind), supply, network, options, notes).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()
