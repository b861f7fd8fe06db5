"""A small network with random weights."""

import torch

from models.config import ModelConfig
from models.dit import CausalDiT

SMALL = ModelConfig(
    width=64, depth=2, heads=4, keyed=1, ring=2, stem=(8, 16, 16), mouth_channels=(8, 8, 8), eye_channels=(8, 8, 8)
)


def small_network(config: ModelConfig = SMALL, seed: int = 5) -> CausalDiT:
    """The same network at every call, far enough from its initial weights that its output depends on all its inputs."""
    torch.manual_seed(seed)
    network = CausalDiT(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network
