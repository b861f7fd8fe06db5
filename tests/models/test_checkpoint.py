"""Checkpoints survive the disk; a file without weights is refused in one sentence."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.checkpoint import CheckpointError, load, save
from models.config import ModelConfig
from models.dit import CausalDiT

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 16, 16))


def test_load_returns_what_save_wrote(tmp_path: Path) -> None:
    network = CausalDiT(SMALL)
    path = tmp_path / "small.safetensors"
    save(network, path, {"steps": "1"})
    again = load(path)
    assert again.config == SMALL
    for name, value in network.state_dict().items():
        assert torch.allclose(again.state_dict()[name], value, atol=1e-3), name
    assert list(tmp_path.iterdir()) == [path]


def test_load_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there; train one with"):
        load(tmp_path / "none.safetensors")


def test_load_refuses_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save(CausalDiT(SMALL), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="is damaged"):
        load(path)


def test_load_refuses_a_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="holds no Kagami weights"):
        load(path)


def test_save_leaves_nothing_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="could not be written"):
        save(CausalDiT(SMALL), tmp_path / "no folder" / "x.safetensors")
    assert list(tmp_path.iterdir()) == []
