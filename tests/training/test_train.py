"""The network is trained on baked samples, reproducibly, with references and ablations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load, notes_of, save
from models.config import PRESETS, ModelConfig
from models.dit import CausalDiT
from tests.support.shifted_sample import shifted_sample
from training import train
from training.data.bake import Baked, as_batch, bake, save_shard
from training.data.supply import Supply
from training.loop.trainer import Options, Trainer
from training.train import (
    DiffusionForcing,
    choose_frames,
    clean_input,
    encode_references,
    init_network,
    reference_focus,
)

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


def test_train_loss_falls(data: Path, tmp_path: Path) -> None:
    options = Options(tmp_path, steps=100, rate=1e-2)
    task = DiffusionForcing("small", options)
    trainer = Trainer(task, Supply(data, 2), init_network(SMALL, 1, None), options)
    batch = one_batch(data)

    def total() -> float:
        with torch.no_grad():
            terms = task.loss(trainer.network, batch, torch.Generator().manual_seed(7))[0]
        return float(torch.stack(list(terms.values())).sum())

    before = total()
    for _ in range(8):
        trainer.update(batch)
    assert total() < before


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


@torch.no_grad()
def test_hide_warped_replaces_the_warped_picture(data: Path, tmp_path: Path) -> None:
    network = CausalDiT(SMALL)

    def looks(blind: bool) -> list[torch.Tensor]:
        seen: list[torch.Tensor] = []
        hook = network.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].warped))
        DiffusionForcing("small", Options(tmp_path), blind).loss(
            network, one_batch(data), torch.Generator().manual_seed(3)
        )
        hook.remove()
        return seen[1:]  # the first is the reference's, which is never hidden

    assert all(bool((warped == 0.5).all()) for warped in looks(True))
    assert not any(bool((warped == 0.5).all()) for warped in looks(False))


def test_choose_frames_takes_references_from_other_frames() -> None:
    network = CausalDiT(PAIR)
    drawn, others = zip(*(choose_frames(4, network, torch.Generator().manual_seed(n)) for n in range(60)), strict=True)
    assert {len(each) for each in drawn} == {1, 3}
    assert all(each == list(range(each[0], each[0] + len(each))) for each in drawn)
    assert {len(each) for each in others} == {0, 1, 2}
    assert not any(set(a) & set(b) for a, b in zip(drawn, others, strict=True))
    assert all(choose_frames(4, CausalDiT(SMALL), torch.Generator().manual_seed(n))[1] == [] for n in range(20))


@torch.no_grad()
def test_encode_references_fills_all_slots(data: Path) -> None:
    network, batch = CausalDiT(PAIR), one_batch(data)
    focus, tokens = reference_focus(batch), PAIR.tokens
    keys, values = encode_references(network, batch, focus, [1])
    assert keys.shape == values.shape == (1, 2, 4, 3 * tokens, 8)
    assert torch.equal(keys[..., 2 * tokens :, :], keys[..., :tokens, :])  # the picture again
    assert torch.equal(keys[..., tokens : 2 * tokens, :], network.encode_reference(clean_input(batch, 1))[0])


def test_clean_input_has_no_noise_and_no_flow(data: Path) -> None:
    batch = one_batch(data)
    view = clean_input(batch, 1)
    assert torch.equal(view.warped, batch.truth[:, 1]) and torch.equal(view.noised, view.warped * 2 - 1)
    assert float(view.maps[:, :2].abs().max()) == 0 and float(view.maps[:, 2].min()) == 1
    assert torch.equal(view.maps[:, 3:], batch.maps[:, 1, 3:]) and float(view.level.max()) == 0


def test_several_references_have_gradients(data: Path, tmp_path: Path) -> None:
    network = CausalDiT(PAIR)
    task = DiffusionForcing("pair", Options(tmp_path))
    terms, sheet = task.loss(network, one_batch(data), torch.Generator().manual_seed(3))
    torch.stack(list(terms.values())).sum().backward()
    own = [p for name, p in network.named_parameters() if not name.startswith("closeups.")]
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in own)
    assert sheet.shape == (2, 3, 256, 768)


def test_init_network_refuses_weights_of_another_preset(tmp_path: Path) -> None:
    save(CausalDiT(PAIR), tmp_path / "pair.safetensors")
    init_network(SMALL, 1, tmp_path / "pair.safetensors")  # more slots, the same weights
    save(CausalDiT(ModelConfig(width=64, depth=1, heads=4, keyed=1, stem=(8, 8, 8))), tmp_path / "wide.safetensors")
    with pytest.raises(SystemExit, match=r"wide\.safetensors holds weights of another shape; give the --preset"):
        init_network(SMALL, 1, tmp_path / "wide.safetensors")
    with pytest.raises(SystemExit, match=r"none\.safetensors is not there"):
        init_network(SMALL, 1, tmp_path / "none.safetensors")
