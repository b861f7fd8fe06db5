"""Weights on disk: safetensors with the network's shape in the header, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.checkpoint_header import FORMAT, CheckpointError, damaged, read_header
from models.config import ModelConfig
from models.dit import CausalDiT

HEADER_FIELDS = ("format", "config", "ranges", "sha256")  # all others in the header are notes
SUMS = "SHA256SUMS"  # the file with the checksums of the weights beside it, as the program sha256sum writes it
MAX_SIZE = 4096  # of every number of a ModelConfig, so that a wrong one cannot fill the memory


def save(network: CausalDiT, path: Path, notes: dict[str, str] | None = None) -> None:
    """Write float16 weights to `path` atomically, with the network's shape, its calibrated ranges and a checksum in the
    header.

    notes: further header fields, such as data, command and steps. Raises CheckpointError when the file cannot be
    written.
    """
    header = {"format": FORMAT, "config": json.dumps(network.config.to_dict()), **(notes or {})}
    if network.ranges:
        header["ranges"] = json.dumps(network.ranges)
    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    header["sha256"] = _checksum(header, tensors)
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, metadata=header)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise CheckpointError(
            f"{path} could not be written ({error}): free some space or choose another folder."
        ) from error


def load(path: Path) -> CausalDiT:
    """Read a network as float32 and in eval mode. Raises CheckpointError for a missing, damaged or foreign file.

    The weights are compared with the checksum in the header, or where there is none with that in the file `SUMS`
    beside them.
    """
    header = read_header(path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise damaged(path, str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}): check its permissions.") from error
    _verify(path, header, tensors)
    network = _build(path, header, sum(value.numel() for value in tensors.values()))
    ranges = _read_ranges(path, header)
    weights = {name: value.float() for name, value in tensors.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit this version of the network; train it again or update Kagami."
        ) from error
    if not all(math.isfinite(float(value.sum())) for value in weights.values()):
        raise CheckpointError(
            f"{path} holds weights that are infinite or not a number; train it again with a smaller --rate."
        )
    network.ranges = ranges
    return network.eval()


def _checksum(header: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """SHA-256 of what decides the frames: the network's shape, its ranges, and all tensors by name."""
    total = hashlib.sha256()
    for field in ("config", "ranges"):
        total.update(f"{field} {header.get(field)}\n".encode())
    for name, value in sorted(tensors.items()):
        total.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        total.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _verify(path: Path, header: dict[str, str], tensors: dict[str, Tensor]) -> None:
    """Raise CheckpointError if a checksum is known and is another one."""
    known, found = header.get("sha256"), None
    if known is not None:
        found = _checksum(header, tensors)
    elif (known := _published_sum(path)) is not None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != known:
        raise damaged(path, "its checksum is not the one it was made with")


def _published_sum(path: Path) -> str | None:
    """The checksum of the whole file in `SUMS` beside it; None if there is none."""
    try:
        lines = path.with_name(SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        digest, _, name = line.partition(" ")
        if name.lstrip(" *") == path.name:
            return digest
    return None


def _build(path: Path, header: dict[str, str], elements: int) -> CausalDiT:
    """The network of the shape in the header, with weights to be replaced. Raises CheckpointError.

    elements: of all tensors together, which bounds the shape.
    """
    try:
        config = ModelConfig.of_dict(json.loads(header["config"]))
        for name, default in ModelConfig().to_dict().items():
            size = getattr(config, name)
            numbers = size if isinstance(size, tuple) else (size,)
            expected = len(default) if isinstance(default, tuple) else 1
            if len(numbers) != expected or not all(type(n) is int and 0 <= n <= MAX_SIZE for n in numbers):
                raise ValueError(f"{name} is {size}")
        if config.depth * config.mlp * config.width**2 > elements:
            raise ValueError("they are larger than its weights")
        return CausalDiT(config)
    except KeyError as error:
        raise damaged(path, "its header lacks the network's sizes") from error
    except (ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise damaged(path, f"the network's sizes in its header cannot be used: {error}") from error


def _read_ranges(path: Path, header: dict[str, str]) -> dict[str, list[float]]:
    """The calibrated ranges in the header, by convolution; none without a calibration. Raises CheckpointError."""
    try:
        ranges: dict[str, list[float]] = json.loads(header.get("ranges", "{}"))
        if not all(math.isfinite(number) for numbers in ranges.values() for number in numbers):
            raise ValueError("one is infinite or not a number")
    except (ValueError, TypeError, AttributeError) as error:
        raise damaged(path, f"the calibrated ranges in its header cannot be used: {error}") from error
    return ranges


def notes_of(path: Path) -> dict[str, str]:
    """The notes that `save` wrote into the header of a checkpoint. Raises CheckpointError."""
    return {name: text for name, text in read_header(path).items() if name not in HEADER_FIELDS}
