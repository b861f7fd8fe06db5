"""Distils to few steps by self-rollout: `python -m training.distill --start runs/tiny/tiny.safetensors --out runs/few`.

The task is `training.tasks.self_forcing`. There is no teacher network: the student streams as the live engine does, and
its frames are compared with the renderer's ground truth.
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
from training.tasks.self_forcing import SelfForcing


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--start", type=Path, required=True, help="weights of `python -m training.train`")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny", help="of these weights")
    parser.add_argument("--frames", type=int, default=16, help="frames of clips that are rendered with --facekit")
    parser.add_argument("--gan", type=float, default=0.0, help="weight of a discriminator of invented parts")
    Options.add_arguments(parser, steps=3000, rate=1e-4)
    Supply.add_arguments(parser, batch=2)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.from_arguments(given)
    network = init_network(PRESETS[given.preset], given.seed, given.start)
    critic = Critic(device=given.device) if given.gan else None
    companions: dict[str, Stateful] = {}
    if critic is not None:
        companions = {"critic": critic.network, "critic_optimizer": critic.optimizer}
    supply = Supply.from_arguments(given, given.frames)
    notes = {"preset": given.preset, **Supply.notes(given), "distilled": "self-rollout", "gan": str(given.gan)}
    try:
        task = SelfForcing(given.preset, options, given.gan, critic)
        Trainer(task, supply, network, options, notes, companions).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()
