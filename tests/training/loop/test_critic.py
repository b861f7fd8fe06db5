"""The discriminator sees texture of invented parts alone."""

from __future__ import annotations

import pytest
import torch

from tests.support.shifted_sample import shifted_sample
from training.data.bake import Baked, as_batch, bake
from training.loop.critic import Critic, high_pass, invented_mask
from training.loop.loss import GroundTruth
from training.tasks.baked_frames import frame_truth


@pytest.fixture(scope="module")
def clip() -> Baked:
    """Five frames: longer than the ring and its current slot."""
    return bake(as_batch(shifted_sample([0, 3, 6, 4, 2])))


def test_high_pass_keeps_texture_alone() -> None:
    flat = torch.rand(1, 3, 1, 1).expand(1, 3, 64, 64)
    assert float(high_pass(flat).abs().max()) < 1e-6
    line = torch.arange(64) / 64
    assert float(high_pass(line.expand(1, 3, 64, 64))[..., 8:-8].abs().max()) < 1e-6
    assert float(high_pass(torch.rand(1, 3, 64, 64)).std()) > 0.2


def test_adversarial_gradient_is_zero_outside_of_invented_parts(clip: Baked) -> None:
    truth = frame_truth(clip, 1)
    mask = invented_mask(truth)
    assert 0.003 < float(mask.mean()) < 0.1
    critic = Critic()
    before = [p.detach().clone() for p in critic.network.parameters()]
    drawn = torch.rand(clip.picture.shape, requires_grad=True)
    critic.adversarial_term(drawn, clip.picture, truth).backward()
    assert drawn.grad is not None
    assert float((drawn.grad * mask).abs().max()) > 0 and float((drawn.grad * (mask == 0)).abs().max()) == 0
    assert any(not torch.equal(a, b) for a, b in zip(before, critic.network.parameters(), strict=True))


def test_critic_separates_noise_from_the_truth(clip: Baked) -> None:
    torch.manual_seed(0)
    critic, truth = Critic(8), frame_truth(clip, 1)
    mouth = (..., slice(128, 192), slice(96, 160))
    truth = GroundTruth(truth.picture[mouth], truth.alpha[mouth], truth.flow, truth.visible[mouth], truth.label[mouth])
    drawn = torch.rand(truth.picture.shape)
    first = float(critic.adversarial_term(drawn, truth.picture, truth).detach())
    critic.optimizer.param_groups[0]["lr"] = 3e-3
    for _ in range(25):
        last = float(critic.adversarial_term(drawn, truth.picture, truth).detach())
    assert last > first + 0.1
