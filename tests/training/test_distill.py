"""The command distils and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import load, save
from models.config import PRESETS, ModelConfig
from models.dit import CausalDiT
from tests.support.shifted_sample import shifted_sample
from training import distill
from training.data.bake import Baked, as_batch, bake, save_shard
from training.loop.trainer import Options
from training.tasks import self_forcing

SMALL = ModelConfig(width=32, depth=2, heads=4, keyed=1, ring=2, references=2, stem=(8, 8, 8))
FULL = Options(Path(), precision="fp32")


@pytest.fixture(scope="module")
def clip() -> Baked:
    """Five frames: longer than the ring and its current slot."""
    return bake(as_batch(shifted_sample([0, 3, 6, 4, 2])))


@pytest.fixture
def network() -> CausalDiT:
    torch.manual_seed(3)
    network = CausalDiT(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return network


def test_distill_command_trains_and_resumes(
    network: CausalDiT, clip: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "small", SMALL)
    monkeypatch.setattr(self_forcing, "MAX_FRAMES", 2)
    monkeypatch.setattr(self_forcing, "MIN_FRAMES", 2)
    save(network, tmp_path / "teacher.safetensors")
    (tmp_path / "data").mkdir()
    save_shard([clip], tmp_path / "data" / "shard_00000.safetensors")
    command = ["--start", str(tmp_path / "teacher.safetensors"), "--preset", "small", "--data", str(tmp_path / "data")]
    command += ["--out", str(tmp_path / "run"), "--steps"]
    distill.main([*command, "1"])
    distill.main([*command, "2", "--gan", "0.1"])  # a critic may join later
    assert load(tmp_path / "run" / "small.safetensors").config == SMALL
    state = torch.load(tmp_path / "run" / "state.pt")
    assert state["step"] == 2 and "critic" in state and "critic_optimizer" in state
