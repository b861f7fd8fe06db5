"""The command trains the close-ups alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import load, save
from models.config import PRESETS
from models.dit import CausalDiT
from tests.support.small_training import CLOSEUP_CONFIG, closeup_batch, closeup_network
from training.closeups import main
from training.data.bake import Baked, save_shard


@pytest.fixture(scope="module")
def batch() -> Baked:
    return closeup_batch()


@pytest.fixture
def network() -> CausalDiT:
    return closeup_network()


def test_closeups_command_changes_close_ups_alone(
    batch: Baked, network: CausalDiT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "small", CLOSEUP_CONFIG)
    (tmp_path / "data").mkdir()
    save_shard([batch, batch], tmp_path / "data" / "shard_00000.safetensors")
    save(network, tmp_path / "start.safetensors")
    main([
        "--preset", "small", "--start", str(tmp_path / "start.safetensors"), "--data", str(tmp_path / "data"),
        "--out", str(tmp_path / "run"), "--steps", "2", "--batch", "2",
    ])  # fmt: skip
    before, after = network.half().float().state_dict(), load(tmp_path / "run" / "small.safetensors").state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"closeups"}
