"""The network that a run starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.checkpoint import save
from models.config import ModelConfig
from models.dit import CausalDiT
from training.loop.initial_network import init_network, train_only

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8))
PAIR = ModelConfig(width=32, depth=1, heads=4, keyed=1, references=3, stem=(8, 8, 8))


def test_init_network_refuses_weights_of_another_preset(tmp_path: Path) -> None:
    save(CausalDiT(PAIR), tmp_path / "pair.safetensors")
    init_network(SMALL, 1, tmp_path / "pair.safetensors")  # more slots, the same weights
    save(CausalDiT(ModelConfig(width=64, depth=1, heads=4, keyed=1, stem=(8, 8, 8))), tmp_path / "wide.safetensors")
    with pytest.raises(SystemExit, match=r"wide\.safetensors holds weights of another shape: give the --preset"):
        init_network(SMALL, 1, tmp_path / "wide.safetensors")
    with pytest.raises(SystemExit, match=r"none\.safetensors is not there"):
        init_network(SMALL, 1, tmp_path / "none.safetensors")


def test_train_only_freezes_all_but_the_named_parts() -> None:
    network = CausalDiT(ModelConfig(width=32, depth=2, heads=4, keyed=1, stem=(8, 8, 8)))
    train_only(network, ["head", "blocks.1"])
    trained = {name.split(".")[0] for name, each in network.named_parameters() if each.requires_grad}
    assert trained == {"head", "blocks"} and not network.blocks[0].value.weight.requires_grad
    assert network.blocks[1].value.weight.requires_grad
    with pytest.raises(SystemExit, match=r"The network has no part 'heads': name some as in head, norm, blocks\.5"):
        train_only(network, ["heads"])
