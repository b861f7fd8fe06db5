"""Weights on disk: safetensors with the network's shape in the header, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models.config import ModelConfig
from models.dit import CausalDiT

FORMAT = "kagami-dit-1"
HEADER_FIELDS = ("format", "config", "ranges")  # all others in the header are notes


class CheckpointError(Exception):
    """The file cannot be used as weights; the message is one sentence for the user."""


def save(network: CausalDiT, path: Path, notes: dict[str, str] | None = None) -> None:
    """Write float16 weights to `path` atomically, with the network's shape and its calibrated ranges in the header.

    notes: further header fields, such as data, command and steps. Raises CheckpointError when the file cannot be
    written.
    """
    header = {"format": FORMAT, "config": json.dumps(network.config.to_dict()), **(notes or {})}
    if network.ranges:
        header["ranges"] = json.dumps(network.ranges)
    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, metadata=header)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise CheckpointError(
            f"{path} could not be written ({error}); free some space or choose another folder."
        ) from error


def load(path: Path) -> CausalDiT:
    """Read a network as float32 and in eval mode. Raises CheckpointError for a missing, damaged or foreign file."""
    if not path.is_file():
        raise CheckpointError(
            f"{path} is not there; train one with `python -m training.train` or use --generator geometry."
        )
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); fetch or train it again.") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} holds no Kagami weights ({FORMAT}); pass a file made by `python -m training.train`."
        )
    network = CausalDiT(ModelConfig.of_dict(json.loads(header["config"])))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit this version of the network; train it again or update Kagami."
        ) from error
    network.ranges = json.loads(header.get("ranges", "{}"))
    return network.eval()


def notes_of(path: Path) -> dict[str, str]:
    """The notes that `save` wrote into the header of a checkpoint."""
    with safe_open(path, "pt") as file:
        header = file.metadata()
    return {name: text for name, text in header.items() if name not in HEADER_FIELDS}
