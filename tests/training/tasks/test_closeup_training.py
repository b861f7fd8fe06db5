"""Close-ups are trained on windows of baked renders, and the rest of the network is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.dit import CausalDiT
from tests.support.small_training import CLOSEUP_CONFIG, closeup_batch, closeup_network
from training.data.bake import Baked
from training.loop.critic import Critic
from training.loop.trainer import Options
from training.tasks.closeup_training import (
    CloseupTraining,
    closeup_inputs,
    flatten_frames,
    large_faces,
    sample_frames,
    select_rows,
    to_window_units,
    window_truth,
)


@pytest.fixture(scope="module")
def batch() -> Baked:
    return closeup_batch()


@pytest.fixture
def network() -> CausalDiT:
    return closeup_network()


def made(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_window_truth_equals_the_warped_picture(batch: Baked) -> None:
    motion = flatten_frames(batch)
    mouth, _ = closeup_inputs(motion, CLOSEUP_CONFIG)
    truth = window_truth(motion.truth, mouth)
    assert torch.allclose(mouth.maps[:, :3] / 2 + 0.5, truth.picture, atol=0.05)
    moved = to_window_units(mouth, mouth.source - mouth.window.grid(32))
    assert torch.allclose(moved, truth.flow, atol=0.05)
    assert (truth.label == 4).any()


def test_window_truth_has_no_alpha_outside_of_the_picture(batch: Baked) -> None:
    motion = flatten_frames(batch)
    away = replace(motion.moving, head=motion.moving.head._replace(shift=motion.moving.head.shift + 0.9))
    mouth, _ = closeup_inputs(replace(motion, moving=away), CLOSEUP_CONFIG)
    truth = window_truth(motion.truth, mouth)
    outside = mouth.window.grid(32).abs().amax(-1) >= 1
    assert outside.any()
    assert truth.alpha[:, 0][outside].max() == 0


def test_large_faces_excludes_small_ones(batch: Baked) -> None:
    small = replace(batch, rest_stance=batch.rest_stance * 0.5)
    assert large_faces(small) is None
    both = Baked(*(torch.cat([getattr(b, name) for b in (small, batch)]) for name in Baked.__slots__))
    left = large_faces(both)
    assert left is not None
    assert torch.equal(left.picture, batch.picture)


def test_sample_frames_prefers_changes_of_openings(batch: Baked) -> None:
    motion = flatten_frames(batch)
    face = motion.moving.face.clone()
    face[1, 14, 1] += 0.3 * motion.head.scale[1]
    opened = replace(motion, moving=replace(motion.moving, face=face))
    first = [int(sample_frames(opened, 1, made(seed))) for seed in range(60)]
    assert 40 < sum(first) < 60
    assert sorted(sample_frames(opened, 5, made()).tolist()) == [0, 1]
    one = select_rows(motion, torch.tensor([1]))
    assert torch.equal(one.truth.picture, motion.truth.picture[1:])
    assert torch.equal(one.head.scale, motion.head.scale[1:])


def test_closeup_loss_falls_and_trains_close_ups_alone(batch: Baked, network: CausalDiT, tmp_path: Path) -> None:
    task = CloseupTraining("small", Options(tmp_path, precision="fp32"))
    parameters = list(network.closeups.parameters())
    optimizer = torch.optim.Adam(parameters, 3e-3)
    totals = []
    for _ in range(12):
        terms, sheet = task.loss(network, batch, made())
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < totals[0]
    assert sheet.shape == (2, 3, 32, 128)
    assert {name.split("_")[0] for name in terms} == {"mouth", "eyes"}
    assert all(p.grad is None for name, p in network.named_parameters() if not name.startswith("closeups."))


def test_closeup_critics_train_on_mouths_and_eyes(batch: Baked, network: CausalDiT, tmp_path: Path) -> None:
    critics = {name: Critic(width=8) for name in ("mouth", "eyes")}
    before = {name: [p.clone() for p in critic.network.parameters()] for name, critic in critics.items()}
    terms, _ = CloseupTraining("small", Options(tmp_path, precision="fp32"), 0.1, critics).loss(network, batch, made())
    for name, critic in critics.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], critic.network.parameters(), strict=True))
    (terms["mouth_gan"] + terms["eyes_gan"]).backward()
    assert all(p.grad is not None for p in network.closeups.parameters())


def test_closeup_batch_of_small_faces_has_no_loss(batch: Baked, network: CausalDiT, tmp_path: Path) -> None:
    small = replace(batch, rest_stance=batch.rest_stance * 0.5)
    terms, _ = CloseupTraining("small", Options(tmp_path)).loss(network, small, made())
    assert [float(value) for value in terms.values()] == [0.0]
