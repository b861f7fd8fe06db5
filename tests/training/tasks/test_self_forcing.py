"""Rollouts stream exactly as the live engine does, and gradients pass the intended steps alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.cache import Cache
from models.dit import CausalDiT, Edit, FrameInput
from models.sampler import NOISE, Focus, frame_input, sample_edit
from tests.support.small_training import ROLLOUT_CONFIG, rollout_clip, rollout_network
from training.data.bake import Baked
from training.loop.trainer import Options
from training.tasks import self_forcing
from training.tasks.baked_frames import encode_references, frame_terms, frame_truth, reference_focus
from training.tasks.self_forcing import Rollout, SelfForcing

FULL = Options(Path(), precision="fp32")


@pytest.fixture(scope="module")
def clip() -> Baked:
    return rollout_clip()


@pytest.fixture
def network() -> CausalDiT:
    return rollout_network()


def difference(a: Edit, b: Edit) -> float:
    return max(float((getattr(a, name) - getattr(b, name)).abs().max()) for name in Edit.__slots__)


def some_noise(clip: Baked) -> Tensor:
    return NOISE * torch.randn(clip.picture.shape, generator=torch.Generator().manual_seed(5))


def frame_at(clip: Baked, focus: Focus, t: int) -> FrameInput:
    level = torch.ones(len(clip.picture))
    return frame_input(
        focus, clip.maps[:, t], clip.layers[:, t], clip.canonical[:, t], clip.tokens[:, t], some_noise(clip), level
    )


@pytest.mark.parametrize("steps", [1, 2, 4])
@torch.no_grad()
def test_rollout_equals_the_live_stream(network: CausalDiT, clip: Baked, steps: int) -> None:
    focus = reference_focus(clip)
    pinned = encode_references(network, clip, focus, [])
    rollout = Rollout(network, pinned, FULL)
    cache = Cache(ROLLOUT_CONFIG, 1)
    cache.pin(None, *pinned)
    for t in range(clip.truth.shape[1]):
        frame = frame_at(clip, focus, t)
        live = sample_edit(partial(network.step, cache=cache), focus, frame, clip.layers[:, t], steps)
        cache.advance()
        assert difference(rollout.predict(focus, frame, clip.layers[:, t], steps), live) < 1e-5


@pytest.mark.parametrize("steps", [1, 2])
def test_rollout_past_and_earlier_steps_have_no_gradient(network: CausalDiT, clip: Baked, steps: int) -> None:
    focus = reference_focus(clip)
    rollout = Rollout(network, encode_references(network, clip, focus, []), FULL)
    seen = []
    inner = rollout.step
    rollout.step = lambda frame: seen.append(inner(frame)) or seen[-1]  # type: ignore[method-assign, func-returns-value]
    for t in range(2):
        assert rollout.predict(focus, frame_at(clip, focus, t), clip.layers[:, t], steps).keep.requires_grad
    assert [edit.keep.requires_grad for edit in seen] == ([False] * (steps - 1) + [True]) * 2
    assert not any(k.requires_grad or v.requires_grad for past in rollout.past_kv for k, v in past)


@pytest.mark.parametrize("steps", [1, 2])
def test_gradients_by_frame_equal_those_of_the_clip(
    network: CausalDiT, clip: Baked, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_forcing, "STEP_CHOICES", (steps,))
    generator = torch.Generator().manual_seed(2)
    noise = torch.Generator().manual_seed(2)
    for sides in (1, 1, 1):  # length, first frame and steps are drawn before the noise
        torch.randint(sides, (), generator=noise)
    terms, sheet = SelfForcing("small", FULL).loss(network, clip, generator)
    assert not any(value.requires_grad for value in terms.values())
    assert sheet.shape == (1, 3, 256, 4 * 256)
    own = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad(set_to_none=True)

    focus = reference_focus(clip)
    frozen = NOISE * torch.randn(clip.picture.shape, generator=noise)
    rollout = Rollout(network, encode_references(network, clip, focus, []), FULL)
    losses = []
    for t in range(5):
        frame = replace(frame_at(clip, focus, t), noised=frozen)
        layers = clip.layers[:, t]
        edit = rollout.predict(focus, frame, layers, steps)
        parts, _ = frame_terms(focus, frame, layers, edit, frame_truth(clip, t))
        losses.append(torch.stack(list(parts.values())))
    whole = torch.stack(losses).sum(1).mean()
    whole.backward()
    assert float(torch.stack(list(terms.values())).sum()) == pytest.approx(float(whole.detach()), rel=1e-5)
    assert own.keys() == {name for name, p in network.named_parameters() if p.grad is not None}
    assert {name.split(".")[0] for name in own} >= {"stem", "place", "level", "motion", "blocks", "norm", "head"}
    for name, parameter in network.named_parameters():
        if name in own:
            assert torch.allclose(own[name], parameter.grad, rtol=1e-3, atol=1e-5), name


def test_bf16_keeps_the_gradient_of_the_last_step(
    network: CausalDiT, clip: Baked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autocast remembers casts that the first steps made without a gradient, unless each step has its own."""
    monkeypatch.setattr(self_forcing, "STEP_CHOICES", (2,))
    task = SelfForcing("small", Options(Path(), precision="bf16"))
    task.loss(network, clip.frame(1), torch.Generator().manual_seed(2))
    own = [p.grad for name, p in network.named_parameters() if not name.startswith("closeups.")]
    assert all(grad is not None and float(grad.abs().max()) > 0 for grad in own)


@torch.no_grad()
def test_loss_without_gradients_leaves_none(network: CausalDiT, clip: Baked) -> None:
    terms, _ = SelfForcing("small", FULL).loss(network, clip.frame(0), torch.Generator().manual_seed(2))
    assert all(p.grad is None for p in network.parameters())
    assert all(bool(torch.isfinite(value)) for value in terms.values())
