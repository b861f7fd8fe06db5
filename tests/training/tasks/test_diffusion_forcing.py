"""Frames at noise levels of their own: which frames, what the network sees, and that the loss falls."""

from __future__ import annotations

from pathlib import Path

import torch

from models.config import ModelConfig
from models.dit import CausalDiT
from tests.support.small_training import one_batch
from training.data.supply import Supply
from training.loop.initial_network import init_network
from training.loop.trainer import Options, Trainer
from training.tasks.diffusion_forcing import DiffusionForcing, choose_frames

SMALL = ModelConfig(width=32, depth=1, heads=4, keyed=1, stem=(8, 8, 8))
PAIR = ModelConfig(width=32, depth=1, heads=4, keyed=1, references=3, stem=(8, 8, 8))


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
    for _ in range(3):
        trainer.update(batch)
    assert total() < before


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


def test_several_references_have_gradients(data: Path, tmp_path: Path) -> None:
    network = CausalDiT(PAIR)
    task = DiffusionForcing("pair", Options(tmp_path))
    terms, sheet = task.loss(network, one_batch(data), torch.Generator().manual_seed(3))
    torch.stack(list(terms.values())).sum().backward()
    own = [p for name, p in network.named_parameters() if not name.startswith("closeups.")]
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in own)
    assert sheet.shape == (2, 3, 256, 768)
