"""The network that a run starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from models import checkpoint
from models.checkpoint_header import CheckpointError
from models.config import ModelConfig
from models.dit import CausalDiT


def init_network(config: ModelConfig, seed: int, start: Path | None) -> CausalDiT:
    """A network with random weights, or those of a file. Raises SystemExit with one sentence where they do not fit."""
    torch.manual_seed(seed)
    network = CausalDiT(config)
    if start is not None:
        try:
            network.load_state_dict(checkpoint.load(start).state_dict())
        except CheckpointError as error:
            raise SystemExit(str(error)) from error
        except RuntimeError as error:
            raise SystemExit(f"{start} holds weights of another shape: give the --preset that made them.") from error
    return network


def train_only(network: CausalDiT, parts: Sequence[str]) -> None:
    """Freeze all parameters but those of some parts, which are named as in the network's `named_parameters`.

    Raises SystemExit with one sentence where it has no such part.
    """
    known = [name for name, _ in network.named_parameters()]
    for part in parts:
        if not any(name.startswith(f"{part}.") for name in known):
            raise SystemExit(f"The network has no part {part!r}: name some as in head, norm, blocks.5.")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(any(name.startswith(f"{part}.") for part in parts))
