"""The command distils and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import load, save
from models.config import PRESETS
from models.dit import CausalDiT
from tests.support.small_training import ROLLOUT_CONFIG, rollout_clip, rollout_network
from training import distill
from training.data.bake import Baked, save_shard
from training.loop.trainer import Options
from training.tasks import self_forcing

FULL = Options(Path(), precision="fp32")


@pytest.fixture(scope="module")
def clip() -> Baked:
    return rollout_clip()


@pytest.fixture
def network() -> CausalDiT:
    return rollout_network()


def test_distill_command_trains_and_resumes(
    network: CausalDiT, clip: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "small", ROLLOUT_CONFIG)
    monkeypatch.setattr(self_forcing, "MAX_FRAMES", 2)
    monkeypatch.setattr(self_forcing, "MIN_FRAMES", 2)
    save(network, tmp_path / "teacher.safetensors")
    (tmp_path / "data").mkdir()
    save_shard([clip], tmp_path / "data" / "shard_00000.safetensors")
    command = ["--start", str(tmp_path / "teacher.safetensors"), "--preset", "small", "--data", str(tmp_path / "data")]
    command += ["--out", str(tmp_path / "run"), "--steps"]
    distill.main([*command, "1"])
    distill.main([*command, "2", "--gan", "0.1"])  # a critic may join later
    assert load(tmp_path / "run" / "small.safetensors").config == ROLLOUT_CONFIG
    state = torch.load(tmp_path / "run" / "state.pt")
    assert state["step"] == 2 and "critic" in state and "critic_optimizer" in state
