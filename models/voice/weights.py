"""The voice network's weights on disk: safetensors, with its sizes and how it was made in the header."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models.checkpoint_header import CheckpointError, damaged
from models.voice.voice_net import VoiceConfig, VoiceNet

FORMAT = "kagami-voice-1"
MAX_WIDTH, MAX_KERNEL, MAX_BLOCKS, MAX_DILATION = 1024, 9, 32, 256  # so that a wrong header cannot fill the memory


def save(network: VoiceNet, path: Path, notes: dict[str, str] | None = None) -> None:
    """Write float16 weights to `path`, whole or not at all. notes: further fields of the header."""
    header = {"format": FORMAT, "config": json.dumps(asdict(network.config)), **(notes or {})}
    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, metadata=header)
    os.replace(part, path)


def load(path: Path) -> VoiceNet:
    """Read a network as float32 in eval mode. Raises CheckpointError for a missing, damaged or foreign file."""
    if not path.is_file():
        raise CheckpointError(f"{path} is not there: make it with `python -m training.voice.train`.")
    try:
        with safe_open(path, "pt") as file:
            header: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise damaged(path, str(error)) from error
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path} holds no weights of a voice ({FORMAT}).")
    try:
        network = VoiceNet(_config(header["config"]))
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise damaged(path, f"its sizes and its weights do not fit: {error}") from error
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise damaged(path, "some of its weights are no numbers")
    return network.eval()


def _config(text: str) -> VoiceConfig:
    """The sizes in a header. Raises ValueError or TypeError where they are none of a network of this kind."""
    fields = json.loads(text)
    config = VoiceConfig(int(fields["width"]), int(fields["kernel"]), tuple(int(d) for d in fields["dilations"]))
    fits = 0 < config.width <= MAX_WIDTH and 0 < config.kernel <= MAX_KERNEL and len(config.dilations) <= MAX_BLOCKS
    if not fits or not all(0 < dilation <= MAX_DILATION for dilation in config.dilations):
        raise ValueError(f"the sizes {text} are out of range")
    return config
