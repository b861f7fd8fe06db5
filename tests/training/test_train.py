"""The command trains, resumes and runs ablations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load, notes_of
from models.config import PRESETS, ModelConfig
from tests.support.shifted_sample import shifted_sample
from training import train
from training.data.bake import Baked, as_batch, bake, save_shard
from training.data.supply import Supply

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8))
PAIR = ModelConfig(width=32, depth=1, heads=4, keyed=1, references=3, stem=(8, 8, 8))


@pytest.fixture(scope="module")
def sample() -> dict[str, np.ndarray]:
    return shifted_sample([8, 8])


@pytest.fixture(scope="module")
def data(sample: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baked")
    save_shard([bake(as_batch(sample)), bake(as_batch(sample))], folder / "shard_00000.safetensors")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "small", SMALL)


def one_batch(data: Path) -> Baked:
    return next(Supply(data, 2).batches(torch.Generator().manual_seed(0), 0))


def test_train_command_trains_and_resumes(data: Path, tmp_path: Path) -> None:
    command = ["--data", str(data), "--preset", "small", "--out", str(tmp_path), "--batch", "2", "--steps"]
    train.main([*command, "2"])
    assert load(tmp_path / "small.safetensors").config == SMALL
    train.main([*command, "3", "--precision", "fp32"])
    assert torch.load(tmp_path / "state.pt")["step"] == 3


def test_train_command_runs_ablations(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--data", str(data), "--preset", "small", "--out", str(tmp_path), "--batch", "2", "--steps", "1"]
    train.main([*command, "--keyed", "0", "--ring", "3", "--blind", "--without", "flat", "line"])
    made = tmp_path / "small.safetensors"
    assert load(made).config == replace(SMALL, keyed=0, ring=3)
    assert notes_of(made)["without"] == "flat line" and notes_of(made)["blind"] == "yes"
    with pytest.raises(SystemExit):
        train.main([*command, "--keyed", "4"])
    assert "keyed must lie in 0..3, got 4" in capsys.readouterr().err


def test_train_command_trains_some_parts_alone(data: Path, tmp_path: Path) -> None:
    command = ["--data", str(data), "--preset", "small", "--batch", "2", "--out"]
    train.main([*command, str(tmp_path / "first"), "--steps", "0"])
    start = tmp_path / "first" / "small.safetensors"
    train.main([*command, str(tmp_path / "next"), "--steps", "1", "--start", str(start), "--only", "head"])
    before, after = load(start), load(tmp_path / "next" / "small.safetensors")
    assert torch.equal(before.stem.token.weight, after.stem.token.weight)
    assert not torch.equal(before.head.out.weight, after.head.out.weight)
    assert notes_of(tmp_path / "next" / "small.safetensors")["only"] == "head"
