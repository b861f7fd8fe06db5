"""Trains the close-ups of mouth and eyes on windows of baked renders; the rest of the network stays unchanged:
`python -m training.closeups --start runs/tiny/tiny.safetensors --data runs/tiny/data --out runs/closeups`.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from models.config import PRESETS
from training.data.supply import Supply
from training.loop.critic import Critic
from training.loop.initial_network import init_network
from training.loop.trainer import Options, Stateful, Trainer
from training.tasks.closeup_training import FRAMES_PER_STEP, CloseupTraining


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--start", type=Path, default=None, help="weights whose close-ups are trained (further)")
    Options.add_arguments(parser, steps=8_000, rate=1e-3)
    Supply.add_arguments(parser, batch=12)
    parser.add_argument("--frames", type=int, default=FRAMES_PER_STEP, help="per step, mostly those with much change")
    parser.add_argument("--gan", type=float, default=0.0, help="weight of discriminators of invented parts")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.from_arguments(given)
    network = init_network(PRESETS[given.preset], given.seed, given.start)
    supply = Supply.from_arguments(given, frames=2)
    critics = {name: Critic(device=given.device) for name in ("mouth", "eyes") if given.gan}
    companions: dict[str, Stateful] = {f"{name}_critic": critic.network for name, critic in critics.items()}
    companions |= {f"{name}_critic_optimizer": critic.optimizer for name, critic in critics.items()}
    task = CloseupTraining(given.preset, options, given.gan, critics, given.frames)
    notes = {"preset": given.preset, **Supply.notes(given)}
    try:
        Trainer(task, supply, network, options, notes, companions).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()
