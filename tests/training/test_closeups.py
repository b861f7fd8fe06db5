"""The command trains the close-ups alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import load, save
from models.config import PRESETS, ModelConfig
from models.dit import CausalDiT
from tests.support.shifted_sample import shifted_sample
from training.closeups import main
from training.data.bake import Baked, as_batch, bake, save_shard

SMALL = ModelConfig(
    width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8), mouth_side=32, eye_side=16, mouth_channels=(8, 8, 8),
    eye_channels=(8, 8, 8),
)  # fmt: skip


@pytest.fixture(scope="module")
def batch() -> Baked:
    """A head that slides, whose guidance is exact."""
    return bake(as_batch(shifted_sample([8, -6], scale=0.4)))


@pytest.fixture
def network() -> CausalDiT:
    torch.manual_seed(2)
    return CausalDiT(SMALL)


def test_closeups_command_changes_close_ups_alone(
    batch: Baked, network: CausalDiT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "small", SMALL)
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
